import assert from 'node:assert/strict';
import { endpointAt } from '../../src/endpoints.js';
import { GRANT_TYPES } from '../../src/clients/index.js';
import { OPERATIONS } from '../../src/management.js';
import { MQTT_API } from '../../src/mqtt/index.js';
import { ROUTES } from '../../src/oidc/index.js';
import { basic } from '../support/http.js';
import { exchange } from '../support/raw.js';
import { startServer, type TestServer } from '../support/server.js';
import { authorizePath, Visitor } from '../support/visitor.js';

const encoded = (letter: string): string => `%${letter.charCodeAt(0).toString(16)}`;

/** Other ways to write a path, which some servers take for the same. */
function spellingsOf(path: string): string[] {
  const last = path.split('/').at(-1) ?? '';
  const half = Math.ceil(path.length / 2);
  return [
    path.toUpperCase(),
    path.slice(0, half) + path.slice(half).toUpperCase(),
    `${path}/`,
    `${path}//`,
    `/${path}`,
    path.replace(/\/([^/]*)$/, '//$1'),
    path.replace(/[a-z]/i, encoded),
    path.slice(0, -1) + encoded(path.slice(-1)),
    path.replaceAll('/', '%2f').replace('%2f', '/'),
    `${path};x`,
    `${path};x=1`,
    path.replace(/\/([^/]*)$/, ';x/$1'),
    `/.${path}`,
    `/x/..${path}`,
    `${path}/.`,
    `${path}/../${last}`,
    `${path}/%2e%2e/${last}`,
    `${path}%00`,
    `${path}%20`,
    `${path}\\`,
    `${path}#x`,
    `${path}?`,
    `${path}?a=b`,
  ];
}

/** A path of the description with something in the place of its parameters. */
const filled = (path: string): string => path.replace(/\{\w+\}/g, 'x');

const ENDPOINTS: [string, string][] = [
  ...Object.values(ROUTES)
    .filter((path) => !path.startsWith('/.well-known'))
    .map((path): [string, string] => ['POST', path]),
  ['GET', ROUTES.authorization],
  ['GET', ROUTES.code_verification],
  ...OPERATIONS.map(({ method, path }): [string, string] => [method, filled(path)]),
  ...Object.entries(MQTT_API.paths as Record<string, object>).flatMap(([path, methods]) =>
    Object.keys(methods).map((method): [string, string] => [method.toUpperCase(), filled(path)]),
  ),
];

const AREAS = ['token', 'authorize', 'userCode', 'introspection', 'api'];

describe('a spelling of an endpoint that is not its own', () => {
  let server: TestServer;
  let host: string;
  before(async () => {
    server = await startServer(
      'sqlite',
      { GATEHOUSE_TRUST_PROXY: '127.0.0.1' },
      {
        limits: { windowSeconds: 3600, ...Object.fromEntries(AREAS.map((area) => [area, { address: 1 }])) },
      },
    );
    host = new URL(server.issuer).host;
  });
  after(() => server.stop());

  const ask = async (method: string, target: string, address: string): Promise<number> => {
    const answer = await exchange(server.port, [
      `${method} ${target} HTTP/1.1`,
      `Host: ${host}`,
      `X-Forwarded-For: ${address}`,
      'Content-Length: 0',
    ]);
    return Number(answer.slice(9, 12));
  };

  it('is not served, or counts as that endpoint [SEC-R23]', async function () {
    this.timeout(240_000);
    assert.ok(ENDPOINTS.length > 90);
    const tried = ENDPOINTS.map(async ([method, path], index) => {
      const from = `6.6.${index >> 8}.${index & 255}`;
      assert.notEqual(await ask(method, path, from), 429, path);
      for (const spelling of spellingsOf(path)) {
        const status = await ask(method, spelling, from);
        assert.ok([400, 404, 405, 429].includes(status), `${method} ${spelling}: ${status}`);
      }
    });
    await Promise.all(tried);
  });
});

/** What one address may do once, by the operations and forms that count as such. */
const ONCE = { limits: { windowSeconds: 3600, open: { address: 1 }, signIn: { address: 1 } } };

describe('a spelling of what counts as an open call or a sign-in', () => {
  let server: TestServer;
  let host: string;
  let app: string;
  before(async () => {
    server = await startServer('sqlite', { GATEHOUSE_TRUST_PROXY: '127.0.0.1' }, ONCE);
    host = new URL(server.issuer).host;
    app = await server.addClient('app', {
      grantTypes: [GRANT_TYPES.code, GRANT_TYPES.password],
      redirectUris: ['https://app.example.com/cb'],
      scopes: ['openid'],
    });
  });
  after(() => server.stop());

  const post = async (
    target: string,
    address: string,
    form: Record<string, string> = {},
    headers: string[] = [],
  ): Promise<number> => {
    const body = new URLSearchParams(form).toString();
    const lines = [
      `POST ${target} HTTP/1.1`,
      `Host: ${host}`,
      `X-Forwarded-For: ${address}`,
      `Content-Type: application/x-www-form-urlencoded`,
      `Content-Length: ${body.length}`,
      ...headers,
    ];
    return Number((await exchange(server.port, lines, body)).slice(9, 12));
  };
  const counted = async (path: string, ask: (target: string) => Promise<number>): Promise<void> => {
    assert.notEqual(await ask(path), 429, path);
    assert.equal(await ask(path), 429, path);
    for (const spelling of spellingsOf(path)) {
      const status = await ask(spelling);
      assert.ok([400, 403, 404, 405, 429].includes(status), `${spelling}: ${status}`);
    }
  };

  const open = OPERATIONS.filter(({ access, method }) => access.kind === 'open' && method !== 'GET');
  for (const [index, { id, path }] of open.entries())
    it(`counts as the open call that it is, or is none: ${id} [SEC-R23]`, () =>
      counted(filled(path), (target) => post(target, `6.7.0.${index}`)));

  it('counts as the sign-in that it is, or is none: the password grant', async () => {
    const form = { grant_type: 'password', username: 'nobody', password: 'wrong', scope: 'openid' };
    const { authorization } = server.basic('app', app) as { authorization: string };
    await counted(ROUTES.token, (target) =>
      post(target, '6.7.1.1', form, [`Authorization: ${authorization}`]),
    );
  });

  const FORMS: Record<string, Record<string, string>> = {
    '/sign-in': { login: 'nobody', password: 'wrong' },
    '/code/sign-in': { target: 'nobody@example.com', code: '123456' },
    '/code': { target: 'nobody@example.com' },
    '/reset': { target: 'nobody@example.com', code: '123456', password: 'wrong' },
    '/register': { target: 'nobody@example.com' },
  };
  for (const [index, [form, fields]] of Object.entries(FORMS).entries())
    it(`counts as the form that it is, or is none: ${form} [SEC-R23]`, async () => {
      const visitor = new Visitor(server.issuer);
      const address = `6.7.2.${index}`;
      const page = await visitor.go(
        authorizePath({ client_id: 'app', redirect_uri: 'https://app.example.com/cb' }),
      );
      const csrf = /name="csrf" value="([^"]+)"/.exec(page.html)?.[1] as string;
      const cookie = visitor
        .cookies()
        .map((name) => `${name}=${visitor.cookie(name)}`)
        .join('; ');
      await counted(page.url.pathname + form, (target) =>
        post(target, address, { csrf, ...fields }, [`Cookie: ${cookie}`]),
      );
    });
});

describe('the endpoint of a request', () => {
  it('is its own for one spelling of each path of the protocol', () => {
    for (const [name, path] of Object.entries(ROUTES)) {
      const own = endpointAt(path);
      assert.equal(own.face, 'provider', name);
      for (const spelling of spellingsOf(path).map((each) => each.split('?')[0] as string)) {
        const { face, name: other } = endpointAt(spelling);
        assert.ok(face !== 'provider' || other === own.name, spelling);
      }
    }
  });
});

describe('wrong user codes', () => {
  let server: TestServer;
  before(async () => {
    server = await startServer('sqlite', {}, { limits: { windowSeconds: 3600, userCode: { address: 3 } } });
  });
  after(() => server.stop());

  it('are counted, however the path of the device page is written', async () => {
    const statuses: number[] = [];
    for (const path of ['/device', '/device', '/device', '/device', '/device/', '/DEVICE', '/device//']) {
      const { status } = await server.post(
        path,
        { user_code: 'BCDF-GHJK' },
        { authorization: basic('a', 'b') },
      );
      statuses.push(status);
    }
    assert.deepEqual(statuses, [400, 400, 400, 429, 404, 404, 404]);
  });
});
