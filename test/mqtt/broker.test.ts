import assert from 'node:assert/strict';
import { insertApp } from '../../src/mqtt/index.js';
import { STORES } from '../support/config.js';
import { APP_SECRET, deviceApi, type DeviceApi } from '../support/devices.js';
import { basic, send } from '../support/http.js';
import { startServer, type TestServer } from '../support/server.js';

for (const store of STORES)
  describe(`what brokers ask, on ${store}`, () => {
    let server: TestServer;
    let api: DeviceApi;
    before(async () => {
      server = await startServer(store, {}, { limits: { enabled: false } });
      api = await deviceApi(server);
    });
    after(() => server.stop());

    let made = 0;
    /** A device of the table of user names; answers its name. */
    const device = async (more: Record<string, unknown> = {}, table = 'username'): Promise<string> => {
      const name = `device-${(made += 1)}`;
      const { status, text } = await api.call('POST', `auth_${table}`, {
        [table]: name,
        password: `password of ${name}`,
        ...more,
      });
      assert.equal(status, 200, text);
      return name;
    };
    const signIn = async (username: string, more: Record<string, string> = {}): Promise<unknown> =>
      (
        await api.ask('/mqtt/auth', {
          username,
          clientid: 'c1',
          password: `password of ${username}`,
          peerhost: '203.0.113.9',
          ...more,
        })
      ).body['result'];
    const rule = async (path: string, topic: string, action = 'pubsub', access = 'allow'): Promise<void> => {
      const { status, text } = await api.call('POST', `acl/${path}`, { topic, action, access });
      assert.equal(status, 200, text);
    };
    const may = async (
      username: string,
      action: 'publish' | 'subscribe',
      topic: string,
      clientid = 'c1',
    ): Promise<unknown> => (await api.ask('/mqtt/acl', { username, clientid, topic, action })).body['result'];

    describe('POST /mqtt/auth', () => {
      it('lets in who knows the password, as EMQX 5 asks', async () => {
        const name = await device();
        const { status, body } = await api.ask('/mqtt/auth', {
          username: name,
          clientid: 'c1',
          password: `password of ${name}`,
          peerhost: '203.0.113.9',
        });
        assert.deepEqual([status, body], [200, { result: 'allow', is_superuser: false }]);
      });

      it('refuses a wrong password, an empty one, and a name that nobody has, in the same words', async () => {
        const name = await device();
        for (const [username, password] of [
          [name, 'wrong'],
          [name, ''],
          ['nobody', 'password'],
        ] as const) {
          const { status, body } = await api.ask('/mqtt/auth', { username, clientid: 'c1', password });
          assert.deepEqual([status, body], [200, { result: 'deny' }]);
        }
      });

      it('answers EMQX 4, which sends a form, by the status', async () => {
        const name = await device();
        const form = { username: name, clientid: 'c1', password: `password of ${name}` };
        const right = await api.askByForm('/mqtt/auth', form);
        assert.deepEqual([right.status, right.text], [200, 'allow']);
        const wrong = await api.askByForm('/mqtt/auth', { ...form, password: 'wrong' });
        assert.deepEqual([wrong.status, wrong.text], [403, 'deny']);
      });

      it('knows devices by their client identifiers as well', async () => {
        const clientid = await device({}, 'clientid');
        assert.equal(await signIn('anybody', { clientid, password: `password of ${clientid}` }), 'allow');
        assert.equal(await signIn('anybody', { clientid, password: 'wrong' }), 'deny');
      });

      it('wants the password of each name that is in a table: none comes in as another', async () => {
        const clientid = await device({}, 'clientid');
        const username = await device();
        assert.equal(await signIn(username, { clientid }), 'deny');
        assert.equal(await signIn(username, { clientid, password: `password of ${clientid}` }), 'deny');
      });

      it('tells who is a superuser, of whom EMQX asks nothing more', async () => {
        const name = await device({ superuser: true });
        const { body } = await api.ask('/mqtt/auth', { username: name, password: `password of ${name}` });
        assert.deepEqual(body, { result: 'allow', is_superuser: true });
        const ordinary = await device();
        for (const [username, status] of [
          [name, 200],
          [ordinary, 403],
          ['nobody', 403],
        ] as const)
          assert.equal((await api.askByForm('/mqtt/superuser', { username })).status, status, username);
      });

      it('refuses who is disabled, at once, and lets in who is enabled again', async () => {
        const name = await device();
        assert.equal((await api.call('PUT', `auth_username/${name}`, { enabled: false })).status, 200);
        assert.equal(await signIn(name), 'deny');
        await api.call('PUT', `auth_username/${name}`, { enabled: true });
        assert.equal(await signIn(name), 'allow');
      });

      it('refuses who has expired, and says of others when they will', async () => {
        const gone = await device({ expiresAt: '2020-01-01T00:00:00Z' });
        assert.equal(await signIn(gone), 'deny');
        const later = await device({ expiresAt: '2099-01-01T00:00:00Z' });
        const { body } = await api.ask('/mqtt/auth', { username: later, password: `password of ${later}` });
        assert.deepEqual(body, { result: 'allow', is_superuser: false, expire_at: 4_070_908_800 });
      });

      it('believes a new password from the next sign-in on, and the old one no more', async () => {
        const name = await device();
        await api.call('PUT', `auth_username/${name}`, { password: 'another' });
        assert.equal(await signIn(name), 'deny');
        assert.equal(await signIn(name, { password: 'another' }), 'allow');
      });

      it('refuses who was deleted', async () => {
        const name = await device();
        await api.call('DELETE', `auth_username/${name}`);
        assert.equal(await signIn(name), 'deny');
      });

      it('takes names of 65,535 bytes, and such that differ in their last letter', async () => {
        const long = Array.from({ length: 65_530 }, (_, n) =>
          String.fromCharCode(97 + ((n * n * 7 + n) % 26)),
        );
        const name = `${long.join('')}`;
        for (const last of ['a', 'b'])
          assert.equal(
            (await api.call('POST', 'auth_username', { username: name + last, password: last })).status,
            200,
          );
        assert.equal(await signIn(`${name}a`, { password: 'a' }), 'allow');
        assert.equal(await signIn(`${name}a`, { password: 'b' }), 'deny');
        assert.equal(await signIn(`${name}b`, { password: 'b' }), 'allow');
      });

      describe('when somebody guesses', () => {
        const guess = (username: string, peerhost: string): Promise<unknown> =>
          signIn(username, { password: 'guess', peerhost });

        it('lets nobody in from that address for a while, the right password neither, and others as before [SEC-52]', async () => {
          const name = await device();
          for (let n = 0; n < 5; n++) assert.equal(await guess(name, '198.51.100.7'), 'deny');
          assert.equal(await signIn(name, { peerhost: '198.51.100.7' }), 'deny');
          assert.equal(await signIn(name, { peerhost: '203.0.113.9' }), 'allow');
        });

        it('keeps to the client identifier where the broker does not tell the address', async () => {
          const name = await device();
          for (let n = 0; n < 5; n++) await guess(name, '');
          assert.equal(await signIn(name, { peerhost: '' }), 'deny');
          assert.equal(await signIn(name, { peerhost: '', clientid: 'c2' }), 'allow');
        });

        it('counts guesses of names that nobody has as well, so that they take as long', async () => {
          await guess('nobody at all', '198.51.100.77');
          const rows = await server.context.store
            .knex('sign_in_failures')
            .where({ account: 'mqtt:unknown:nobody at all' });
          assert.equal(rows.length, 1);
        });

        it('does not let strangers lock a device out: where it was before it goes on [SEC-52]', async () => {
          const name = await device();
          assert.equal(await signIn(name, { peerhost: '203.0.113.9' }), 'allow');
          for (let n = 0; n < 100; n++) await guess(name, `192.0.2.${n}`);
          assert.equal(await signIn(name, { peerhost: '198.51.100.200' }), 'deny');
          assert.equal(await signIn(name, { peerhost: '203.0.113.9' }), 'allow');
        });
      });
    });

    describe('POST /mqtt/acl', () => {
      it('denies what no rule allows', async () => {
        assert.equal(await may(await device(), 'publish', 'anything'), 'deny');
      });

      it('allows what a rule of the user name allows, in its direction', async () => {
        const name = await device();
        await rule(`username/${name}`, 'up/#', 'pub');
        await rule(`username/${name}`, 'down/+', 'sub');
        assert.deepEqual(
          await Promise.all([
            may(name, 'publish', 'up/1/2'),
            may(name, 'subscribe', 'up/1/2'),
            may(name, 'subscribe', 'down/1'),
            may(name, 'publish', 'down/1'),
            may(name, 'subscribe', 'down/1/2'),
          ]),
          ['allow', 'deny', 'allow', 'deny', 'deny'],
        );
      });

      it('puts names in the places of %u and %c, of names that are one level only', async () => {
        const name = await device();
        await rule(`username/${name}`, '%u/%c/#');
        assert.equal(await may(name, 'publish', `${name}/c1/x`), 'allow');
        assert.equal(await may(name, 'publish', `${name}/c2/x`), 'deny');
        for (const clientid of ['+', '#', 'a/b', ''])
          assert.equal(
            await may(name, 'subscribe', `${name}/${clientid || 'x'}/x`, clientid),
            'deny',
            clientid,
          );
      });

      it('asks the rules of the client identifier first, everybody’s last; the first that fits decides', async () => {
        const name = await device();
        await rule('clientid/first', 'shared/1', 'pubsub', 'deny');
        await rule(`username/${name}`, 'shared/+');
        await rule('$all', 'shared/#', 'pubsub', 'deny');
        await rule('$all', 'public/#');
        assert.deepEqual(
          await Promise.all([
            may(name, 'publish', 'shared/1', 'first'),
            may(name, 'publish', 'shared/1'),
            may(name, 'publish', 'shared/1/2'),
            may(name, 'publish', 'public/x'),
          ]),
          ['deny', 'allow', 'deny', 'allow'],
        );
        await api.call('DELETE', 'acl/$all');
      });

      it('allows everything to a superuser, and nothing to who is disabled', async () => {
        const name = await device({ superuser: true });
        assert.equal(await may(name, 'publish', 'anything'), 'allow');
        await api.call('PUT', `auth_username/${name}`, { enabled: false });
        assert.equal(await may(name, 'publish', 'anything'), 'deny');
      });

      it('denies a device that was deleted, and names that never signed in, what the rules allow [SEC-R8]', async () => {
        const name = await device();
        await rule(`username/${name}`, 'own');
        await rule('clientid/c1', 'of/c1');
        await rule('$all', 'all/#');
        const answers = async (username: string): Promise<unknown[]> => [
          await may(username, 'publish', 'own'),
          await may(username, 'publish', 'of/c1'),
          await may(username, 'publish', 'all/1'),
        ];
        assert.equal(await signIn(name), 'allow');
        assert.deepEqual(await answers(name), ['allow', 'allow', 'allow']);
        await api.call('DELETE', `auth_username/${name}`);
        assert.deepEqual(await answers(name), ['deny', 'deny', 'deny']);
        assert.deepEqual(await answers('nobody'), ['deny', 'deny', 'deny']);
        await api.call('DELETE', 'acl/$all');
        await api.call('DELETE', 'acl/clientid/c1');
      });

      it('follows a change of the rules at once', async () => {
        const name = await device();
        await rule(`username/${name}`, 'a');
        assert.equal(await may(name, 'publish', 'a'), 'allow');
        await api.call('DELETE', `acl/username/${name}/topic/a`);
        assert.equal(await may(name, 'publish', 'a'), 'deny');
      });

      it('answers EMQX 4 and Mosquitto’s plugin, which send numbers in a form', async () => {
        const name = await device();
        await rule(`username/${name}`, 'in', 'sub');
        await rule(`username/${name}`, 'both');
        const ask = async (more: Record<string, string>): Promise<number> =>
          (await api.askByForm('/mqtt/acl', { username: name, clientid: 'c1', ...more })).status;
        assert.deepEqual(
          [
            await ask({ access: '1', topic: 'in' }),
            await ask({ access: '2', topic: 'in' }),
            await ask({ acc: '1', topic: 'in' }),
            await ask({ acc: '4', topic: 'in' }),
            await ask({ acc: '2', topic: 'in' }),
            await ask({ acc: '3', topic: 'in' }),
            await ask({ acc: '3', topic: 'both' }),
          ],
          [200, 403, 200, 200, 403, 403, 200],
        );
      });
    });

    describe('RabbitMQ', () => {
      const rabbit = async (path: string, form: Record<string, string>): Promise<string> => {
        const { status, text } = await api.askByForm(`/mqtt/${path}`, form);
        assert.equal(status, 200);
        return text;
      };

      it('is told of users, and that superusers are administrators', async () => {
        const name = await device();
        const boss = await device({ superuser: true });
        const ask = (username: string, password: string) =>
          rabbit('user', { username, password, vhost: '/', client_id: 'd1' });
        assert.equal(await ask(name, `password of ${name}`), 'allow');
        assert.equal(await ask(name, 'wrong'), 'deny');
        assert.equal(await ask(boss, `password of ${boss}`), 'allow administrator');
        assert.equal(await rabbit('user', { username: name }), 'deny');
      });

      it('opens the virtual host to who may sign in', async () => {
        const name = await device();
        const ask = (username: string) =>
          rabbit('vhost', { username, vhost: '/', ip: '127.0.0.1', tags: '', client_id: 'd1' });
        assert.equal(await ask(name), 'allow');
        assert.equal(await ask('nobody'), 'deny');
      });

      it('gives a client its own queues and MQTT’s exchange, and nothing else', async () => {
        const username = await device();
        const ask = (resource: string, name: string, permission: string) =>
          rabbit('resource', { username, vhost: '/', resource, name, permission, tags: '', client_id: 'd1' });
        assert.deepEqual(
          [
            await ask('queue', 'mqtt-subscription-d1qos1', 'configure'),
            await ask('queue', 'mqtt-subscription-d2qos1', 'read'),
            await ask('queue', 'orders', 'read'),
            await ask('exchange', 'amq.topic', 'write'),
            await ask('exchange', 'amq.topic', 'configure'),
            await ask('exchange', 'amq.direct', 'write'),
          ],
          ['allow', 'deny', 'deny', 'allow', 'deny', 'deny'],
        );
      });

      it('has its spelling of topics turned back', async () => {
        const username = await device();
        await rule(`username/${username}`, 'a/+/c', 'sub');
        const ask = (routing_key: string, permission: string) =>
          rabbit('topic', {
            ...{
              username,
              vhost: '/',
              resource: 'topic',
              name: 'amq.topic',
              permission,
              tags: '',
              routing_key,
            },
            ...{
              'variable_map.client_id': 'd1',
              'variable_map.username': username,
              'variable_map.vhost': '/',
            },
          });
        assert.deepEqual(
          [
            await ask('a.*.c', 'read'),
            await ask('a.b.c', 'read'),
            await ask('a.b.c', 'write'),
            await ask('a.#', 'read'),
          ],
          ['allow', 'allow', 'deny', 'deny'],
        );
      });
    });

    describe('refuses', () => {
      it('who is no app, and an app without the right', async () => {
        await server.change((db) =>
          insertApp(db, server.context.vault, { appId: 'reader', secret: APP_SECRET, rights: ['read'] }),
        );
        const name = await device();
        const ask = async (authorization: string): Promise<number> =>
          (await api.ask('/mqtt/auth', { username: name, password: `password of ${name}` }, authorization))
            .status;
        assert.deepEqual(
          [await ask(''), await ask(basic('app_id', 'wrong')), await ask(basic('reader', APP_SECRET))],
          [401, 401, 403],
        );
      });

      it('a password in an address: 405', async () => {
        const { status, headers } = await send(new URL('/mqtt/auth?username=a&password=b', server.issuer));
        assert.deepEqual([status, headers.get('allow')], [405, 'POST']);
      });

      it('what is no JSON, what is no object, an action that there is not', async () => {
        const own = basic('app_id', APP_SECRET);
        const headers = { authorization: own, 'content-type': 'application/json' };
        const post = async (path: string, body: string): Promise<number> =>
          (await send(new URL(path, server.issuer), { method: 'POST', headers, body })).status;
        assert.deepEqual(
          [
            await post('/mqtt/auth', '{'),
            await post('/mqtt/auth', '[]'),
            await post('/mqtt/acl', '{"username":"a","topic":"t","action":"burn"}'),
            await post('/mqtt/nothing', '{}'),
          ],
          [400, 400, 422, 404],
        );
      });

      it('a body that is too large, so that no broker asks the next one for the device [SEC-R35]', async () => {
        const headers = { authorization: basic('app_id', APP_SECRET), 'content-type': 'application/json' };
        const body = JSON.stringify({ username: 'x'.repeat(600_000) });
        const answer = await send(new URL('/mqtt/auth', server.issuer), { method: 'POST', headers, body });
        assert.deepEqual([answer.status, answer.text], [200, '{"result":"deny"}']);
        const form = { authorization: basic('app_id', APP_SECRET) };
        const refused = await send(new URL('/mqtt/auth', server.issuer), {
          method: 'POST',
          headers: { ...form, 'content-type': 'application/x-www-form-urlencoded' },
          body: `username=${'x'.repeat(600_000)}`,
        });
        assert.deepEqual([refused.status, refused.text], [413, 'deny']);
      });
    });

    it('serves two tenants with the same name and two passwords, by host and by path', async () => {
      const host = `other-${store}.localhost:${server.port}`;
      const tenant = await server.addTenant(`Other ${store}`, host);
      await server.refresh();
      const other = await deviceApi(server, { tenant, origin: `http://${host}` });
      await api.call('POST', 'auth_username', { username: 'same', password: 'of the home tenant' });
      await other.call('POST', 'auth_username', { username: 'same', password: 'of the other' });
      const result = async (by: DeviceApi, path: string, password: string): Promise<unknown> =>
        (await by.ask(path, { username: 'same', password })).body['result'];
      const byPath = `/mqtt/t/${encodeURIComponent(tenant.name)}/auth`;
      assert.deepEqual(
        [
          await result(api, '/mqtt/auth', 'of the home tenant'),
          await result(api, '/mqtt/auth', 'of the other'),
          await result(other, '/mqtt/auth', 'of the other'),
          await result(api, byPath, 'of the other'),
          await result(api, byPath, 'of the home tenant'),
        ],
        ['allow', 'deny', 'allow', 'allow', 'deny'],
      );
      assert.equal((await api.ask('/mqtt/t/nobody/auth', {})).status, 404);
    });

    it('forgets an app’s secret at once when it is changed here', async () => {
      await api.call('POST', 'apps', { app_id: 'switched', rights: ['broker'] });
      const { body } = await api.call('POST', 'apps/switched/secret');
      const secret = (body['data'] as Record<string, string>)['app_secret'] as string;
      const ask = async (): Promise<number> =>
        (await api.ask('/mqtt/auth', { username: 'a', password: 'b' }, basic('switched', secret))).status;
      assert.equal(await ask(), 200);
      await api.call('PUT', 'apps/switched', { enabled: false });
      assert.equal(await ask(), 401);
    });
  });

describe('a broker’s questions', () => {
  it('are not limited, but wrong secrets are, of each address [SEC-52]', async () => {
    const server = await startServer('sqlite', {}, { limits: { api: { address: 5 } } });
    const api = await deviceApi(server);
    const ask = async (authorization?: string): Promise<number> =>
      (await api.ask('/mqtt/auth', { username: 'a', password: 'b' }, authorization)).status;
    for (let n = 0; n < 20; n++) assert.equal(await ask(), 200);
    for (let n = 0; n < 5; n++) assert.equal(await ask(basic('app_id', 'wrong')), 401);
    assert.equal(await ask(basic('app_id', 'wrong')), 429);
    assert.equal(await ask(), 200);
    await server.stop();
  });
});

for (const store of STORES)
  describe(`a broker’s question that fails here, on ${store}`, () => {
    let server: TestServer;
    let api: DeviceApi;
    let logged: unknown[];
    before(async () => {
      // What is not found in a table is left to what the broker asks next.
      server = await startServer(store, {}, { limits: { enabled: false }, mqtt: { unknown: 'ignore' } });
      api = await deviceApi(server);
      await api.ask('/mqtt/auth', { username: 'nobody', password: 'x' });
      await server.context.store.knex.schema.renameTable('mqtt_credentials', 'elsewhere');
      await server.context.store.knex.schema.renameTable('tenant_hosts', 'elsewhere_too');
      const { log } = server.context;
      const error = log.error.bind(log);
      log.error = (...said: Parameters<typeof error>) => {
        logged.push(said[1]);
        error(...said);
      };
    });
    beforeEach(() => void (logged = []));
    after(() => server.stop());

    for (const [call, fields] of [
      ['auth', { username: 'd', clientid: 'c', password: 'x' }],
      ['acl', { username: 'd', clientid: 'c', topic: 't', action: 'publish' }],
      ['superuser', { username: 'd', clientid: 'c' }],
    ] as const)
      it(`denies ${call}, and is logged as an error [SEC-R35]`, async () => {
        const json = await api.ask(`/mqtt/${call}`, fields);
        assert.deepEqual([json.status, json.text], [200, '{"result":"deny"}']);
        const form = await api.askByForm(`/mqtt/${call}`, fields);
        assert.deepEqual([form.status, form.text], [500, 'deny']);
        assert.deepEqual(logged, ['unexpected', 'unexpected']);
      });

    it('denies where not even the tenant is known [SEC-R35]', async () => {
      const headers = { host: 'other.example.com', 'content-type': 'application/json' };
      const { status, text } = await send(new URL('/mqtt/auth', server.issuer), { headers, body: '{}' });
      assert.deepEqual([status, text], [200, '{"result":"deny"}']);
      assert.deepEqual(logged, ['unexpected']);
    });
  });

describe('two nodes of one store', () => {
  it('see each other’s changes to devices and rules at once, to apps within seconds', async function () {
    const server = await startServer('postgres', {}, { limits: { enabled: false } });
    const node = await server.addNode();
    const api = await deviceApi(server);
    const ask = async (
      call: string,
      body: Record<string, string>,
    ): Promise<{ status: number; text: string }> =>
      send(new URL(`/mqtt/${call}`, `http://127.0.0.1:${node.port}`), {
        method: 'POST',
        headers: {
          host: new URL(server.issuer).host,
          authorization: basic('app_id', APP_SECRET),
          'content-type': 'application/json',
        },
        body: JSON.stringify(body),
      });
    const auth = async (password: string): Promise<string> =>
      (await ask('auth', { username: 'd', clientid: 'c', password })).text;
    await api.call('POST', 'auth_username', { username: 'd', password: 'before' });
    assert.match(await auth('before'), /allow/);
    await api.call('PUT', 'auth_username/d', { password: 'after' });
    assert.deepEqual(
      [await auth('before'), await auth('after')].map((text) => text.includes('allow')),
      [false, true],
    );
    const acl = async (): Promise<string> =>
      (await ask('acl', { username: 'd', clientid: 'c', topic: 't', action: 'publish' })).text;
    assert.match(await acl(), /deny/);
    await api.call('POST', 'acl/username/d', { topic: 't', action: 'pub', access: 'allow' });
    assert.match(await acl(), /allow/);
    const started = Date.now();
    await api.call('DELETE', 'apps/app_id');
    while ((await ask('auth', {})).status === 200) assert.ok(Date.now() - started < 5000);
    await node.stop();
    await server.stop();
  });
});
