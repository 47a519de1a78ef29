import type {
  CompiledOperation,
  LiveApi,
  LiveProduct,
  LiveRevision,
  LiveVersion,
  Policy,
} from '../../../src/gateway/types.js';

export const operation = (key: string, more: Partial<CompiledOperation> = {}): CompiledOperation => {
  const [method = '', path = ''] = key.split(' ');
  return { key, method, path, open: false, scopes: [], permissions: [], ...more };
};

export interface RevisionWish {
  id?: string;
  number?: number;
  serviceUrl?: string;
  policy?: Policy;
  operations?: CompiledOperation[];
}

export const revision = (wish: RevisionWish = {}): LiveRevision => {
  const operations = wish.operations ?? [operation('GET /items/{id}'), operation('POST /items')];
  return {
    id: wish.id ?? 'r1',
    number: wish.number ?? 1,
    serviceUrl: new URL(wish.serviceUrl ?? 'https://orders.example.com/base'),
    policy: wish.policy,
    document: async () => ({
      type: 'openapi-3.0',
      title: 'Orders',
      firstSegments: ['items'],
      operations,
    }),
    openapi: async () => ({
      openapi: '3.0.3',
      info: { title: 'Orders', version: '1' },
      paths: Object.fromEntries(
        operations.map(({ method, path, operationId }) => [
          path,
          { [method.toLowerCase()]: { ...(operationId !== undefined && { operationId }), responses: {} } },
        ]),
      ),
    }),
  };
};

export interface VersionWish {
  apiId?: string;
  name?: string;
  revisions?: LiveRevision[];
  products?: LiveProduct[];
  authServer?: LiveVersion['authServer'];
  scope?: string[];
  passToken?: boolean;
}

/** The first revision is the current one. */
export const version = (wish: VersionWish = {}): LiveVersion => {
  const revisions = wish.revisions ?? [revision()];
  return {
    apiId: wish.apiId ?? 'api1',
    name: wish.name ?? '',
    authServer: wish.authServer ?? 'self',
    scope: wish.scope ?? [],
    passToken: wish.passToken ?? false,
    products: wish.products ?? [],
    current: revisions[0] as LiveRevision,
    revisions: new Map(revisions.map((each) => [each.number, each])),
  };
};

export const api = (versions: LiveVersion[] = [version()], more: Partial<LiveApi> = {}): LiveApi => ({
  id: 'api1',
  name: 'orders',
  audience: 'https://orders.example.com',
  suffix: 'orders',
  scheme: { in: 'path' },
  versions: new Map(versions.map((each) => [each.name, each])),
  ...more,
});

export const TENANT = { id: 't1', name: 'Home', issuer: 'http://id.example.com' };
