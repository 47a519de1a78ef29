import assert from 'node:assert/strict';
import { createServer, type Server } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { openPipelines } from '../../src/kernel/pipelines.js';
import { apiDocument } from '../../src/management.js';
import type { TenantRuntime } from '../../src/oidc/index.js';
import type { Tenant } from '../../src/tenants/index.js';
import { send } from '../support/http.js';
import { dial, drained, exchange, until } from '../support/raw.js';
import { often } from '../support/profile.js';
import { startServer, type TestServer } from '../support/server.js';

const statusOf = (answer: string): number => Number(answer.slice('HTTP/1.1 '.length).slice(0, 3));

describe('the target of a request', () => {
  let server: TestServer;
  let host: string;
  before(async () => {
    server = await startServer('sqlite');
    host = new URL(server.issuer).host;
  });
  after(() => server.stop());

  it('is served, logged and counted like any other where a request expects what no server knows', async () => {
    const answer = await exchange(server.port, [
      'GET /.well-known/openid-configuration HTTP/1.1',
      `Host: ${host}`,
      'Expect: wonders',
    ]);
    assert.equal(statusOf(answer), 200);
    assert.match(answer, /\r\nX-Request-Id: /i);
  });

  for (const names of [
    ['Host', 'Host'],
    ['host', 'HOST'],
  ])
    it(`is refused where it has two headers ${names.join(' and ')}`, async () => {
      const answer = await exchange(server.port, [
        'GET / HTTP/1.1',
        `${names[0]}: ${host}`,
        `${names[1]}: evil.example`,
      ]);
      assert.equal(statusOf(answer), 400);
      assert.match(answer, /"error":"invalid_request"/);
    });

  it('may be in absolute form, whose host counts and not the header’s', async () => {
    const path = '/.well-known/openid-configuration';
    const right = await exchange(server.port, [
      `GET http://${host}${path}?a=b HTTP/1.1`,
      'Host: evil.example',
    ]);
    assert.equal(statusOf(right), 200);
    assert.ok(right.includes(`"issuer":"${server.issuer}"`));
    const wrong = await exchange(server.port, [`GET http://evil.example${path} HTTP/1.1`, `Host: ${host}`]);
    assert.equal(statusOf(wrong), 404);
    assert.match(wrong, /"error":"unknown_host"/);
  });

  for (const path of ['/livez', '/readyz'])
    it(`needs no host where it is ${path}`, async () => {
      assert.equal(statusOf(await exchange(server.port, [`GET ${path} HTTP/1.0`])), 200);
    });

  it('in absolute form may have no path', async () => {
    const answer = await exchange(server.port, [`GET http://${host} HTTP/1.1`, `Host: ${host}`]);
    assert.equal(statusOf(answer), 200);
  });

  it('has no user', async () => {
    const answer = await exchange(server.port, [`GET http://a:b@${host}/ HTTP/1.1`, `Host: ${host}`]);
    assert.equal(statusOf(answer), 400);
  });
});

const HALF = (host: string, more = ''): string =>
  `POST /connect/token HTTP/1.1\r\nHost: ${host}\r\n${more}Content-Type: application/x-www-form-urlencoded\r\nContent-Length: 1000\r\n\r\ng`;

/** An address has 200 of them at once. */
const BODIES = often({ short: 600, long: 2000 });

describe(`${BODIES} bodies of one address that never end`, () => {
  let server: TestServer;
  const sockets: Socket[] = [];
  const answers: string[] = [];
  let host: string;
  before(async function () {
    server = await startServer('sqlite', { GATEHOUSE_TRUST_PROXY: '127.0.0.1' });
    host = new URL(server.issuer).host;
    const ended: Promise<void>[] = [];
    for (let n = 0; n < BODIES; n++) {
      const socket = await dial(server.port);
      sockets.push(socket);
      if (n >= 200) ended.push(drained(socket).then((text) => void answers.push(text)));
      socket.write(HALF(host, 'X-Forwarded-For: 6.6.6.6\r\n'));
    }
    await Promise.all(ended);
  });
  after(async () => {
    for (const socket of sockets) socket.destroy();
    await server.stop();
  });

  it('are refused from the 201st on, with when to come again [SEC-R20]', () => {
    assert.equal(answers.length, BODIES - 200);
    for (const answer of answers) {
      assert.equal(statusOf(answer), 429);
      assert.match(answer, /\r\nRetry-After: 1\r\n/);
    }
  });

  for (const path of ['/livez', '/readyz', '/.well-known/openid-configuration'])
    it(`leave ${path} answered`, async () => {
      assert.equal((await send(new URL(path, server.issuer))).status, 200);
    });

  it('leave another address served, and its own where it asks without a body', async () => {
    const form = { grant_type: 'client_credentials', client_id: 'nobody' };
    const other = await send(new URL('/connect/token', server.issuer), {
      form,
      headers: { 'x-forwarded-for': '7.7.7.7' },
    });
    assert.equal(other.status, 401);
    const own = await send(new URL('/connect/endsession/success', server.issuer), {
      headers: { 'x-forwarded-for': '6.6.6.6' },
    });
    assert.equal(own.status, 200);
  });

  it('leave its own small bodies served, which come in one piece with their headers', async () => {
    const body = 'grant_type=client_credentials&client_id=nobody';
    const answer = await exchange(
      server.port,
      [
        'POST /connect/token HTTP/1.1',
        `Host: ${host}`,
        'X-Forwarded-For: 6.6.6.6',
        'Content-Type: application/x-www-form-urlencoded',
        `Content-Length: ${body.length}`,
      ],
      body,
    );
    assert.equal(statusOf(answer), 401);
  });
});

describe('a server with all its places taken', () => {
  let server: TestServer;
  afterEach(() => server.stop());

  it('answers health all the same [SEC-R20]', async () => {
    server = await startServer(
      'sqlite',
      {},
      { server: { maxInFlight: 10 }, limits: { token: { address: 1 } } },
    );
    const host = new URL(server.issuer).host;
    // Refusals are held for a moment, so that ten of them take all places.
    const one = `GET /connect/token HTTP/1.1\r\nHost: ${host}\r\n\r\n`;
    const socket = await dial(server.port);
    const heard = drained(socket);
    const last = `GET /livez HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n\r\n`;
    socket.write(one.repeat(13) + last);
    const statuses = (await heard).match(/HTTP\/1\.1 \d+/g)?.map(statusOf) ?? [];
    assert.equal(statuses.at(-1), 200);
    assert.ok(statuses.includes(503));
  });

  it('gets all of them back where a connection closes before its requests are answered [SEC-R20]', async () => {
    server = await startServer(
      'sqlite',
      {},
      { server: { maxInFlight: 10 }, limits: { windowSeconds: 3600, token: { address: 1 } } },
    );
    const { host } = new URL(server.issuer);
    const front = async (): Promise<number> => (await send(new URL('/', server.issuer))).status;
    const one = `GET /connect/token HTTP/1.1\r\nHost: ${host}\r\n`;
    assert.equal(statusOf(await exchange(server.port, one.trim().split('\r\n'))), 404);
    const gone = await dial(server.port);
    gone.write(`${one}\r\n`.repeat(10)); // refused, which takes a moment
    await until(async () => (await front()) === 503);
    gone.destroy();
    await until(async () => (await front()) === 200);
    const socket = await dial(server.port);
    const heard = drained(socket);
    socket.write(`${one}\r\n`.repeat(9) + `${one}Connection: close\r\n\r\n`);
    assert.deepEqual((await heard).match(/HTTP\/1\.1 \d+/g)?.map(statusOf), Array(10).fill(429));
  });
});

describe('requests of one connection that come before their answers are read', () => {
  const BODY = Buffer.alloc(1024 * 1024, 'x');
  /** What Node reads at once. */
  const PIECE_BYTES = 64 * 1024;
  let server: Server;
  let begun: number;
  let slow: number;
  let peer: Socket | undefined;

  const listen = async (seconds: number, most = 100, body = BODY): Promise<number> => {
    [begun, slow, peer] = [0, 0, undefined];
    const pipelines = openPipelines({ most, seconds }, () => (slow += 1));
    server = createServer(
      pipelines.bounding((_request, response) => {
        begun += 1;
        response.end(body);
      }),
    );
    pipelines.watch(server);
    server.on('connection', (socket) => (peer = socket));
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    return (server.address() as AddressInfo).port;
  };
  afterEach(
    () => new Promise<void>((resolve) => server.close(() => resolve()) && server.closeAllConnections()),
  );

  const AMOUNT = often({ short: 300, long: 900 });
  const REQUESTS = 'GET / HTTP/1.1\r\nHost: localhost\r\n\r\n'.repeat(AMOUNT - 1);
  const LAST = 'GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n';

  it(`wait until they are, ${AMOUNT} of them [SEC-R31]`, async () => {
    const socket = await dial(await listen(60));
    socket.pause();
    socket.write(REQUESTS + LAST);
    await until(() => (peer?.bytesRead ?? 0) >= REQUESTS.length && (peer?.writableLength ?? 0) > 0);
    // The kernel takes some answers; one stands in the process.
    assert.ok(begun < 20, `${begun} answers were made`);
    assert.ok((peer?.writableLength ?? 0) <= 2 * BODY.length);
    let bytes = 0;
    socket.on('data', (chunk: Buffer) => (bytes += chunk.length)).resume();
    await new Promise((resolve) => socket.on('close', resolve));
    assert.equal(begun, AMOUNT);
    assert.ok(bytes > AMOUNT * BODY.length);
  });

  /** More than Node reads at once. */
  const MANY = often({ short: 3000, long: 5000 });
  it(`wait until they are, ${MANY} of them, which are read piece by piece [SEC-R31]`, async () => {
    const amount = MANY;
    const request = 'GET / HTTP/1.1\r\nHost: localhost\r\n\r\n';
    const socket = await dial(await listen(60, 100, BODY.subarray(0, 20_000)));
    socket.write(request.repeat(amount - 1) + LAST);
    let most = 0;
    socket.on('data', () => {
      most = Math.max(most, (peer?.bytesRead ?? 0) / request.length - begun);
    });
    const heard = await drained(socket);
    assert.deepEqual([begun, heard.match(/HTTP\/1\.1 200/g)?.length], [amount, amount]);
    assert.ok(most <= PIECE_BYTES / request.length, `${most} requests waited`);
  });

  it('end with the connection where nobody reads for the time that readers have', async () => {
    const socket = await dial(await listen(1));
    socket.pause();
    socket.write(REQUESTS);
    await until(() => peer?.destroyed === true);
    assert.ok(slow > 0);
    socket.destroy();
  });
});

describe('large and dear answers on open paths', () => {
  const runtimeOf = (tenant: Tenant): TenantRuntime => ({ tenant }) as TenantRuntime;
  let server: TestServer;
  before(async () => {
    server = await startServer('sqlite');
  });
  after(() => server.stop());

  for (const path of [
    '/openapi.json',
    '/docs/swagger-ui-bundle.js',
    '/docs/swagger-ui.css',
    '/assets/pages.css',
    '/assets/look.css',
    '/.well-known/openid-configuration',
    '/.well-known/jwks.json',
    '/api/Role/Codes',
    '/api/Blob/Codes',
  ])
    it(`are not sent again to who has them: ${path}`, async () => {
      await send(new URL(path, server.issuer)); // the library writes discovery's first answer itself
      const first = await send(new URL(path, server.issuer));
      const etag = first.headers.get('etag') ?? '';
      assert.equal(first.status, 200);
      assert.match(etag, /^"[\w-]{22}"$/);
      const again = await send(new URL(path, server.issuer), { headers: { 'if-none-match': etag } });
      assert.deepEqual([again.status, again.text, again.headers.get('etag')], [304, '', etag]);
    });

  it('are made once for each version of a tenant', () => {
    const runtime = runtimeOf(server.home.tenant);
    const document = apiDocument(runtime);
    for (let n = 0; n < 3; n++) assert.equal(apiDocument(runtime), document);
    const text = Buffer.concat(document.pieces).toString();
    const { paths, servers } = JSON.parse(text) as { paths: object; servers: { url: string }[] };
    assert.equal(Object.keys(paths).length > 50, true);
    assert.deepEqual(servers, [{ url: server.issuer }]);
  });

  it('share between tenants what is the same for all', async () => {
    const other = await server.addTenant('blue', `blue.localhost:${server.port}`);
    const [, mine] = apiDocument(runtimeOf(server.home.tenant)).pieces;
    const [, theirs] = apiDocument(runtimeOf(other)).pieces;
    assert.ok((mine?.length ?? 0) > 100_000);
    assert.equal(mine, theirs);
  });
});

describe('pages and documents', () => {
  let server: TestServer;
  after(() => server.stop());

  it('are counted, and refused to an address that asks for too many [SEC-R31]', async () => {
    server = await startServer('sqlite', {}, { limits: { windowSeconds: 3600, pages: { address: 6 } } });
    const paths = [
      '/',
      '/openapi.json',
      '/assets/pages.css',
      '/.well-known/openid-configuration',
      '/nowhere',
    ];
    for (const path of [...paths, '/connect/nowhere']) {
      const { status } = await send(new URL(path, server.issuer));
      assert.notEqual(status, 429, path);
    }
    for (const path of [...paths, '/.well-known/jwks.json', '/connect/nowhere']) {
      const { status, headers } = await send(new URL(path, server.issuer));
      assert.equal(status, 429, path);
      assert.equal(headers.get('ratelimit-policy'), '"address";q=6;w=3600');
    }
  });
});
