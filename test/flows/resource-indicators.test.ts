import assert from 'node:assert/strict';
import { decodeJwt } from 'jose';
import { findClient, GRANT_TYPES, updateClientSettings } from '../../src/clients/index.js';
import { STORES } from '../support/config.js';
import { PASSWORD, startServer, type TestServer } from '../support/server.js';
import { authorizePath, obtainCode, pkce, redeemForm, Visitor } from '../support/visitor.js';

const CALLBACK = 'https://app.example.com/callback';
const ORDERS = 'urn:resource:orders';
const STOCK = 'urn:resource:stock';
const REFUSED = 'the client has no scope of the API "stock": give it one, or name the API in its resources';

for (const kind of STORES)
  describe(`an API that is named by resource (RFC 8707), on ${kind}`, () => {
    let server: TestServer;
    let secret: string;
    before(async () => {
      server = await startServer(kind);
      await server.addApi('orders', ['orders.read']);
      await server.addApi('stock', ['stock.read']);
      await server.addApi('bare', []);
      await server.addUser({ userName: 'alice' });
      secret = await server.addClient('app', {
        grantTypes: [
          GRANT_TYPES.code,
          GRANT_TYPES.refresh,
          GRANT_TYPES.clientCredentials,
          GRANT_TYPES.device,
          GRANT_TYPES.password,
        ],
        redirectUris: [CALLBACK],
        scopes: ['openid', 'offline_access', 'orders.read'],
      });
    });
    after(() => server.stop());

    const post = async (path: string, form: Record<string, string>) => {
      const { status, body } = await server.post(path, form, server.basic('app', secret));
      return { status, error: body['error'], why: body['error_description'], token: body['access_token'] };
    };
    const audience = (token: unknown): unknown => decodeJwt(String(token)).aud;
    const CODE = {
      client_id: 'app',
      response_type: 'code',
      redirect_uri: CALLBACK,
      scope: 'openid',
      code_challenge: pkce().challenge,
      code_challenge_method: 'S256',
    };

    for (const [name, path, form] of [
      ['client credentials', '/connect/token', { grant_type: GRANT_TYPES.clientCredentials }],
      [
        'a password',
        '/connect/token',
        { grant_type: GRANT_TYPES.password, username: 'alice', password: PASSWORD, scope: 'openid' },
      ],
      ['a device code', '/connect/deviceauthorization', { scope: 'openid' }],
      ['a pushed authorization request', '/connect/par', CODE],
    ] as const)
      it(`is refused for ${name} where the client has no scope of it [SEC-R6]`, async () => {
        const { status, error, why } = await post(path, { ...form, resource: STOCK });
        assert.deepEqual([status, error, why], [400, 'invalid_target', REFUSED]);
        assert.ok((await post(path, { ...form, resource: ORDERS })).status < 300);
      });

    it('is refused at the authorization endpoint, before anybody signs in [SEC-R6]', async () => {
      const { url } = await new Visitor(server.issuer).go(
        authorizePath({ client_id: 'app', redirect_uri: CALLBACK, scope: 'openid', resource: STOCK }),
      );
      const { origin, searchParams } = url;
      assert.deepEqual(
        [origin, searchParams.get('error'), searchParams.get('error_description')],
        ['https://app.example.com', 'invalid_target', REFUSED],
      );
    });

    it('is given by one of its scopes alone', async () => {
      const { status, token } = await post('/connect/token', {
        grant_type: GRANT_TYPES.clientCredentials,
        resource: ORDERS,
      });
      assert.deepEqual([status, audience(token)], [200, 'orders']);
    });

    it('is given without a scope to the client that serves it', async () => {
      const serves = await server.addClient('serves', {
        grantTypes: [GRANT_TYPES.clientCredentials],
        scopes: [],
        resources: ['bare'],
      });
      const { status, body } = await server.post(
        '/connect/token',
        { grant_type: GRANT_TYPES.clientCredentials, resource: 'urn:resource:bare' },
        server.basic('serves', serves),
      );
      assert.deepEqual([status, audience(body['access_token'])], [200, 'bare']);
    });

    it('ends for a refresh token with the client’s last scope of it', async () => {
      const parts = { clientId: 'app', redirectUri: CALLBACK, scope: 'openid offline_access orders.read' };
      const code = await obtainCode(server, { ...parts, user: 'alice' });
      const first = await server.post('/connect/token', redeemForm(parts, code), server.basic('app', secret));
      const again = (refresh: unknown) =>
        server.post(
          '/connect/token',
          { grant_type: 'refresh_token', refresh_token: String(refresh) },
          server.basic('app', secret),
        );
      const second = await again(first.body['refresh_token']);
      assert.equal(audience(second.body['access_token']), 'orders');
      await server.change(async (db) => {
        const { settings } = await findClient(db, 'app');
        await updateClientSettings(db, 'app', { ...settings, scopes: ['openid', 'offline_access'] });
      });
      const third = await again(second.body['refresh_token']);
      assert.deepEqual([third.status, third.body['error']], [400, 'invalid_target']);
    });
  });
