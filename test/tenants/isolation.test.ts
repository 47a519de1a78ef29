import assert from 'node:assert/strict';
import { GRANT_TYPES } from '../../src/clients/index.js';
import { setTenantEnabled, type Tenant } from '../../src/tenants/index.js';
import { STORES } from '../support/config.js';
import { bodyOf, send } from '../support/http.js';
import { PASSWORD, startServer, type TestServer } from '../support/server.js';
import { authorizePath, obtainCode, Visitor } from '../support/visitor.js';

const REDIRECT = 'https://app.example.com/callback';

interface Answer {
  status: number;
  body: Record<string, unknown>;
}

/** Asks the server in the name of a host. */
async function ask(
  server: TestServer,
  host: string,
  path: string,
  form?: Record<string, string>,
  headers: Record<string, string> = {},
): Promise<Answer> {
  const url = new URL(path, `http://127.0.0.1:${server.port}`);
  const heard = await send(url, { ...(form && { form }), headers: { ...headers, host } });
  return { status: heard.status, body: bodyOf(heard) };
}

for (const kind of STORES)
  describe(`tenants, on ${kind}`, () => {
    let server: TestServer;
    let blue: Tenant;
    let green: Tenant;
    const secrets: Record<string, string> = {};

    before(async () => {
      server = await startServer(kind);
      blue = await server.addTenant('blue', `blue.localhost:${server.port}`);
      green = await server.addTenant('green', `green.localhost:${server.port}`);
      for (const tenant of [blue, green]) {
        await server.addUser({ userName: 'alice', email: 'alice@example.com' }, tenant);
        secrets[tenant.name] = await server.addClient(
          'app',
          {
            grantTypes: [
              GRANT_TYPES.code,
              GRANT_TYPES.refresh,
              GRANT_TYPES.password,
              GRANT_TYPES.clientCredentials,
            ],
            redirectUris: [REDIRECT],
            scopes: ['openid', 'email', 'offline_access', 'isms.user.get'],
          },
          tenant,
        );
      }
      await server.addUser({ userName: 'blue-person' }, blue);
      await server.addClient(
        'only-blue',
        { grantTypes: [GRANT_TYPES.clientCredentials], scopes: ['isms.user.get'] },
        blue,
      );
    });

    after(() => server.stop());

    const hostOf = (tenant: Tenant): string => tenant.hosts[0] as string;
    const token = (tenant: Tenant, form: Record<string, string>, secretOf = tenant): Promise<Answer> =>
      ask(
        server,
        hostOf(tenant),
        '/connect/token',
        form,
        server.basic('app', secrets[secretOf.name] as string),
      );
    const password = (tenant: Tenant, scope: string, username = 'alice'): Promise<Answer> =>
      token(tenant, { grant_type: 'password', username, password: PASSWORD, scope });

    it('are issuers of their own, at their own addresses, with their own keys', async () => {
      const documents = await Promise.all(
        [blue, green, server.home.tenant].map((tenant) =>
          ask(server, hostOf(tenant), '/.well-known/openid-configuration'),
        ),
      );
      assert.deepEqual(
        documents.map(({ body }) => body['issuer']),
        [blue.issuer, green.issuer, server.issuer],
      );
      assert.equal(documents[0]?.body['token_endpoint'], `${blue.issuer}/connect/token`);
      const kids = await Promise.all(
        [blue, green].map(async (tenant) =>
          JSON.stringify((await ask(server, hostOf(tenant), '/.well-known/jwks.json')).body),
        ),
      );
      assert.notEqual(kids[0], kids[1]);
    });

    it('answer nothing at a host that is nobody’s, on any path that says something of a tenant [SEC-31]', async () => {
      for (const path of [
        '/',
        '/connect/token',
        '/.well-known/openid-configuration',
        '/assets/pages.css',
        '/demo',
        '/interaction/x',
      ])
        assert.equal((await ask(server, 'evil.example', path)).status, 404, path);
    });

    it('have no part in health, which is told at any host, a disabled tenant’s as well', async () => {
      const off = await server.addTenant('off', 'off.example.com');
      await server.context.store
        .knex('tenants')
        .where({ id: off.id })
        .update({ enabled: false, version: Date.now() + 1 });
      await server.refresh();
      for (const host of ['10.1.2.3:3000', '[fd00::1]:3000', 'evil.example', 'off.example.com'])
        for (const path of ['/livez', '/readyz']) {
          const { status, body } = await ask(server, host, path);
          assert.deepEqual([status, body], [200, { status: 'ok' }], `${host}${path}`);
        }
    });

    it('do not believe a forwarded host from a stranger [SEC-31]', async () => {
      const { body } = await ask(server, hostOf(blue), '/.well-known/openid-configuration', undefined, {
        'x-forwarded-host': hostOf(green),
        'x-forwarded-proto': 'https',
      });
      assert.equal(body['issuer'], blue.issuer);
      assert.equal(body['token_endpoint'], `${blue.issuer}/connect/token`);
    });

    it('do not share clients, secrets or users', async () => {
      assert.equal(
        (await token(blue, { grant_type: 'client_credentials', scope: 'isms.user.get' })).status,
        200,
      );
      assert.equal(
        (await token(green, { grant_type: 'client_credentials', scope: 'isms.user.get' }, blue)).body[
          'error'
        ],
        'invalid_client',
      );
      const foreign = await ask(
        server,
        hostOf(green),
        '/connect/token',
        { grant_type: 'client_credentials' },
        server.basic('only-blue', 'x'),
      );
      assert.equal(foreign.body['error'], 'invalid_client');
      assert.equal((await password(blue, 'openid', 'blue-person')).status, 200);
      assert.equal((await password(green, 'openid', 'blue-person')).body['error'], 'invalid_grant');
    });

    it('do not take each other’s access tokens, opaque or JWT', async () => {
      const userinfo = (tenant: Tenant, bearer: unknown): Promise<Answer> =>
        ask(server, hostOf(tenant), '/connect/userinfo', undefined, {
          authorization: `Bearer ${String(bearer)}`,
        });
      for (const scope of ['openid', 'openid isms.user.get']) {
        const { body } = await password(blue, scope);
        assert.equal((await userinfo(blue, body['access_token'])).status, 200);
        assert.equal((await userinfo(green, body['access_token'])).status, 401);
      }
    });

    it('do not introspect or revoke each other’s tokens', async () => {
      const { body } = await password(blue, 'openid');
      const form = { token: String(body['access_token']) };
      const at = (tenant: Tenant, path: string): Promise<Answer> =>
        ask(server, hostOf(tenant), path, form, server.basic('app', secrets[tenant.name] as string));
      assert.deepEqual((await at(green, '/connect/introspect')).body, { active: false });
      await at(green, '/connect/revocation');
      assert.equal((await at(blue, '/connect/introspect')).body['active'], true);
    });

    it('do not take each other’s refresh tokens', async () => {
      const { body } = await password(blue, 'openid offline_access');
      const form = { grant_type: 'refresh_token', refresh_token: String(body['refresh_token']) };
      assert.equal((await token(green, form)).body['error'], 'invalid_grant');
      assert.equal((await token(blue, form)).status, 200);
    });

    it('do not take each other’s codes', async () => {
      const { code, verifier } = await obtainCode(blue, { clientId: 'app', redirectUri: REDIRECT });
      const form = {
        grant_type: 'authorization_code',
        code,
        code_verifier: verifier,
        redirect_uri: REDIRECT,
      };
      assert.equal((await token(green, form)).body['error'], 'invalid_grant');
      assert.equal((await token(blue, form)).status, 200);
    });

    it('do not know each other’s sessions, even when a cookie is carried over', async () => {
      const { visitor } = await obtainCode(blue, { clientId: 'app', redirectUri: REDIRECT });
      const cookies = visitor
        .cookies()
        .map((name) => `${name}=${visitor.cookie(name) ?? ''}`)
        .join('; ');
      const path = authorizePath({ client_id: 'app', redirect_uri: REDIRECT, prompt: 'none' });
      const silent = async (tenant: Tenant): Promise<URL> => {
        const response = await new Visitor(tenant.issuer).request(new URL(path, tenant.issuer), {
          headers: { cookie: cookies },
        });
        return new URL(response.headers.get('location') as string);
      };
      assert.equal((await silent(green)).searchParams.get('error'), 'login_required');
      assert.ok((await silent(blue)).searchParams.get('code'));
    });

    it('answer 403 to everything once disabled, and work again once enabled', async () => {
      await server.context.store.transaction((trx) => setTenantEnabled(trx, 'green', false));
      await server.refresh();
      for (const path of ['/.well-known/openid-configuration', '/connect/token', '/'])
        assert.equal((await ask(server, hostOf(green), path)).status, 403);
      assert.equal((await ask(server, hostOf(blue), '/')).status, 200);
      await server.context.store.transaction((trx) => setTenantEnabled(trx, 'green', true));
      await server.refresh();
      assert.equal((await password(green, 'openid')).status, 200);
    });
  });
