import assert from 'node:assert/strict';
import { administrator, caller, type Caller, type Data } from '../../support/area.js';
import { STORES } from '../../support/config.js';
import { userToken } from '../../support/management.js';
import { startServer, type TestServer } from '../../support/server.js';
import { newApi } from '../../gateway/subscribers/list.js';

const RELEASE = { sdkName: '@example/orders', language: 'typescript', version: '1.2.0' };

for (const kind of STORES)
  describe(`the history of SDKs, on ${kind}`, () => {
    let server: TestServer;
    let admin: Caller;
    before(async () => {
      server = await startServer(kind, {}, { limits: { enabled: false } });
      admin = await administrator(server);
    });
    after(() => server.stop());

    const add = (api: string, more: object = {}): Promise<Data> =>
      admin.done('POST', `/api/CodeGen/${api}/PostHistory`, { ...RELEASE, ...more });
    const list = async (api: string, query = ''): Promise<Data[]> =>
      (await admin.ask('GET', `/api/CodeGen/${api}/History${query}`)).body['data'] as Data[];

    it('has what was released, with what the contract says', async () => {
      const api = await newApi(admin);
      const before = Date.now();
      const { id, createdAt, updatedAt, releaseDate, ...made } = await add(api);
      assert.deepEqual(made, { ...RELEASE, swaggerUrl: null, tags: [] });
      assert.equal(createdAt, updatedAt);
      assert.ok(Date.parse(String(releaseDate)) >= before);
      const full = {
        ...RELEASE,
        version: '2.0.0-beta.1',
        swaggerUrl: 'https://api.example.com/openapi.json',
        tags: ['stable', '稳定'],
        releaseDate: '2026-01-02T03:04:05.678Z',
      };
      const second = await add(api, full);
      assert.notEqual(second['id'], id);
      const [newest, oldest] = await list(api);
      assert.deepEqual(newest, second);
      assert.equal(oldest?.['id'], id);
      const { id: _id, createdAt: _created, updatedAt: _updated, ...shown } = second;
      assert.deepEqual(shown, full);
    });

    it('does not keep the query and fragment of an address: they can have a key in them', async () => {
      const api = await newApi(admin);
      const swaggerUrl = 'https://api.example.com/openapi.json?key=secret#secret';
      await add(api, { swaggerUrl });
      const [entry] = await list(api);
      assert.equal(entry?.['swaggerUrl'], 'https://api.example.com/openapi.json');
      const stored = await server.context.store.knex('sdk_history').where({ api_resource_id: api });
      assert.ok(!JSON.stringify(stored).includes('secret'));
    });

    it('takes tags as a text with commas', async () => {
      const api = await newApi(admin);
      assert.deepEqual((await add(api, { tags: 'a, b,,a' }))['tags'], ['a', 'b']);
    });

    it('is by time or by date of release, and filtered by name and language', async () => {
      const api = await newApi(admin);
      await add(api, { version: '1.0.0', releaseDate: '2026-03-01T00:00:00Z' });
      await add(api, { version: '1.1.0', releaseDate: '2026-01-01T00:00:00Z' });
      await add(api, { version: '1.1.0', language: 'angular2', releaseDate: '2026-02-01T00:00:00Z' });
      const versions = async (query: string): Promise<string[]> =>
        (await list(api, query)).map(({ version, language }) => `${language as string} ${version as string}`);
      assert.deepEqual(await versions('?orderby=releaseDate'), [
        'typescript 1.0.0',
        'angular2 1.1.0',
        'typescript 1.1.0',
      ]);
      assert.deepEqual(await versions('?q.language=angular2'), ['angular2 1.1.0']);
      assert.deepEqual(await versions('?q.sdkName=ORDERS&take=1'), ['angular2 1.1.0']);
      assert.deepEqual(await versions('?q.sdkName=other'), []);
    });

    it('has each name, language and version once, also of many that are added at once: 409 200005', async () => {
      const api = await newApi(admin);
      const answers = await Promise.all(
        Array.from({ length: 4 }, () => admin.ask('POST', `/api/CodeGen/${api}/PostHistory`, RELEASE)),
      );
      assert.deepEqual(answers.map(({ status }) => status).sort(), [200, 409, 409, 409]);
      const refused = answers.find(({ status }) => status === 409);
      assert.deepEqual([refused?.body['code'], refused?.body['codeName']], [200005, 'History_PostFailed']);
      await add(api, { language: 'angular2' });
      await add(api, { sdkName: 'orders' });
      await add(await newApi(admin));
    });

    it('refuses what is no name, language, version, address or date', async () => {
      const api = await newApi(admin);
      for (const [field, value] of [
        ['sdkName', ''],
        ['sdkName', 'x'.repeat(215)],
        ['language', '../x'],
        ['version', ' '],
        ['swaggerUrl', 'javascript:alert(1)'],
        ['releaseDate', 'yesterday'],
        ['tags/0', ['x'.repeat(51)]],
        ['id', 'mine'],
      ] as const) {
        const { status, body } = await admin.ask('POST', `/api/CodeGen/${api}/PostHistory`, {
          ...RELEASE,
          [field.split('/')[0] as string]: value,
        });
        assert.deepEqual(
          [status, (body['data'] as [Data])[0]['field']],
          [422, field],
          `${field} ${String(value)}`,
        );
      }
    });

    it('ends with its API', async () => {
      const api = await newApi(admin);
      await add(api);
      await admin.done('DELETE', `/api/ApiResource/${api}`);
      assert.deepEqual(await server.context.store.knex('sdk_history').where({ api_resource_id: api }), []);
      assert.equal((await admin.ask('GET', `/api/CodeGen/${api}/History`)).status, 404);
    });

    it('belongs to developers as far as the API does [SEC-C4]', async () => {
      const words = ['isms.apiresource.all', 'isms.codegen.all'];
      const developer = caller(server, await userToken(server, words, words, undefined, ['developer']));
      const own = await newApi(developer);
      await developer.done('POST', `/api/CodeGen/${own}/PostHistory`, RELEASE);
      const theirs = await newApi(admin);
      for (const [method, path, body] of [
        ['GET', 'History', undefined],
        ['POST', 'PostHistory', RELEASE],
      ] as const)
        assert.equal((await developer.ask(method, `/api/CodeGen/${theirs}/${path}`, body)).status, 404);
      assert.deepEqual(await list(theirs), []);
    });
  });
