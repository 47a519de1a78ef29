import { deepEqual } from 'node:assert/strict';
import type { ServerResponse } from 'node:http';
import type { LiveApi, Policy } from '../../../src/gateway/types.js';
import { send, type Heard, type Said } from '../../support/http.js';
import { freePort } from '../../support/ports.js';
import { FACES, needsFace } from './faces.js';
import {
  apiAt,
  documentOf,
  openAccess,
  openPolicies,
  startBackend,
  startPlane,
  type TestBackend,
  type TestPlane,
} from './support.js';

const DOCUMENT = documentOf('GET /items', 'GET /mocked', 'GET /cached', 'GET /refused', 'GET /free');
const LIMIT = { dimension: 'client', quota: 5, window: 60, left: 3, reset: 20 };
const OWN = ['"client";r=3;t=20', '"client";q=5;w=60'];
const OF_BACKEND = ['"backend";r=9;t=1', '"backend";q=9;w=1'];
const FULL = ['"client";r=0;t=20', '"client";q=5;w=60'];

/** Fields of the backend's that the gateway has its own of, or not. */
const answer = (response: ServerResponse): void => {
  const [limit = '', policy = ''] = OF_BACKEND;
  response.setHeader('RateLimit', limit).setHeader('RateLimit-Policy', policy).end('yes');
};

for (const face of FACES)
  describe(`the fields of limits in answers, ${face}`, () => {
    let backend: TestBackend;
    let plane: TestPlane;

    before(async function () {
      needsFace(this, face);
      backend = await startBackend((_request, response) => answer(response));
      const at = (suffix: string, url: string, policy: Policy = {}): LiveApi =>
        apiAt(url, DOCUMENT, { suffix, policy });
      const apis = [
        at('orders', backend.url),
        at('gone', `http://127.0.0.1:${await freePort()}`),
        at('silent', backend.url, { setHeader: { response: { RateLimit: null, 'RateLimit-Policy': null } } }),
        at('renamed', backend.url, { setHeader: { response: { RateLimit: 'mine' } } }),
      ];
      const cached = ['X-From', 'cache', 'RateLimit', 'old', 'RateLimit-Policy', 'old'];
      plane = await startPlane(apis, {
        through: face,
        access: {
          ...openAccess,
          limits(call) {
            const [limit = '', policy = ''] = FULL;
            if (call.path === '/refused')
              return { word: 'quota', detail: '', headers: { RateLimit: limit, 'RateLimit-Policy': policy } };
            if (call.path !== '/free') call.limit = LIMIT;
            return undefined;
          },
        },
        policies: {
          ...openPolicies,
          mock: ({ path }) => (path === '/mocked' ? { status: 200, headers: [] } : undefined),
          cache: ({ path }) =>
            path === '/cached' ? { answer: { status: 200, headers: cached, body: 'kept' } } : undefined,
        },
      });
    });
    after(async () => {
      await plane?.close();
      await backend?.close();
    });

    const call = (path: string, said: Said = {}): Promise<Heard> =>
      send(new URL(`http://127.0.0.1:${plane.port}/gateway/${path}`), said);

    for (const [what, path, expected] of [
      ['are the gateway’s own where it has counted the call', 'orders/items', [200, ...OWN]],
      ['are the backend’s where it has not', 'orders/free', [200, ...OF_BACKEND]],
      ['come with the answer of a mock', 'orders/mocked', [200, ...OWN]],
      ['come with an answer of the cache, instead of those that it has kept', 'orders/cached', [200, ...OWN]],
      ['come with a fault of the backend', 'gone/items', [502, ...OWN]],
      ['come with a refusal, once', 'orders/refused', [429, ...FULL]],
      ['are not there where the policy removes them', 'silent/items', [200, null, null]],
      ['are the policy’s where it sets them', 'renamed/items', [200, 'mine', OWN[1]]],
      ['do not come with what has no limit', 'orders/none', [404, null, null]],
    ] as const)
      it(what, async () => {
        const { status, headers } = await call(path);
        deepEqual([status, headers.get('ratelimit'), headers.get('ratelimit-policy')], expected);
      });
  });
