import assert from 'node:assert/strict';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { OPERATIONS } from '../../src/management.js';
import { MQTT_API } from '../../src/mqtt/index.js';
import { ROUTES } from '../../src/oidc/index.js';
import { packageRoot } from '../../src/kernel/root.js';
import { send, type Heard } from '../support/http.js';
import { startServer, type TestServer } from '../support/server.js';

const HOST = 'id.example.com';
const ISSUER = { GATEHOUSE_ISSUER: `https://${HOST}` };
const YEAR = 'max-age=31536000';

/** `{id}` as anything. */
const filled = (path: string): string => path.replace(/\{\w+\}/g, '019012a4-5b6c-7d8e-9f00-112233445566');

/** Every address that the program declares, and some that nobody has. */
function addresses(): [method: string, path: string][] {
  const mqtt = Object.entries(MQTT_API.paths).flatMap(([path, methods]) =>
    Object.keys(methods as object).map((method): [string, string] => [method.toUpperCase(), filled(path)]),
  );
  const both = [
    ...Object.values(ROUTES),
    `${ROUTES.authorization}/no-such-sign-in`,
    `${ROUTES.registration}/no-such-client`,
    `${ROUTES.end_session}/confirm`,
    `${ROUTES.end_session}/success`,
    ...['/.well-known/openid-configuration', '/.well-known/oauth-authorization-server'],
    ...['/.well-known/jwks.json', '/.well-known/nothing', '/connect/nothing', '/device/no-such-sign-in'],
    ...[
      '/livez',
      '/readyz',
      '/openapi.json',
      '/docs',
      '/docs/start.js',
      '/docs/swagger-ui.css',
      '/docs/none',
    ],
    ...['/', '/demo', '/demo/sign-in', '/demo/callback', '/sign-in', '/dev/outbox', '/register', '/nothing'],
    ...['', '/security', '/devices', '/applications', '/data', '/avatar'].map((page) => `/account${page}`),
    ...['/interaction/none', '/interaction/none/sign-in', '/files/none', '/assets/none', '/assets/look.css'],
    ...readdirSync(join(packageRoot, 'views', 'assets')).map((name) => `/assets/${name}`),
    ...['auth', 'acl', 'user', 'vhost', 'resource', 'topic', 'none'].map((name) => `/mqtt/${name}`),
    ...['/mqtt/t/none/auth', '/api/nothing', '/api/v4/nothing'],
  ].flatMap((path): [string, string][] => [
    ['GET', path],
    ['POST', path],
    ['HEAD', path],
    ['OPTIONS', path],
  ]);
  return [
    ...both,
    ...mqtt,
    ...OPERATIONS.map(({ method, path }): [string, string] => [method, filled(path)]),
  ];
}

describe('HSTS', () => {
  const ask = (
    server: TestServer,
    path: string,
    method = 'GET',
    headers: Record<string, string> = {},
    body?: string,
  ): Promise<Heard> =>
    send(new URL(path, `http://127.0.0.1:${server.port}`), {
      method,
      headers: { host: HOST, ...headers },
      ...(body !== undefined && { body }),
    });
  /** Those without it. */
  async function without(
    server: TestServer,
    wanted: string | null,
    headers?: Record<string, string>,
  ): Promise<string[]> {
    const missing: string[] = [];
    for (const [method, path] of addresses()) {
      const heard = await ask(server, path, method, headers);
      const said = heard.headers.get('strict-transport-security');
      if (said !== wanted) missing.push(`${method} ${path} ${heard.status}: ${said}`);
    }
    return missing;
  }

  it('is on every answer of a tenant at https, whatever is asked and however it ends [SEC-R18]', async function () {
    const server = await startServer('sqlite', ISSUER, { limits: { enabled: false } });
    assert.ok(addresses().length > 300);
    assert.deepEqual(await without(server, YEAR), []);
    await server.stop();
  });

  it('is on every answer of a tenant that is disabled, and of requests beyond a limit', async function () {
    const one = { tenant: 1, address: 1 };
    const limits = { token: one, authorize: one, api: one, userCode: one, introspection: one, open: one };
    const server = await startServer('sqlite', ISSUER, { limits: { windowSeconds: 3600, ...limits } });
    for (const path of [
      '/connect/token',
      '/connect/authorize',
      '/api/Role',
      '/device',
      '/connect/introspect',
    ])
      for (let n = 0; n < 3; n++) {
        const { status, headers } = await ask(server, path, 'POST');
        assert.equal(headers.get('strict-transport-security'), YEAR, `${path} ${status}`);
        if (n === 2) assert.equal(status, 429, path);
      }
    await server.context.store.knex('tenants').update({ enabled: false, version: Date.now() + 1 });
    await server.refresh();
    assert.deepEqual(await without(server, YEAR), []);
    await server.stop();
  });

  it('is on what nobody expected as well [SEC-R18]', async () => {
    const server = await startServer('sqlite', ISSUER);
    assert.equal((await ask(server, '/')).status, 200);
    for (const table of ['initial_access_tokens', 'client_registrations', 'client_secrets', 'clients'])
      await server.context.store.knex.schema.dropTable(table);
    const bearer = { authorization: `Bearer ${'x'.repeat(43)}` };
    for (const [path, method, more] of [
      ['/connect/authorize?client_id=app', 'GET', {}],
      ['/connect/register', 'POST', { 'content-type': 'application/json', ...bearer }],
      ['/connect/register/app', 'GET', bearer],
      ['/interaction/none?app=app', 'GET', {}],
    ] as const) {
      const body = method === 'POST' ? '{}' : undefined;
      const { headers, status } = await ask(server, path, method, more, body);
      assert.deepEqual([status, headers.get('strict-transport-security')], [500, YEAR], path);
    }
    await server.stop();
  });

  it('has the subdomains where the configuration says so', async function () {
    const server = await startServer('sqlite', ISSUER, {
      server: { hstsIncludeSubDomains: true },
      limits: { enabled: false },
    });
    assert.deepEqual(await without(server, `${YEAR}; includeSubDomains`), []);
    await server.stop();
  });

  it('is on no answer of a tenant at http', async () => {
    const server = await startServer('sqlite', {}, { limits: { enabled: false } });
    assert.deepEqual(await without(server, null, { host: `localhost:${server.port}` }), []);
    await server.stop();
  });
});
