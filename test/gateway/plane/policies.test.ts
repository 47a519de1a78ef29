import { deepEqual, equal, match, ok } from 'node:assert/strict';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { send, type Heard, type Said } from '../../support/http.js';
import { exchange, until } from '../../support/raw.js';
import type { Policy } from '../../../src/gateway/types.js';
import { FACES, itThrough, needsFace } from './faces.js';
import { apiAt, documentOf, startBackend, startPlane, startRawBackend } from './support.js';
import type { TestBackend, TestPlane } from './support.js';

const DOCUMENT = documentOf(
  'GET /items',
  'POST /items',
  'PUT /items',
  'GET /items/{id}',
  'DELETE /items',
  'GET /files/{name}.json',
  'GET /pairs/{a}-{b}',
);

for (const face of FACES)
  describe(`policies that the data plane carries out, ${face}`, () => {
    const it = itThrough(face);
    let backend: TestBackend;
    let asked: { method: string; url: string; headers: IncomingMessage['headers']; body: string }[];
    let answer: (response: ServerResponse, nth: number) => void;
    const open: TestPlane[] = [];

    before(async function () {
      needsFace(this, face);
      backend = await startBackend((request, response) => {
        let body = '';
        request.on('data', (chunk: Buffer) => (body += chunk.toString()));
        request.on('end', () => {
          asked.push({
            method: request.method ?? '',
            url: request.url ?? '',
            headers: request.headers,
            body,
          });
          answer(response, asked.length);
        });
      });
    });
    beforeEach(() => {
      asked = [];
      answer = (response) => response.end('ok');
    });
    afterEach(async () => {
      for (const plane of open.splice(0)) await plane.close();
    });
    after(() => backend?.close());

    async function start(policy: Policy, url = `${backend.url}/base`): Promise<TestPlane> {
      const plane = await startPlane([apiAt(url, DOCUMENT, { policy })], {
        through: face,
      });
      open.push(plane);
      return plane;
    }

    const call = ({ port }: TestPlane, path = '/items', said: Said = {}): Promise<Heard> =>
      send(new URL(`http://127.0.0.1:${port}/gateway/orders${path}`), said);

    const wordOf = ({ text }: Heard): string =>
      String((JSON.parse(text) as { type: string }).type.split(':').at(-1));

    const status = (code: number) => (response: ServerResponse) =>
      void response.writeHead(code).end(`${code}`);

    describe('setHeader', () => {
      it('sets, replaces and removes headers both ways', async () => {
        const plane = await start({
          setHeader: {
            request: { 'X-Set': 'a', 'X-Gone': null },
            response: { 'X-Set': 'b', 'X-Removed': null },
          },
        });
        answer = (response) =>
          response.writeHead(200, { 'X-Removed': 'secret', 'X-Set': 'old', 'X-Kept': '1' }).end();
        const headers = { 'x-set': 'old', 'x-gone': '1', 'x-kept': '1' };
        const heard = await call(plane, '/items', { headers });
        const sent: IncomingMessage['headers'] = asked[0]?.headers ?? {};
        deepEqual([sent['x-set'], sent['x-gone'], sent['x-kept']], ['a', undefined, '1']);
        deepEqual(
          ['x-set', 'x-removed', 'x-kept'].map((name) => heard.headers.get(name)),
          ['b', null, '1'],
        );
      });

      it('takes the name of the server out', async () => {
        const plane = await start({ setHeader: { response: { Server: null } } });
        answer = (response) => response.writeHead(200, { Server: 'secret' }).end();
        equal((await call(plane)).headers.get('server'), null);
      });

      it('sets credentials for the backend', async () => {
        const plane = await start({ setHeader: { request: { Authorization: 'Basic abc' } } });
        await call(plane, '/items', { headers: { authorization: 'Bearer x' } });
        equal(asked[0]?.headers.authorization, 'Basic abc');
      });

      it('never sets what says who calls, or what frames the message [SEC-G1]', async () => {
        const plane = await start({
          setHeader: {
            request: {
              'Gatehouse-Caller': 'forged',
              'X-Forwarded-For': '1.2.3.4',
              Host: 'x',
              'Content-Length': '9',
            },
            response: { 'Set-Cookie': 'a=1', 'Transfer-Encoding': 'gzip' },
          },
        });
        const heard = await call(plane);
        const sent: IncomingMessage['headers'] = asked[0]?.headers ?? {};
        deepEqual(
          [sent['gatehouse-caller'], sent['x-forwarded-for'], sent['content-length']],
          [undefined, undefined, undefined],
        );
        equal(`http://${sent.host}`, backend.url);
        equal(heard.headers.get('set-cookie'), null);
      });
    });

    describe('rewrite', () => {
      it('puts a prefix before the path, and sets and removes parameters', async () => {
        const plane = await start({ rewrite: { prefix: '/v3', query: { a: 'x y', b: null, c: 'new' } } });
        await call(plane, '/items/a%2Fb?a=1&b=2&%62=3&keep=%20');
        equal(asked[0]?.url, '/base/v3/items/a%2Fb?a=x%20y&keep=%20&c=new');
      });

      it('gives one operation another path, with its parameters encoded', async () => {
        const plane = await start({
          rewrite: { prefix: '/v3' },
          operations: { 'GET /items/{id}': { rewrite: { path: '/things/{id}/about' } } },
        });
        await call(plane, '/items/a%2Fb%20c?x=1');
        await call(plane, '/items');
        deepEqual(
          asked.map(({ url }) => url),
          ['/base/things/a%2Fb%20c/about?x=1', '/base/v3/items'],
        );
      });
    });

    describe('rewrite with what a caller makes of a template', () => {
      it('never leads out of the path of the backend [SEC-G3]', async () => {
        const plane = await start({
          operations: {
            'GET /files/{name}.json': { rewrite: { path: '/store/{name}/content' } },
            'GET /pairs/{a}-{b}': { rewrite: { path: '/pairs/{a}{b}' } },
          },
        });
        for (const path of ['/files/...json', '/files/..%2Fx.json', '/files/..%5C.json', '/pairs/.-.']) {
          const heard = await call(plane, path);
          deepEqual([heard.status, wordOf(heard)], [400, 'bad-path'], path);
        }
        await call(plane, '/files/a..json');
        deepEqual(
          asked.map(({ url }) => url),
          ['/base/store/a./content'],
        );
      });
    });

    describe('timeout', () => {
      it('answers 504 where no answer begins in time', async () => {
        const plane = await start({ timeout: { seconds: 1 } });
        answer = () => undefined;
        const heard = await call(plane);
        deepEqual([heard.status, wordOf(heard)], [504, 'timeout']);
        equal(heard.headers.get('content-type'), 'application/problem+json');
      });

      it('breaks an answer off that stops for too long [SEC-G5]', async () => {
        const plane = await start({ timeout: { idleSeconds: 1 } });
        answer = (response) => void response.write('begun');
        const text = await exchange(plane.port, ['GET /gateway/orders/items HTTP/1.1', 'Host: a']);
        ok(text.includes('begun') && !text.endsWith('0\r\n\r\n'), text);
      });

      it('ends a body that stops for too long', async () => {
        const plane = await start({ timeout: { idleSeconds: 1 } });
        const lines = ['POST /gateway/orders/items HTTP/1.1', 'Host: a', 'Content-Length: 100'];
        equal(await exchange(plane.port, lines, 'begun'), '');
        equal(asked.length, 0);
      });
    });

    describe('retry', () => {
      it('tries again as often as it says, and passes the last answer on', async () => {
        const plane = await start({ retry: { attempts: 2, backoffMs: 1 } });
        answer = status(503);
        const heard = await call(plane);
        deepEqual([heard.status, heard.text, asked.length], [503, '503', 3]);
      });

      it('passes the first good answer on', async () => {
        const plane = await start({ retry: { attempts: 3, backoffMs: 1 } });
        answer = (response, nth) => status(nth < 3 ? 502 : 200)(response);
        const heard = await call(plane, '/items', { method: 'PUT', body: 'a body' });
        deepEqual([heard.status, asked.map(({ body }) => body)], [200, ['a body', 'a body', 'a body']]);
      });

      it('sends a body again that comes in pieces, up to 64 KiB', async () => {
        const plane = await start({ retry: { attempts: 1, backoffMs: 1 } });
        answer = (response, nth) => status(nth < 2 ? 502 : 200)(response);
        for (const [size, tries] of [
          [65_536, 2],
          [65_537, 1],
        ] as const) {
          asked = [];
          await call(plane, '/items', {
            method: 'PUT',
            body: 'x'.repeat(size),
            headers: { 'content-length': String(size) },
          });
          deepEqual(
            asked.map(({ body }) => body.length),
            Array<number>(tries).fill(size),
          );
        }
      });

      it('tries only for the statuses that it names', async () => {
        const plane = await start({ retry: { attempts: 2, on: [504], backoffMs: 1 } });
        answer = status(503);
        await call(plane);
        equal(asked.length, 1);
      });

      it('never sends a POST again', async () => {
        const plane = await start({ retry: { attempts: 2, backoffMs: 1 } });
        answer = status(503);
        await call(plane, '/items', { method: 'POST', body: 'x' });
        equal(asked.length, 1);
      });

      it('stops when the caller leaves', async () => {
        const plane = await start({ retry: { attempts: 5, backoffMs: 50 } });
        answer = status(503);
        const abort = new AbortController();
        const left = fetch(`http://127.0.0.1:${plane.port}/gateway/orders/items`, { signal: abort.signal });
        await until(() => asked.length === 1);
        abort.abort();
        await left.catch(() => undefined);
        await until(() => plane.usage.length === 1);
        await new Promise((resolve) => setTimeout(resolve, 200));
        ok(asked.length <= 2);
      });
    });

    describe('kept connections', () => {
      async function startDropping(
        answered: number,
        policy: Policy = {},
      ): Promise<[TestPlane, TestBackend, string[]]> {
        const heads: string[] = [];
        const raw = await startRawBackend((socket) => {
          socket.on('data', (chunk: Buffer) => {
            heads.push(chunk.toString().split(' ', 1)[0] ?? '');
            if (heads.length > answered && raw.connections === 1) return void socket.destroy();
            socket.write('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok');
          });
        });
        return [await start(policy, raw.url), raw, heads];
      }

      it('sends a request again, once, that met a connection that the backend closed', async () => {
        const [plane, raw, heads] = await startDropping(1);
        await call(plane);
        const heard = await call(plane);
        deepEqual([heard.status, heads, raw.connections], [200, ['GET', 'GET', 'GET'], 2]);
        await plane.close();
        open.pop();
        await raw.close();
      });

      it('does not count it against the backend', async () => {
        const [plane, raw] = await startDropping(1, { circuitBreaker: { failures: 1, openSeconds: 60 } });
        for (let n = 0; n < 3; n += 1) equal((await call(plane)).status, 200);
        await plane.close();
        open.pop();
        await raw.close();
      });

      it('never sends a POST again', async () => {
        const [plane, raw, heads] = await startDropping(1);
        await call(plane);
        const heard = await call(plane, '/items', { method: 'POST', body: 'x' });
        deepEqual([heard.status, heads], [502, ['GET', 'POST']]);
        await plane.close();
        open.pop();
        await raw.close();
      });

      it('does not send a request again that met a new connection', async () => {
        const [plane, raw, heads] = await startDropping(0);
        const heard = await call(plane);
        deepEqual([heard.status, heads], [502, ['GET']]);
        await plane.close();
        open.pop();
        await raw.close();
      });
    });

    describe('circuitBreaker', () => {
      it('opens after faults in a row, then lets one trial through, and closes', async () => {
        const plane = await start({ circuitBreaker: { failures: 2, openSeconds: 1 } });
        answer = status(503);
        for (let n = 0; n < 2; n += 1) equal((await call(plane)).text, '503');
        const refused = await call(plane);
        deepEqual(
          [refused.status, wordOf(refused), refused.headers.get('retry-after')],
          [503, 'circuit-open', '1'],
        );
        equal(asked.length, 2);
        await until(async () => {
          const { text } = await call(plane);
          return text === '503';
        });
        equal(asked.length, 3);
        equal(wordOf(await call(plane)), 'circuit-open');
        answer = status(200);
        await until(async () => (await call(plane)).status === 200);
        equal((await call(plane)).status, 200);
      });

      it('counts only faults in a row', async () => {
        const plane = await start({ circuitBreaker: { failures: 2, openSeconds: 60 } });
        answer = (response, nth) => status(nth % 2 === 0 ? 503 : 500)(response);
        for (let n = 0; n < 6; n += 1) ok([500, 503].includes((await call(plane)).status));
        equal(asked.length, 6);
      });

      it('lets one trial through at a time', async () => {
        const plane = await start({ circuitBreaker: { failures: 1, openSeconds: 1 } });
        answer = status(502);
        await call(plane);
        await new Promise((resolve) => setTimeout(resolve, 1100));
        let finish: (() => void) | undefined;
        answer = (response) => (finish = () => response.end('slow'));
        const trial = call(plane);
        await until(() => finish !== undefined);
        const others = await Promise.all([call(plane), call(plane)]);
        deepEqual(others.map(wordOf), ['circuit-open', 'circuit-open']);
        finish?.();
        equal((await trial).text, 'slow');
      });

      it('counts an operation apart that has its own', async () => {
        const plane = await start({
          circuitBreaker: { failures: 1, openSeconds: 60 },
          operations: { 'PUT /items': { circuitBreaker: { failures: 1, openSeconds: 60 } } },
        });
        answer = status(503);
        await call(plane);
        equal(wordOf(await call(plane)), 'circuit-open');
        equal((await call(plane, '/items', { method: 'PUT' })).text, '503');
      });
    });

    describe('backends that cannot be reached', () => {
      it('answers 502 where the connection is refused [SEC-G6]', async () => {
        const gone = await startBackend(() => undefined);
        await gone.close();
        const plane = await start({}, gone.url);
        const heard = await call(plane);
        deepEqual([heard.status, wordOf(heard)], [502, 'backend']);
        ok(!heard.text.includes('127.0.0.1'));
      });

      it('answers 502 where the address is out of reach [SEC-G8]', async () => {
        const plane = await start({}, 'http://10.1.2.3:81');
        const heard = await call(plane);
        deepEqual([heard.status, wordOf(heard)], [502, 'backend']);
        ok(!heard.text.includes('10.1.2.3'));
      });

      it('answers 502 where a name leads out of reach', async () => {
        const plane = await start({}, 'http://gateway-test.invalid');
        const heard = await call(plane);
        deepEqual([heard.status, wordOf(heard)], [502, 'backend']);
        match(heard.text, /"requestId":"request-0001"/);
      });
    });
  });
