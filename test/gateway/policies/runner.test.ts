import assert from 'node:assert/strict';
import { IncomingMessage, ServerResponse } from 'node:http';
import { Socket } from 'node:net';
import { openPolicies } from '../../../src/gateway/policies/index.js';
import type { Call } from '../../../src/gateway/plane/steps.js';
import type { CompiledOperation, LiveRevision, Policy } from '../../../src/gateway/types.js';
import { ITEMS, operation } from './support.js';

const runner = openPolicies({ askForBody: () => undefined });
const LIST = operation('GET /items', 'listItems');
const ROUTED = ITEMS.operations;

const router = {
  match(method: string, path: string) {
    const onPath = ROUTED.filter((each) => each.path === path);
    const found = onPath.find((each) => each.method === method);
    if (found) return { operation: found, parameters: {} };
    return onPath.length === 0 ? undefined : { allow: onPath.map((each) => each.method) };
  },
};

interface Asked {
  policy: Policy;
  method?: string;
  headers?: Record<string, string>;
  address?: string;
  operation?: CompiledOperation;
  query?: string;
  revision?: LiveRevision;
  keyId?: string;
}

const revisionOf = (policy: Policy): LiveRevision => ({
  id: 'r1',
  number: 1,
  serviceUrl: new URL('http://backend.example'),
  policy,
  document: () => Promise.resolve(ITEMS),
  openapi: () =>
    Promise.resolve({
      openapi: '3.0.3',
      paths: {
        '/items': { get: { responses: { 200: { content: { 'application/json': { example: [1] } } } } } },
      },
    }),
});

/** A call as the plane makes one, without a connection. */
function callOf({
  policy,
  method = 'GET',
  headers = {},
  address = '192.0.2.1',
  query,
  ...rest
}: Asked): Call {
  const request = new IncomingMessage(new Socket());
  Object.assign(request, { method, url: '/', headers, rawHeaders: Object.entries(headers).flat() });
  const policies = runner.compile(policy);
  const called = rest.operation ?? LIST;
  return {
    request,
    response: new ServerResponse(request),
    method,
    facts: { requestId: 'r', address, startedAt: 0 },
    version: { authServer: 'self', passToken: false },
    revision: rest.revision ?? revisionOf(policy),
    path: '/items',
    query,
    operation: called,
    parameters: {},
    router,
    policy: policies.of(called),
    policies,
    caller: undefined,
    key: rest.keyId === undefined ? undefined : { id: rest.keyId },
    body: undefined,
    store: undefined,
  } as unknown as Call;
}

const APP = 'https://app.example';
const PREFLIGHT = { origin: APP, 'access-control-request-method': 'POST' };

describe('the steps of a policy in the data plane', () => {
  it('do nothing without a policy', async () => {
    const call = callOf({ policy: {} });
    assert.equal(runner.address(call), undefined);
    assert.equal(runner.corsHeaders(call), undefined);
    assert.equal(runner.validate(call), undefined);
    assert.equal(runner.mock(call), undefined);
    assert.equal(runner.cache(call), undefined);
    assert.equal(runner.preflight(callOf({ policy: {}, method: 'OPTIONS', headers: PREFLIGHT })), undefined);
  });

  it('answer a preflight request by the policy of the operation that it asks about', async () => {
    const policy = {
      cors: { origins: ['https://other.example'] },
      operations: { createItem: { cors: { origins: [APP] } } },
    };
    const answer = await runner.preflight(callOf({ policy, method: 'OPTIONS', headers: PREFLIGHT }));
    assert.equal(answer?.status, 204);
    assert.deepEqual(answer?.headers.slice(0, 4), [
      'Access-Control-Allow-Origin',
      APP,
      'Access-Control-Allow-Methods',
      'GET, POST',
    ]);
  });

  it('leave OPTIONS without a question to the document', () => {
    assert.equal(
      runner.preflight(callOf({ policy: { cors: { origins: [APP] } }, method: 'OPTIONS' })),
      undefined,
    );
  });

  it('refuse an address', async () => {
    const problem = await runner.address(callOf({ policy: { ipFilter: { deny: ['192.0.2.0/24'] } } }));
    assert.equal(problem?.word, 'address');
  });

  it('answer a mock', async () => {
    const answer = await runner.mock(callOf({ policy: { mock: {} } }));
    const body = Buffer.from('[1]');
    assert.deepEqual(answer, { status: 200, headers: ['Content-Type', 'application/json'], body });
  });

  const policy: Policy = { operations: { listItems: { cache: { seconds: 60 } } } };

  function fill(call: Call): void {
    const turn = runner.cache(call);
    assert.ok(turn && 'store' in turn);
    const recorder = turn.store.begin(200, {});
    assert.ok(recorder && 'write' in recorder);
    recorder.write(Buffer.from('secret'));
    recorder.end();
  }
  const isAnswered = (call: Call): boolean => 'answer' in (runner.cache(call) ?? {});

  const APART: [title: string, one: Partial<Asked>, other: Partial<Asked>][] = [
    ['token', { headers: { authorization: 'Bearer a' } }, { headers: { authorization: 'Bearer b' } }],
    ['key of the backend', { headers: { 'x-api-key': 'a' } }, { headers: { 'x-api-key': 'b' } }],
    ['product key', { keyId: 'a' }, { keyId: 'b' }],
    ['address', { address: '192.0.2.1' }, { address: '192.0.2.2' }],
    ['token, and none', { headers: { authorization: 'Bearer a' } }, {}],
    ['query', { query: 'a=1' }, { query: 'a=2' }],
  ];
  for (const [title, one, other] of APART)
    it(`give no answer of the cache to a caller with another ${title} [SEC-G19]`, () => {
      const revision = revisionOf(policy);
      fill(callOf({ policy, revision, ...one }));
      assert.equal(isAnswered(callOf({ policy, revision, ...one })), true);
      assert.equal(isAnswered(callOf({ policy, revision, ...other })), false);
    });

  it('take an address with another product key in its query for the same', () => {
    const revision = revisionOf(policy);
    fill(callOf({ policy, revision, query: 'subscription-key=a', keyId: 'k' }));
    assert.equal(isAnswered(callOf({ policy, revision, query: 'subscription-key=b', keyId: 'k' })), true);
  });

  it('drop the answers of an address after a change by an operation without a cache', () => {
    const revision = revisionOf(policy);
    fill(callOf({ policy, revision }));
    const turn = runner.cache(
      callOf({ policy, revision, method: 'POST', operation: operation('POST /items', 'createItem') }),
    );
    assert.ok(turn && 'store' in turn);
    turn.store.begin(201, {});
    assert.equal(isAnswered(callOf({ policy, revision })), false);
  });
});
