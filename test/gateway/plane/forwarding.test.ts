import { deepEqual, equal, match, ok } from 'node:assert/strict';
import {
  Agent,
  request as ask,
  type IncomingMessage,
  type OutgoingHttpHeaders,
  type ServerResponse,
} from 'node:http';
import { itThrough, needsFace } from './faces.js';
import { apiAt, documentOf, startBackend, startPlane } from './support.js';
import type { TestBackend, TestPlane } from './support.js';

const DOCUMENT = documentOf(
  'GET /items',
  'GET /items/{id}',
  'POST /items',
  'PUT /items/{id}',
  'DELETE /items/{id}',
  'GET /files/{name}.json',
);

interface Answered {
  status: number;
  message: string;
  headers: IncomingMessage['headers'];
  raw: string[];
  body: string;
  trailers: IncomingMessage['trailers'];
}

const ORIGIN_WIDE = {
  'Clear-Site-Data': '"*"',
  'Service-Worker-Allowed': '/',
  'Strict-Transport-Security': 'max-age=0',
  'Alt-Svc': 'h3=":443"',
};

interface Asked {
  method?: string;
  path: string;
  headers?: OutgoingHttpHeaders;
  body?: string | Buffer;
}

for (const [face, keepAlive] of [
  ['direct', true],
  ['direct', false],
  ['nginx', true],
] as const)
  describe(`forwarding over ${keepAlive ? 'kept' : 'closed'} connections, ${face}`, () => {
    const it = itThrough(face);
    let backend: TestBackend;
    let plane: TestPlane;
    let agent: Agent;
    let seen: {
      method: string;
      url: string;
      raw: string[];
      headers: IncomingMessage['headers'];
      body: string;
    };
    let answer: (response: ServerResponse, request: IncomingMessage) => void;

    before(async function () {
      needsFace(this, face);
      agent = new Agent({ keepAlive });
      backend = await startBackend((request, response) => {
        const chunks: Buffer[] = [];
        request.on('data', (chunk: Buffer) => chunks.push(chunk));
        request.on('end', () => {
          seen = {
            method: request.method ?? '',
            url: request.url ?? '',
            raw: request.rawHeaders,
            headers: request.headers,
            body: Buffer.concat(chunks).toString('latin1'),
          };
          answer(response, request);
        });
      });
      plane = await startPlane([apiAt(`${backend.url}/base`, DOCUMENT)], {
        through: face,
      });
    });
    beforeEach(() => {
      answer = (response) => response.end('hello');
    });
    after(async () => {
      agent?.destroy();
      await plane?.close();
      await backend?.close();
    });

    function call({ method = 'GET', path, headers = {}, body }: Asked): Promise<Answered> {
      return new Promise((resolve, reject) => {
        const sending = ask({ port: plane.port, host: '127.0.0.1', path, method, headers, agent }, (got) => {
          const chunks: Buffer[] = [];
          got.on('data', (chunk: Buffer) => chunks.push(chunk));
          got.on('error', reject);
          got.on('end', () =>
            resolve({
              status: got.statusCode ?? 0,
              message: got.statusMessage ?? '',
              headers: got.headers,
              raw: got.rawHeaders,
              body: Buffer.concat(chunks).toString('latin1'),
              trailers: got.trailers,
            }),
          );
        });
        sending.on('error', reject);
        sending.end(body);
      });
    }

    it('sends path and query on byte for byte, behind the path of the backend', async () => {
      const { status, body } = await call({
        path: '/gateway/orders/items/a%2Fb%c3%a9;x=1,~?x=%20+&&y=[]"&z',
      });
      deepEqual([status, body], [200, 'hello']);
      deepEqual([seen.method, seen.url], ['GET', '/base/items/a%2Fb%c3%a9;x=1,~?x=%20+&&y=[]"&z']);
    });

    it('keeps an empty query', async () => {
      await call({ path: '/gateway/orders/items?' });
      equal(seen.url, '/base/items?');
    });

    it('sends a body of known length on with its length', async () => {
      const { status } = await call({ method: 'POST', path: '/gateway/orders/items', body: 'a body' });
      equal(status, 200);
      deepEqual([seen.body, seen.headers['content-length']], ['a body', '6']);
    });

    it('sends a body of unknown length on in chunks', async () => {
      const headers = { 'transfer-encoding': 'chunked' };
      await call({ method: 'POST', path: '/gateway/orders/items', headers, body: 'x'.repeat(200_000) });
      equal(seen.body.length, 200_000);
      deepEqual([seen.headers['transfer-encoding'], seen.headers['content-length']], ['chunked', undefined]);
    });

    it('names the backend in Host, and itself in Via, Forwarded and X-Request-Id', async () => {
      await call({ path: '/gateway/orders/items', headers: { host: 'attacker.example', via: '1.0 edge' } });
      equal(`http://${seen.headers.host}`, backend.url);
      equal(seen.headers.via, '1.0 edge, 1.1 gatehouse');
      equal(seen.headers['forwarded'], 'for=203.0.113.7;host="id.example:8443";proto=https');
      equal(seen.headers['x-request-id'], 'request-0001');
      match(String(seen.headers['traceparent']), /^00-[0-9a-f]{32}-[0-9a-f]{16}-00$/);
    });

    it('drops what a caller says about itself, in any spelling [SEC-G1]', async () => {
      await call({
        path: '/gateway/orders/items',
        headers: {
          Forwarded: 'for=1.2.3.4',
          'X-Forwarded-For': '1.2.3.4',
          'x-forwarded-anything': '1',
          'X-Real-IP': '1.2.3.4',
          'Gatehouse-Caller': 'forged',
          Gatehouse_Caller: 'forged',
          'Gatehouse.Caller': 'forged',
          'X*Forwarded+For': '1.2.3.4',
          X_Forwarded_Proto: 'http',
          Cookie: 'session=1',
          Proxy: 'http://1.2.3.4:8080',
          'X-Client-Certificate': 'forged',
          'Ocp-Apim-Subscription-Key': 'secret',
          'X-Kept': 'yes',
        },
      });
      const names = seen.raw.filter((_, at) => at % 2 === 0).map((name) => name.toLowerCase());
      deepEqual(names.sort(), [
        'connection',
        'forwarded',
        'host',
        'traceparent',
        'via',
        'x-kept',
        'x-request-id',
      ]);
    });

    it('drops headers of the connection, and those that Connection names [SEC-G2]', async () => {
      await call({
        path: '/gateway/orders/items',
        headers: {
          Connection: 'keep-alive, X-Secret, Via',
          'Keep-Alive': 'timeout=5',
          'Proxy-Authorization': 'Basic x',
          'Proxy-Connection': 'keep-alive',
          TE: 'gzip;q=0.5',
          Upgrade: 'h2c',
          'X-Secret': '1',
        },
      });
      deepEqual(
        ['keep-alive', 'proxy-authorization', 'proxy-connection', 'te', 'upgrade', 'x-secret', 'via'].map(
          (name) => seen.headers[name],
        ),
        [undefined, undefined, undefined, undefined, undefined, undefined, '1.1 gatehouse'],
      );
    });

    it('sends on that the caller takes trailers', async () => {
      await call({
        path: '/gateway/orders/items',
        headers: { Connection: 'TE', TE: 'gzip;q=0.5, trailers' },
      });
      equal(seen.headers.te, 'trailers');
    });

    it('ends a call that goes round in a circle [SEC-G10]', async () => {
      const answered: number[] = [];
      for (const via of [
        '1.1 gatehouse, 1.0 proxy, 1.1 gatehouse',
        '1.1 gatehouse,1.0 gatehouse, 1.1 gatehouse',
      ])
        answered.push((await call({ path: '/gateway/orders/items', headers: { via } })).status);
      deepEqual(answered, [200, 502]);
    });

    it('goes on with a trace, with a parent of its own', async () => {
      const trace = '0af7651916cd43dd8448eb211c80319c';
      await call({
        path: '/gateway/orders/items',
        headers: { traceparent: `00-${trace}-b7ad6b7169203331-01`, tracestate: 'a=1' },
      });
      match(
        String(seen.headers['traceparent']),
        new RegExp(`^00-${trace}-(?!b7ad6b7169203331)[0-9a-f]{16}-01$`),
      );
      equal(seen.headers['tracestate'], 'a=1');
    });

    for (const invalid of [
      '00-00000000000000000000000000000000-b7ad6b7169203331-01',
      '00-0af7651916cd43dd8448eb211c80319c-0000000000000000-01',
      'ff-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01',
      '00-0AF7651916CD43DD8448EB211C80319C-b7ad6b7169203331-01',
      '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01-x',
      'nonsense',
    ])
      it(`begins a new trace in place of ${invalid}`, async () => {
        await call({ path: '/gateway/orders/items', headers: { traceparent: invalid, tracestate: 'a=1' } });
        match(String(seen.headers['traceparent']), /^00-[0-9a-f]{32}-[0-9a-f]{16}-00$/);
        ok(!String(seen.headers['traceparent']).includes(invalid.slice(3, 35)));
        equal(seen.headers['tracestate'], undefined);
      });

    it('takes the product key out of the query [SEC-G15]', async () => {
      await call({ path: '/gateway/orders/items?a=1&subscription-key=s&b=%20&subscription%2Dkey=t&' });
      equal(seen.url, '/base/items?a=1&b=%20&');
    });

    it('answers with status, reason, headers and body as they come', async () => {
      answer = (response) => {
        response.writeHead(418, 'Short and stout', [
          'X-Case',
          'Kept',
          'Link',
          '<a>',
          'Link',
          '<b>',
          'Content-Security-Policy',
          "default-src 'none'",
        ]);
        response.end('tea');
      };
      const { status, message, raw, body } = await call({ path: '/gateway/orders/items' });
      deepEqual([status, message, body], [418, 'Short and stout', 'tea']);
      ok(raw.includes('X-Case'));
      const values = (name: string): string[] => raw.filter((_, at) => at % 2 === 1 && raw[at - 1] === name);
      deepEqual(values('Link'), ['<a>', '<b>']);
      deepEqual(values('Content-Security-Policy'), ["default-src 'none'", 'sandbox']);
      deepEqual(values('X-Content-Type-Options'), ['nosniff']);
      deepEqual(values('X-Request-Id'), ['request-0001']);
    });

    it('drops what acts on the whole origin [SEC-G7]', async () => {
      answer = (response) =>
        response.writeHead(200, { ...ORIGIN_WIDE, 'Set-Cookie': ['a=1', 'b=2'], 'X-Kept': '1' }).end();
      const { headers } = await call({ path: '/gateway/orders/items' });
      for (const name of ['set-cookie', ...Object.keys(ORIGIN_WIDE)])
        equal(headers[name.toLowerCase()], undefined, name);
      equal(headers['x-kept'], '1');
    });

    it('drops headers of the connection from answers', async () => {
      answer = (response) => {
        response.writeHead(200, {
          'Proxy-Authenticate': 'Basic',
          Upgrade: 'h2c',
          Connection: 'X-Hop, keep-alive',
          'X-Hop': '1',
          'X-Kept': '1',
        });
        response.end();
      };
      const { headers } = await call({ path: '/gateway/orders/items' });
      deepEqual(Object.keys(headers).sort(), [
        'connection',
        'content-security-policy',
        'date',
        ...(keepAlive ? ['keep-alive'] : []),
        'transfer-encoding',
        'x-content-type-options',
        'x-kept',
        'x-request-id',
      ]);
    });

    it('passes trailers of the backend on', async () => {
      answer = (response) => {
        response.writeHead(200, { Trailer: 'X-Checksum' });
        response.write('body');
        response.addTrailers({ 'X-Checksum': 'abc', 'Set-Cookie': 'a=1' });
        response.end();
      };
      const { body, trailers, headers } = await call({
        path: '/gateway/orders/items',
        headers: { te: 'trailers' },
      });
      equal(body, 'body');
      deepEqual({ ...trailers }, { 'x-checksum': 'abc' });
      equal(headers['trailer'], 'X-Checksum');
    });

    for (const status of [204, 304])
      it(`passes ${status} on without a body`, async () => {
        answer = (response) => response.writeHead(status, { ETag: '"x"' }).end();
        const { body, headers, status: got } = await call({ path: '/gateway/orders/items' });
        deepEqual([got, body, headers['etag'], headers['transfer-encoding']], [status, '', '"x"', undefined]);
      });

    it('passes the length of a kept answer on with 304', async () => {
      answer = (response) => response.writeHead(304, { ETag: '"x"', 'Content-Length': 500 }).end();
      const { status, headers } = await call({ path: '/gateway/orders/items' });
      deepEqual([status, headers['content-length']], [304, '500']);
    });

    it('answers HEAD as GET, with the length and without the body', async () => {
      answer = (response) => response.writeHead(200, { 'Content-Length': 5 }).end();
      const { status, headers, body } = await call({ method: 'HEAD', path: '/gateway/orders/items' });
      deepEqual([status, headers['content-length'], body, seen.method], [200, '5', '', 'HEAD']);
    });

    it('lets interim answers end here', async () => {
      answer = (response) => {
        response.writeEarlyHints({ link: '</style.css>; rel=preload' });
        response.end('after hints');
      };
      const { status, body } = await call({ path: '/gateway/orders/items' });
      deepEqual([status, body], [200, 'after hints']);
    });

    it('counts each call once', async () => {
      const before = plane.usage.length;
      await call({ method: 'PUT', path: '/gateway/orders/items/7', body: 'x' });
      while (plane.usage.length === before) await new Promise((resolve) => setImmediate(resolve));
      const [entry, ...others] = plane.usage.slice(before);
      equal(others.length, 0);
      if (face === 'direct') ok(Number(entry?.milliseconds) > 0);
      else equal(entry?.milliseconds, undefined);
      deepEqual(
        { ...entry, milliseconds: 0, revisionId: '' },
        {
          tenantId: 'home',
          apiId: 'api',
          versionId: 'version-',
          revisionId: '',
          operation: 'PUT /items/{id}',
          clientId: undefined,
          status: face === 'direct' ? 200 : undefined,
          milliseconds: 0,
        },
      );
    });

    if (face === 'nginx')
      it('is done by nginx, but for calls with headers that it cannot drop', async () => {
        const before = plane.decisions.length;
        await call({ path: '/gateway/orders/items', headers: { 'X-Kept': '1' } });
        await call({ path: '/gateway/orders/items', headers: { 'X-Forwarded-Anything': '1' } });
        await call({ path: '/gateway/orders/items', headers: { Connection: 'X-Secret', 'X-Secret': '1' } });
        await call({ path: '/gateway/orders/nothing' });
        deepEqual(plane.decisions.slice(before), ['forward', 'hand over', 'hand over', 'refuse']);
      });

    it('uses connections to the backend again', async () => {
      await call({ path: '/gateway/orders/items' });
      const { connections } = backend;
      for (let n = 0; n < 5; n += 1) await call({ path: '/gateway/orders/items' });
      equal(backend.connections, connections);
    });
  });
