import assert from 'node:assert/strict';
import { setUserEnabled } from '../../src/users/index.js';
import { STORES } from '../support/config.js';
import { deviceApi, type DeviceApi } from '../support/devices.js';
import { PASSWORD, startServer, type TestServer } from '../support/server.js';

for (const store of STORES)
  describe(`a token in place of a device’s password, on ${store}`, () => {
    let server: TestServer;
    let api: DeviceApi;
    let secret: string;
    let sub: string;
    before(async () => {
      server = await startServer(store, {}, { limits: { enabled: false } });
      api = await deviceApi(server);
      await server.addApi('mqtt', ['mqtt.connect'], { userClaims: ['acl'] });
      await server.addApi('other', ['other.read']);
      secret = await server.addClient('app', {
        grantTypes: ['client_credentials', 'password'],
        scopes: ['mqtt.connect', 'other.read'],
      });
      const acl = JSON.stringify({ pub: ['from/%u/#'], sub: ['to/%u/#'], all: ['both'] });
      ({ userKey: sub } = await server.addUser({ userName: 'ann', claims: [{ type: 'acl', value: acl }] }));
    });
    after(() => server.stop());

    const token = async (form: Record<string, string>): Promise<string> => {
      const { body } = await server.post('/connect/token', form, server.basic('app', secret));
      assert.ok(body['access_token'], JSON.stringify(body));
      return body['access_token'] as string;
    };
    const own = (scope = 'mqtt.connect'): Promise<string> =>
      token({ grant_type: 'client_credentials', scope });
    const ofAnn = (): Promise<string> =>
      token({ grant_type: 'password', username: 'ann', password: PASSWORD, scope: 'mqtt.connect' });
    const signIn = async (username: string, password: string, clientid = 'c1') =>
      (await api.ask('/mqtt/auth', { username, clientid, password })).body;
    const may = async (username: string, action: string, topic: string, clientid = 'c1'): Promise<unknown> =>
      (await api.ask('/mqtt/acl', { username, clientid, action, topic })).body['result'];

    it('lets a client in under its own name, until the token expires', async () => {
      const { result, is_superuser, expire_at } = await signIn('app', await own());
      assert.deepEqual([result, is_superuser], ['allow', false]);
      assert.ok(Math.abs((expire_at as number) - Date.now() / 1000) < 3700);
    });

    it('lets a user in under the user name or the sub, with the rules of the acl claim', async () => {
      const jwt = await ofAnn();
      assert.equal((await signIn(sub, jwt))['result'], 'allow');
      const { acl } = await signIn('ann', jwt);
      assert.deepEqual(acl, [
        { permission: 'allow', action: 'publish', topic: 'from/%u/#' },
        { permission: 'allow', action: 'subscribe', topic: 'to/%u/#' },
        { permission: 'allow', action: 'all', topic: 'both' },
      ]);
      assert.deepEqual(
        [
          await may('ann', 'publish', 'from/ann/1'),
          await may('ann', 'publish', 'from/bob/1'),
          await may('ann', 'subscribe', 'to/ann/#'),
          await may('ann', 'publish', 'to/ann/1'),
          await may('ann', 'publish', 'both'),
          await may('ann', 'publish', 'from/ann/1', 'another connection'),
        ],
        ['allow', 'deny', 'allow', 'deny', 'allow', 'deny'],
      );
    });

    const denied = async (username: string, jwt: string, clientid?: string): Promise<void> =>
      assert.deepEqual(await signIn(username, jwt, clientid), { result: 'deny' });

    it('refuses another name, one that a table has, another audience, and what was changed', async () => {
      const jwt = await own();
      await denied('somebody', jwt);
      await denied('app', await own('other.read'));
      await denied('app', `${jwt.slice(0, -4)}AAAA`);
      await api.call('POST', 'auth_clientid', { clientid: 'registered', password: 'x' });
      await denied('app', jwt, 'registered');
    });

    it('refuses one that was revoked; and who is signed in already may do nothing more', async () => {
      const jwt = await ofAnn();
      await signIn('ann', jwt, 'c2');
      assert.equal(await may('ann', 'publish', 'both', 'c2'), 'allow');
      await server.post('/connect/revocation', { token: jwt }, server.basic('app', secret));
      assert.equal(await may('ann', 'publish', 'both', 'c2'), 'deny');
      await denied('ann', jwt);
    });

    it('refuses one of a user who was disabled', async () => {
      const bob = await server.addUser({ userName: 'bob' });
      const jwt = await token({
        grant_type: 'password',
        username: 'bob',
        password: PASSWORD,
        scope: 'mqtt.connect',
      });
      assert.equal((await signIn('bob', jwt))['result'], 'allow');
      await server.change((db) => setUserEnabled(db, bob.userName, false));
      await denied('bob', jwt);
    });

    it('refuses one of another tenant', async () => {
      const tenant = await server.addTenant(`Tokens ${store}`, `tokens-${store}.localhost:${server.port}`);
      await server.refresh();
      const other = await deviceApi(server, { tenant });
      const { body } = await other.ask(`/mqtt/t/${encodeURIComponent(tenant.name)}/auth`, {
        username: 'app',
        password: await own(),
      });
      assert.deepEqual(body, { result: 'deny' });
    });

    it('refuses one whose acl claim can not be read, and says so to nobody but the log', async () => {
      await server.addUser({ userName: 'cid', claims: [{ type: 'acl', value: '{"pub": ["a+/b"]}' }] });
      const jwt = await token({
        grant_type: 'password',
        username: 'cid',
        password: PASSWORD,
        scope: 'mqtt.connect',
      });
      await denied('cid', jwt);
    });
  });
