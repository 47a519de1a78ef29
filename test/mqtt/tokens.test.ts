import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { decodeJwt } from 'jose';
import { findClient, updateClientSettings } from '../../src/clients/index.js';
import { openSweeper } from '../../src/jobs/index.js';
import { lockUser, setUserEnabled, updateUser } from '../../src/users/index.js';
import { STORES } from '../support/config.js';
import { APP, APP_SECRET, deviceApi, type DeviceApi } from '../support/devices.js';
import { basic, send, type Heard } from '../support/http.js';
import { until } from '../support/raw.js';
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
      await server.addApi('mqtt', ['mqtt.connect'], { userClaims: ['acl', 'mqtt'] });
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
      const { result, is_superuser, expire_at } = await signIn('app', await own(), 'app-1');
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

    /** What is written down of a client identifier. */
    const written = async (clientid: string): Promise<unknown[]> =>
      server.context.store
        .knex('mqtt_password_sign_ins')
        .where({ id: createHash('sha256').update(clientid).digest('base64url') });

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

    /** Lets the token of a kept sign-in expire, and the row go. */
    const expireAndSweep = async (clientid: string): Promise<void> => {
      const id = createHash('sha256').update(`\u0000\u0000${clientid}`).digest('base64url');
      const { store: opened, log } = server.context;
      const kept = await opened
        .knex('mqtt_token_sign_ins')
        .where({ id })
        .update({ expires_at: Date.now() - 1 });
      assert.equal(kept, 1);
      const sweeper = openSweeper(opened, log, { enabled: false, intervalSeconds: 60 });
      await sweeper.sweep();
      await sweeper.close();
      assert.deepEqual(await opened.knex('mqtt_token_sign_ins').where({ id }), []);
    };

    it('stays over when it has expired and its sign-in was swept, for every broker [SEC-R7]', async () => {
      const { userName } = await server.addUser({ userName: 'ivy' });
      const rules = [{ topic: 't/ivy', action: 'pub', access: 'allow' }];
      await api.call('PUT', 'acl/username/ivy', rules);
      await api.call('PUT', 'acl/$all', [{ topic: 'all/%u', action: 'pub', access: 'allow' }]);
      assert.equal((await signIn('ivy', await ofUser('ivy'), 'ivy-1'))['result'], 'allow');
      await api.call('PUT', 'acl/clientid/ivy-1', [{ topic: 'secret', action: 'pub', access: 'allow' }]);
      const names = { username: 'ivy', clientid: 'ivy-1' };
      const inRabbit = { permission: 'write', resource: 'topic', name: 'amq.topic', routing_key: 't.ivy' };
      const answers = async (): Promise<unknown[]> => [
        await may('ivy', 'publish', 't/ivy', 'ivy-1'),
        await may('ivy', 'publish', 'all/ivy', 'ivy-1'),
        await may('ivy', 'publish', 'secret', 'ivy-1'),
        (await api.askByForm('/mqtt/acl', { ...names, access: '2', topic: 't/ivy' })).text,
        (
          await api.askByForm('/mqtt/topic', {
            ...inRabbit,
            username: 'ivy',
            'variable_map.client_id': 'ivy-1',
          })
        ).text,
      ];
      assert.deepEqual(await answers(), ['allow', 'allow', 'deny', 'allow', 'allow']);
      await server.change((db) => setUserEnabled(db, userName, false));
      assert.deepEqual(await answers(), ['deny', 'deny', 'deny', 'deny', 'deny']);
      await expireAndSweep('ivy-1');
      assert.deepEqual(await answers(), ['deny', 'deny', 'deny', 'deny', 'deny']);
      await api.call('DELETE', 'acl/$all');
    });

    const allowed = async (username: string, jwt: string, clientid: string): Promise<void> =>
      assert.equal((await signIn(username, jwt, clientid))['result'], 'allow');
    const ofUser = (username: string): Promise<string> =>
      token({ grant_type: 'password', username, password: PASSWORD, scope: 'mqtt.connect' });

    it('is good for its own names alone where there is no user name [SEC-R8]', async () => {
      const jwt = await ofAnn();
      for (const clientid of ['valve-7', 'app', '']) await denied('', jwt, clientid);
      await allowed('', jwt, sub);
      await allowed('', jwt, 'ann');
      await allowed('', await own(), 'app');
    });

    it('is refused under the client identifier of a device that a table has [SEC-R8]', async () => {
      await api.call('POST', 'auth_clientid', { clientid: 'valve-1', password: 'x' });
      await api.call('POST', 'auth_username', { username: 'valve-2', password: 'x' });
      for (const clientid of ['valve-1', 'valve-2']) await denied('ann', await ofAnn(), clientid);
    });

    it('is refused under a client identifier that has rules, unless it is good for that [SEC-R8]', async () => {
      const rules = [{ topic: 'valves/%c/open', action: 'pub', access: 'allow' }];
      for (const clientid of ['valve-9', 'valve-10', 'app', 'ann', sub])
        assert.equal((await api.call('PUT', `acl/clientid/${clientid}`, rules)).status, 200);
      await denied('ann', await ofAnn(), 'valve-9');
      await denied(sub, await ofAnn(), 'valve-9');
      await denied('app', await own(), 'valve-9');
      await denied('ann', await ofAnn(), 'app');
      await allowed('app', await own(), 'app');
      await allowed('', await ofAnn(), 'ann');
      await allowed(sub, await ofAnn(), sub);
      const mqtt = JSON.stringify({ names: ['pump'], clientids: ['valve-10'] });
      await server.addUser({ userName: 'eve', claims: [{ type: 'mqtt', value: mqtt }] });
      for (const username of ['', 'eve', 'pump']) {
        await allowed(username, await ofUser('eve'), 'valve-10');
        assert.equal(await may(username, 'publish', 'valves/valve-10/open', 'valve-10'), 'allow');
      }
      await denied('eve', await ofUser('eve'), 'valve-9');
    });

    it('is not good under a user name of before for a client identifier that has rules [SEC-R8]', async () => {
      const { id } = await server.addUser({ userName: 'kim' });
      const [{ user_key: kim }] = (await server.context.store.knex('users').where({ id })) as [
        { user_key: string },
      ];
      await api.call('PUT', 'acl/clientid/kim', [{ topic: 'kims', action: 'pub', access: 'allow' }]);
      const jwt = await ofUser('kim');
      await allowed(kim, jwt, 'kim');
      assert.equal(await may(kim, 'publish', 'kims', 'kim'), 'allow');
      await server.change(async (db) => updateUser(db, await lockUser(db, id), { userName: 'kimberly' }));
      assert.equal(await may(kim, 'publish', 'kims', 'kim'), 'deny');
      await denied(kim, jwt, 'kim');
    });

    it('has none of the rules that its client identifier gets later, unless it is good for that [SEC-R8]', async () => {
      const jwt = await ofAnn();
      await allowed('ann', jwt, 'valve-20');
      await allowed(sub, jwt, sub);
      const rules = [{ topic: 'secret/%c', action: 'pub', access: 'allow' }];
      for (const clientid of ['valve-20', sub]) await api.call('PUT', `acl/clientid/${clientid}`, rules);
      assert.equal(await may('ann', 'publish', 'secret/valve-20', 'valve-20'), 'deny');
      assert.equal(await may('ann', 'publish', 'from/ann/1', 'valve-20'), 'allow');
      assert.equal(await may(sub, 'publish', `secret/${sub}`, sub), 'allow');
    });

    it('is over where its client identifier becomes a device’s, which has what is its own [SEC-R8]', async () => {
      await allowed('ann', await ofAnn(), 'valve-21');
      await api.call('POST', 'auth_clientid', { clientid: 'valve-21', password: 'x', is_superuser: true });
      assert.equal(await may('ann', 'publish', 'any/thing', 'valve-21'), 'deny');
      const { text } = await api.ask('/mqtt/superuser', { username: 'ann', clientid: 'valve-21' });
      assert.match(text, /deny/);
      assert.equal((await signIn('', 'x', 'valve-21'))['result'], 'allow');
      assert.equal(await may('', 'publish', 'any/thing', 'valve-21'), 'allow');
    });

    it('is over where its user name becomes a device’s, until that signs in with the password [SEC-R8]', async () => {
      const mqtt = JSON.stringify({ names: ['pump-7'] });
      await server.addUser({ userName: 'paul', claims: [{ type: 'mqtt', value: mqtt }] });
      await allowed('pump-7', await ofUser('paul'), 'pump-7-a');
      await api.call('POST', 'auth_username', { username: 'pump-7', password: 'x' });
      await api.call('PUT', 'acl/username/pump-7', [{ topic: 'pumps/7', action: 'pub', access: 'allow' }]);
      assert.equal(await may('pump-7', 'publish', 'pumps/7', 'pump-7-a'), 'deny');
      assert.equal((await signIn('pump-7', 'x', 'pump-7-a'))['result'], 'allow');
      assert.equal(await may('pump-7', 'publish', 'pumps/7', 'pump-7-a'), 'allow');
    });

    it('leaves each pair of names to the device that signs in with its password, at every node [SEC-R8]', async () => {
      const clientids = ['sam-1', 'sam-2', 'sam-3', ''];
      await server.addUser({ userName: 'sam' });
      const jwt = await ofUser('sam');
      for (const clientid of clientids) await allowed('sam', jwt, clientid);
      await api.call('PUT', 'acl/username/sam', [{ topic: 'sam', action: 'pub', access: 'allow' }]);
      await api.call('POST', 'auth_username', { username: 'sam', password: 'x' });
      const answers = (): Promise<unknown[]> =>
        Promise.all(clientids.map((clientid) => may('sam', 'publish', 'sam', clientid)));
      assert.deepEqual(await answers(), ['deny', 'deny', 'deny', 'deny']);
      await allowed('sam', 'x', 'sam-1');
      assert.deepEqual(await answers(), ['allow', 'deny', 'deny', 'deny']);
      await allowed('sam', 'x', 'sam-2');
      await api.call('PUT', 'auth_username/sam', { password: 'y' });
      await allowed('sam', 'y', 'sam-3');
      assert.deepEqual(await answers(), ['allow', 'allow', 'allow', 'deny']);
      const node = await server.addNode();
      try {
        const { text } = await send(new URL(`http://127.0.0.1:${node.port}/mqtt/auth`), {
          headers: { host: new URL(server.issuer).host, authorization: basic(APP, APP_SECRET) },
          form: { username: 'sam', clientid: '', password: 'y' },
        });
        assert.equal(text, 'allow');
      } finally {
        await node.stop();
      }
      assert.deepEqual(await answers(), ['allow', 'allow', 'allow', 'allow']);
    });

    it('leaves a pair of names to a device that is deleted and made again, each time [SEC-R8]', async () => {
      await server.addUser({ userName: 'tom' });
      await api.call('PUT', 'acl/username/tom', [{ topic: 'tom', action: 'pub', access: 'allow' }]);
      for (const password of ['x', 'y']) {
        await allowed('tom', await ofUser('tom'), '');
        await api.call('POST', 'auth_username', { username: 'tom', password });
        assert.equal(await may('tom', 'publish', 'tom', ''), 'deny');
        await allowed('tom', password, '');
        assert.equal(await may('tom', 'publish', 'tom', ''), 'allow');
        await api.call('DELETE', 'auth_username/tom');
      }
    });

    it('is not the device that its client identifier became when it does not work any more [SEC-R8]', async () => {
      const jwt = await ofAnn();
      await allowed('ann', jwt, 'valve-22');
      await server.post('/connect/revocation', { token: jwt }, server.basic('app', secret));
      await api.call('POST', 'auth_clientid', { clientid: 'valve-22', password: 'x', is_superuser: true });
      assert.equal(await may('ann', 'publish', 'any/thing', 'valve-22'), 'deny');
      await allowed('ann', 'x', 'valve-22');
      assert.equal(await may('ann', 'publish', 'any/thing', 'valve-22'), 'allow');
    });

    it('is refused under the client identifier that a device signed in with by its password [SEC-R8]', async () => {
      await api.call('POST', 'auth_username', { username: 'meter', password: 'x' });
      assert.equal((await signIn('meter', 'x', 'meter-a'))['result'], 'allow');
      await denied('ann', await ofAnn(), 'meter-a');
      await allowed('ann', await ofAnn(), 'meter-b');
      assert.equal((await signIn('meter', 'x', 'meter-b'))['result'], 'allow');
    });

    it('is refused at every node under the client identifier that a device signed in with at one [SEC-R8]', async () => {
      await api.call('POST', 'auth_username', { username: 'counter', password: 'x' });
      const node = await server.addNode();
      try {
        assert.equal((await signIn('counter', 'x', 'counter-a'))['result'], 'allow');
        await until(async () => (await written('counter-a')).length > 0);
        const at = (username: string, password: string, clientid: string): Promise<Heard> =>
          send(new URL(`http://127.0.0.1:${node.port}/mqtt/auth`), {
            headers: { host: new URL(server.issuer).host, authorization: basic(APP, APP_SECRET) },
            form: { username, clientid, password },
          });
        assert.equal((await at('ann', await ofAnn(), 'counter-a')).text, 'deny');
        assert.equal((await at('ann', await ofAnn(), 'counter-b')).text, 'allow');
      } finally {
        await node.stop();
      }
    });

    it('costs sign-ins with passwords one row an hour for each client identifier, and none where a table has it [SEC-R8]', async () => {
      await api.call('POST', 'auth_username', { username: 'gauge', password: 'x' });
      for (let n = 0; n < 3; n += 1) await signIn('gauge', 'x', 'gauge-a');
      await signIn('gauge', 'x', 'gauge');
      await signIn('gauge', 'x', 'gauge-b');
      await until(async () => (await written('gauge-b')).length > 0);
      assert.equal((await written('gauge-a')).length, 1);
      assert.equal((await written('gauge')).length, 0);
    });

    it('is refused under another’s name as its client identifier, which its owner has [SEC-R8]', async () => {
      const { userKey: rob } = await server.addUser({ userName: 'Rob' });
      const jwt = await ofAnn();
      for (const clientid of ['Rob', 'rob', 'ＲＯＢ', rob, rob.toUpperCase(), 'app', 'gatehouse-account']) {
        await denied('ann', jwt, clientid);
        await denied(sub, jwt, clientid);
      }
      await denied('app', await own(), 'rob');
      await allowed('Rob', await ofUser('Rob'), 'Rob');
      await allowed('', await ofUser('Rob'), rob);
      await allowed('app', await own(), 'app');
      await allowed('ann', jwt, 'ann');
      await allowed('ann', jwt, 'Ann');
      const mqtt = JSON.stringify({ clientids: ['Rob'] });
      const ula = await server.addUser({ userName: 'ula', claims: [{ type: 'mqtt', value: mqtt }] });
      await server.change((db) => setUserEnabled(db, 'Rob', false));
      await denied('ann', jwt, 'Rob');
      await allowed(ula.userName, await ofUser('ula'), 'Rob');
    });

    it('gives way under a client identifier to one that carries it as its own [SEC-R8]', async () => {
      await allowed('ann', await ofAnn(), 'vic');
      await server.addUser({ userName: 'vic' });
      await allowed('vic', await ofUser('vic'), 'vic');
      assert.equal(await may('ann', 'publish', 'from/ann/1', 'vic'), 'deny');
      await denied('ann', await ofAnn(), 'vic');
    });

    it('leaves its user name as a client identifier to others when the user is renamed [SEC-R8]', async () => {
      const { id, userKey } = await server.addUser({ userName: 'wim' });
      const jwt = await ofUser('wim');
      await api.call('PUT', `acl/username/${userKey}`, [{ topic: 'wim', action: 'pub', access: 'allow' }]);
      await allowed(userKey, jwt, 'wim');
      assert.equal(await may(userKey, 'publish', 'wim', 'wim'), 'allow');
      await denied('ann', await ofAnn(), 'wim');
      await server.change(async (db) => updateUser(db, await lockUser(db, id), { userName: 'wim2' }));
      assert.equal(await may(userKey, 'publish', 'wim', 'wim'), 'deny');
      await allowed('ann', await ofAnn(), 'wim');
      await denied(userKey, jwt, 'wim');
      await allowed(userKey, jwt, 'wim2');
    });

    it('is refused under a client identifier that another credential has, and leaves its rules alone [SEC-R8]', async () => {
      await allowed('ann', await ofAnn(), 'shared');
      await denied('app', await own(), 'shared');
      await denied(sub, await own(), 'shared');
      assert.equal(await may('ann', 'publish', 'from/ann/1', 'shared'), 'allow');
      assert.equal(await may('app', 'publish', 'from/app/1', 'shared'), 'deny');
    });

    it('has its client identifier again when it comes with another token of the same sign-in or person', async () => {
      await allowed('ann', await ofAnn(), 'again');
      await allowed(sub, await ofAnn(), 'again');
      assert.equal(await may(sub, 'publish', 'both', 'again'), 'allow');
      assert.equal(await may('ann', 'publish', 'both', 'again'), 'deny');
    });

    it('leaves its client identifier to others when it has ended', async () => {
      const jwt = await ofAnn();
      await allowed('ann', jwt, 'left');
      await server.post('/connect/revocation', { token: jwt }, server.basic('app', secret));
      await allowed('app', await own(), 'left');
      await denied('ann', await ofAnn(), 'left');
    });

    it('lets in one of two credentials that come at once [SEC-R8]', async () => {
      const [anns, apps] = [await ofAnn(), await own()];
      for (let at = 0; at < 20; at++) {
        const answers = await Promise.all([
          signIn('ann', anns, `race-${at}`),
          signIn('app', apps, `race-${at}`),
        ]);
        assert.deepEqual(answers.map(({ result }) => result).sort(), ['allow', 'deny']);
      }
    });

    it('is good for the names and client identifiers of its mqtt claim as well [SEC-R8]', async () => {
      const value = JSON.stringify({ names: ['pump'], clientids: ['pump-1'] });
      await server.addUser({ userName: 'dan', claims: [{ type: 'mqtt', value }] });
      const jwt = await ofUser('dan');
      await allowed('pump', jwt, 'x-1');
      await allowed('', jwt, 'pump-1');
      await denied('pump-1', jwt, 'x-2');
      await denied('', jwt, 'pump-2');
    });

    it('is refused where its mqtt claim can not be read', async () => {
      const wrong = ['nonsense', '[]', '{"names": "pump"}', '{"clientids": [7]}'];
      for (const [at, value] of wrong.entries()) {
        await server.addUser({ userName: `eve${at}`, claims: [{ type: 'mqtt', value }] });
        await denied(`eve${at}`, await ofUser(`eve${at}`), `eve-${at}`);
      }
    });

    it('is still known by its names where it signed in before sign-ins were kept by credential', async () => {
      const jwt = await ofAnn();
      const { jti = '', gid = '', fid = '' } = decodeJwt<Record<'jti' | 'gid' | 'fid', string>>(jwt);
      await server.context.store.knex('mqtt_token_sign_ins').insert({
        tenant_id: server.home.tenant.id,
        id: createHash('sha256').update('ann\u0000older').digest('base64url'),
        token: JSON.stringify({
          at: Date.now(),
          jti,
          clientId: 'app',
          userKey: sub,
          family: `${gid}.${fid}`,
        }),
        acl: JSON.stringify([{ topic: 'old', action: 'pub', access: 'allow' }]),
        expires_at: Date.now() + 60_000,
      });
      assert.equal(await may('ann', 'publish', 'old', 'older'), 'allow');
      await server.post('/connect/revocation', { token: jwt }, server.basic('app', secret));
      assert.equal(await may('ann', 'publish', 'old', 'older'), 'deny');
      await api.call('POST', 'auth_clientid', { clientid: 'older', password: 'x', is_superuser: true });
      await allowed('ann', 'x', 'older');
      assert.equal(await may('ann', 'publish', 'any/thing', 'older'), 'allow');
    });

    it('is good while its client has a scope of the API of devices', async () => {
      const of = (clientid: string) => api.ask('/mqtt/auth', { username: 'left', clientid, password: jwt });
      const scopes = ['mqtt.connect', 'other.read'];
      const left = await server.addClient('left', { grantTypes: ['client_credentials'], scopes });
      const form = { grant_type: 'client_credentials', scope: 'mqtt.connect' };
      const jwt = String(
        (await server.post('/connect/token', form, server.basic('left', left))).body['access_token'],
      );
      const writes = (): Promise<unknown> => may('left', 'publish', 'devices/left/on', 'left-1');
      await api.call('POST', 'acl', {
        username: 'left',
        topic: 'devices/%u/on',
        action: 'pub',
        access: 'allow',
      });
      assert.deepEqual([(await of('left-1')).body['result'], await writes()], ['allow', 'allow']);
      await server.change(async (db) => {
        const { settings } = await findClient(db, 'left');
        await updateClientSettings(db, 'left', { ...settings, scopes: ['other.read'] });
      });
      assert.deepEqual([(await of('left-2')).body['result'], await writes()], ['deny', 'deny']);
    });

    it('refuses one of a user who was disabled', async () => {
      const bob = await server.addUser({ userName: 'bob' });
      const jwt = await token({
        grant_type: 'password',
        username: 'bob',
        password: PASSWORD,
        scope: 'mqtt.connect',
      });
      assert.equal((await signIn('bob', jwt, 'bob-1'))['result'], 'allow');
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
      for (const [userName, value] of [
        ['cid', '{"pub": ["a+/b"]}'],
        ['una', '[{"permission": "allow", "action": {"toString": 1}, "topic": "t"}]'],
        ['coe', '[{"permission": "allow", "action": "constructor", "topic": "t"}]'],
      ] as const) {
        await server.addUser({ userName, claims: [{ type: 'acl', value }] });
        await denied(userName, await ofUser(userName));
      }
    });
  });
