import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { exportJWK, generateKeyPair, SignJWT, type JWK } from 'jose';
import { GRANT_TYPES } from '../../src/clients/index.js';
import { send } from '../support/http.js';
import { PASSWORD, startServer, type TestServer } from '../support/server.js';
import { authorizePath, Visitor } from '../support/visitor.js';

const APP = 'https://app.example.com/callback';

describe('what a reviewer tries', () => {
  let server: TestServer;
  let secret: string;

  before(async () => {
    server = await startServer('sqlite');
    await server.addClient('app', {
      grantTypes: [GRANT_TYPES.code],
      redirectUris: [APP],
      scopes: ['openid', 'profile', 'isms.user.get'],
      tokenEndpointAuthMethod: 'none',
    });
    await server.addClient('native', {
      applicationType: 'native',
      grantTypes: [GRANT_TYPES.code],
      redirectUris: ['http://127.0.0.1/callback'],
      scopes: ['openid'],
      tokenEndpointAuthMethod: 'none',
    });
    await server.addApi('orders', ['orders.read']);
    secret = await server.addClient('machine', {
      grantTypes: [GRANT_TYPES.clientCredentials],
      scopes: ['orders.read'],
      resources: ['orders'],
    });
    await server.addUser({ userName: 'alice' });
  });
  after(() => server.stop());

  it('answers a posted sign-in with 303, so that no password is posted on [SEC-7]', async () => {
    const visitor = new Visitor(server.issuer);
    const page = await visitor.go(authorizePath({ client_id: 'app', redirect_uri: APP }));
    const action = (/<form method="post" action="([^"]*sign-in[^"]*)"/.exec(page.html)?.[1] ?? '').replaceAll(
      '&amp;',
      '&',
    );
    const csrf = /name="csrf" value="([^"]*)"/.exec(page.html)?.[1] ?? '';
    const { status } = await visitor.request(new URL(action, page.url), {
      form: { csrf, login: 'alice', password: PASSWORD },
    });
    assert.equal(status, 303);
  });

  it('says on the consent page who asks, for what and for how long [SEC-12]', async () => {
    const visitor = new Visitor(server.issuer);
    const page = await visitor.go(
      authorizePath({ client_id: 'app', redirect_uri: APP, scope: 'openid profile isms.user.get' }),
    );
    const { html } = await visitor.submit(page, '/sign-in', { login: 'alice', password: PASSWORD });
    assert.ok(html.includes('/consent?'));
    for (const shown of ['app', 'profile', 'isms.user.get', '180 days'])
      assert.ok(html.includes(shown), shown);
  });

  it('sends no code by a message between windows, nor in a fragment by way of another response type [SEC-9]', async () => {
    for (const more of [
      { response_mode: 'web_message' },
      { response_type: 'code token' },
      { response_type: 'token' },
    ]) {
      const { url } = await new Visitor(server.issuer).go(
        authorizePath({ client_id: 'app', redirect_uri: APP, ...(more as Record<string, string>) }),
      );
      assert.equal(new URLSearchParams(url.hash.slice(1)).get('access_token'), null);
      assert.equal(url.searchParams.get('code'), null);
    }
  });

  it('lets a native application’s loopback port differ, and nothing else [SEC-1]', async () => {
    const lands = async (redirect: string): Promise<boolean> =>
      (
        await new Visitor(server.issuer).go(authorizePath({ client_id: 'native', redirect_uri: redirect }))
      ).html.includes('/sign-in?');
    assert.equal(await lands('http://127.0.0.1:49152/callback'), true);
    for (const wrong of [
      'http://127.0.0.1:49152/other',
      'http://localhost:49152/callback',
      'http://10.0.0.1/callback',
    ])
      assert.equal(await lands(wrong), false, wrong);
  });

  it('takes no key that a token names or brings along itself [SEC-23]', async () => {
    const { privateKey, publicKey } = await generateKeyPair('ES256');
    const jwk = await exportJWK(publicKey);
    const claims = { client_id: 'machine', tenant: server.home.tenant.id, scope: 'orders.read', jti: 'j' };
    for (const header of [
      { jwk },
      { jku: 'https://evil.example/jwks', kid: 'evil' },
      { kid: '../../dev/null' },
    ]) {
      const token = await new SignJWT({ ...claims })
        .setProtectedHeader({ alg: 'ES256', typ: 'at+jwt', ...(header as { jwk?: JWK; kid?: string }) })
        .setIssuer(server.issuer)
        .setSubject('machine')
        .setAudience('orders')
        .setIssuedAt()
        .setExpirationTime('1 hour')
        .sign(privateKey);
      const { body } = await server.post('/connect/introspect', { token }, server.basic('machine', secret));
      assert.deepEqual(body, { active: false });
    }
  });

  it('registers nobody who was not invited [SEC-30]', async () => {
    for (const [path, status] of [
      ['/connect/register', 401],
      ['/reg', 404],
      ['/connect/registration', 404],
    ] as const) {
      const heard = await send(new URL(path, server.issuer), {
        form: { redirect_uris: APP },
        headers: { 'content-type': 'application/json' },
      });
      assert.equal(heard.status, status);
    }
  });

  it('fetches nothing from this machine or a private network for a tenant that is on neither [SEC-30]', async () => {
    let asked = 0;
    const inside = createServer((_request, response) => {
      asked += 1;
      response.end('{"keys":[]}');
    });
    await new Promise<void>((resolve) => inside.listen(0, '127.0.0.1', resolve));
    const jwksUri = `http://127.0.0.1:${(inside.address() as AddressInfo).port}/jwks`;
    const tenant = await server.addTenant('public', 'id.public.example');
    await server.addClient(
      'signer',
      { grantTypes: [GRANT_TYPES.clientCredentials], tokenEndpointAuthMethod: 'private_key_jwt', jwksUri },
      tenant,
    );
    const { privateKey } = await generateKeyPair('ES256');
    const assertion = await new SignJWT({ jti: 'j' })
      .setProtectedHeader({ alg: 'ES256' })
      .setIssuer('signer')
      .setSubject('signer')
      .setAudience(tenant.issuer)
      .setExpirationTime('1 minute')
      .sign(privateKey);
    const heard = await send(new URL('/connect/token', server.issuer), {
      form: {
        grant_type: 'client_credentials',
        client_assertion_type: 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer',
        client_assertion: assertion,
      },
      headers: { host: 'id.public.example' },
    });
    assert.equal(heard.status, 401);
    assert.equal(asked, 0);
    inside.close();
  });

  it('keeps no secret, and makes each of 256 bits [SEC-28]', async () => {
    const rows = JSON.stringify(await server.context.store.knex('client_secrets').select('*'));
    assert.ok(!rows.includes(secret));
    assert.equal(Buffer.from(secret, 'base64url').length, 32);
  });
});
