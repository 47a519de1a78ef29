import { parse } from '../../kernel/json.js';
import type { Row, Store } from '../../store/index.js';
import type {
  LiveApi,
  LiveAuthServer,
  LiveProduct,
  LiveRevision,
  LiveVersion,
  Policy,
  Quota,
  RateLimit,
} from '../types.js';
import type { DocumentReader } from './documents.js';
import { toScheme } from './version-store.js';

/** A revision with what it was made of: a row that says the same is the same revision. */
interface MadeRevision {
  revision: LiveRevision;
  documentId: string;
  serviceUrl: string;
  policy: string | null;
}

/** An API as it is called, with what the next reading of it can keep. */
export interface ReadApi {
  api: LiveApi;
  made: ReadonlyMap<string, MadeRevision>;
}

/**
 * One statement, so that all of it is of one moment: a version without its current revision would be an API that is half
 * changed. One row for each revision that is online.
 */
const SELECT_API = `
  SELECT a.id AS api_id, a.name AS api_name, a.audience, s.suffix, s.scheme_in, s.scheme_name,
    v.id AS version_id, v.name AS version_name, v.auth_server_id, v.scope, v.pass_token, v.current_revision_id,
    o.issuer, o.audience AS issuer_audience, o.jwks_uri,
    r.id AS revision_id, r.number, r.service_url, r.policy, r.document_id
  FROM api_version_sets s
  JOIN api_resources a ON a.tenant_id = s.tenant_id AND a.id = s.api_resource_id
  JOIN api_versions v ON v.tenant_id = s.tenant_id AND v.api_resource_id = s.api_resource_id
  JOIN api_revisions r ON r.tenant_id = v.tenant_id AND r.version_id = v.id
  LEFT JOIN authorization_servers o ON o.tenant_id = v.tenant_id AND o.id = v.auth_server_id
  WHERE s.tenant_id = ? AND s.suffix_key = ? AND s.suffix = ? AND a.enabled AND r.online
  ORDER BY v.name, r.number`;

const SELECT_PRODUCTS = `
  SELECT m.version_id, p.*
  FROM api_versions v
  JOIN api_product_versions m ON m.tenant_id = v.tenant_id AND m.version_id = v.id
  JOIN api_products p ON p.tenant_id = m.tenant_id AND p.id = m.product_id
  WHERE v.tenant_id = ? AND v.api_resource_id = ? AND p.state = 'published'
  ORDER BY p.name`;

const toLiveProduct = (row: Row): LiveProduct => ({
  id: row['id'] as string,
  name: row['name'] as string,
  subscriptionRequired: Boolean(row['subscription_required']),
  ...(row['rate_limit'] !== null && { rateLimit: parse<RateLimit>(row['rate_limit']) }),
  ...(row['quota'] !== null && { quota: parse<Quota>(row['quota']) }),
});

function authServerOf(row: Row): 'self' | 'none' | LiveAuthServer {
  const id = row['auth_server_id'] as string;
  if (id === 'self' || id === 'none') return id;
  return {
    id,
    issuer: row['issuer'] as string,
    audience: row['issuer_audience'] as string,
    jwksUri: row['jwks_uri'] as string,
  };
}

/** Reads APIs as they are now. */
export function apiReader(store: Store, documents: DocumentReader) {
  const selectApi = store.prepare(SELECT_API);
  const selectProducts = store.prepare(SELECT_PRODUCTS);

  function madeOf(tenantId: string, row: Row, before: ReadApi | undefined): MadeRevision {
    const id = row['revision_id'] as string;
    const documentId = row['document_id'] as string;
    const serviceUrl = row['service_url'] as string;
    const policy = row['policy'] as string | null;
    const known = before?.made.get(id);
    if (known?.documentId === documentId && known.serviceUrl === serviceUrl && known.policy === policy)
      return known;
    const revision: LiveRevision = {
      id,
      number: row['number'] as number,
      serviceUrl: new URL(serviceUrl),
      policy: policy === null ? undefined : parse<Policy>(policy),
      document: () => documents.compiled(tenantId, documentId),
      openapi: () => documents.openapi(tenantId, documentId),
    };
    return { revision, documentId, serviceUrl, policy };
  }

  /**
   * The API at a suffix; undefined where there is none, or it is disabled.
   * @param before the API as it was read before: revisions that are as they were stay the same objects.
   */
  return async (tenantId: string, suffix: string, before?: ReadApi): Promise<ReadApi | undefined> => {
    const rows = await selectApi.all(tenantId, suffix.toLowerCase(), suffix);
    const [first] = rows;
    if (!first) return undefined;
    const products = new Map<string, LiveProduct[]>();
    for (const row of await selectProducts.all(tenantId, first['api_id'] as string)) {
      const version = row['version_id'] as string;
      products.set(version, [...(products.get(version) ?? []), toLiveProduct(row)]);
    }
    const made = new Map(rows.map((row) => [row['revision_id'] as string, madeOf(tenantId, row, before)]));
    const versions = new Map<string, LiveVersion>();
    for (const row of rows) {
      const current = made.get(row['current_revision_id'] as string)?.revision;
      const name = row['version_name'] as string;
      if (!current || versions.has(name)) continue;
      const apiId = row['version_id'] as string;
      const own = rows.filter((each) => each['version_id'] === apiId);
      versions.set(name, {
        apiId,
        name,
        authServer: authServerOf(row),
        scope: (row['scope'] as string | null)?.split(' ') ?? [],
        passToken: Boolean(row['pass_token']),
        products: products.get(apiId) ?? [],
        current,
        revisions: new Map(
          own.flatMap((each) => {
            const revision = made.get(each['revision_id'] as string)?.revision;
            return revision ? [[revision.number, revision] as const] : [];
          }),
        ),
      });
    }
    const api: LiveApi = {
      id: first['api_id'] as string,
      name: first['api_name'] as string,
      audience: first['audience'] as string,
      suffix: first['suffix'] as string,
      scheme: toScheme(first),
      versions,
    };
    return { api, made };
  };
}
