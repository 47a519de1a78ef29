import assert from 'node:assert/strict';
import {
  request as ask,
  type IncomingMessage,
  type RequestListener,
  type Server,
  type ServerResponse,
} from 'node:http';
import { answerAuthorize, type Decision } from '../../../src/gateway/export/authorize.js';
import { exportNginx } from '../../../src/gateway/export/nginx.js';
import type { NginxOptions } from '../../../src/gateway/export/nginx-names.js';
import type { LiveApi, LiveRevision } from '../../../src/gateway/types.js';
import { freePort } from '../../support/ports.js';
import { needsFiles } from '../../support/needs.js';
import { exchange } from '../../support/raw.js';
import { api, operation, revision, TENANT, version } from './apis.js';
import {
  bodyIn,
  checkedByNginx,
  closed,
  listening,
  NGINX,
  startNginx,
  type RunningNginx,
} from './nginx-server.js';

const OPTIONS: NginxOptions = {
  listen: '127.0.0.1:18080',
  gatehouse: 'http://127.0.0.1:3000',
  certificateHeader: 'client-cert',
  authorities: '/etc/ssl/certs/ca-certificates.crt',
  addressOf: async ({ hostname }) => (hostname === 'nowhere.example.com' ? undefined : '127.0.0.1'),
};

const exported = (apis: LiveApi[], more: Partial<NginxOptions> = {}): Promise<string> =>
  exportNginx({ tenant: TENANT, apis }, { ...OPTIONS, ...more });

const locations = (text: string): string[] =>
  [...text.matchAll(/location \^~ "([^"]+)"/g)].map(([, path]) => path as string);

describe('the export for nginx', () => {
  it('has a location for each API, version and revision that has a path', async () => {
    const first = version({ revisions: [revision({ id: 'r1' }), revision({ id: 'r2', number: 2 })] });
    const second = version({ apiId: 'api2', name: 'v2', revisions: [revision({ id: 'r3' })] });
    assert.deepEqual(locations(await exported([api([first, second])])), [
      '/gateway/orders',
      '/gateway/orders;rev=1',
      '/gateway/orders;rev=2',
      '/gateway/orders/v2',
      '/gateway/orders/v2;rev=1',
    ]);
    const byHeader = api([first, second], { scheme: { in: 'header', name: 'X-Version' } });
    assert.deepEqual(locations(await exported([byHeader])), [
      '/gateway/orders',
      '/gateway/orders;rev=1',
      '/gateway/orders;rev=2',
    ]);
  });

  it('connects to addresses that were checked, and leaves out backends that have none', async () => {
    const text = await exported([
      api([version({ revisions: [revision()] })]),
      api([version({ revisions: [revision({ id: 'r9', serviceUrl: 'http://nowhere.example.com' })] })], {
        suffix: 'gone',
      }),
    ]);
    assert.match(text, /server 127\.0\.0\.1:443 max_fails=0;/);
    assert.deepEqual(locations(text), ['/gateway/orders', '/gateway/orders;rev=1']);
    assert.match(text, /# - revision "r9": its backend has no address now/);
    assert.doesNotMatch(text, /server [^\n]*example\.com/);
  });

  it('is accepted by nginx, with every kind of API', async function () {
    needsFiles(this, [NGINX, OPTIONS.authorities], 'nginx-light and ca-certificates');
    const policy = {
      setHeader: { request: { 'X-A': 'a', 'X-B': null }, response: { 'X-C': 'c' } },
      cors: { origins: ['*'] },
    };
    const text = await exported([
      api([version({ revisions: [revision(), revision({ id: 'r2', number: 2, policy })] })]),
      api([version({ revisions: [revision({ id: 'r4', serviceUrl: 'http://[2001:db8::1]:8080' })] })], {
        suffix: 'six',
      }),
    ]);
    assert.deepEqual(checkedByNginx(text).code, 0, checkedByNginx(text).said);
    assert.equal(checkedByNginx(await exported([])).code, 0);
  });

  it('reads nothing of a tenant’s data as configuration [SEC-G30]', async function () {
    const evil = [
      'x"; } } server { listen 18081; location / { return 200 "mine"; } } #',
      '$host ${request_uri} $gatehouse_dollar',
      "a'b\\",
      '\\";return 200;#',
    ];
    const policies = evil.map((value) => ({
      setHeader: { request: { 'X-Evil': value }, response: { 'X-Evil': value } },
    }));
    const text = await exported([
      ...policies.map((policy, n) =>
        api([version({ revisions: [revision({ id: `p${n}`, policy })] })], {
          suffix: `p${n}`,
          name: evil[n] as string,
        }),
      ),
      api([version({ name: 'v1";}', revisions: [revision({ id: 'v' })] })], { suffix: 'version' }),
      api([version()], { suffix: 'x" { return 200; } #' }),
      api([version({ revisions: [revision({ id: 'h', serviceUrl: 'http://a;b{c}$d"e/' })] })], {
        suffix: 'host',
      }),
      api(
        [
          version({
            revisions: [revision({ id: 'l\n}evil', policy: { setHeader: { request: { 'X-A': 'a\nb' } } } })],
          }),
        ],
        {
          suffix: 'line',
        },
      ),
      api(
        [
          version({
            revisions: [revision({ id: 'n', policy: { setHeader: { request: { 'X A;': '1' } } } })],
          }),
        ],
        {
          suffix: 'name',
        },
      ),
    ]);
    assert.deepEqual(
      locations(text),
      ['p0', 'p1', 'p2', 'p3'].flatMap((suffix) => [`/gateway/${suffix}`, `/gateway/${suffix};rev=1`]),
    );
    // Outside of quotes and comments there is nothing of it.
    const bare = text
      .split('\n')
      .filter((line) => !line.startsWith('#'))
      .join('\n')
      .replace(/"(?:\\.|[^"\\])*"/g, '""');
    assert.doesNotMatch(bare, /18081|mine|evil|\$host|a;b/);
    needsFiles(this, [NGINX, OPTIONS.authorities], 'nginx-light and ca-certificates');
    assert.equal(checkedByNginx(text).code, 0, checkedByNginx(text).said);
  });
});

/** What the backend heard. */
interface Heard {
  method: string;
  url: string;
  headers: IncomingMessage['headers'];
  rawHeaders: string[];
  body: string;
}

describe('nginx with the exported configuration', () => {
  let backend: { server: Server; port: number };
  let gatehouse: { server: Server; port: number };
  let nginx: RunningNginx;
  let port: number;
  let heard: Heard[] = [];
  let passedOn: Heard[] = [];
  let decide: (request: IncomingMessage) => Decision | 'down' | 'untrusting';
  let answerOf: RequestListener;
  let current: LiveRevision;
  const header = '"quoted" $host \\ ü';

  const note = async (request: IncomingMessage): Promise<Heard> => ({
    method: request.method ?? '',
    url: request.url ?? '',
    headers: request.headers,
    rawHeaders: request.rawHeaders,
    body: (await bodyIn(request)).toString(),
  });

  const plainly: RequestListener = (request, response) =>
    void note(request).then((each) => {
      heard.push(each);
      response.setHeader('X-From', 'backend').end(`heard ${each.method} ${each.url} ${each.body}`);
    });

  const forwarding = (more: Partial<Decision & { kind: 'forward' }> = {}): Decision => ({
    kind: 'forward',
    revision: current,
    target: '/base/items/a%2Fb?x=1',
    headers: ['Gatehouse-Caller', 'jwt', 'Via', '1.1 gatehouse', 'X-Unknown', 'no'],
    answered: { 'X-Request-Id': 'id-1' },
    ...more,
  });

  before(async function () {
    needsFiles(this, [NGINX], 'nginx-light');
    backend = await listening((request, response) => answerOf(request, response));
    backend.server.on('upgrade', (request: IncomingMessage, socket) => {
      socket.write('HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n');
      socket.on('data', (chunk: Buffer) => socket.write(`echo ${chunk.toString()} ${request.url}`));
      socket.on('error', () => undefined);
      socket.on('end', () => socket.end());
    });
    current = revision({
      serviceUrl: `http://127.0.0.1:${backend.port}/base`,
      policy: {
        setHeader: {
          request: { 'X-Set': header, 'X-Gone': null },
          response: { 'X-Answer': header, 'X-From': null },
        },
      },
    });
    gatehouse = await listening((request, response) => void play(request, response));
    port = await freePort();
    const text = await exported([api([version({ revisions: [current] })])], {
      listen: `127.0.0.1:${port}`,
      gatehouse: `http://127.0.0.1:${gatehouse.port}`,
    });
    nginx = await startNginx(text, port);
  });
  after(async () => {
    await nginx?.stop();
    if (gatehouse) await closed(gatehouse.server);
    if (backend) await closed(backend.server);
  });
  beforeEach(() => {
    [heard, passedOn] = [[], []];
    decide = () => forwarding();
    answerOf = plainly;
  });

  /** The small server that plays Gatehouse. */
  async function play(request: IncomingMessage, response: ServerResponse): Promise<void> {
    if (request.url !== '/gateway/authorize') {
      passedOn.push(await note(request));
      return void response.setHeader('X-From', 'gatehouse').end('from gatehouse');
    }
    await answerAuthorize(request, response, ({ request: call, carries }) => {
      const decision = decide(call);
      if (decision === 'down') return response.destroy() && { kind: 'handOver' };
      if (decision === 'untrusting') return response.writeHead(404).end() && { kind: 'handOver' };
      if (decision.kind === 'forward' && !carries(decision.revision, operation('GET /items/{id}')))
        return { kind: 'handOver' };
      return decision;
    });
  }

  const get = (
    path: string,
    {
      method = 'GET',
      headers = {},
      body = '',
    }: { method?: string; headers?: Record<string, string>; body?: string } = {},
  ): Promise<{ status: number; headers: IncomingMessage['headers']; body: string }> =>
    new Promise((resolve, reject) => {
      const sending = ask({ port, host: '127.0.0.1', path, method, headers, agent: false }, (response) => {
        bodyIn(response).then(
          (bytes) =>
            resolve({ status: response.statusCode ?? 0, headers: response.headers, body: bytes.toString() }),
          reject,
        );
      });
      sending.on('error', reject);
      sending.end(body);
    });

  it('asks with the call’s method and target byte for byte, and sends on to where it is told', async () => {
    let asked: [string | undefined, string | undefined, unknown] = [undefined, undefined, undefined];
    decide = (call) => {
      asked = [call.method, call.url, call.headers['authorization']];
      return forwarding();
    };
    const answer = await get('/gateway/orders/items/a%2Fb?x=%20&y', {
      method: 'POST',
      headers: { Authorization: 'Bearer t' },
      body: 'hello',
    });
    assert.equal(answer.status, 200);
    assert.equal(answer.body, 'heard POST /base/items/a%2Fb?x=1 hello');
    assert.deepEqual(asked, ['POST', '/gateway/orders/items/a%2Fb?x=%20&y', 'Bearer t']);
  });

  it('drops what the caller says of itself, and adds what Gatehouse says [SEC-G1]', async () => {
    await get('/gateway/orders/items/1', {
      headers: {
        Authorization: 'Bearer t',
        DPoP: 'proof',
        Cookie: 'a=b',
        Forwarded: 'for=evil',
        'X-Forwarded-For': '203.0.113.1',
        'X-Real-IP': '203.0.113.1',
        Proxy: 'http://203.0.113.1:8080',
        'Gatehouse-Caller': 'forged',
        'Gatehouse-Backends': 'forged',
        'Ocp-Apim-Subscription-Key': 'key',
        'Client-Cert': 'forged',
        traceparent: '00-x',
        Expect: '',
        TE: 'trailers',
        'X-Gone': 'x',
        'X-Set': 'y',
        'X-Stays': 'z',
      },
    });
    const { host, ...headers } = heard[0]?.headers ?? {};
    assert.equal(host, `127.0.0.1:${backend.port}`);
    assert.deepEqual(headers, {
      'gatehouse-caller': 'jwt',
      via: '1.1 gatehouse',
      'x-set': Buffer.from(header).toString('latin1'),
      'x-stays': 'z',
    });
  });

  it('hands a call over as it came where a header can not be dropped [SEC-G29]', async () => {
    for (const headers of [
      { 'Gatehouse-New': 'x' },
      { 'X-Forwarded-User': 'admin' },
      { Connection: 'close, X-Stays', 'X-Stays': '1' },
    ] as Record<string, string>[]) {
      const answer = await get('/gateway/orders/items/1?a=b', { method: 'POST', headers, body: 'hello' });
      assert.equal(answer.body, 'from gatehouse');
    }
    assert.deepEqual(
      passedOn.map(({ method, url, body }) => [method, url, body]),
      Array<string[]>(3).fill(['POST', '/gateway/orders/items/1?a=b', 'hello']),
    );
    assert.equal(passedOn[0]?.headers.host, 'id.example.com');
    assert.equal(passedOn[0]?.headers['x-forwarded-for'], '127.0.0.1');
    assert.deepEqual(heard, []);
  });

  it('hands calls over that Gatehouse wants, and those of a revision that the file does not know', async () => {
    decide = () => ({ kind: 'handOver' });
    assert.equal((await get('/gateway/orders/items/1')).body, 'from gatehouse');
    decide = () => forwarding({ revision: revision({ id: 'newer', serviceUrl: 'http://127.0.0.1:1' }) });
    assert.equal((await get('/gateway/orders/items/1')).body, 'from gatehouse');
    assert.equal((await get('/gateway/unknown/items/1')).body, 'from gatehouse');
    assert.equal((await get('/connect/token', { method: 'POST', body: 'x' })).body, 'from gatehouse');
    assert.equal(passedOn[2]?.url, '/gateway/unknown/items/1');
    assert.equal(passedOn[3]?.body, 'x');
  });

  it('refuses with the status, the document and the headers of the problem', async () => {
    for (const status of [400, 401, 403, 404, 405, 413, 415, 429, 502, 503, 504]) {
      const document = { type: 'urn:gatehouse:gateway:x', status, detail: 'Grüße "$host"' };
      decide = () => ({
        kind: 'refuse',
        status,
        document,
        answered: {
          'WWW-Authenticate': 'Bearer error="invalid_token"',
          'Retry-After': '7',
          Allow: 'GET',
          'X-Request-Id': 'id-2',
        },
      });
      const answer = await get('/gateway/orders/items/1', { method: 'POST', body: 'hello' });
      assert.equal(answer.status, status);
      assert.deepEqual(JSON.parse(answer.body), document);
      assert.equal(answer.headers['content-type'], 'application/problem+json');
      assert.equal(answer.headers['www-authenticate'], 'Bearer error="invalid_token"');
      assert.equal(answer.headers['retry-after'], '7');
      assert.equal(answer.headers['allow'], 'GET');
      assert.equal(answer.headers['x-request-id'], 'id-2');
      assert.equal(answer.headers['content-security-policy'], 'sandbox');
    }
    assert.deepEqual(heard, []);
  });

  for (const [what, decision] of [
    ['does not answer', 'down'],
    ['does not trust it', 'untrusting'],
  ] as const)
    it(`refuses with one problem document where Gatehouse ${what}, and says nothing of Gatehouse`, async () => {
      decide = () => decision;
      const answer = await get('/gateway/orders/items/1');
      const { requestId, ...document } = JSON.parse(answer.body) as Record<string, unknown>;
      assert.match(String(requestId), /^[0-9a-f]{32}$/);
      assert.deepEqual(
        [answer.status, document],
        [
          503,
          {
            type: 'urn:gatehouse:gateway:undecided',
            title: 'The call cannot be decided now',
            status: 503,
            detail: 'The call could not be decided. Try again.',
          },
        ],
      );
      assert.deepEqual(heard, []);
    });

  it('does not let anybody ask from outside, however the path is written [SEC-G29]', async () => {
    for (const path of [
      '/gateway/authorize',
      '/gateway/authorize?x',
      '/gateway//authorize',
      '/gateway/%61uthorize',
      '/gateway/x/../authorize',
      'http://id.example.com/gateway/authorize',
    ])
      assert.equal(
        (await get(path, { headers: { 'Gatehouse-Method': 'GET', 'Gatehouse-Uri': '/' } })).status,
        404,
        path,
      );
    assert.deepEqual(passedOn, []);
  });

  it('keeps from the caller what acts on the issuer’s origin, and sets what the policy says [SEC-G7]', async () => {
    answerOf = (_, response) =>
      response
        .writeHead(201, {
          'Set-Cookie': 'a=b',
          'Strict-Transport-Security': 'max-age=1',
          'Clear-Site-Data': '"*"',
          'Alt-Svc': 'h3=":1"',
          'X-Request-Id': 'backend',
          'X-From': 'backend',
          Server: 'backend',
          'X-Kept': 'yes',
          Location: 'http://127.0.0.1:1/internal',
        })
        .end('made');
    const { status, headers, body } = await get('/gateway/orders/items', { method: 'POST' });
    assert.equal(status, 201);
    assert.equal(body, 'made');
    const { date: _, connection: __, 'transfer-encoding': ___, ...rest } = headers;
    assert.deepEqual(rest, {
      server: 'backend',
      'x-kept': 'yes',
      location: 'http://127.0.0.1:1/internal',
      'content-security-policy': 'sandbox',
      'x-content-type-options': 'nosniff',
      'x-request-id': 'id-1',
      'x-answer': Buffer.from(header).toString('latin1'),
    });
  });

  for (const [what, own, expected] of [
    ['of Gatehouse where it has counted the call', { RateLimit: '"client";r=1;t=9' }, '"client";r=1;t=9'],
    ['of the backend where it has not', {}, '"backend";r=5;t=1'],
  ] as const)
    it(`passes the RateLimit ${what}`, async () => {
      answerOf = (_request, response) => response.setHeader('RateLimit', '"backend";r=5;t=1').end('yes');
      decide = () => forwarding({ answered: own });
      assert.equal((await get('/gateway/orders/items/1')).headers['ratelimit'], expected);
    });

  it('lets no backend move a call elsewhere inside nginx [SEC-G7]', async () => {
    for (const target of ['/gateway/authorize', '/connect/token', '@gatehouse']) {
      answerOf = (_, response) => response.writeHead(200, { 'X-Accel-Redirect': target }).end('mine');
      const answer = await get('/gateway/orders/items/1');
      assert.equal(answer.body, 'mine');
      assert.equal(answer.headers['x-accel-redirect'], undefined);
    }
    assert.deepEqual(passedOn, []);
  });

  const HIDDEN = 'HTTP/1.1 200 OK\r\nSet-Cookie: a=b\r\nContent-Length: 2\r\n\r\nok';
  for (const [what, bytes] of [
    ['an interim answer', `HTTP/1.1 103 Early Hints\r\nDate: now\r\n\r\n${HIDDEN}`],
    [
      'an interim answer with an empty body',
      `HTTP/1.1 103 Early Hints\r\nContent-Length: 0\r\n\r\n${HIDDEN}`,
    ],
    ['a change to a protocol that nobody asked for', `HTTP/1.1 101 Go\r\nUpgrade: x\r\n\r\n${HIDDEN}`],
    ['an empty line', `\n${HIDDEN}`],
    ['a first line in small letters', HIDDEN.replace('HTTP', 'http')],
  ] as const)
    it(`lets no answer through unread behind ${what} [SEC-G7]`, async () => {
      answerOf = (request) => request.socket.end(bytes, 'latin1');
      const text = await exchange(port, ['GET /gateway/orders/items/1 HTTP/1.1', 'Host: a']);
      assert.doesNotMatch(text, /(?:^|[\r\n])set-cookie/i);
    });

  it('leaves line ends as they are in answers that it understands', async () => {
    for (const bytes of [
      'HTTP/1.1 200 OK\r\nDate: now\r\nConnection: close\r\n\r\na\r\nb\n',
      'HTTP/1.1 200 OK\r\nContent-Length: 5\r\nX-A: 103|\r\n\r\na\r\nb\n',
      'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\na\r\nb\n\r\n0\r\n\r\n',
    ]) {
      answerOf = (request) => request.socket.end(bytes, 'latin1');
      assert.equal((await get('/gateway/orders/items/1')).body, 'a\r\nb\n');
    }
  });

  it('answers with a problem document where the backend breaks off', async () => {
    answerOf = (request) => request.socket.destroy();
    const answer = await get('/gateway/orders/items/1', { method: 'POST', body: 'x' });
    assert.equal(answer.status, 502);
    assert.equal((JSON.parse(answer.body) as { type: string }).type, 'urn:gatehouse:gateway:backend');
  });

  it('passes a backend’s own errors on as they are', async () => {
    for (const status of [401, 403, 404, 500, 502, 504]) {
      answerOf = (_, response) => response.writeHead(status).end('own error');
      const answer = await get('/gateway/orders/items/1');
      assert.deepEqual([answer.status, answer.body], [status, 'own error']);
    }
  });

  it('streams both ways: what is sent arrives before the rest is', async () => {
    const answer = await new Promise<string>((resolve, reject) => {
      answerOf = (request, response) => {
        response.writeHead(200, { 'Content-Type': 'text/event-stream' });
        request.on('data', (chunk: Buffer) => response.write(`data: ${chunk.toString()}\n\n`));
        request.on('end', () => response.end('data: end\n\n'));
      };
      const sending = ask(
        { port, host: '127.0.0.1', path: '/gateway/orders/items', method: 'POST', agent: false },
        (response) => {
          let text = '';
          response.on('data', (chunk: Buffer) => {
            text += chunk.toString();
            if (text === 'data: one\n\n') sending.end('two');
          });
          response.on('end', () => resolve(text));
        },
      );
      sending.on('error', reject);
      sending.write('one');
    });
    assert.equal(answer, 'data: one\n\ndata: two\n\ndata: end\n\n');
  });

  const upgrade = (protocol: string, method = 'GET'): Promise<string> =>
    new Promise((resolve, reject) => {
      const sending = ask({
        port,
        host: '127.0.0.1',
        path: '/gateway/orders/items/1',
        method,
        headers: { Connection: 'Upgrade', Upgrade: protocol },
        agent: false,
      });
      sending.on('upgrade', (_, socket) => {
        socket.on('data', (chunk: Buffer) => {
          resolve(chunk.toString());
          socket.destroy();
        });
        socket.write('ping');
      });
      sending.on('response', (response) => {
        bodyIn(response).then((bytes) => resolve(bytes.toString()), reject);
      });
      sending.on('error', reject);
      sending.end();
    });

  it('passes WebSocket on, and no other protocol, under which calls would get past the checks [SEC-G29]', async () => {
    assert.equal(await upgrade('websocket'), 'echo ping /base/items/a%2Fb?x=1');
    assert.match(await upgrade('h2c'), /^heard GET/);
    assert.match(await upgrade('websocket', 'POST'), /^heard POST/);
    assert.equal(
      heard.find(({ headers }) => headers.upgrade !== undefined),
      undefined,
    );
  });

  it('writes nothing of refused calls to its log of errors', () => {
    // 404 is of a Gatehouse that does not trust it.
    assert.doesNotMatch(nginx.errors(), /auth request unexpected status: 4(?!04)/);
  });
});
