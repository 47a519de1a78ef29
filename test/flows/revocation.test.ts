import assert from 'node:assert/strict';
import { createRemoteJWKSet, decodeJwt, jwtVerify } from 'jose';
import { GRANT_TYPES, setClientEnabled } from '../../src/clients/index.js';
import { setTenantEnabled } from '../../src/tenants/index.js';
import { setPassword, setUserEnabled } from '../../src/users/index.js';
import { STORES } from '../support/config.js';
import { send } from '../support/http.js';
import { PASSWORD, startServer, type Answer, type TestServer } from '../support/server.js';
import { obtainCode, redeemForm, Visitor } from '../support/visitor.js';

const REDIRECT = 'https://app.example.com/callback';
const DEAD = { active: false };

for (const kind of STORES)
  describe(`the end of tokens, on ${kind}`, () => {
    let server: TestServer;
    let machine: string;
    let orders: string;
    let stock: string;

    before(async () => {
      server = await startServer(kind);
      await server.addApi('orders', ['orders.read']);
      await server.addApi('stock', ['stock.read'], { accessTokenFormat: 'opaque' });
      const service = { grantTypes: [GRANT_TYPES.clientCredentials], scopes: ['orders.read', 'stock.read'] };
      machine = await server.addClient('machine', service);
      orders = await server.addClient('orders-api', { ...service, resources: ['orders'] });
      stock = await server.addClient('stock-api', { ...service, resources: ['stock'] });
      await server.addClient('app', {
        grantTypes: [GRANT_TYPES.code, GRANT_TYPES.refresh, GRANT_TYPES.password],
        redirectUris: [REDIRECT],
        scopes: ['openid', 'offline_access', 'orders.read', 'stock.read'],
        tokenEndpointAuthMethod: 'none',
        requireConsent: false,
      });
    });
    after(() => server.stop());

    const introspect = async (token: unknown, accept = 'application/json'): Promise<Answer> =>
      server.post(
        '/connect/introspect',
        { token: String(token) },
        { ...server.basic('orders-api', orders), accept },
      );
    const asStock = (token: unknown): Promise<Answer> =>
      server.post('/connect/introspect', { token: String(token) }, server.basic('stock-api', stock));
    const clientToken = async (scope: string): Promise<string> => {
      const form = { grant_type: 'client_credentials', scope };
      return String(
        (await server.post('/connect/token', form, server.basic('machine', machine))).body['access_token'],
      );
    };
    const userTokens = async (user: string, scope: string): Promise<Record<string, unknown>> => {
      const form = { grant_type: 'password', client_id: 'app', username: user, password: PASSWORD, scope };
      const { status, body } = await server.post('/connect/token', form);
      assert.equal(status, 200, JSON.stringify(body));
      return body;
    };
    const refresh = (token: unknown): Promise<Answer> =>
      server.post('/connect/token', {
        grant_type: 'refresh_token',
        client_id: 'app',
        refresh_token: String(token),
      });
    const userinfo = async (token: unknown): Promise<number> =>
      (
        await fetch(`${server.issuer}/connect/userinfo`, {
          headers: { authorization: `Bearer ${String(token)}` },
        })
      ).status;
    const redeem = async (visitor: Visitor, user: string, scope: string): Promise<Answer> => {
      const { code, verifier } = await obtainCode(server, {
        clientId: 'app',
        redirectUri: REDIRECT,
        scope,
        user,
        visitor,
      });
      return server.post(
        '/connect/token',
        redeemForm({ clientId: 'app', redirectUri: REDIRECT }, { code, verifier }),
      );
    };

    it('introspects a JWT like an opaque token', async () => {
      await server.addUser({ userName: 'ines', roles: ['developer'] });
      const { access_token: jwt } = await userTokens('ines', 'openid orders.read');
      const { iss, sub, aud, client_id, scope, role, token_type, active } = (await introspect(jwt)).body;
      assert.deepEqual(
        { iss, sub, aud, client_id, scope, role, token_type, active },
        {
          iss: server.issuer,
          sub: decodeJwt(String(jwt)).sub,
          aud: 'orders',
          client_id: 'app',
          scope: 'openid orders.read',
          role: ['developer'],
          token_type: 'Bearer',
          active: true,
        },
      );
      const own = await introspect(await clientToken('orders.read'));
      assert.deepEqual([own.body['active'], own.body['sub']], [true, 'machine']);
    });

    it('says the same of a token whichever way the resource server authenticates', async () => {
      await server.addUser({ userName: 'ida' });
      const tokens = [
        await clientToken('orders.read'),
        await clientToken('stock.read'),
        ...Object.values(await userTokens('ida', 'openid offline_access orders.read')),
        ...Object.values(await userTokens('ida', 'openid offline_access stock.read')),
        'of.no.body',
        'nobodys',
      ];
      for (const [clientId, secret] of Object.entries({ 'orders-api': orders, 'stock-api': stock, machine }))
        for (const token of tokens.map(String)) {
          const usual = await server.post('/connect/introspect', { token }, server.basic(clientId, secret));
          const other = await server.post('/connect/introspect', {
            token,
            client_id: clientId,
            client_secret: secret,
          });
          assert.deepEqual([usual.status, usual.body], [other.status, other.body]);
          assert.equal(usual.headers.get('cache-control'), 'no-store');
        }
    });

    it('leaves to the library what it asks for in another way, or wrongly', async () => {
      const token = await clientToken('orders.read');
      const ask = async (form: string, headers: Record<string, string> = {}): Promise<unknown[]> => {
        const { status, body } = await server.post('/connect/introspect', new URLSearchParams(form), {
          ...server.basic('orders-api', orders),
          ...headers,
        });
        return [status, body['error']];
      };
      assert.deepEqual(await ask(`token=${token}&token=${token}`), [400, 'invalid_request']);
      assert.deepEqual(await ask(`token=${token}&client_secret=${orders}`), [400, 'invalid_request']);
      assert.deepEqual(await ask(`token=${token}&client_id=other`), [400, 'invalid_request']);
      assert.deepEqual(await ask('token='), [400, 'invalid_request']);
      assert.deepEqual(await ask(`token=${token}`, { 'content-type': 'application/json' }), [
        400,
        'invalid_request',
      ]);
      assert.deepEqual(await ask(`token=${token}`, server.basic('orders-api', stock)), [
        401,
        'invalid_client',
      ]);
      assert.deepEqual(await ask(`token=${token}`, server.basic('nobody', stock)), [401, 'invalid_client']);
    });

    it('tells a resource server nothing about a token for another audience [SEC-17]', async () => {
      const [jwt, opaque] = [await clientToken('orders.read'), await clientToken('stock.read')];
      assert.deepEqual((await asStock(jwt)).body, DEAD);
      assert.deepEqual((await introspect(opaque)).body, DEAD);
      assert.equal((await introspect(jwt)).body['active'], true);
      assert.equal((await asStock(opaque)).body['active'], true);
    });

    for (const scope of ['orders.read', 'stock.read'])
      it(`signs the answer where the resource server asks for that (RFC 9701), about ${scope}`, async () => {
        const name = scope.split('.')[0] as string;
        const secret = await server.addClient(`${name}-signed`, {
          grantTypes: [GRANT_TYPES.clientCredentials],
          resources: [name],
          introspectionSignedResponseAlg: 'ES256',
        });
        const response = await fetch(`${server.issuer}/connect/introspect`, {
          method: 'POST',
          body: new URLSearchParams({ token: await clientToken(scope) }),
          headers: {
            ...server.basic(`${name}-signed`, secret),
            accept: 'application/token-introspection+jwt',
          },
        });
        assert.match(response.headers.get('content-type') ?? '', /^application\/token-introspection\+jwt/);
        const keys = createRemoteJWKSet(new URL(`${server.issuer}/.well-known/jwks.json`));
        const { payload } = await jwtVerify(await response.text(), keys, {
          issuer: server.issuer,
          audience: `${name}-signed`,
          typ: 'token-introspection+jwt',
          algorithms: ['ES256'],
        });
        const { active, client_id } = payload['token_introspection'] as Record<string, unknown>;
        assert.deepEqual([active, client_id], [true, 'machine']);
      });

    it('calls a changed, a foreign and an empty JWT inactive', async () => {
      const jwt = await clientToken('orders.read');
      const [header = '', payload = '', signature = ''] = jwt.split('.');
      const claims = decodeJwt(jwt);
      const richer = Buffer.from(JSON.stringify({ ...claims, scope: 'orders.write' })).toString('base64url');
      const none = Buffer.from(JSON.stringify({ alg: 'none', typ: 'at+jwt' })).toString('base64url');
      for (const wrong of [
        `${header}.${richer}.${signature}`,
        `${none}.${payload}.`,
        `${header}.!.${signature}`,
        `${header}..`,
      ])
        assert.deepEqual((await introspect(wrong)).body, DEAD);
    });

    it('revokes a JWT: introspection and userinfo refuse it from then on, and others go on', async () => {
      await server.addUser({ userName: 'rosa' });
      const first = await userTokens('rosa', 'openid orders.read offline_access');
      const second = await userTokens('rosa', 'openid orders.read');
      assert.equal(await userinfo(first['access_token']), 200);
      const { status, headers, body } = await server.post('/connect/revocation', {
        client_id: 'app',
        token: String(first['access_token']),
      });
      assert.deepEqual([status, headers.get('content-type'), body['text']], [200, null, '']);
      assert.deepEqual((await introspect(first['access_token'])).body, DEAD);
      assert.equal(await userinfo(first['access_token']), 401);
      assert.equal((await introspect(second['access_token'])).body['active'], true);
      assert.equal((await refresh(first['refresh_token'])).status, 200);
    });

    const byStranger = async (token: unknown): Promise<unknown[]> => {
      const form = { token: String(token) };
      const { status, body } = await server.post(
        '/connect/revocation',
        form,
        server.basic('machine', machine),
      );
      return [status, body['error'], body['error_description']];
    };
    const REFUSED = [
      400,
      'unauthorized_client',
      'the token was issued to another client, and only that client can revoke it',
    ];

    it('refuses a client that revokes another client’s token, and says so (RFC 7009, 2.1) [SEC-R11]', async () => {
      await server.addUser({ userName: 'sol' });
      const { access_token: jwt, refresh_token: refreshToken } = await userTokens(
        'sol',
        'openid orders.read offline_access',
      );
      const { access_token: opaque } = await userTokens('sol', 'openid stock.read');
      const ownOpaque = await clientToken('stock.read');
      for (const token of [jwt, opaque, refreshToken]) assert.deepEqual(await byStranger(token), REFUSED);
      const form = { client_id: 'app', token: ownOpaque };
      assert.equal((await server.post('/connect/revocation', form)).body['error'], 'unauthorized_client');
      assert.equal((await introspect(jwt)).body['active'], true);
      assert.equal((await asStock(opaque)).body['active'], true);
      assert.equal((await asStock(ownOpaque)).body['active'], true);
      assert.equal((await refresh(refreshToken)).status, 200);
    });

    it('answers 200 for a token that is unknown, or does not work any more, whoever asks [SEC-R11]', async () => {
      const gone = await clientToken('orders.read');
      await server.post('/connect/revocation', { token: gone }, server.basic('machine', machine));
      const form = { client_id: 'app', token: gone };
      assert.equal((await server.post('/connect/revocation', form)).status, 200);
      for (const token of ['nonsense', 'a.b.c', `${gone.slice(0, -4)}AAAA`])
        assert.deepEqual(await byStranger(token), [200, undefined, undefined]);
    });

    it('forgets a revoked JWT once what was issued for it has expired', async () => {
      const jwt = await clientToken('orders.read');
      const before = Date.now();
      await server.post('/connect/revocation', { token: jwt }, server.basic('machine', machine));
      const row = await server.context.store
        .knex('revocations')
        .where({ kind: 'token', id: decodeJwt(jwt).jti ?? '' })
        .first<{ expires_at: number }>('expires_at');
      const aDay = 86_400_000; // the longest life of a token; and once more, for nodes whose clocks are ahead
      assert.ok(row.expires_at >= before + 2 * aDay && row.expires_at <= Date.now() + 2 * aDay);
    });

    it('ends the JWTs of a family whose refresh token is used twice', async () => {
      await server.addUser({ userName: 'fay' });
      const first = await userTokens('fay', 'openid orders.read offline_access');
      const elsewhere = await userTokens('fay', 'openid orders.read offline_access');
      const { body: next } = await refresh(first['refresh_token']);
      assert.equal((await introspect(next['access_token'])).body['active'], true);
      assert.equal((await refresh(first['refresh_token'])).body['error'], 'invalid_grant');
      for (const dead of [first, next]) {
        assert.deepEqual((await introspect(dead['access_token'])).body, DEAD);
        assert.equal(await userinfo(dead['access_token']), 401);
      }
      assert.equal((await refresh(next['refresh_token'])).body['error'], 'invalid_grant');
      assert.equal((await introspect(elsewhere['access_token'])).body['active'], true);
    });

    it('ends the JWTs of a revoked refresh token', async () => {
      await server.addUser({ userName: 'remy' });
      const tokens = await userTokens('remy', 'openid orders.read offline_access');
      await server.post('/connect/revocation', { client_id: 'app', token: String(tokens['refresh_token']) });
      assert.deepEqual((await introspect(tokens['access_token'])).body, DEAD);
    });

    it('ends a user’s tokens and sessions with the password, and not what comes after [SEC-21]', async () => {
      await server.addUser({ userName: 'paul' });
      const visitor = new Visitor(server.issuer);
      const { body: web } = await redeem(visitor, 'paul', 'openid stock.read offline_access');
      const before = await userTokens('paul', 'openid orders.read offline_access');
      const hash = await server.context.passwords.hash(PASSWORD);
      await server.change((db) => setPassword(db, 'paul', hash));
      assert.deepEqual((await introspect(before['access_token'])).body, DEAD);
      assert.deepEqual((await asStock(web['access_token'])).body, DEAD);
      for (const { refresh_token } of [before, web])
        assert.equal((await refresh(refresh_token)).body['error'], 'invalid_grant');
      const page = await visitor.go(
        `/connect/authorize?client_id=app&response_type=code&scope=openid&redirect_uri=${encodeURIComponent(REDIRECT)}` +
          `&code_challenge=${'a'.repeat(43)}&code_challenge_method=S256`,
      );
      assert.ok(page.html.includes('/sign-in?'), 'the session is gone');
      const after = await userTokens('paul', 'openid orders.read');
      assert.equal((await introspect(after['access_token'])).body['active'], true);
    });

    it('does not wake a disabled user’s tokens when the user is enabled again', async () => {
      await server.addUser({ userName: 'dana' });
      const { access_token: jwt } = await userTokens('dana', 'openid orders.read');
      const { access_token: opaque } = await userTokens('dana', 'openid stock.read');
      for (const enabled of [false, true]) {
        await server.change((db) => setUserEnabled(db, 'dana', enabled));
        assert.deepEqual((await introspect(jwt)).body, DEAD);
        assert.deepEqual((await asStock(opaque)).body, DEAD);
      }
    });

    it('does not wake a disabled client’s tokens when the client is enabled again [SEC-21]', async () => {
      const [jwt, opaque] = [await clientToken('orders.read'), await clientToken('stock.read')];
      for (const enabled of [false, true]) {
        await server.change((db) => setClientEnabled(db, 'machine', enabled));
        assert.deepEqual((await introspect(jwt)).body, DEAD);
        assert.deepEqual((await asStock(opaque)).body, DEAD);
      }
      assert.equal((await introspect(await clientToken('orders.read'))).body['active'], true);
    });

    it('does not wake a disabled tenant’s tokens when the tenant is enabled again', async () => {
      const tenant = await server.addTenant('shut', `shut.localhost:${server.port}`);
      const secret = await server.addClient(
        'job',
        { grantTypes: [GRANT_TYPES.clientCredentials], scopes: ['isms.user.get'] },
        tenant,
      );
      const at = async (path: string, form: Record<string, string>): Promise<Record<string, unknown>> =>
        JSON.parse(
          (await send(new URL(path, tenant.issuer), { form, headers: server.basic('job', secret) })).text,
        ) as Record<string, unknown>;
      const { access_token } = await at('/connect/token', { grant_type: 'client_credentials' });
      const token = String(access_token);
      assert.equal((await at('/connect/introspect', { token }))['active'], true);
      for (const enabled of [false, true])
        await server.context.store.transaction((trx) => setTenantEnabled(trx, 'shut', enabled));
      await server.refresh();
      assert.deepEqual(await at('/connect/introspect', { token }), DEAD);
    });

    it('ends the JWTs of a session with the session, but not those that outlive it', async () => {
      await server.addUser({ userName: 'otto' });
      const visitor = new Visitor(server.issuer);
      const { body: bound } = await redeem(visitor, 'otto', 'openid orders.read');
      const { body: free } = await redeem(visitor, 'otto', 'openid orders.read offline_access');
      const signOut = await visitor.go('/connect/endsession');
      await visitor.submit(signOut, '/endsession/confirm', { logout: 'yes' });
      assert.deepEqual((await introspect(bound['access_token'])).body, DEAD);
      assert.equal((await introspect(free['access_token'])).body['active'], true);
    });

    it('ends JWTs on another node of the same store at once', async () => {
      const other = await server.addNode();
      const jwt = await clientToken('orders.read');
      const there = async (): Promise<unknown> => {
        const form = { token: jwt };
        const url = new URL('/connect/introspect', `http://127.0.0.1:${other.port}`);
        const headers = { ...server.basic('orders-api', orders), host: new URL(server.issuer).host };
        return (JSON.parse((await send(url, { form, headers })).text) as { active: boolean }).active;
      };
      assert.equal(await there(), true);
      await server.post('/connect/revocation', { token: jwt }, server.basic('machine', machine));
      assert.equal(await there(), false);
      await other.stop();
    });
  });
