import assert from 'node:assert/strict';
import { decodeJwt } from 'jose';
import { GRANT_TYPES } from '../../src/clients/index.js';
import { caller, type Caller, type Data } from '../support/area.js';
import { STORES } from '../support/config.js';
import { deviceApi } from '../support/devices.js';
import { bodyOf, send } from '../support/http.js';
import { clientToken } from '../support/management.js';
import { placeOf, someOf } from '../support/profile.js';
import { PASSWORD, startServer, type TestServer } from '../support/server.js';

/** What tokens say of the sign-in, of themselves and of who acts. */
const OF_TOKENS = [
  ...['acr', 'amr', 'auth_time', 'sub', 'iss', 'aud', 'exp', 'nbf', 'iat', 'jti', 'nonce', 'azp', 'at_hash'],
  ...[
    'c_hash',
    's_hash',
    'sid',
    'username',
    'htm',
    'htu',
    'ath',
    'act',
    'may_act',
    'cnf',
    'tenant',
    'scope',
    'client_id',
    'aid',
    'gid',
    'fid',
    'origin',
  ],
  ...['active', 'token_type', 'events', 'sub_jwk', '_claim_names', '_claim_sources'],
];
/** What JavaScript objects know by themselves. */
const OF_OBJECTS = ['__proto__', 'constructor', 'toString', 'hasOwnProperty', 'valueOf'];

const REFUSED = [...OF_TOKENS, '__proto__', 'constructor', 'with space', 'quo"te', ''];
const TAKEN = ['https://example.com/claims/level', 'urn:example:level', 'toString', '部门'];

let made = 0;

for (const kind of STORES)
  describe(`claims of people’s own, on ${kind}`, () => {
    let server: TestServer;
    let admin: Caller;
    let secret: string;
    let token: string;

    before(async () => {
      server = await startServer(kind, {}, { limits: { enabled: false } });
      token = await clientToken(server, ['isms.all']);
      admin = caller(server, token);
      for (const accessTokenFormat of ['jwt', 'opaque'] as const)
        await server.addApi(accessTokenFormat, [`${accessTokenFormat}.read`], {
          accessTokenFormat,
          userClaims: [...OF_TOKENS, ...OF_OBJECTS, 'level', 'role'],
        });
      secret = await server.addClient('app', {
        grantTypes: [GRANT_TYPES.password],
        scopes: ['openid', 'profile', 'wide', 'jwt.read', 'opaque.read'],
        resources: ['jwt', 'opaque'],
      });
      await admin.done('POST', '/api/IdentityResource', { name: 'wide', userClaims: ['level'] });
      await keep('identity_resources', 'wide', 'user_claims', [...OF_TOKENS, ...OF_OBJECTS, 'level']);
    });
    after(() => server.stop());

    /** Writes what the API would not take, as older versions took it, and tells the server. */
    async function keep(table: string, name: string, column: string, value: unknown): Promise<void> {
      const by = table === 'users' ? 'user_name' : 'name';
      await server.change((db) =>
        db
          .from(table)
          .where({ [by]: name })
          .update({ [column]: JSON.stringify(value) }),
      );
    }
    async function person(claims: { type: string; value: string }[]): Promise<string> {
      const userName = `person-${++made}`;
      await server.addUser({ userName, roles: ['user'] });
      await keep('users', userName, 'claims', claims);
      return userName;
    }
    async function tokensOf(userName: string, scope: string): Promise<Data> {
      const form = { grant_type: 'password', username: userName, password: PASSWORD, scope };
      const { status, body } = await server.post('/connect/token', form, server.basic('app', secret));
      assert.equal(status, 200, JSON.stringify(body));
      return body;
    }
    const introspect = async (token: string): Promise<Data> =>
      (await server.post('/connect/introspect', { token }, server.basic('app', secret))).body;
    async function userinfo(userName: string): Promise<Data> {
      const { access_token } = await tokensOf(userName, 'openid profile wide');
      const url = new URL('/connect/userinfo', server.issuer);
      const answer = await send(url, { headers: { authorization: `Bearer ${access_token}` } });
      assert.equal(answer.status, 200, answer.text);
      return bodyOf(answer);
    }

    describe('are not written where they would speak of the sign-in', () => {
      const PLACES: Record<string, (claim: string) => Promise<[string, string, object]>> = {
        'a new user': async (type) => ['POST', '/api/User', { claims: [{ type, value: 'x' }] }],
        'a user': async (type) => [
          'PUT',
          '/api/User',
          { id: (await admin.done('POST', '/api/User', {}))['id'], claims: [{ type, value: 'x' }] },
        ],
        'a new role': async (type) => [
          'POST',
          '/api/Role',
          { name: `role-${++made}`, claims: [{ type, value: 'x' }] },
        ],
        'a role': async (type) => [
          'PUT',
          '/api/Role',
          {
            id: (await admin.done('POST', '/api/Role', { name: `role-${++made}` }))['id'],
            claims: [{ type, value: 'x' }],
          },
        ],
        'a new API': async (type) => [
          'POST',
          '/api/ApiResource',
          { name: `api-${++made}`, userClaims: [type === 'sub' ? 'acr' : type] },
        ],
        'an API': async (type) => [
          'PUT',
          '/api/ApiResource',
          {
            id: (await admin.done('POST', '/api/ApiResource', { name: `api-${++made}` }))['id'],
            userClaims: [type === 'sub' ? 'acr' : type],
          },
        ],
        'a scope of an API': async (type) => [
          'POST',
          '/api/ApiResource',
          { name: `api-${++made}`, scopes: [{ name: 'read', userClaims: [type === 'sub' ? 'acr' : type] }] },
        ],
        'a new identity resource': async (type) => [
          'POST',
          '/api/IdentityResource',
          { name: `scope-${++made}`, userClaims: [type === 'sub' ? 'acr' : type] },
        ],
        'an identity resource': async (type) => [
          'PUT',
          '/api/IdentityResource',
          {
            id: (await admin.done('POST', '/api/IdentityResource', { name: `scope-${++made}` }))['id'],
            userClaims: [type === 'sub' ? 'acr' : type],
          },
        ],
      };
      for (const [at, [place, request]] of Object.entries(PLACES).entries())
        it(`by ${place} [SEC-R10]`, async () => {
          for (const claim of someOf(REFUSED, at + placeOf(kind))) {
            const answer = await admin.ask(...(await request(claim)));
            assert.equal(answer.status, 422, `${claim}: ${JSON.stringify(answer.body)}`);
          }
          for (const claim of someOf(TAKEN, at + placeOf(kind), 2)) {
            const answer = await admin.ask(...(await request(claim)));
            assert.equal(answer.status, 200, `${claim}: ${JSON.stringify(answer.body)}`);
          }
        });

      it('by an import [SEC-R10]', async () => {
        const lines = [...OF_TOKENS, 'level'].map((type) =>
          JSON.stringify({ userName: `imported-${++made}`, claims: [{ type, value: 'x' }] }),
        );
        const { text } = await send(new URL('/api/User/Import', server.issuer), {
          method: 'POST',
          headers: { authorization: `Bearer ${token}`, 'content-type': 'application/x-ndjson' },
          body: lines.join('\n'),
        });
        const results = text
          .trim()
          .split('\n')
          .map((line) => (JSON.parse(line) as { result: string }).result);
        assert.deepEqual(results, [...OF_TOKENS.map(() => 'refused'), 'created']);
      });
    });

    it('stay where they are already, while something else is changed', async () => {
      const userName = await person([{ type: 'acr', value: 'x' }]);
      const [row] = (await admin.ask('GET', `/api/User?q.name=${userName}`)).body['data'] as [Data];
      await admin.done('PUT', '/api/User', { ...row, nickName: 'Same' });
      const more = { id: row['id'], claims: [...row['claims'], { type: 'amr', value: 'y' }] };
      assert.equal((await admin.ask('PUT', '/api/User', more)).status, 422);
    });

    it('say nothing of the sign-in, whatever a row says [SEC-R10]', async () => {
      const faked = [...OF_TOKENS, ...OF_OBJECTS].map((type) => ({ type, value: 'faked' }));
      const userName = await person([...faked, { type: 'level', value: 'gold' }]);
      const ordinary = await person([{ type: 'level', value: 'gold' }]);
      const fakes = (claims: Data): string[] =>
        OF_TOKENS.filter((name) => JSON.stringify(claims[name])?.includes('faked'));
      const seen: Record<string, Data> = {};
      for (const name of [userName, ordinary]) {
        const id = decodeJwt((await tokensOf(name, 'openid wide jwt.read'))['id_token']);
        const jwt = (await tokensOf(name, 'jwt.read'))['access_token'] as string;
        const opaque = (await tokensOf(name, 'opaque.read'))['access_token'] as string;
        const answers: Data = {
          id,
          jwt: decodeJwt(jwt),
          introspected: await introspect(jwt),
          opaque: await introspect(opaque),
          userinfo: await userinfo(name),
        };
        for (const [where, claims] of Object.entries(answers))
          assert.deepEqual(fakes(claims as Data), [], where);
        seen[name] = Object.fromEntries(
          Object.entries(answers).map(([where, claims]) => [
            where,
            Object.keys(claims as Data).filter((claim) => !OF_OBJECTS.includes(claim)),
          ]),
        );
        assert.equal(answers['jwt'].level, 'gold');
        assert.equal(answers['userinfo'].level, 'gold');
        assert.deepEqual([answers['introspected'].active, answers['opaque'].active], [true, true]);
      }
      assert.deepEqual(seen[userName], seen[ordinary]);
    });

    it('of names that objects have are claims like others, or none at all [SEC-R10]', async () => {
      const userName = await person(OF_OBJECTS.map((type) => ({ type, value: 'own' })));
      const jwt = decodeJwt((await tokensOf(userName, 'jwt.read'))['access_token']);
      const about = await userinfo(userName);
      const without = decodeJwt((await tokensOf(await person([]), 'jwt.read'))['access_token']);
      const own = (claims: Data): string[] => OF_OBJECTS.filter((name) => Object.hasOwn(claims, name));
      assert.deepEqual(own(jwt), ['toString', 'hasOwnProperty', 'valueOf']);
      assert.deepEqual(own(about), ['toString', 'hasOwnProperty', 'valueOf']);
      assert.deepEqual(own(without), []);
      assert.deepEqual(jwt['role'], ['user']);
    });

    it('of one type come out as a list, in order [SEC-R10]', async () => {
      const userName = await person([
        { type: 'level', value: 'gold' },
        { type: 'hobby', value: 'chess' },
        { type: 'level', value: 'blue' },
        { type: 'level', value: 'alpha' },
      ]);
      const levels = ['gold', 'blue', 'alpha'];
      const jwt = (await tokensOf(userName, 'jwt.read'))['access_token'] as string;
      const opaque = (await tokensOf(userName, 'opaque.read'))['access_token'] as string;
      assert.deepEqual(decodeJwt(jwt)['level'], levels);
      assert.deepEqual((await introspect(jwt))['level'], levels);
      assert.deepEqual((await introspect(opaque))['level'], levels);
      assert.deepEqual((await userinfo(userName))['level'], levels);
    });

    it('of one type come out as a list in an ID token as well [SEC-R10]', async () => {
      await keep('identity_resources', 'openid', 'user_claims', ['sub', 'level']);
      const userName = await person(['b', 'a'].map((value) => ({ type: 'level', value })));
      assert.deepEqual(decodeJwt((await tokensOf(userName, 'openid'))['id_token'])['level'], ['b', 'a']);
      await keep('identity_resources', 'openid', 'user_claims', ['sub']);
    });

    it('bring devices the rules of each of two', async () => {
      await server.addApi('mqtt', ['mqtt.connect'], { userClaims: ['acl'] });
      const app = await server.addClient('devices', {
        grantTypes: [GRANT_TYPES.password],
        scopes: ['mqtt.connect'],
      });
      const acl = [{ pub: ['a'] }, { sub: ['b'] }];
      const userName = await person(acl.map((rules) => ({ type: 'acl', value: JSON.stringify(rules) })));
      const form = { grant_type: 'password', username: userName, password: PASSWORD };
      const { body } = await server.post('/connect/token', form, server.basic('devices', app));
      const api = await deviceApi(server);
      const answer = await api.ask('/mqtt/auth', {
        username: userName,
        clientid: 'one',
        password: String(body['access_token']),
      });
      assert.deepEqual(answer.body['acl'], [
        { permission: 'allow', action: 'publish', topic: 'a' },
        { permission: 'allow', action: 'subscribe', topic: 'b' },
      ]);
    });
  });
