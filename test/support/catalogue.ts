import { insertApiResource, newApiResource } from '../../src/api-resources/index.js';
import { insertAuthServer } from '../../src/gateway/catalogue/auth-server-store.js';
import { insertDocument, packDocument } from '../../src/gateway/catalogue/documents.js';
import { insertKey } from '../../src/gateway/catalogue/key-store.js';
import { insertProduct } from '../../src/gateway/catalogue/product-store.js';
import { insertRelease } from '../../src/gateway/catalogue/release-store.js';
import { insertRevision } from '../../src/gateway/catalogue/revision-store.js';
import { insertVersion, insertVersionSet } from '../../src/gateway/catalogue/version-store.js';
import { newId } from '../../src/kernel/ids.js';
import type { TenantDb } from '../../src/store/index.js';
import type { Tenant } from '../../src/tenants/index.js';
import type { Example } from './management.js';
import type { TestServer } from './server.js';

const DOCUMENT = {
  openapi: '3.0.3',
  info: { title: 'Example', version: '1' },
  paths: { '/items': { get: { responses: { 200: { description: 'Yes' } } } } },
};
const SERVICE = 'https://backend.example.com';
const KEYS = 'https://id.example.com/keys';

let made = 0;

interface Published {
  id: string;
  /** The current one, and one that is not. */
  currentId: string;
  revisionId: string;
  releaseId: string;
}

/** Writes an API's first version with two revisions and a release, past the API: no document is read. */
export async function publishIn(db: TenantDb, id: string): Promise<Published> {
  const compiled = {
    ...{ type: 'openapi-3.0' as const, title: 'Example', firstSegments: ['items'] },
    operations: [
      { key: 'GET /items', method: 'GET', path: '/items', open: false, scopes: [], permissions: [] },
    ],
  };
  const source = { compiled, source: JSON.stringify(DOCUMENT), sourceFormat: 'json' as const };
  const document = await insertDocument(db, await packDocument(source));
  const [currentId, revisionId] = [newId(), newId()];
  await insertVersionSet(db, {
    ...{ apiResourceId: id, suffix: `example-${++made}`, scheme: { in: 'path' } },
    lastPublish: { apiId: id, documentSource: 'inline' },
  });
  const version = { apiResourceId: id, name: '', displayName: 'Example', description: null, scope: null };
  const access = { authServerId: 'self', passToken: false, currentRevisionId: currentId, lastRevision: 2 };
  await insertVersion(db, { ...version, ...access }, id);
  const revision = {
    versionId: id,
    online: true,
    description: null,
    serviceUrl: SERVICE,
    policy: null,
    author: 'x',
  };
  await insertRevision(db, { ...revision, ...document, id: currentId, number: 1, wasCurrent: true });
  await insertRevision(db, { ...revision, ...document, id: revisionId, number: 2, wasCurrent: false });
  const release = await insertRelease(db, {
    apiResourceId: id,
    versionId: id,
    revisionId: currentId,
    notes: 'New',
  });
  return { id, currentId, revisionId, releaseId: release.id };
}

const newApi = (db: TenantDb): Promise<string> =>
  insertApiResource(db, newApiResource(`gateway-api-${++made}`, []));

const published = (server: TestServer, tenant: Tenant): Promise<Published> =>
  server.change(async (db) => publishIn(db, await newApi(db)), tenant);

const newProduct = (server: TestServer, tenant: Tenant): Promise<{ id: string; keyId: string }> =>
  server.change(async (db) => {
    const limits = { rateLimit: null, quota: null, state: 'published' as const, subscriptionRequired: true };
    const { id } = await insertProduct(db, { name: `product-${++made}`, description: null, ...limits });
    const key = { productId: id, name: 'Example', clientId: null, expiresAt: Date.now() - 1000 };
    return { id, keyId: (await insertKey(db, key)).id };
  }, tenant);

const newServer = async (server: TestServer, tenant: Tenant): Promise<{ id: string }> =>
  server.change(
    (db) =>
      insertAuthServer(db, {
        ...{ name: `server-${++made}`, issuer: 'https://id.example.com', audience: 'api', jwksUri: KEYS },
        ...{ authorizationEndpoint: null, tokenEndpoint: null, defaultScope: null },
      }),
    tenant,
  );

type MakeExample = (server: TestServer, tenant: Tenant) => Promise<Example> | Example;

const ofApi =
  (more: (which: Published) => Example): MakeExample =>
  async (server, tenant) => {
    const which = await published(server, tenant);
    return { params: { id: which.id }, ...more(which) };
  };

const ofProduct =
  (body?: object): MakeExample =>
  async (server, tenant) => ({ params: { ...(await newProduct(server, tenant)) }, ...(body && { body }) });

/** What the operations of the catalogue can be called with (examples.ts). */
export const CATALOGUE_EXAMPLES: Record<string, MakeExample> = {
  'apiresource.publish': async (server, tenant) => ({
    params: { id: await server.change(newApi, tenant) },
    body: { suffix: `example-${++made}`, document: DOCUMENT, serviceUrl: SERVICE },
  }),
  'apiresource.publishrevision': ofApi(() => ({ body: { document: DOCUMENT } })),
  'apiresource.publishversion': ofApi(({ revisionId }) => ({
    body: { revisionId, apiVersionName: `v${++made}` },
  })),
  'apiresource.publishconfiguration': ofApi(() => ({})),
  'apiresource.versions': ofApi(() => ({})),
  'apiresource.setonlineversion': ofApi(({ id, revisionId }) => ({ params: { id, revisionId }, body: {} })),
  'apiresource.authservers': () => ({}),
  'apiresource.products': () => ({}),
  'apiresource.releases': ofApi(() => ({})),
  'apiresource.postrelease': ofApi(() => ({ body: { notes: 'New' } })),
  'apiresource.putrelease': ofApi(({ id, releaseId }) => ({
    params: { id, releaseId },
    body: { notes: 'Newer' },
  })),
  'apiresource.deleterelease': ofApi(({ id, releaseId }) => ({ params: { id, releaseId } })),
  'gateway.codes': () => ({}),
  'gateway.policyschema': () => ({}),
  'gateway.putrevision': ofApi(({ revisionId }) => ({ params: { revisionId }, body: { isOnline: false } })),
  'gateway.deleterevision': ofApi(({ revisionId }) => ({ params: { revisionId } })),
  'gateway.document': ofApi(({ revisionId }) => ({ params: { revisionId } })),
  'gateway.deleteversion': ofApi(({ id }) => ({ params: { apiId: id } })),
  'gateway.usage': async (server, tenant) => ({ query: { apiId: (await published(server, tenant)).id } }),
  'gateway.products': () => ({}),
  'gateway.product': ofProduct(),
  'gateway.postproduct': () => ({ body: { name: `product-${++made}` } }),
  'gateway.putproduct': ofProduct({ description: 'Changed' }),
  'gateway.deleteproduct': ofProduct(),
  'gateway.keys': ofProduct(),
  'gateway.postkey': ofProduct({ name: 'Example' }),
  'gateway.putkey': ofProduct({ state: 'suspended' }),
  'gateway.deletekey': ofProduct(),
  'gateway.regeneratekey': ofProduct({ which: 'primary' }),
  'gateway.postauthserver': () => ({
    body: { name: `server-${++made}`, issuer: 'https://id.example.com', audience: 'api', jwksUri: KEYS },
  }),
  'gateway.putauthserver': async (server, tenant) => ({
    params: await newServer(server, tenant),
    body: { audience: 'changed' },
  }),
  'gateway.deleteauthserver': async (server, tenant) => ({ params: await newServer(server, tenant) }),
};

/** Fields whose values have to fit something that is there (examples.ts). */
export const CATALOGUE_SETTLED: Record<string, readonly string[]> = {
  'apiresource.publish': [
    ...['apiId', 'suffix', 'swaggerUrl', 'document', 'productIds', 'serviceUrl', 'authorizationServerId'],
    ...['openid', 'versionScheme', 'policy'],
  ],
  'apiresource.publishrevision': ['apiId', 'swaggerUrl', 'document', 'serviceUrl', 'policy'],
  'apiresource.publishversion': ['revisionId'],
  'apiresource.releases': ['apiId'],
  'apiresource.postrelease': ['revisionId', 'apiId', 'aid'],
  'gateway.usage': ['apiId', 'from', 'to', 'step', 'by'],
  'gateway.postproduct': ['apiIds', 'quota'],
  'gateway.putproduct': ['apiIds', 'quota'],
  'gateway.postkey': ['clientId', 'expiresAt'],
  'gateway.putkey': ['expiresAt'],
  'gateway.postauthserver': ['issuer', 'jwksUri'],
  'gateway.putauthserver': ['issuer', 'jwksUri'],
};

/** What developers do not find, because the API is another's (test/api/tenants-things.test.ts). */
export const CATALOGUE_HIDDEN = [
  ...['publish', 'publishrevision', 'publishversion', 'setonlineversion'].map(
    (verb) => `apiresource.${verb}`,
  ),
  ...['postrelease', 'putrelease', 'deleterelease'].map((verb) => `apiresource.${verb}`),
  ...['putrevision', 'deleterevision', 'deleteversion'].map((verb) => `gateway.${verb}`),
];

/** Calls about an API that is published already (test/api/authority.test.ts). */
export const aboutPublished = ({ id, revisionId, releaseId }: Published): Record<string, Example> => ({
  'apiresource.publish': { params: { id }, body: { document: DOCUMENT } },
  'apiresource.publishrevision': { params: { id }, body: { document: DOCUMENT } },
  'apiresource.publishversion': { params: { id }, body: { revisionId, apiVersionName: 'stronger' } },
  'apiresource.setonlineversion': { params: { id, revisionId }, body: {} },
  'apiresource.postrelease': { params: { id }, body: { notes: 'New' } },
  'apiresource.putrelease': { params: { id, releaseId }, body: { notes: 'Newer' } },
  'apiresource.deleterelease': { params: { id, releaseId } },
  'gateway.putrevision': { params: { revisionId }, body: { isOnline: false } },
  'gateway.deleterevision': { params: { revisionId } },
  'gateway.deleteversion': { params: { apiId: id } },
});
