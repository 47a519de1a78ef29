import { documentOf } from '../../support/gateway.js';

type Data = Record<string, unknown>;

const GOOD = { 200: { description: 'Yes' } };

/** Operations that are more than a list of scopes. */
const OTHERS: Readonly<Record<string, Data>> = {
  '/either': { security: [{ gatehouse: ['read'] }, { gatehouse: ['write'] }] },
  '/or-none': { security: [{ gatehouse: ['read'] }, { gatehouse: [] }] },
  '/nearest': { security: [{ gatehouse: ['a', 'b'] }, { gatehouse: ['read', 'c'] }] },
  '/open-or-scope': { security: [{ gatehouse: ['write'] }, {}] },
  '/ship': { 'x-permission': 'ship', security: [{ gatehouse: [] }] },
};

function withOthers(document: Data, others: Readonly<Record<string, Data>>): Data {
  const paths = Object.entries(others).map(([path, more]) => [path, { get: { ...more, responses: GOOD } }]);
  return { ...document, paths: { ...(document['paths'] as Data), ...Object.fromEntries(paths) } };
}

/** The API whose tokens, scopes and permissions are tried. */
export const ORDERS = {
  document: withOthers(
    documentOf({
      'GET /open': null,
      'GET /token': [],
      'POST /token': [],
      'GET /read': ['orders.read'],
      'GET /short': ['read'],
      'GET /write': ['write'],
      'GET /both': ['read', 'write'],
      'GET /all': ['write', 'orders.read'],
      'GET /required': null,
      'GET /also': ['read'],
      'GET /any-token': null,
      'GET /permitted': [],
    }),
    OTHERS,
  ),
  policy: {
    operations: {
      'GET /required': { requireScopes: { scopes: ['write'] } },
      'GET /also': { requireScopes: { scopes: ['write'] } },
      'GET /any-token': { requireScopes: { scopes: [] } },
      'GET /permitted': { requireScopes: { scopes: ['read'], permissions: ['ship'] } },
    },
  },
};

/** One open operation. */
export const ITEM = documentOf({ 'GET /item': null });

const once = (by: string): object => ({ rateLimit: { calls: 1, seconds: 3600, by } });
const quota = (calls: number, period: string, timeZone = 'UTC'): object => ({
  quota: { calls, period, timeZone, by: 'api' },
});

const NUMBER = { name: 'n', in: 'query', required: true, schema: { type: 'integer' } };

/** The API whose limits are tried, one at each path. */
export const LIMITED = {
  document: withOthers(
    documentOf({
      'GET /all': null,
      'GET /also-all': null,
      'GET /own': null,
      'GET /client': null,
      'GET /user': null,
      'GET /address': null,
      'GET /scope': ['limited.read'],
      'GET /nodes': null,
      'GET /quota': null,
      'GET /day': null,
    }),
    { '/checked': { security: [], parameters: [NUMBER] } },
  ),
  policy: {
    ...once('api'),
    operations: {
      'GET /own': once('api'),
      'GET /client': once('client'),
      'GET /user': once('user'),
      'GET /address': once('address'),
      'GET /scope': once('api'),
      'GET /checked': { ...once('api'), validateRequest: { query: true } },
      'GET /nodes': { rateLimit: { calls: 20, seconds: 3600, by: 'api' } },
      'GET /quota': { rateLimit: { calls: 1000, seconds: 1 }, ...quota(3, 'month') },
      'GET /day': { rateLimit: { calls: 1000, seconds: 1 }, ...quota(1, 'day', 'Asia/Shanghai') },
    },
  },
};
