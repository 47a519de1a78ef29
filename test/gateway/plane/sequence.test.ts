import { deepEqual, equal, ok } from 'node:assert/strict';
import { send, type Heard, type Said } from '../../support/http.js';
import { exchange } from '../../support/raw.js';
import type { AccessSteps, LocatedCall, PolicyRunner } from '../../../src/gateway/plane/index.js';
import type { Problem, ProblemWord } from '../../../src/gateway/plane/index.js';
import { FACES, itThrough, needsFace } from './faces.js';
import { apiAt, documentOf, openAccess, openPolicies, startBackend, startPlane } from './support.js';
import type { TestBackend, TestPlane } from './support.js';

const DOCUMENT = documentOf('GET /items', 'POST /items', 'GET /items/{id}', 'OPTIONS /own');

/** Refuses where the request names the word: a call can break several rules at once. */
const refusal =
  (word: ProblemWord) =>
  ({ request }: LocatedCall): Problem | undefined =>
    String(request.headers['x-break']).split(' ').includes(word)
      ? { word, detail: `This breaks ${word}.`, ...(word === 'quota' && { headers: { 'Retry-After': '7' } }) }
      : undefined;

const later =
  (word: ProblemWord) =>
  (call: LocatedCall): Promise<Problem | undefined> =>
    Promise.resolve(refusal(word)(call));

const ACCESS: AccessSteps = {
  ...openAccess,
  token: (call) => {
    call.caller = { subject: 'u', clientId: 'client-1', scopes: new Set(), expiresAt: 0 };
    return refusal('token')(call);
  },
  scopes: later('scope'),
  permissions: refusal('permission'),
  productKey: later('product-key'),
  limits: refusal('quota'),
  callerHeader: ({ caller }) => Promise.resolve(caller && `jwt-of-${caller.subject}`),
};

const POLICIES: PolicyRunner = {
  ...openPolicies,
  address: refusal('address'),
  preflight: ({ request }) =>
    request.headers['access-control-request-method'] === undefined
      ? undefined
      : { status: 204, headers: ['Access-Control-Allow-Methods', 'GET'] },
  corsHeaders: ({ request: { method, headers }, api }) =>
    api.suffix !== 'orders' || headers.origin === undefined || method === 'OPTIONS'
      ? undefined
      : { 'Access-Control-Allow-Origin': headers.origin, Vary: 'Origin' },
  validate: later('invalid-request'),
  mock: ({ request }) =>
    request.headers['x-mock'] === undefined
      ? undefined
      : { status: 200, headers: ['Content-Type', 'text/plain', 'Set-Cookie', 'a=1'], body: 'mocked' },
};

for (const face of FACES)
  describe(`the steps of a call, ${face}`, () => {
    const it = itThrough(face);
    let backend: TestBackend;
    let plane: TestPlane;
    let asked = 0;
    let callerHeader: unknown;

    before(async function () {
      needsFace(this, face);
      backend = await startBackend((request, response) => {
        asked += 1;
        callerHeader = request.headers['gatehouse-caller'];
        response.setHeader('Access-Control-Allow-Origin', 'https://of-backend.example');
        response.end('from the backend');
      });
      const policy = { cors: { origins: ['https://app.example'] } };
      const api = apiAt(backend.url, DOCUMENT, { policy });
      const plain = apiAt(backend.url, DOCUMENT, { suffix: 'plain' });
      plane = await startPlane([api, plain], { access: ACCESS, policies: POLICIES, through: face });
    });
    beforeEach(() => {
      asked = 0;
    });
    after(async () => {
      await plane?.close();
      await backend?.close();
    });

    const call = (path: string, said: Said = {}): Promise<Heard> =>
      send(new URL(`http://127.0.0.1:${plane.port}/gateway/${path}`), said);
    const outcomeOf = ({ status, text }: Heard): [number, string] => {
      const { type } = JSON.parse(text) as { type: string };
      return [status, type.replace('urn:gatehouse:gateway:', '')];
    };

    const CHECKS = [
      [401, 'token'],
      [403, 'scope'],
      [403, 'permission'],
      [401, 'product-key'],
      [429, 'quota'],
      [400, 'invalid-request'],
    ] as const;
    CHECKS.forEach(([status, word], at) =>
      it(`checks ${word} before what comes after it, and asks no backend [SEC-G4]`, async () => {
        const broken = CHECKS.slice(at).map(([, each]) => each);
        deepEqual(outcomeOf(await call('orders/items', { headers: { 'x-break': broken.join(' ') } })), [
          status,
          word,
        ]);
        equal(asked, 0);
      }),
    );

    it('checks the address before the path, and that before the token [SEC-G3]', async () => {
      const path = 'orders/a%5C..%5Cb';
      deepEqual(outcomeOf(await call(path, { headers: { 'x-break': 'address token' } })), [403, 'address']);
      deepEqual(outcomeOf(await call(path, { headers: { 'x-break': 'token' } })), [400, 'bad-path']);
      deepEqual(outcomeOf(await call('orders/nothing', { headers: { 'x-break': 'token' } })), [
        404,
        'not-found',
      ]);
      deepEqual(outcomeOf(await call('orders/items', { method: 'PUT', headers: { 'x-break': 'token' } })), [
        405,
        'method',
      ]);
    });

    it('finds no suffix in another case, and none that is unknown', async () => {
      for (const path of ['Orders/items', 'nothing', 'orders;rev=9/items', ''])
        deepEqual(outcomeOf(await call(path, { headers: { 'x-break': 'address token' } })), [
          404,
          'not-found',
        ]);
    });

    it('keeps the connection after a refusal and an answer of its own, where no body came', async () => {
      for (const [path, said] of [
        ['orders/items', { headers: { 'x-break': 'token' } }],
        ['orders/nothing', {}],
        ['orders/items', { method: 'OPTIONS' }],
      ] as [string, Said][])
        equal((await call(path, said)).headers.get('connection'), 'keep-alive', path);
    });

    it('describes a problem as RFC 9457 does, without the backend’s address', async () => {
      const heard = await call('orders/items', { headers: { 'x-break': 'quota' } });
      deepEqual(JSON.parse(heard.text), {
        type: 'urn:gatehouse:gateway:quota',
        title: 'The quota is used up',
        status: 429,
        detail: 'This breaks quota.',
        requestId: 'request-0001',
      });
      deepEqual(
        ['content-type', 'cache-control', 'retry-after', 'x-request-id', 'content-security-policy'].map(
          (name) => heard.headers.get(name),
        ),
        ['application/problem+json', 'no-store', '7', 'request-0001', 'sandbox'],
      );
    });

    it('answers HEAD with the head of a problem alone', async () => {
      const text = await exchange(plane.port, ['HEAD /gateway/orders/nothing HTTP/1.1', 'Host: a']);
      ok(text.startsWith('HTTP/1.1 404 ') && text.endsWith('\r\n\r\n'), text);
      ok(/\r\nContent-Length: [1-9]/.test(text), text);
    });

    it('names the methods of a path with 405', async () => {
      const heard = await call('orders/items', { method: 'DELETE' });
      deepEqual([heard.status, heard.headers.get('allow')], [405, 'GET, HEAD, POST']);
    });

    it('answers OPTIONS by cors, else by the document, else with Allow', async () => {
      const preflight = { origin: 'https://app.example', 'access-control-request-method': 'GET' };
      const byCors = await call('orders/items', {
        method: 'OPTIONS',
        headers: { ...preflight, 'x-break': 'token' },
      });
      deepEqual([byCors.status, byCors.headers.get('access-control-allow-methods'), asked], [204, 'GET', 0]);
      const byDocument = await call('orders/own', { method: 'OPTIONS' });
      deepEqual([byDocument.text, asked], ['from the backend', 1]);
      const byGateway = await call('orders/items', { method: 'OPTIONS', headers: { 'x-break': 'token' } });
      deepEqual([byGateway.status, byGateway.headers.get('allow'), asked], [204, 'GET, HEAD, POST', 1]);
      equal((await call('orders/nothing', { method: 'OPTIONS' })).status, 404);
    });

    it('adds the headers of cors to answers and problems, in place of the backend’s', async () => {
      for (const headers of [
        { origin: 'https://app.example' },
        { origin: 'https://app.example', 'x-break': 'token' },
      ]) {
        const heard = await call('orders/items', { headers });
        deepEqual(
          [heard.headers.get('access-control-allow-origin'), heard.headers.get('vary')],
          ['https://app.example', 'Origin'],
        );
      }
      const without = await call('plain/items', { headers: { origin: 'https://app.example' } });
      equal(without.headers.get('access-control-allow-origin'), 'https://of-backend.example');
    });

    it('answers by a mock without the backend, as carefully as by one', async () => {
      const heard = await call('orders/items', { headers: { 'x-mock': '1' } });
      deepEqual([heard.status, heard.text, asked], [200, 'mocked', 0]);
      deepEqual(
        [heard.headers.get('set-cookie'), heard.headers.get('content-security-policy')],
        [null, 'sandbox'],
      );
    });

    it('tells the backend who calls', async () => {
      await call('orders/items', { headers: { 'gatehouse-caller': 'forged' } });
      equal(callerHeader, 'jwt-of-u');
    });

    it('counts refused calls too, with their client', async () => {
      const before = plane.usage.length;
      await call('orders/items', { headers: { 'x-break': 'scope' } });
      while (plane.usage.length === before) await new Promise((resolve) => setImmediate(resolve));
      const { operation, clientId, status } = plane.usage.at(-1) ?? {};
      deepEqual([operation, clientId, status], ['GET /items', 'client-1', 403]);
    });
  });
