import assert from 'node:assert/strict';
import { decodeJwt } from 'jose';
import { clashingNames } from '../../src/users/index.js';
import { administrator, caller, type Caller } from '../support/area.js';
import { environment, STORES } from '../support/config.js';
import { deviceApi, type DeviceApi } from '../support/devices.js';
import { clientToken, userToken } from '../support/management.js';
import { cli } from '../support/process.js';
import { PASSWORD, startServer, type TestServer } from '../support/server.js';
import { send } from '../support/http.js';

const KEY = '7a1c1a52-8f6e-4c39-9d0e-0d8d9b0f7a11';

for (const kind of STORES)
  describe(`the names that tokens carry, on ${kind}`, () => {
    let server: TestServer;
    let env: Record<string, string>;
    let admin: Caller;
    let developer: Caller;
    let api: DeviceApi;
    let secret: string;
    /** The `sub` of alice, whose names others want. */
    let sub: string;
    let made = 0;

    before(async () => {
      env = await environment(kind, {}, 'started');
      server = await startServer(kind, env, { limits: { enabled: false } });
      admin = await administrator(server);
      api = await deviceApi(server);
      await server.addApi('mqtt', ['mqtt.connect'], { userClaims: ['preferred_username'] });
      secret = await server.addClient('app', {
        grantTypes: ['client_credentials', 'password'],
        scopes: ['mqtt.connect'],
      });
      ({ userKey: sub } = await server.addUser({ userName: 'alice' }));
      const may = ['isms.user.post', 'isms.user.put'];
      developer = caller(server, await userToken(server, may, may, undefined, ['developer']));
    });
    after(() => server.stop());

    const make = (who: Caller, userName: string) => who.ask('POST', '/api/User', { userName });
    const makeClient = (clientId: string) =>
      admin.ask('POST', '/api/Client', { template: 'machine', clientId });
    const import_ = async (users: object[]): Promise<{ result: string; problem?: { message: string } }[]> => {
      const { text } = await send(new URL('/api/User/Import', server.issuer), {
        method: 'POST',
        headers: {
          authorization: `Bearer ${await clientToken(server, ['isms.user.import'])}`,
          'content-type': 'application/x-ndjson',
        },
        body: users.map((user) => `${JSON.stringify(user)}\n`).join(''),
      });
      return text
        .trim()
        .split('\n')
        .map((line) => JSON.parse(line) as { result: string });
    };
    const tokenOf = async (username: string): Promise<string> => {
      const form = { grant_type: 'password', username, password: PASSWORD, scope: 'mqtt.connect' };
      return (await server.post('/connect/token', form, server.basic('app', secret))).body[
        'access_token'
      ] as string;
    };
    const signIn = async (username: string, clientid: string, password: string): Promise<unknown> =>
      (await api.ask('/mqtt/auth', { username, clientid, password })).body['result'];
    const may = async (username: string, clientid: string): Promise<unknown> =>
      (await api.ask('/mqtt/acl', { username, clientid, action: 'publish', topic: 'open' })).body['result'];

    it('are no other user’s sub: a user name has the form of one only where it is the user’s own [SEC-R8]', async () => {
      const { id } = await admin.done('POST', '/api/User', { userName: `plain-${++made}` });
      for (const userName of [sub, sub.toUpperCase(), KEY])
        for (const answer of [
          await make(developer, userName),
          await make(admin, userName),
          await developer.ask('PUT', '/api/User', { id, userName }),
        ]) {
          assert.equal(answer.status, 422);
          assert.match(String(answer.body['message']), /must not be a uuid/);
        }
      const [imported, own, plain] = await import_([
        { userName: sub },
        { userName: KEY, userKey: KEY },
        { userName: 'imported' },
      ]);
      assert.match(String(imported?.problem?.message), /must not be a uuid/);
      assert.deepEqual([imported?.result, own?.result, plain?.result], ['refused', 'created', 'created']);
      const { code, stderr } = await cli(['user', 'create', sub], env);
      assert.notEqual(code, 0);
      assert.match(stderr, /must not be a uuid/);
    });

    it('are no client’s id: a user who is made, renamed or imported has another name [SEC-R8]', async () => {
      const { id } = await admin.done('POST', '/api/User', { userName: `plain-${++made}` });
      for (const userName of ['app', 'gatehouse-account'])
        for (const answer of [
          await make(developer, userName),
          await developer.ask('PUT', '/api/User', { id, userName }),
        ]) {
          assert.deepEqual([answer.status, answer.body['codeName']], [409, 'User_UserNameExists']);
          assert.match(String(answer.body['message']), /is a client’s id; choose another user name/);
        }
      const results = await import_([{ userName: 'app' }, { userName: `plain-${++made}` }]);
      assert.deepEqual(
        results.map(({ result }) => result),
        ['exists', 'created'],
      );
      const { code, stderr } = await cli(['user', 'create', 'app'], env);
      assert.equal(code, 4);
      assert.match(stderr, /is a client’s id/);
    });

    it('are no user’s name: a client that is made has another id [SEC-R8]', async () => {
      const { status, body } = await makeClient('alice');
      assert.deepEqual([status, body['codeName']], [409, 'Client_ClientIdExists']);
      assert.match(String(body['message']), /"alice" is a user’s name; choose another client id/);
      const { code } = await cli(['client', 'create', 'alice', '--grant', 'clientCredentials'], env);
      assert.equal(code, 4);
      assert.equal((await makeClient('Alice')).status, 200);
    });

    it('are one’s where a user and a client come to one name at once [SEC-R8]', async () => {
      for (let round = 0; round < 10; round++) {
        const [word, other] = [`both-${round}`, `other-${round}`];
        const { id } = await admin.done('POST', '/api/User', { userName: `before-${round}` });
        const answers = await Promise.all([
          make(admin, word),
          makeClient(word),
          makeClient(other),
          admin.ask('PUT', '/api/User', { id, userName: other }),
        ]);
        const statuses = answers.map(({ status }) => status);
        assert.deepEqual(
          [statuses.slice(0, 2).sort(), statuses.slice(2).sort()],
          [
            [200, 409],
            [200, 409],
          ],
        );
      }
    });

    /** A user of before there were rules about names. */
    const older = async (userName: string): Promise<string> => {
      const before = `older-${++made}`;
      const { id } = await server.addUser({ userName: before });
      await server.change((db) =>
        db.from('users').where({ id }).update({ user_name: userName, user_name_key: userName }),
      );
      return tokenOf(userName);
    };

    it('leave out a user name of before that is another’s sub or a client’s id [SEC-R8]', async () => {
      const [asAlice, asApp] = [await older(sub), await older('app')];
      for (const [name, token] of [
        [sub, asAlice],
        ['app', asApp],
        ['gatehouse-docs', await older('gatehouse-docs')],
      ] as const) {
        assert.equal(await signIn(name, 'fresh', token), 'deny');
        assert.equal(await signIn('', name, token), 'deny');
        assert.equal(await signIn(String(decodeJwt(token).sub), `own-${name}`, token), 'allow');
      }
      assert.equal(decodeJwt(asAlice)['preferred_username'], undefined);
      assert.equal(decodeJwt(await tokenOf('alice'))['preferred_username'], 'alice');
    });

    it('that clash since before these rules are told to the operator, and can be kept until they are changed [SEC-R8]', async () => {
      await older('gatehouse-demo');
      const { id } = await server.addUser({ userName: 'settled' });
      await server.addClient('clash', { grantTypes: ['client_credentials'] });
      await server.change((db) =>
        db.from('users').where({ id }).update({ user_name: 'clash', user_name_key: 'clash' }),
      );
      const told = async (): Promise<string[]> =>
        (await clashingNames(server.context.store.knex)).map(({ userName }) => userName);
      assert.deepEqual(
        (await told()).filter((name) => ['clash', 'gatehouse-demo', 'alice', KEY].includes(name)),
        ['clash', 'gatehouse-demo'],
      );
      const { stdout, code } = await cli(['doctor', '--json'], env);
      const { checks } = JSON.parse(stdout) as { checks: { check: string; detail: string }[] };
      const found = checks.find(({ check }) => check === 'user names');
      assert.equal(code, 1);
      assert.match(String(found?.detail), /user "clash" of tenant "Gatehouse": it is a client’s id as well/);
      await admin.done('PUT', '/api/User', { id, userName: 'clash', nickName: 'Clash' });
      await admin.done('PUT', '/api/User', { id, userName: 'settled' });
      assert.ok(!(await told()).includes('clash'));
    });

    it('end with a rename: who signed in under the user name of before may do nothing more [SEC-R8]', async () => {
      await api.call('POST', 'acl/$all', { topic: 'open', action: 'pub', access: 'allow' });
      const { id, userKey } = await server.addUser({ userName: 'bob' });
      const token = await tokenOf('bob');
      await signIn('bob', 'c-name', token);
      await signIn('', 'bob', token);
      await signIn(userKey, 'c-sub', token);
      assert.deepEqual([await may('bob', 'c-name'), await may(userKey, 'c-sub')], ['allow', 'allow']);
      await admin.done('PUT', '/api/User', { id, userName: 'bobby' });
      assert.deepEqual(
        [await may('bob', 'c-name'), await may('', 'bob'), await may(userKey, 'c-sub')],
        ['deny', 'deny', 'allow'],
      );
      await server.addUser({ userName: 'bob' });
      assert.equal(await signIn('bob', 'c-name', await tokenOf('bob')), 'allow');
      assert.equal(await signIn('bob', 'c-name', token), 'deny');
    });
  });
