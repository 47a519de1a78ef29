import assert from 'node:assert/strict';
import { GRANT_TYPES } from '../../src/clients/index.js';
import { call, clientToken } from '../support/management.js';
import { startServer, type TestServer } from '../support/server.js';

describe('the management API, called from a browser', () => {
  let server: TestServer;
  before(async () => {
    server = await startServer('sqlite');
    await server.addClient('console', {
      grantTypes: [GRANT_TYPES.code],
      redirectUris: ['https://console.example.com/callback'],
      tokenEndpointAuthMethod: 'none',
      scopes: ['openid'],
    });
  });
  after(() => server.stop());

  const allowed = async (
    origin: string,
    method = 'OPTIONS',
    token?: string,
  ): Promise<[number, string | null]> => {
    const { status, headers } = await call(server, { method, path: '/api/Role', token, headers: { origin } });
    assert.match(headers.get('vary') ?? '', /Origin/);
    return [status, headers.get('access-control-allow-origin')];
  };

  it('is open to the origins of the tenant’s clients, and to no others', async () => {
    const token = await clientToken(server, ['isms.all']);
    assert.deepEqual(await allowed('https://console.example.com'), [204, 'https://console.example.com']);
    assert.deepEqual(await allowed('https://console.example.com', 'GET', token), [
      200,
      'https://console.example.com',
    ]);
    for (const origin of [
      'https://evil.example',
      'https://console.example.co',
      'null',
      'x'.repeat(1000),
      '%',
    ])
      assert.deepEqual(await allowed(origin), [204, null], origin);
  });

  it('tells an allowed origin why it was refused', async () => {
    assert.deepEqual(await allowed('https://console.example.com', 'GET'), [
      401,
      'https://console.example.com',
    ]);
  });

  it('sees a new client’s origin at once', async () => {
    assert.deepEqual(await allowed('https://late.example.com'), [204, null]);
    await server.addClient('late', {
      grantTypes: [GRANT_TYPES.clientCredentials],
      scopes: ['isms.all'],
      corsOrigins: ['https://late.example.com'],
    });
    assert.deepEqual(await allowed('https://late.example.com'), [204, 'https://late.example.com']);
  });

  it('knows an internationalised origin as a browser writes it [SEC-R17]', async () => {
    const machine = { grantTypes: [GRANT_TYPES.clientCredentials], scopes: ['isms.all'] };
    await server.addClient('books', { ...machine, corsOrigins: ['https://bücher.example:8443'] });
    await server.addClient('page', {
      grantTypes: [GRANT_TYPES.code],
      redirectUris: ['https://例子.example/cb'],
      tokenEndpointAuthMethod: 'none',
      scopes: ['openid'],
    });
    for (const origin of ['https://xn--bcher-kva.example:8443', 'https://xn--fsqu00a.example'])
      assert.deepEqual(await allowed(origin), [204, origin]);
    assert.deepEqual(await allowed('https://xn--bcher-kva.example'), [204, null]);
  });
});
