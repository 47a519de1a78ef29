import assert from 'node:assert/strict';
import { STORES } from '../support/config.js';
import { deviceApi, type DeviceApi } from '../support/devices.js';
import { basic } from '../support/http.js';
import { startServer, type TestServer } from '../support/server.js';

const RULE = { topic: 'a/#', action: 'pub', access: 'allow' };

for (const store of STORES)
  describe(`rules of topics under /api/v4/acl, on ${store}`, () => {
    let server: TestServer;
    let api: DeviceApi;
    before(async () => {
      server = await startServer(store, {}, { limits: { enabled: false } });
      api = await deviceApi(server);
    });
    after(() => server.stop());
    afterEach(() => server.context.store.knex('mqtt_acl').delete());

    for (const path of ['acl/username/u%2F1', 'acl/clientid/c%201', 'acl/$all'])
      describe(path, () => {
        it('adds one, shows it, and takes it out by its topic', async () => {
          assert.deepEqual((await api.call('POST', path, RULE)).body, { code: 0 });
          assert.deepEqual((await api.call('GET', path)).body, {
            meta: { page: 1, limit: 1, count: 1 },
            data: [RULE],
            code: 0,
          });
          assert.deepEqual((await api.call('DELETE', `${path}/topic/a%2F%23`)).body, { code: 0 });
          assert.deepEqual((await api.call('GET', path)).body['data'], []);
        });

        it('keeps them in the order in which they came', async () => {
          const topics = Array.from({ length: 20 }, (_, n) => `t/${(n * 7) % 20}`);
          for (const topic of topics) await api.call('POST', path, { ...RULE, topic });
          const { body } = await api.call('GET', path);
          assert.deepEqual(
            (body['data'] as { topic: string }[]).map(({ topic }) => topic),
            topics,
          );
        });

        it('replaces all of them at once, or none where one is wrong', async () => {
          await api.call('POST', path, RULE);
          assert.equal((await api.call('PUT', path, [{ ...RULE, topic: 'a+/b' }])).status, 422);
          assert.equal((await api.call('PUT', path, [RULE, RULE])).status, 409);
          assert.deepEqual((await api.call('GET', path)).body['data'], [RULE]);
          const others = [
            { topic: 'b', action: 'sub', access: 'deny' },
            { topic: '#', action: 'pubsub', access: 'allow' },
          ];
          assert.deepEqual((await api.call('PUT', path, others)).body, { code: 0 });
          assert.deepEqual((await api.call('GET', path)).body['data'], others);
        });

        it('adds the good ones of many, and says why not of the others', async () => {
          await api.call('POST', path, RULE);
          const list = [
            RULE,
            { ...RULE, topic: 'b' },
            { ...RULE, topic: '#/c' },
            { ...RULE, action: 'burn' },
          ];
          const { status, body } = await api.call('POST', path, list);
          assert.equal(status, 200);
          assert.deepEqual(
            (body['data'] as { result: string }[]).map(({ result }) => result),
            [
              'existed',
              'ok',
              'topic may have + only as a whole level, and # only as the last one',
              'action must be one of pub, sub, pubsub',
            ],
          );
        });

        it('takes all out', async () => {
          await api.call('POST', path, RULE);
          await api.call('DELETE', path);
          assert.deepEqual((await api.call('GET', path)).body['data'], []);
        });
      });

    it('takes the name from the body, as EMQX 4’s clients send it, and lists all of a kind', async () => {
      await api.call('POST', 'acl', { username: 'u1', ...RULE });
      await api.call('POST', 'acl', [{ clientid: 'c1', ...RULE }, RULE]);
      assert.deepEqual((await api.call('GET', 'acl/username')).body, {
        meta: { page: 1, limit: 10, count: 1 },
        data: [{ username: 'u1', ...RULE }],
        code: 0,
      });
      assert.deepEqual((await api.call('GET', 'acl/clientid/c1')).body['data'], [RULE]);
      assert.deepEqual((await api.call('GET', 'acl/$all')).body['data'], [RULE]);
    });

    it('takes rules out by the body, of one topic or all, and those of everybody by their own path only', async () => {
      const username = 'u'.repeat(65_535);
      const other = { ...RULE, topic: 'other' };
      await api.call('POST', 'acl', [{ username, ...RULE }, { username, ...other }, RULE]);
      assert.equal((await api.call('DELETE', 'acl', { username, topic: RULE.topic })).status, 200);
      assert.deepEqual((await api.call('GET', 'acl/username')).body['data'], [{ username, ...other }]);
      assert.equal((await api.call('DELETE', 'acl', { username })).status, 200);
      assert.deepEqual((await api.call('GET', 'acl/username')).body['data'], []);
      for (const body of [{}, { topic: RULE.topic }, { username: '' }])
        assert.equal((await api.call('DELETE', 'acl', body)).status, 422);
      assert.deepEqual((await api.call('GET', 'acl/$all')).body['data'], [RULE]);
    });

    const WRONG: [what: string, rule: unknown][] = [
      ['a wildcard inside a level', { ...RULE, topic: 'a+/b' }],
      ['# that is not the last level', { ...RULE, topic: '#/a' }],
      ['no topic', { ...RULE, topic: undefined }],
      ['an empty topic', { ...RULE, topic: '' }],
      ['a NUL', { ...RULE, topic: 'a\u0000' }],
      ['a topic of 4,097 bytes', { ...RULE, topic: 'x'.repeat(4097) }],
      ['another action', { ...RULE, action: 'publish' }],
      ['another access', { ...RULE, access: 'maybe' }],
    ];
    for (const [what, rule] of WRONG)
      it(`refuses ${what}: 422`, async () => {
        const { status, body } = await api.call('POST', 'acl/username/u', rule);
        assert.deepEqual([status, body['code']], [422, 900006]);
      });

    it('refuses one that is there: 409', async () => {
      await api.call('POST', 'acl/username/u', RULE);
      const { status, body } = await api.call('POST', 'acl/username/u', { ...RULE, access: 'deny' });
      assert.deepEqual([status, body], [409, { code: 900005, message: 'existed' }]);
    });

    it('refuses more than a thousand for one', async () => {
      const rules = (from: number, many: number): unknown =>
        Array.from({ length: many }, (_, n) => ({ ...RULE, topic: `t/${from + n}` }));
      assert.equal((await api.call('PUT', 'acl/username/u', rules(0, 1000))).status, 200);
      assert.equal((await api.call('POST', 'acl/username/u', { ...RULE, topic: 'more' })).status, 422);
    });
  });

for (const store of STORES)
  describe(`apps under /api/v4/apps, on ${store}`, () => {
    let server: TestServer;
    let api: DeviceApi;
    before(async () => {
      server = await startServer(store, {}, { limits: { enabled: false } });
      api = await deviceApi(server);
    });
    after(() => server.stop());

    const make = async (appId: string, more: Record<string, unknown> = {}): Promise<string> => {
      const { status, body, text } = await api.call('POST', 'apps', { app_id: appId, ...more });
      assert.equal(status, 200, text);
      return basic(appId, (body['data'] as Record<string, string>)['app_secret'] as string);
    };
    const status = async (method: string, path: string, json?: unknown, by?: string): Promise<number> =>
      (await api.call(method, path, json, by)).status;

    it('makes one, whose secret is shown this once', async () => {
      const own = await make('made', { rights: ['read'] });
      assert.equal(await status('GET', 'auth_username', undefined, own), 200);
      const { body } = await api.call('GET', 'apps/made');
      const { app_id, rights, enabled, ...rest } = body['data'] as Record<string, unknown>;
      assert.deepEqual([app_id, rights, enabled], ['made', ['read'], true]);
      assert.deepEqual(Object.keys(rest).sort(), ['createdAt', 'updatedAt']);
      assert.ok(!(await api.call('GET', 'apps')).text.includes('secret'));
    });

    it('changes rights, disables and enables, replaces the secret, and takes it out', async () => {
      const own = await make('changed', { rights: ['read'] });
      const looks = (by = own): Promise<number> => status('GET', 'auth_username', undefined, by);
      await api.call('PUT', 'apps/changed', { rights: ['write'] });
      assert.equal(await looks(), 403);
      await api.call('PUT', 'apps/changed', { rights: ['read'], enabled: false });
      assert.equal(await looks(), 401);
      await api.call('PUT', 'apps/changed', { enabled: true });
      assert.equal(await looks(), 200);
      const { body } = await api.call('POST', 'apps/changed/secret');
      const { app_secret: secret = '' } = body['data'] as Record<string, string>;
      assert.deepEqual([await looks(), await looks(basic('changed', secret))], [401, 200]);
      assert.equal(await status('DELETE', 'apps/changed'), 200);
      assert.equal(await looks(basic('changed', secret)), 401);
    });

    it('lets no app give a right that it has not, nor touch one that has more', async () => {
      const writer = await make('writer', { rights: ['read', 'write'] });
      assert.equal(await status('POST', 'apps', { app_id: 'x', rights: ['broker'] }, writer), 403);
      assert.equal(await status('PUT', 'apps/writer', { rights: ['mqtt.hash.read'] }, writer), 403);
      assert.equal(await status('POST', 'apps/app_id/secret', undefined, writer), 403);
      assert.equal(await status('DELETE', 'apps/app_id', undefined, writer), 403);
      assert.equal(await status('POST', 'apps', { app_id: 'x', rights: ['read'] }, writer), 200);
      const reader = await make('reader', { rights: ['read'] });
      assert.equal(await status('GET', 'apps', undefined, reader), 200);
      assert.equal(await status('POST', 'apps', { app_id: 'y', rights: [] }, reader), 403);
    });

    for (const [what, body, expected] of [
      ['no name', {}, 422],
      ['a name with a blank', { app_id: 'a b' }, 422],
      ['a number', { app_id: 7 }, 422],
      ['a right that there is not', { app_id: 'z', rights: ['all'] }, 422],
      ['rights that are no list', { app_id: 'z', rights: 'read' }, 422],
      ['a list', [], 400],
      ['a name that is taken', { app_id: 'app_id' }, 409],
    ] as const)
      it(`refuses ${what}: ${expected}`, async () =>
        assert.equal(await status('POST', 'apps', body), expected));

    it('does not find one of another name', async () => {
      assert.equal(await status('GET', 'apps/nobody'), 404);
      assert.equal(await status('PUT', 'apps/nobody', { enabled: false }), 404);
      assert.equal(await status('DELETE', 'apps/nobody'), 404);
    });
  });
