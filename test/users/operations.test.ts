import assert from 'node:assert/strict';
import { decodeJwt } from 'jose';
import { STORES } from '../support/config.js';
import { administrator, caller, type Caller, type Data } from '../support/area.js';
import { bodyOf, send } from '../support/http.js';
import { userToken } from '../support/management.js';
import { often } from '../support/profile.js';
import { PASSWORD, startServer, type TestServer } from '../support/server.js';

/** Enough for lists of many pages. */
const CROWD = often({ short: 2000, long: 6000 });

for (const kind of STORES)
  describe(`users over REST, on ${kind}`, () => {
    let server: TestServer;
    let admin: Caller;
    let secret: string;
    let made = 0;

    before(async () => {
      server = await startServer(kind);
      admin = await administrator(server);
      secret = await server.addClient('app', {
        grantTypes: ['password', 'refresh_token'],
        scopes: ['openid', 'profile', 'offline_access', 'isms.role.get'],
      });
    });
    after(() => server.stop());

    const newUser = (more: object = {}): Promise<Data> =>
      admin.done('POST', '/api/User', { userName: `person-${++made}`, password: PASSWORD, ...more });
    const signIn = async (
      username: string,
      password = PASSWORD,
      scope = 'openid offline_access isms.role.get',
    ) => {
      const form = { grant_type: 'password', username, password, scope };
      const heard = await send(new URL('/connect/token', server.issuer), {
        form,
        headers: server.basic('app', secret),
      });
      return { status: heard.status, body: bodyOf(heard) as Data };
    };
    const ids = async (query: string): Promise<string[]> => {
      const { status, body } = await admin.ask('GET', `/api/User?${query}`);
      assert.equal(status, 200, JSON.stringify(body));
      return (body['data'] as Data[]).map(({ userName }) => userName as string);
    };

    it('are made with all that is known of them, and sign in with it', async () => {
      const { body } = await admin.ask('GET', '/api/Role?q.name=partner');
      const [role] = body['data'] as [Data];
      const user = await newUser({
        userName: 'Mei',
        nickName: '李梅',
        email: 'Mei@Example.com',
        countryCode: '86',
        phoneNumber: '138 0013 8000',
        birthdate: '1990-02-03',
        stature: 168.5,
        weight: 55,
        roles: [role['id'], 'user'],
        claims: [{ type: 'level', value: '3' }],
        properties: { shoeSize: '38' },
        files: [{ type: 'image', urls: ['https://files.example.com/1.png'] }],
      });
      assert.deepEqual(
        [user['phoneNumber'], user['countryCode'], user['roleNames'], user['status'], user['lineage']],
        ['+8613800138000', '86', ['partner', 'user'], 'enabled', []],
      );
      assert.ok(!JSON.stringify(user).includes('argon2'));
      for (const name of ['mei', 'mei@example.com', '+8613800138000', '13800138000'])
        assert.equal((await signIn(name)).status, 200, name);
      const { body: tokens } = await signIn('mei', PASSWORD, 'openid profile');
      assert.equal(decodeJwt(tokens['id_token']).sub, user['userKey']);
    });

    it('have names, addresses and numbers of their own, whatever the case', async () => {
      const code = async (body: object): Promise<unknown[]> => {
        const { status, body: answer } = await admin.ask('POST', '/api/User', body);
        return [status, answer['codeName']];
      };
      await newUser({ userName: 'Anna', email: 'anna@example.com', phoneNumber: '+4930123456' });
      assert.deepEqual(await code({ userName: 'aNNa' }), [409, 'User_UserNameExists']);
      assert.deepEqual(await code({ email: 'ANNA@example.com' }), [409, 'Register_EmailExists']);
      assert.deepEqual(await code({ countryCode: '49', phoneNumber: '030 123456' }), [
        409,
        'Register_PhoneNumberExists',
      ]);
      assert.deepEqual(await code({ userName: 'someone@else.com' }), [422, 'UnprocessableEntity']);
      assert.deepEqual(await code({ userName: 'x', roles: ['nothing'] }), [422, 'UnprocessableEntity']);
      assert.deepEqual(await code({ userName: 'x', password: 'short' }), [422, 'UnprocessableEntity']);
    });

    it('keep what a change leaves out; an address that is new is not verified', async () => {
      const user = await newUser({
        email: `first-${made}@example.com`,
        emailVerified: true,
        gender: 'female',
      });
      const changed = await admin.done('PUT', '/api/User', {
        id: user['id'],
        nickName: 'Nick',
        gender: null,
      });
      assert.deepEqual(
        [changed['email'], changed['emailVerified'], changed['nickName'], changed['gender']],
        [user['email'], true, 'Nick', null],
      );
      const moved = await admin.done('PUT', '/api/User', {
        id: user['id'],
        email: `second-${made}@example.com`,
      });
      assert.equal(moved['emailVerified'], false);
      const { id } = moved;
      await admin.done('PUT', '/api/User', { id, phoneNumber: '+4930246810' });
      assert.deepEqual(await ids('q.phoneNumber=030246810'), [moved['userName']]);
      const coded = await admin.done('PUT', '/api/User', { id, countryCode: '49' });
      assert.deepEqual([coded['phoneNumber'], coded['countryCode']], ['+4930246810', '49']);
      assert.deepEqual(await ids('q.phoneNumber=030246810'), [coded['userName']]);
      const same = await admin.done('PUT', '/api/User', coded);
      assert.deepEqual({ ...same, updatedAt: 0 }, { ...coded, updatedAt: 0 });
    });

    it('are signed out by another password, by being disabled, and by being deleted', async () => {
      for (const end of [
        (user: Data) => admin.done('PUT', '/api/User', { id: user['id'], password: 'another good password' }),
        (user: Data) => admin.done('PUT', '/api/User', { id: user['id'], status: 'disabled' }),
        (user: Data) => admin.done('DELETE', `/api/User/${user['id']}`),
      ]) {
        const user = await newUser({ claims: [{ type: 'permission', value: 'isms.role.get' }] });
        const { body } = await signIn(user['userName']);
        const self = caller(server, body['access_token']);
        assert.equal((await self.ask('GET', '/api/Role')).status, 200);
        await end(user);
        assert.equal((await self.ask('GET', '/api/Role')).status, 401);
        assert.equal((await signIn(user['userName'])).status, 400);
        const form = { grant_type: 'refresh_token', refresh_token: body['refresh_token'] };
        const again = await send(new URL('/connect/token', server.issuer), {
          form,
          headers: server.basic('app', secret),
        });
        assert.equal(again.status, 400);
      }
    });

    it('are locked until a time, and unlocked', async () => {
      const user = await newUser();
      await admin.done('PUT', '/api/User', { id: user['id'], lockedUntil: '2999-01-01T00:00:00Z' });
      assert.equal((await signIn(user['userName'])).status, 400);
      await admin.done('PUT', '/api/User', { id: user['id'], lockedUntil: null });
      assert.equal((await signIn(user['userName'])).status, 200);
      for (let n = 0; n < 5; n += 1) await signIn(user['userName'], 'wrong');
      assert.equal((await signIn(user['userName'])).status, 400);
      await admin.done('PUT', '/api/User', { id: user['id'], lockedUntil: null });
      assert.equal((await signIn(user['userName'])).status, 200);
    });

    it('free their address and number when they are deleted', async () => {
      const names = { email: 'freed@example.com', phoneNumber: '+4930999999' };
      const user = await newUser({ ...names, userName: 'freed' });
      await admin.done('DELETE', `/api/User/${user['id']}`);
      assert.equal((await admin.ask('GET', `/api/User/${user['id']}`)).status, 404);
      assert.deepEqual(await ids('q.name=freed'), []);
      const next = await newUser({ ...names, userName: 'freed' });
      assert.notEqual(next['userKey'], user['userKey']);
    });

    it('leave nothing behind when they are erased, and the audit keeps what was done [SEC-X5]', async () => {
      const user = await newUser({
        userName: 'forgotten',
        email: 'forgotten@example.com',
        nickName: 'Gone Girl',
      });
      await signIn('forgotten');
      await admin.done('DELETE', `/api/User/${user['id']}`);
      await admin.done('DELETE', `/api/User/${user['id']}?erase=true`);
      const { knex } = server.context.store;
      for (const table of [
        'users',
        'audit',
        'oidc_artifacts',
        'sign_in_failures',
        'known_addresses',
        'user_roles',
      ])
        assert.doesNotMatch(JSON.stringify(await knex(table)), /forgotten|Gone Girl/i, table);
      const deeds = await knex('audit').where({ actor: user['userKey'] });
      assert.ok(deeds.length > 0 && deeds.every(({ address }: Data) => address === null));
      assert.equal((await admin.ask('DELETE', `/api/User/${user['id']}?erase=true`)).status, 404);
    });

    it('are given all that is known of them', async () => {
      const user = await newUser({ nickName: 'Curious' });
      await signIn(user['userName']);
      const told = await admin.done('GET', `/api/User/${user['id']}/Export`);
      assert.deepEqual(
        [told['user'].nickName, told['grants'].map(({ clientId }: Data) => clientId as string)],
        ['Curious', ['app']],
      );
      assert.deepEqual(
        told['history'].map(({ event, result }: Data) => [event, result] as unknown),
        [['grant.password', 'success']],
      );
    });

    it('are asked for by number, address or name: 200 with the id, or 404, by HEAD as well', async () => {
      const user = await newUser({
        userName: 'present',
        email: 'present@example.com',
        phoneNumber: '+4930555555',
      });
      for (const query of ['phoneNumber=%2B4930555555', 'email=PRESENT@example.com', 'userName=Present']) {
        const there = await admin.ask('GET', `/api/User/Head?${query}`);
        assert.deepEqual([there.status, there.data], [200, { id: user['id'] }], query);
        const head = await admin.ask('HEAD', `/api/User/Head?${query}`);
        assert.deepEqual([head.status, head.body], [200, { text: '' }]);
      }
      assert.equal((await admin.ask('GET', '/api/User/Head?phoneNumber=%2B4930000000')).status, 404);
      assert.equal((await admin.ask('HEAD', '/api/User/Head?email=nobody@example.com')).status, 404);
      assert.equal((await admin.ask('GET', '/api/User/Head')).status, 422);
    });

    it('are found by part of a name in any script, by address, number, role and state', async () => {
      const role = await admin.done('POST', '/api/Role', { name: 'finders' });
      const other = await admin.done('POST', '/api/Role', { name: 'keepers' });
      await newUser({ userName: 'find-Zoë', nickName: 'Zoë Ångström', roles: ['finders', 'keepers'] });
      await newUser({ userName: 'find-wang', nickName: '王小明', roles: ['finders'] });
      await newUser({
        userName: 'find-100%',
        email: 'hundred@example.com',
        phoneNumber: '+4930777777',
        status: 'disabled',
      });
      const all = ['find-100%', 'find-wang', 'find-Zoë'];
      const encoded = (query: Record<string, string>) => new URLSearchParams(query).toString();
      assert.deepEqual(await ids(encoded({ 'q.name': 'FIND-' })), all);
      assert.deepEqual(await ids(encoded({ 'q.name': 'ångs' })), ['find-Zoë']);
      assert.deepEqual(await ids(encoded({ 'q.name': '小明' })), ['find-wang']);
      assert.deepEqual(await ids(encoded({ 'q.name': '王' })), ['find-wang']);
      assert.deepEqual(await ids(encoded({ 'q.name': '0%' })), ['find-100%']);
      assert.deepEqual(await ids(encoded({ 'q.name': '_' })), []);
      assert.deepEqual(await ids(encoded({ 'q.email': 'Hundred@example.com' })), ['find-100%']);
      assert.deepEqual(await ids(encoded({ 'q.phoneNumber': '+49 30 777777' })), ['find-100%']);
      assert.deepEqual(await ids(encoded({ 'q.roles': role['id'] })), ['find-wang', 'find-Zoë']);
      assert.deepEqual(await ids(encoded({ 'q.roles': `${role['id']},${other['id']}` })), ['find-Zoë']);
      assert.deepEqual(await ids(encoded({ 'q.name': 'find-', 'q.status': 'disabled' })), ['find-100%']);
      assert.deepEqual(await ids(encoded({ 'q.name': 'find-', orderby: 'userName', asc: 'true' })), [
        'find-100%',
        'find-wang',
        'find-Zoë',
      ]);
    });

    it('are listed to the last one, also where few or many of thousands fit', async function () {
      await server.change(async (db) => {
        const { prepareUser, writeUsers } = await import('../../src/users/store.js');
        const users = [];
        for (let n = 0; n < CROWD; n += 1) {
          const rare = n < 6 ? 'seldom' : 'usual';
          users.push(
            await prepareUser(
              db,
              {
                userName: `crowd-${n}`,
                nickName: n % 2 ? `${rare} even` : `${rare} odd`,
                roles: n < 3 ? ['partner'] : [],
              },
              null,
            ),
          );
        }
        await writeUsers(db, users);
      });
      const pages = async (query: string): Promise<Set<string>> => {
        const seen = new Set<string>();
        let after = '';
        do {
          const { body } = await admin.ask('GET', `/api/User?take=100&${query}${after}`);
          assert.ok(Array.isArray(body['data']), JSON.stringify(body));
          for (const { userName } of body['data'] as Data[]) seen.add(userName);
          after = typeof body['next'] === 'string' ? `&after=${body['next']}` : '';
        } while (after !== '');
        return seen;
      };
      assert.equal((await pages('q.name=crowd-')).size, CROWD);
      assert.equal((await pages('q.name=odd')).size, CROWD / 2);
      assert.deepEqual([...(await pages('q.name=seldom&asc=true'))].sort(), [
        'crowd-0',
        'crowd-1',
        'crowd-2',
        'crowd-3',
        'crowd-4',
        'crowd-5',
      ]);
      assert.equal((await admin.ask('GET', '/api/User?q.name=seldom')).body['total'], 6);
      const dense = (await admin.ask('GET', '/api/User?q.name=usual')).body;
      assert.ok(dense['total'] === CROWD - 6 || dense['totalRelation'] === 'gte');
      const [{ id }] = (await admin.ask('GET', '/api/Role?q.name=partner')).body['data'] as [Data];
      assert.deepEqual([...(await pages(`q.roles=${id}&q.name=crowd`))].sort(), [
        'crowd-0',
        'crowd-1',
        'crowd-2',
      ]);
    });

    it('know who brought them, and who brought those', async () => {
      const [a, b, c] = [await newUser(), await newUser(), await newUser()];
      const bring = (who: Data, by: Data | null) =>
        admin.ask('PUT', '/api/User', { id: who['id'], refereeId: by && by['id'] });
      await bring(c, b);
      await bring(b, a);
      const chain = async (who: Data) =>
        (await admin.done('GET', `/api/User/${who['id']}`))['lineage'] as string[];
      assert.deepEqual(await chain(c), [a['id'], b['id']]);
      assert.equal((await bring(a, c)).status, 422);
      assert.equal((await bring(a, a)).status, 422);
      assert.equal((await bring(a, { id: 'nobody' })).status, 422);
      await bring(b, null);
      assert.deepEqual(await chain(c), [b['id']]);
    });

    it('are made no stronger than who makes them is, and not taken over [SEC-X1]', async () => {
      const verbs = ['post', 'put', 'delete'].map((verb) => `isms.user.${verb}`);
      const few = caller(server, await userToken(server, ['isms.all'], verbs));
      const refused = async (method: string, path: string, body?: object) =>
        assert.equal((await few.ask(method, path, body)).status, 403, `${method} ${path}`);
      await refused('POST', '/api/User', { roles: ['administrator'] });
      await refused('POST', '/api/User', { claims: [{ type: 'permission', value: 'isms.all' }] });
      const user = await newUser();
      await refused('PUT', '/api/User', { id: user['id'], roles: ['administrator'] });
      const strong = await newUser({ roles: ['administrator'] });
      await refused('PUT', '/api/User', { id: strong['id'], password: 'taken over by me' });
      await refused('PUT', '/api/User', { id: strong['id'], email: 'me@example.com' });
      await refused('DELETE', `/api/User/${strong['id']}`);
      assert.equal((await few.ask('PUT', '/api/User', { id: user['id'], nickName: 'x' })).status, 200);
    });

    it('lose a role for tokens that are out already [SEC-X3]', async () => {
      await admin.done('POST', '/api/Role', {
        name: 'role-reader',
        claims: [{ type: 'permission', value: 'isms.role.get' }],
      });
      const user = await newUser({ roles: ['role-reader'] });
      const self = caller(server, (await signIn(user['userName'])).body['access_token']);
      assert.equal((await self.ask('GET', '/api/Role')).status, 200);
      await admin.done('PUT', '/api/User', { id: user['id'], roles: [] });
      assert.equal((await self.ask('GET', '/api/Role')).status, 403);
    });
  });
