import { promisify } from 'node:util';
import { gunzip } from 'node:zlib';
import { parse } from '../../kernel/json.js';
import type { Row, TenantDb } from '../../store/index.js';
import type {
  CompiledDocument,
  LiveApi,
  LiveAuthServer,
  LiveProduct,
  LiveRevision,
  LiveVersion,
  Policy,
  Quota,
  RateLimit,
} from '../types.js';

/** Reads a tenant's catalogue for an export: once, and whole. */

const unpacked = async (text: unknown): Promise<string> =>
  (await promisify(gunzip)(Buffer.from(text as string, 'base64'))).toString();

const orNothing = <T>(json: unknown): T | undefined => (json === null ? undefined : parse<T>(json));

const by = (rows: readonly Row[], column: string): Map<string, Row[]> => {
  const groups = new Map<string, Row[]>();
  for (const row of rows) {
    const key = row[column] as string;
    const group = groups.get(key);
    if (group) group.push(row);
    else groups.set(key, [row]);
  }
  return groups;
};

/** What is read of a tenant, by what refers to it. */
interface Catalogue {
  db: TenantDb;
  versions: Map<string, Row[]>;
  revisions: Map<string, Row[]>;
  products: Map<string, LiveProduct[]>;
  servers: Map<string, LiveAuthServer>;
}

/** The APIs that are published and enabled, by their suffixes. */
export async function readApis(db: TenantDb): Promise<LiveApi[]> {
  const catalogue: Catalogue = {
    db,
    versions: by((await db.from('api_versions').orderBy('name')) as Row[], 'api_resource_id'),
    revisions: by(
      (await db.from('api_revisions').where({ online: true }).orderBy('number')) as Row[],
      'version_id',
    ),
    products: await productsOf(db),
    servers: new Map(((await db.from('authorization_servers')) as Row[]).map(toServer)),
  };
  const sets = (await db
    .from('api_version_sets')
    .join('api_resources as r', (on) =>
      on.on('r.tenant_id', 'api_version_sets.tenant_id').andOn('r.id', 'api_version_sets.api_resource_id'),
    )
    .where('r.enabled', true)
    .orderBy('suffix')
    .select('api_version_sets.*', 'r.name as api_name', 'r.audience as api_audience')) as Row[];
  return sets.map((row) => toApi(catalogue, row)).filter(({ versions }) => versions.size > 0);
}

const toServer = (row: Row): [string, LiveAuthServer] => [
  row['id'] as string,
  {
    id: row['id'] as string,
    issuer: row['issuer'] as string,
    audience: row['audience'] as string,
    jwksUri: row['jwks_uri'] as string,
  },
];

/** The published products, by the versions in them. */
async function productsOf(db: TenantDb): Promise<Map<string, LiveProduct[]>> {
  const rows = (await db.from('api_products').where({ state: 'published' }).orderBy('name')) as Row[];
  const products = new Map(
    rows.map((row): [string, LiveProduct] => {
      const [rateLimit, quota] = [orNothing<RateLimit>(row['rate_limit']), orNothing<Quota>(row['quota'])];
      return [
        row['id'] as string,
        {
          id: row['id'] as string,
          name: row['name'] as string,
          subscriptionRequired: Boolean(row['subscription_required']),
          ...(rateLimit && { rateLimit }),
          ...(quota && { quota }),
        },
      ];
    }),
  );
  const ofVersions = by((await db.from('api_product_versions').orderBy('product_id')) as Row[], 'version_id');
  return new Map(
    [...ofVersions].map(([id, relations]) => [
      id,
      relations.flatMap((relation) => products.get(relation['product_id'] as string) ?? []),
    ]),
  );
}

function toApi(catalogue: Catalogue, row: Row): LiveApi {
  const id = row['api_resource_id'] as string;
  const versions = (catalogue.versions.get(id) ?? []).flatMap((each) => toVersion(catalogue, each) ?? []);
  return {
    id,
    name: row['api_name'] as string,
    audience: row['api_audience'] as string,
    suffix: row['suffix'] as string,
    scheme:
      row['scheme_in'] === 'path'
        ? { in: 'path' }
        : { in: row['scheme_in'] as 'header' | 'query', name: row['scheme_name'] as string },
    versions: new Map(versions.map((version) => [version.name, version])),
  };
}

/** Undefined where the current revision is offline: nothing of the version is reached then. */
function toVersion(catalogue: Catalogue, row: Row): LiveVersion | undefined {
  const id = row['id'] as string;
  const revisions = (catalogue.revisions.get(id) ?? []).map((each) => toRevision(catalogue.db, each));
  const current = revisions.find((revision) => revision.id === row['current_revision_id']);
  const server = row['auth_server_id'] as string;
  const authServer = server === 'self' || server === 'none' ? server : catalogue.servers.get(server);
  if (!current || authServer === undefined) return undefined;
  return {
    apiId: id,
    name: row['name'] as string,
    authServer,
    scope: ((row['scope'] as string | null) ?? '').split(' ').filter(Boolean),
    passToken: Boolean(row['pass_token']),
    products: catalogue.products.get(id) ?? [],
    current,
    revisions: new Map(revisions.map((revision) => [revision.number, revision])),
  };
}

function toRevision(db: TenantDb, row: Row): LiveRevision {
  const read = async (...columns: string[]): Promise<Row> =>
    (await db.from('api_documents').where({ id: row['document_id'] }).first(columns)) as Row;
  return {
    id: row['id'] as string,
    number: row['number'] as number,
    serviceUrl: new URL(row['service_url'] as string),
    policy: orNothing<Policy>(row['policy']),
    document: async () => parse<CompiledDocument>(await unpacked((await read('compiled'))['compiled'])),
    openapi: async () => {
      const { openapi, source } = await read('openapi', 'source');
      return parse<Record<string, unknown>>(await unpacked(openapi ?? source));
    },
  };
}
