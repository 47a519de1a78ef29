import assert from 'node:assert/strict';
import { administrator, caller, type Caller, type Data } from '../../support/area.js';
import { STORES } from '../../support/config.js';
import { userToken } from '../../support/management.js';
import { startServer, type TestServer } from '../../support/server.js';
import { newApi } from '../subscribers/list.js';

const ORDERS = {
  name: '@example/orders',
  publisher: 'Example',
  link: 'https://www.npmjs.com/package/@example/orders',
  packagePlatform: 'npm',
  language: 'typescript',
};

for (const kind of STORES)
  describe(`packages of an API, on ${kind}`, () => {
    let server: TestServer;
    let admin: Caller;
    before(async () => {
      server = await startServer(kind, {}, { limits: { enabled: false } });
      admin = await administrator(server);
    });
    after(() => server.stop());

    const at = (api: string, rest = ''): string => `/api/ApiResource/${api}/Packages${rest}`;
    const add = (api: string, more: object = {}): Promise<Data> =>
      admin.done('POST', at(api), { ...ORDERS, ...more });
    const list = async (api: string, query = ''): Promise<Data[]> =>
      (await admin.ask('GET', at(api, query))).body['data'] as Data[];
    const names = async (api: string, query = ''): Promise<string[]> =>
      (await list(api, query)).map(({ name }) => name as string);

    it('are added with what is the contract’s', async () => {
      const api = await newApi(admin);
      const { id, createdAt, updatedAt, ...made } = await add(api);
      assert.deepEqual(made, { ...ORDERS, icon: null, description: null, showIndex: 0, tags: [] });
      assert.equal(createdAt, updatedAt);
      const full = {
        ...ORDERS,
        name: 'orders',
        packagePlatform: 'pypi',
        language: 'python',
        icon: 'https://cdn.example.com/orders.png',
        description: 'Orders.\nFor Python.',
        showIndex: -3,
        tags: ['sdk', '订单'],
      };
      const second = await admin.done('POST', at(api), full);
      const [first] = await list(api);
      assert.deepEqual(first, second);
      const { id: other, createdAt: _created, updatedAt: _updated, ...shown } = second;
      assert.deepEqual(shown, full);
      assert.notEqual(other, id);
    });

    it('take tags as a list or as a text with commas', async () => {
      const api = await newApi(admin);
      for (const [n, [given, tags]] of (
        [
          ['sdk, orders,,sdk，中文 ', ['sdk', 'orders', '中文']],
          ['', []],
          [null, []],
          [
            ['b', 'a'],
            ['b', 'a'],
          ],
          [['a, b'], ['a, b']],
        ] as const
      ).entries())
        assert.deepEqual((await add(api, { name: `p${n}`, tags: given }))['tags'], tags);
      for (const tags of [
        'x'.repeat(51),
        'a\u0000b',
        ['x'.repeat(51)],
        [' '],
        ['a', 'a'],
        5,
        Array.from({ length: 51 }, String),
        ','.repeat(50),
      ])
        assert.equal(
          (await admin.ask('POST', at(api), { ...ORDERS, tags })).status,
          422,
          JSON.stringify(tags),
        );
    });

    it('are in the order of showIndex and then of the name, or as the query says', async () => {
      const api = await newApi(admin);
      for (const [name, showIndex] of [
        ['delta', 0],
        ['Alpha', 10],
        ['bravo', 0],
        ['echo', -1],
        ['charlie', 2],
      ] as const)
        await add(api, { name, showIndex });
      const all = ['echo', 'bravo', 'delta', 'charlie', 'Alpha'];
      assert.deepEqual(await names(api), all);
      assert.deepEqual(await names(api, '?orderby=showIndex&asc=true'), all);
      assert.deepEqual(await names(api, '?orderby=showIndex'), [...all].reverse());
      assert.deepEqual(await names(api, '?orderby=createdAt&asc=true&take=2'), ['delta', 'Alpha']);
      assert.deepEqual(await names(api, '?skip=1&take=2'), ['bravo', 'delta']);
      const { body } = await admin.ask('GET', at(api, '?take=2'));
      assert.deepEqual([body['total'], body['skip'], body['take']], [5, 0, 2]);
      assert.deepEqual(await names(api, `?take=3&after=${body['next'] as string}`), [
        'delta',
        'charlie',
        'Alpha',
      ]);
    });

    it('are found by a part of the name, by platform and by language', async () => {
      const api = await newApi(admin);
      await add(api, { name: 'Orders.Client', packagePlatform: 'nuget', language: 'csharp' });
      await add(api, { name: 'orders', packagePlatform: 'npm' });
      await add(api, { name: '100%_sure', packagePlatform: 'npm', language: 'javascript' });
      assert.deepEqual(await names(api, '?q.name=ORDERS'), ['orders', 'Orders.Client']);
      assert.deepEqual(await names(api, '?q.name=%25_'), ['100%_sure']);
      assert.deepEqual(await names(api, '?q.packagePlatform=nuget'), ['Orders.Client']);
      assert.deepEqual(await names(api, '?q.packagePlatform=npm&q.language=typescript'), ['orders']);
      for (const query of ['?q.packagePlatform=cargo', '?q.tags=x', '?orderby=link'])
        assert.equal((await admin.ask('GET', at(api, query))).status, 422, query);
    });

    it('are changed: what is left out stays, null clears', async () => {
      const api = await newApi(admin);
      const made = await add(api, {
        icon: 'https://cdn.example.com/a.png',
        description: 'Old',
        showIndex: 5,
        tags: ['a'],
      });
      const changed = await admin.done('PUT', at(api, `/${made['id']}`), {
        publisher: 'Another',
        tags: 'b,c',
      });
      assert.deepEqual(changed, {
        ...made,
        publisher: 'Another',
        tags: ['b', 'c'],
        updatedAt: changed['updatedAt'],
      });
      const cleared = await admin.done('PUT', at(api, `/${made['id']}`), {
        icon: null,
        description: null,
        showIndex: null,
        tags: null,
      });
      assert.deepEqual(
        [cleared['icon'], cleared['description'], cleared['showIndex'], cleared['tags']],
        [null, null, 0, []],
      );
      assert.deepEqual(await list(api), [cleared]);
      for (const body of [
        { name: null },
        { link: null },
        { packagePlatform: 'cargo' },
        { colour: 'red' },
        { name: '' },
      ])
        assert.equal(
          (await admin.ask('PUT', at(api, `/${made['id']}`), body)).status,
          422,
          JSON.stringify(body),
        );
    });

    it('are changed only where nobody else has (If-Match)', async () => {
      const api = await newApi(admin);
      const { id } = await add(api);
      const path = at(api, `/${id}`);
      const { headers } = await admin.ask('PUT', path, { showIndex: 1 });
      const match = { headers: { 'if-match': headers.get('etag') ?? '' } };
      assert.equal((await admin.ask('PUT', path, { showIndex: 2 }, match)).status, 200);
      assert.equal((await admin.ask('PUT', path, { showIndex: 3 }, match)).status, 412);
    });

    it('are deleted, and gone with their API', async () => {
      const api = await newApi(admin);
      const { id } = await add(api);
      assert.deepEqual(await admin.done('DELETE', at(api, `/${id}`)), { id });
      assert.equal((await admin.ask('DELETE', at(api, `/${id}`))).status, 404);
      await add(api);
      await admin.done('DELETE', `/api/ApiResource/${api}`);
      assert.deepEqual(await server.context.store.knex('api_packages').where({ api_resource_id: api }), []);
      assert.equal((await admin.ask('GET', at(api))).status, 404);
    });

    it('have one name for a platform and a language, also of many that are added at once', async () => {
      const api = await newApi(admin);
      const answers = await Promise.all(Array.from({ length: 5 }, () => admin.ask('POST', at(api), ORDERS)));
      assert.deepEqual(answers.map(({ status }) => status).sort(), [200, 409, 409, 409, 409]);
      const refused = answers.find(({ status }) => status === 409);
      assert.deepEqual([refused?.body['code'], refused?.body['codeName']], [300014, 'Packages_PostFailed']);
      const other = await add(api, { language: 'javascript' });
      await add(api, { packagePlatform: 'other' });
      const { status, body } = await admin.ask('PUT', at(api, `/${other['id']}`), { language: 'typescript' });
      assert.deepEqual([status, body['code']], [409, 300016]);
      assert.equal((await list(api)).length, 3);
    });

    it('are of one API: another has its own, and does not know these', async () => {
      const [api, other] = [await newApi(admin), await newApi(admin)];
      const { id } = await add(api);
      await add(other);
      for (const method of ['PUT', 'DELETE'])
        assert.equal(
          (await admin.ask(method, at(other, `/${id}`), method === 'PUT' ? {} : undefined)).status,
          404,
        );
    });

    it('have a link and an icon of the web, the icon by https or of this server’s own files', async () => {
      const api = await newApi(admin);
      await add(api, { link: 'http://packages.example.com/orders' });
      const file = `${server.issuer}/files/20260101/${'a'.repeat(22)}.png`;
      assert.equal((await add(api, { name: 'own', icon: file }))['icon'], file);
      for (const [field, address] of [
        ['link', 'javascript:alert(1)'],
        ['link', 'https://someone:secret@example.com/'],
        ['link', 'ftp://example.com/'],
        ['link', '/orders'],
        ['icon', 'http://cdn.example.com/a.png'],
        ['icon', `${server.issuer}/account`],
        ['icon', 'data:image/png;base64,xxxx'],
        ['icon', file.replace('localhost', 'localhost.example.com')],
      ] as const) {
        const { status, body } = await admin.ask('POST', at(api), {
          ...ORDERS,
          name: 'bad',
          [field]: address,
        });
        assert.deepEqual([status, (body['data'] as [Data])[0]['field']], [422, field], address);
      }
    });

    it('are up to a thousand', async () => {
      const api = await newApi(admin);
      await server.change((db) =>
        db.insertAll(
          'api_packages',
          Array.from({ length: 1000 }, (_, n) => ({
            id: `${api}-${n}`,
            api_resource_id: api,
            name: `p${n}`,
            publisher: 'x',
            link: 'https://example.com/',
            platform: 'npm',
            language: 'x',
            show_index: 0,
            tags: '[]',
            show_order: String(n),
            created_at: 1,
            updated_at: 1,
          })),
        ),
      );
      const { status, body } = await admin.ask('POST', at(api), ORDERS);
      assert.deepEqual([status, body['code']], [409, 300014]);
    });

    it('belong to developers as far as the API does [SEC-G25]', async () => {
      const words = ['isms.apiresource.all'];
      const developer = caller(server, await userToken(server, words, words, undefined, ['developer']));
      const own = await newApi(developer);
      const mine = await developer.done('POST', at(own), ORDERS);
      await developer.done('PUT', at(own, `/${mine['id']}`), { showIndex: 1 });
      await developer.done('DELETE', at(own, `/${mine['id']}`));
      const theirs = await newApi(admin);
      const { id } = await add(theirs);
      for (const [method, path, body] of [
        ['GET', at(theirs), undefined],
        ['POST', at(theirs), { ...ORDERS, name: 'mine' }],
        ['PUT', at(theirs, `/${id}`), { showIndex: 1 }],
        ['DELETE', at(theirs, `/${id}`), undefined],
      ] as const)
        assert.equal((await developer.ask(method, path, body)).status, 404, method);
      assert.equal((await list(theirs)).length, 1);
    });
  });
