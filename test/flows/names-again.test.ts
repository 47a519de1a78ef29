import assert from 'node:assert/strict';
import { GRANT_TYPES } from '../../src/clients/index.js';
import { administrator, type Caller, type Data } from '../support/area.js';
import { STORES } from '../support/config.js';
import { startServer, type TestServer } from '../support/server.js';
import { authorizePath, obtainCode, pkce, redeemForm } from '../support/visitor.js';

const REDIRECT = 'https://app.example.com/callback';

for (const kind of STORES)
  describe(`a name that another thing gets, on ${kind}`, () => {
    let server: TestServer;
    let admin: Caller;
    let names = 0;
    let client: Data;

    before(async () => {
      server = await startServer(kind, {}, { limits: { enabled: false } });
      admin = await administrator(server);
      await server.addUser({ userName: 'alice' });
    });
    beforeEach(async () => {
      client = await admin.done('POST', '/api/Client', {
        clientName: 'App',
        grantTypes: [GRANT_TYPES.code, GRANT_TYPES.refresh],
        redirectUris: [REDIRECT],
        tokenEndpointAuthMethod: 'none',
      });
    });
    after(() => server.stop());

    /** Signs alice in with these scopes, deletes what they are of and makes it again; then the client may ask again. */
    async function madeAgain(path: string, thing: Data, scopes: string[]): Promise<{ visitor: Visit }> {
      const { id } = await admin.done('POST', path, thing);
      await admin.done('PUT', '/api/Client', { id: client['id'], scopes });
      const visit = await obtainCode(server, {
        clientId: client['clientId'] as string,
        redirectUri: REDIRECT,
        scope: scopes.join(' '),
      });
      await admin.done('DELETE', `${path}/${id}?cascade=true`);
      await admin.done('POST', path, thing);
      await admin.done('PUT', '/api/Client', { id: client['id'], scopes });
      return { visitor: visit };
    }
    type Visit = Awaited<ReturnType<typeof obtainCode>>;

    const silently = async ({ visitor }: Visit, scope: string): Promise<string | null> => {
      const more = { prompt: 'none', code_challenge: pkce().challenge };
      const of = { client_id: client['clientId'] as string, redirect_uri: REDIRECT, scope };
      return (await visitor.go(authorizePath({ ...of, ...more }))).url.searchParams.get('error');
    };

    it('is asked for again where it is an API’s, although people allowed the API before [SEC-R4]', async () => {
      const name = `bill-${++names}`;
      const thing = { name, scopes: [{ name: 'read' }] };
      const { visitor } = await madeAgain('/api/ApiResource', thing, ['openid', `${name}.read`]);
      assert.equal(await silently(visitor, `openid ${name}.read`), 'consent_required');
      assert.equal(await silently(visitor, 'openid'), null);
    });

    it('is asked for again where it is a scope about a person', async () => {
      const name = `level-${++names}`;
      const { visitor } = await madeAgain('/api/IdentityResource', { name }, ['openid', name]);
      assert.equal(await silently(visitor, `openid ${name}`), 'consent_required');
      assert.equal(await silently(visitor, 'openid'), null);
    });

    it('is in no token that comes from a refresh token of before [SEC-R4]', async () => {
      const name = `bill-${++names}`;
      const scopes = ['openid', 'offline_access', `${name}.read`];
      const { id } = await admin.done('POST', '/api/ApiResource', { name, scopes: [{ name: 'read' }] });
      await admin.done('PUT', '/api/Client', { id: client['id'], scopes });
      const of = { clientId: client['clientId'] as string, redirectUri: REDIRECT };
      const visit = await obtainCode(server, {
        ...of,
        scope: scopes.join(' '),
        more: { prompt: 'consent' },
      });
      const { body } = await server.post('/connect/token', redeemForm(of, visit));
      assert.match(String(body['scope']), new RegExp(`${name}\\.read`));
      await admin.done('DELETE', `/api/ApiResource/${id}?cascade=true`);
      await admin.done('POST', '/api/ApiResource', { name, scopes: [{ name: 'read' }] });
      await admin.done('PUT', '/api/Client', { id: client['id'], scopes });
      const again = await server.post('/connect/token', {
        grant_type: 'refresh_token',
        client_id: of.clientId,
        refresh_token: String(body['refresh_token']),
      });
      assert.doesNotMatch(
        String(again.body['scope']),
        new RegExp(`${name}\\.read`),
        JSON.stringify(again.body),
      );
    });
  });
