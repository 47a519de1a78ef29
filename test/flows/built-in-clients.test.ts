import assert from 'node:assert/strict';
import { up } from '../../migrations/0029_demo_client.js';
import { BUILT_IN_CLIENT_IDS, DEMO_CLIENT_ID, DOCS_CLIENT_ID, GRANT_TYPES } from '../../src/clients/index.js';
import { ROUTES } from '../../src/oidc/index.js';
import { ADMIN_PASSWORD, environment, STORES } from '../support/config.js';
import { send } from '../support/http.js';
import { call, clientToken } from '../support/management.js';
import { cli } from '../support/process.js';
import { startServer, type TestServer } from '../support/server.js';
import { authorizePath, obtainCode, redeemForm, Visitor, type Page } from '../support/visitor.js';

/** Every endpoint that a client names itself at, with what would work there for one that exists. */
const ENDPOINTS: Record<string, Record<string, string>> = {
  [ROUTES.token]: { grant_type: 'refresh_token', refresh_token: 'x' },
  [ROUTES.device_authorization]: { scope: 'openid' },
  [ROUTES.introspection]: { token: 'x' },
  [ROUTES.revocation]: { token: 'x' },
  [ROUTES.pushed_authorization_request]: { response_type: 'code', scope: 'openid' },
};

/** What the client gets where it names itself, by path: the error of the answer. */
async function errorsOf(server: TestServer, clientId: string): Promise<Record<string, unknown>> {
  const errors: Record<string, unknown> = {};
  for (const [path, form] of Object.entries(ENDPOINTS))
    errors[path] = (await server.post(path, { client_id: clientId, ...form })).body['error'];
  return errors;
}

const NOWHERE = Object.fromEntries(Object.keys(ENDPOINTS).map((path) => [path, 'invalid_client']));

const authorizeAs = (
  server: TestServer,
  clientId: string,
  callback: string,
  scope = 'openid',
): Promise<Page> =>
  new Visitor(server.issuer).go(
    authorizePath({ client_id: clientId, redirect_uri: server.issuer + callback, scope }),
  );

for (const kind of STORES) {
  describe(`the demo’s client, on ${kind}`, () => {
    let env: Record<string, string>;
    const startWith = (demo: boolean): Promise<TestServer> => startServer(kind, env, { demo });
    beforeEach(async () => {
      env = await environment(kind, {}, 'started');
    });

    it('is there for no endpoint where the configuration has no demo, nor is what it got before [SEC-R16]', async () => {
      const open = await startWith(true);
      const demo = { clientId: DEMO_CLIENT_ID, redirectUri: `${open.issuer}/demo/callback` };
      const signedIn = await obtainCode(open, {
        ...demo,
        user: 'admin',
        password: ADMIN_PASSWORD,
        scope: 'openid offline_access isms.user.get',
      });
      const { body } = await open.post('/connect/token', redeemForm(demo, signedIn));
      const listed = (server: TestServer): Promise<number> =>
        call(server, { path: '/api/User', token: String(body['access_token']) }).then(({ status }) => status);
      assert.equal(await listed(open), 200);
      await open.stop();
      const shut = await startWith(false);
      assert.deepEqual(await errorsOf(shut, DEMO_CLIENT_ID), NOWHERE);
      const page = await authorizeAs(shut, DEMO_CLIENT_ID, '/demo/callback');
      assert.deepEqual([page.status, page.url.origin], [400, shut.issuer]);
      const refresh = {
        client_id: DEMO_CLIENT_ID,
        grant_type: 'refresh_token',
        refresh_token: String(body['refresh_token']),
      };
      assert.equal((await shut.post('/connect/token', refresh)).body['error'], 'invalid_client');
      assert.equal(await listed(shut), 401);
      await shut.stop();
    });

    it('goes from a store in which an earlier program kept it, with its tokens [SEC-R16]', async () => {
      const server = await startWith(false);
      await server.addClient('demo', {
        grantTypes: [GRANT_TYPES.code, GRANT_TYPES.refresh, GRANT_TYPES.device],
        redirectUris: [
          'http://localhost:3000/demo/callback',
          'http://localhost:3000/docs/oauth2-redirect.html',
        ],
        scopes: ['openid', 'isms.all'],
        tokenEndpointAuthMethod: 'none',
      });
      const device = { client_id: 'demo', scope: 'openid' };
      assert.equal((await server.post('/connect/deviceauthorization', device)).status, 200);
      const { knex } = server.context.store;
      await up(knex);
      await server.change(async () => undefined);
      assert.deepEqual(await knex('clients').where({ client_id: 'demo' }), []);
      assert.deepEqual(await knex('oidc_artifacts').where({ client_id: 'demo' }), []);
      assert.deepEqual(await errorsOf(server, 'demo'), NOWHERE);
      await server.stop();
    });

    it('takes no client of yours with it that is called demo', async () => {
      const server = await startWith(false);
      await server.addClient('demo', {
        grantTypes: [GRANT_TYPES.code],
        redirectUris: ['https://demo.example.com/callback'],
        scopes: ['openid'],
        tokenEndpointAuthMethod: 'none',
      });
      await up(server.context.store.knex);
      assert.equal((await server.context.store.knex('clients').where({ client_id: 'demo' })).length, 1);
      await server.stop();
    });

    it('gets what the demo shows and nothing more [SEC-R16]', async () => {
      const server = await startWith(true);
      for (const scope of ['isms.all', 'isms.user.all', 'permission', 'openid isms.role.get']) {
        const { url } = await authorizeAs(server, DEMO_CLIENT_ID, '/demo/callback', scope);
        assert.equal(url.searchParams.get('error'), 'invalid_scope', scope);
      }
      const device = { client_id: DEMO_CLIENT_ID, scope: 'openid' };
      assert.notEqual((await server.post(ROUTES.device_authorization, device)).status, 200);
      for (const grant of [GRANT_TYPES.password, GRANT_TYPES.device, GRANT_TYPES.clientCredentials]) {
        const form = {
          client_id: DEMO_CLIENT_ID,
          grant_type: grant,
          username: 'admin',
          password: ADMIN_PASSWORD,
        };
        assert.equal((await server.post('/connect/token', form)).body['error'], 'unauthorized_client', grant);
      }
      await server.stop();
    });

    it('comes back to the issuer that the server has now, and to that of its tenant [SEC-R16]', async () => {
      const first = await startWith(true);
      await first.stop();
      const issuer = `http://id.localhost:${env['PORT']}`;
      const server = await startServer(kind, { ...env, GATEHOUSE_ISSUER: issuer }, { demo: true });
      const tenant = await server.addTenant('Shop', `shop.localhost:${env['PORT']}`);
      const lands = async (at: string, redirect: string): Promise<boolean> =>
        (
          await new Visitor(at).go(
            authorizePath({ client_id: DEMO_CLIENT_ID, redirect_uri: redirect, scope: 'openid' }),
          )
        ).html.includes('/sign-in?');
      for (const at of [issuer, tenant.issuer]) {
        assert.equal(await lands(at, `${at}/demo/callback`), true, at);
        assert.equal(await lands(at, `${first.issuer}/demo/callback`), false, at);
      }
      await server.stop();
    });
  });

  describe(`the client of /docs, on ${kind}`, () => {
    let server: TestServer;
    let docs: { clientId: string; redirectUri: string };
    before(async () => {
      server = await startServer(kind, {}, { demo: false });
      docs = { clientId: DOCS_CLIENT_ID, redirectUri: `${server.issuer}/docs/oauth2-redirect.html` };
      await server.addUser({ userName: 'ada', roles: ['administrator'] });
    });
    after(() => server.stop());

    const ask = (visitor: Visitor, scope: string, more: Record<string, string> = {}): Promise<Page> =>
      visitor.go(authorizePath({ client_id: docs.clientId, redirect_uri: docs.redirectUri, scope, ...more }));

    it('is there without the demo, in every tenant, and the page uses it', async () => {
      const start = await send(new URL('/docs/start.js', server.issuer));
      assert.match(start.text, /clientId: 'gatehouse-docs'/);
      assert.doesNotMatch(start.text, /isms/);
      const tenant = await server.addTenant('Docs', `docs.localhost:${server.port}`);
      const page = await new Visitor(tenant.issuer).go(
        authorizePath({
          client_id: docs.clientId,
          redirect_uri: `${tenant.issuer}/docs/oauth2-redirect.html`,
          scope: 'isms.user.get',
        }),
      );
      assert.match(page.html, /to continue to API documentation/);
    });

    it('gets the scopes that were chosen, and none beside [SEC-R16]', async () => {
      const signedIn = await obtainCode(server, { ...docs, user: 'ada', scope: 'isms.role.get' });
      const { body } = await server.post('/connect/token', redeemForm(docs, signedIn));
      assert.deepEqual([body['scope'], body['refresh_token']], ['isms.role.get', undefined]);
      const token = String(body['access_token']);
      assert.equal((await call(server, { path: '/api/Role', token })).status, 200);
      assert.equal((await call(server, { path: '/api/User', token })).status, 403);
    });

    it('gets nothing where nothing was chosen, and hears what to do before anybody signs in', async () => {
      const { url } = await ask(new Visitor(server.issuer), '');
      assert.equal(url.origin + url.pathname, docs.redirectUri);
      assert.deepEqual(
        ['error', 'error_description', 'code'].map((name) => url.searchParams.get(name)),
        ['invalid_scope', 'tick at least one scope', null],
      );
    });

    it('shows its consent page each time, and remembers none [SEC-R16]', async () => {
      const { visitor } = await obtainCode(server, { ...docs, user: 'ada', scope: 'isms.all' });
      const silent = await ask(visitor, 'isms.all', { prompt: 'none' });
      assert.equal(silent.url.searchParams.get('error'), 'consent_required');
      const again = await ask(visitor, 'isms.user.get');
      assert.match(again.html, /Allow API documentation\?/);
      assert.match(again.html, /isms\.user\.get/);
      assert.doesNotMatch(again.html, /isms\.all/);
      assert.ok((await visitor.submit(again, '/consent')).url.searchParams.get('code'));
    });

    it('has no other grant than code', async () => {
      for (const grant of Object.values(GRANT_TYPES).filter((each) => each !== GRANT_TYPES.code)) {
        const form = { client_id: docs.clientId, grant_type: grant };
        assert.equal((await server.post('/connect/token', form)).body['error'], 'unauthorized_client', grant);
      }
    });
  });

  describe(`the ids of the server’s own clients, on ${kind}`, () => {
    it('can not be taken, over REST, at the command line or by a change [SEC-R16]', async () => {
      const env = await environment(kind, {}, 'started');
      const server = await startServer(kind, env);
      const token = await clientToken(server, ['isms.all']);
      for (const clientId of BUILT_IN_CLIENT_IDS) {
        const json = { clientId, template: 'single-page', redirectUris: ['https://evil.example/callback'] };
        const made = await call(server, { method: 'POST', path: '/api/Client', token, json });
        assert.equal(made.status, 422, clientId);
        assert.match(String(made.body['message']), /an application of the server itself; choose another id/);
        const taken = await cli(['client', 'create', clientId, '--grant', 'clientCredentials'], env);
        assert.notEqual(taken.code, 0);
        assert.match(taken.stderr, /choose another id/);
      }
      await server.stop();
    });

    it('are never found in the store, and doctor names a row that has one [SEC-R16]', async () => {
      const env = await environment(kind, {}, 'started');
      const server = await startServer(kind, env, { demo: false });
      await server.addClient('mine', {
        grantTypes: [GRANT_TYPES.code, GRANT_TYPES.device],
        redirectUris: ['https://evil.example/callback'],
        scopes: ['openid', 'isms.all'],
        tokenEndpointAuthMethod: 'none',
      });
      const { knex } = server.context.store;
      for (const id of [DOCS_CLIENT_ID, DEMO_CLIENT_ID]) {
        const row = (await knex('clients').where({ client_id: 'mine' }).first()) as object;
        await knex('clients').insert({ ...row, id: `row of ${id}`, client_id: id });
        const page = await new Visitor(server.issuer).go(
          authorizePath({ client_id: id, redirect_uri: 'https://evil.example/callback' }),
        );
        assert.deepEqual([page.status, page.url.origin], [400, server.issuer]);
        assert.notEqual((await server.post(ROUTES.device_authorization, { client_id: id })).status, 200);
      }
      const { stdout, code } = await cli(['doctor', '--json'], env);
      const { checks } = JSON.parse(stdout) as { checks: { check: string; ok: boolean; detail: string }[] };
      const found = checks.find(({ check }) => check === 'client ids');
      assert.deepEqual([code, found?.ok], [1, false]);
      assert.match(String(found?.detail), /"gatehouse-demo" of Gatehouse, "gatehouse-docs" of Gatehouse/);
      await server.stop();
    });
  });
}
