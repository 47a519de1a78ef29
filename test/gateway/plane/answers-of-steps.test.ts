import { deepEqual, equal } from 'node:assert/strict';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { send, type Heard, type Said } from '../../support/http.js';
import { dial, drained, exchange } from '../../support/raw.js';
import { askForBody } from '../../../src/gateway/plane/index.js';
import { openPolicies } from '../../../src/gateway/policies/index.js';
import type { Policy } from '../../../src/gateway/types.js';
import { apiAt, documentOf, startBackend, startPlane, type TestBackend, type TestPlane } from './support.js';

const DOCUMENT = documentOf('GET /items', 'POST /items');
const APP = 'https://app.example';
const OTHER = 'https://other.example';

/** The steps of policies as they are, in a data plane. */
describe('answers of policies in the data plane', () => {
  let backend: TestBackend;
  let asked: IncomingMessage[];
  let answer: (response: ServerResponse, request: IncomingMessage) => void;
  const open: TestPlane[] = [];

  before(async () => {
    backend = await startBackend((request, response) => {
      asked.push(request);
      answer(response, request);
    });
    backend.server.on('upgrade', (_request, socket) =>
      socket.end(
        'HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\nhello',
      ),
    );
  });
  beforeEach(() => {
    asked = [];
    answer = (response) => response.end(`${asked.length}`);
  });
  afterEach(async () => {
    for (const plane of open.splice(0)) await plane.close();
  });
  after(() => backend.close());

  async function start(policy: Policy): Promise<TestPlane> {
    const plane = await startPlane([apiAt(backend.url, DOCUMENT, { policy })], {
      policies: openPolicies({ askForBody }),
    });
    open.push(plane);
    return plane;
  }
  const call = ({ port }: TestPlane, said: Said = {}): Promise<Heard> =>
    send(new URL(`http://127.0.0.1:${port}/gateway/orders/items`), said);
  const sharing = (headers: Record<string, string> = {}): void => {
    answer = (response) =>
      response.writeHead(200, { 'Cache-Control': 's-maxage=60', ...headers }).end(`${asked.length}`);
  };

  describe('cors', () => {
    it('grants each thing once to a preflight request', async () => {
      const plane = await start({ cors: { origins: [APP], credentials: true, exposeHeaders: ['X-A'] } });
      const { status, headers } = await call(plane, {
        method: 'OPTIONS',
        headers: { origin: APP, 'access-control-request-method': 'POST' },
      });
      deepEqual(
        [status, headers.get('access-control-allow-origin'), headers.get('access-control-allow-credentials')],
        [204, APP, 'true'],
      );
      equal(headers.get('access-control-allow-methods'), 'GET, HEAD, POST');
      equal(headers.get('vary'), 'Origin, Access-Control-Request-Method, Access-Control-Request-Headers');
    });

    it('replaces what the backend has granted, in a kept answer too [SEC-G20]', async () => {
      const plane = await start({ cache: { seconds: 60 }, cors: { origins: [APP] } });
      sharing({ 'Access-Control-Allow-Origin': '*', 'Access-Control-Allow-Credentials': 'true' });
      const granted = async (origin: string) => {
        const { headers, text } = await call(plane, { headers: { origin } });
        return [
          text,
          headers.get('access-control-allow-origin'),
          headers.get('access-control-allow-credentials'),
        ];
      };
      deepEqual(await granted(APP), ['1', APP, null]);
      deepEqual(await granted(APP), ['1', APP, null]);
      deepEqual(await granted(OTHER), ['1', null, null]);
    });
  });

  describe('cache', () => {
    for (const [what, vary, first, second] of [
      [
        'a header that Connection names',
        'Accept-Language',
        ['Connection: accept-language', 'Accept-Language: de'],
        ['Accept-Language: de'],
      ],
      [
        'one line of several',
        'Referer',
        ['Referer: http://a', 'Referer: http://evil'],
        ['Referer: http://a'],
      ],
      ['another spelling of a header', 'X-Lang', ['X_Lang: evil'], []],
      ['who calls, as the gateway says it', 'Gatehouse-Caller', ['X-Api-Key: a'], ['X-Api-Key: b']],
      [
        'the caller’s address, as the gateway says it',
        'Forwarded',
        ['X-Test-Address: 192.0.2.1'],
        ['X-Test-Address: 192.0.2.2'],
      ],
      ['the request’s id', 'X-Request-Id', [], []],
    ] as const)
      it(`keeps answers apart that depend on ${what} [SEC-G19]`, async () => {
        const plane = await start({ cache: { seconds: 60 } });
        sharing({ Vary: vary });
        for (const lines of [first, second])
          await exchange(plane.port, ['GET /gateway/orders/items HTTP/1.1', 'Host: a', ...lines]);
        equal(asked.length, 2);
      });

    it('has only its own question answered by the backend', async () => {
      const plane = await start({ cache: { seconds: 1 } });
      answer = (response, { headers }) => {
        if (headers['if-none-match'] !== undefined) return response.writeHead(304).end();
        const last = 'Fri, 15 Jan 2027 08:00:00 GMT';
        return response
          .writeHead(200, { 'Cache-Control': 's-maxage=0', 'Last-Modified': last })
          .end(`${asked.length}`);
      };
      await call(plane);
      const { status, text } = await call(plane, { headers: { 'if-none-match': '*' } });
      deepEqual([status, text, asked[1]?.headers['if-none-match']], [200, '2', undefined]);
    });

    it('is not asked about a WebSocket', async () => {
      const plane = await start({ cache: { seconds: 60 } });
      sharing();
      await call(plane);
      const socket = await dial(plane.port);
      const heard = drained(socket);
      socket.write(
        'GET /gateway/orders/items HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n',
      );
      equal((await heard).split('\r\n', 1)[0], 'HTTP/1.1 101 Switching Protocols');
    });
  });
});
