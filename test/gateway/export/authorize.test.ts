import assert from 'node:assert/strict';
import type { Server } from 'node:http';
import { answerAuthorize, type AuthorizeCall, type Decision } from '../../../src/gateway/export/authorize.js';
import { backendName } from '../../../src/gateway/export/backend-names.js';
import type { Policy } from '../../../src/gateway/types.js';
import { operation, revision } from './apis.js';
import { closed, listening } from './nginx-server.js';

describe('the answer to a proxy’s question', () => {
  let server: { server: Server; port: number };
  let decide: (call: AuthorizeCall) => Decision;
  let thrown: unknown;

  before(async () => {
    server = await listening((request, response) => {
      answerAuthorize(request, response, (call) => decide(call)).catch((error: unknown) => {
        thrown = error;
        response.destroy();
      });
    });
  });
  after(() => closed(server.server));
  beforeEach(() => (thrown = undefined));

  const known = revision();
  const QUESTION = {
    'Gatehouse-Method': 'POST',
    'Gatehouse-Uri': '/gateway/orders/items',
    'Gatehouse-Backends': backendName(known),
  };
  const ask = (headers: Record<string, string> = QUESTION): Promise<Response> =>
    fetch(`http://127.0.0.1:${server.port}/gateway/authorize`, { headers });

  const forward = (more: Partial<Decision & { kind: 'forward' }> = {}): Decision => ({
    kind: 'forward',
    revision: known,
    target: '/base/items',
    headers: [],
    answered: {},
    ...more,
  });

  it('is 204 with the backend, the target and the headers of the contract, and no others', async () => {
    decide = () =>
      forward({
        headers: [
          'gatehouse-caller',
          'jwt',
          'Via',
          '1.1 a',
          'Via',
          '1.1 gatehouse',
          'X-Other',
          'x',
          'Host',
          'y',
        ],
        answered: { vary: 'Origin', 'Set-Cookie': 'a=b' },
      });
    const { status, headers } = await ask();
    assert.equal(status, 204);
    const said = Object.fromEntries([...headers].filter(([name]) => name.startsWith('gatehouse-')));
    assert.deepEqual(said, {
      'gatehouse-backend': backendName(known),
      'gatehouse-path': '/base/items',
      'gatehouse-send-gatehouse-caller': 'jwt',
      'gatehouse-send-via': '1.1 a, 1.1 gatehouse',
      'gatehouse-answer-vary': 'Origin',
    });
  });

  it('is decided by the call itself: method, target and headers without those of the question', async () => {
    let seen: unknown[] = [];
    decide = ({ request }) => {
      const names = request.rawHeaders.filter((_, at) => at % 2 === 0).map((name) => name.toLowerCase());
      seen = [
        request.method,
        request.url,
        names.filter((name) => name.startsWith('gatehouse')),
        request.headers.connection,
      ];
      return forward();
    };
    await ask({ ...QUESTION, 'Gatehouse-Connection': 'keep-alive', 'X-Mine': '1' });
    assert.deepEqual(seen, ['POST', '/gateway/orders/items', [], 'keep-alive']);
  });

  it('is 401, for the data plane here, where it is no whole question', async () => {
    decide = () => assert.fail('nothing is to be decided');
    assert.equal((await ask({})).status, 401);
    assert.equal((await ask({ 'Gatehouse-Method': 'GET' })).status, 401);
    assert.equal((await ask({ ...QUESTION, 'Gatehouse-Connection': 'close, X-Secret' })).status, 401);
    assert.equal((await ask({ ...QUESTION, 'X-Forwarded-User': 'root' })).status, 401);
    assert.equal((await ask({ ...QUESTION, 'Gatehouse-Other': 'x' })).status, 401);
    for (const name of ['Gatehouse_Caller', 'X_Forwarded_For', 'X_Request_Id', 'x-Real_IP'])
      assert.equal((await ask({ ...QUESTION, [name]: 'x' })).status, 401, name);
  });

  it('is 403 with the problem in a header that any proxy takes, cut where it is too long', async () => {
    const document = { type: 'urn:x', title: 'Ü', status: 422, requestId: 'r', errors: ['é'.repeat(5000)] };
    decide = () => ({ kind: 'refuse', status: 422, document, answered: { Allow: 'GET' } });
    const answer = await ask();
    assert.equal(answer.status, 403);
    assert.equal(answer.headers.get('gatehouse-status'), '422');
    assert.equal(answer.headers.get('gatehouse-answer-allow'), 'GET');
    assert.deepEqual(await answer.json(), document);
    const { errors: _, ...short } = document;
    assert.deepEqual(JSON.parse(answer.headers.get('gatehouse-problem') ?? ''), short);
  });

  it('is none where the target would become part of the backend’s host [SEC-G3]', async () => {
    decide = () => forward({ target: '@evil.example.com/' });
    await assert.rejects(ask());
    assert.match(String(thrown), /begins with a slash/);
  });

  it('lets a proxy carry what it was configured for, and nothing else [SEC-G29]', async () => {
    const carried = async (
      policy: Policy | undefined,
      of = operation('GET /a', { operationId: 'a' }),
    ): Promise<boolean> => {
      const one = revision(policy === undefined ? {} : { policy });
      let answer = false;
      decide = ({ carries }) => {
        answer = carries(one, of);
        return { kind: 'handOver' };
      };
      await ask({ ...QUESTION, 'Gatehouse-Backends': `x,${backendName(one)}` });
      return answer;
    };
    assert.equal(await carried(undefined), true);
    assert.equal(await carried({ rateLimit: { calls: 1, seconds: 1 }, rewrite: { prefix: '/v3' } }), true);
    assert.equal(await carried({ setHeader: { request: { 'X-A': 'a' } }, cors: { origins: ['*'] } }), true);
    for (const steps of [
      { cache: { seconds: 1 } },
      { circuitBreaker: {} },
      { mock: {} },
      { retry: { attempts: 1 } },
      { timeout: {} },
      { validateRequest: {} },
    ] satisfies Policy[]) {
      assert.equal(await carried(steps), false);
      assert.equal(await carried({ operations: { a: steps } }), false);
      assert.equal(await carried({ operations: { other: steps } }), true);
    }
    const changing = operation('PUT /a');
    assert.equal(await carried({ operations: { a: { cache: { seconds: 1 } } } }, changing), false);
    assert.equal(await carried(undefined, changing), true);
    assert.equal(await carried({ operations: { 'GET /a': { cors: { origins: ['*'] } } } }), false);
    assert.equal(await carried({ operations: { a: { setHeader: { request: { 'X-A': 'b' } } } } }), false);
  });

  it('knows a revision no more when its backend or its policy changes', () => {
    const name = backendName(known);
    assert.match(name, /^[0-9a-f]{32}$/);
    for (const wish of [
      { id: 'r2' },
      { serviceUrl: 'https://other.example.com/base' },
      { serviceUrl: 'http://orders.example.com/base' },
      { policy: { setHeader: { request: { 'X-A': 'a' } } } },
      { policy: { cors: { origins: ['*'] } } },
    ])
      assert.notEqual(backendName(revision(wish)), name);
    // The path is said with each answer.
    assert.equal(backendName(revision({ serviceUrl: 'https://orders.example.com/other' })), name);
  });
});
