/**
 * The API gateway. `openGateway` joins its parts: the catalogue of what is published, documents, policies, who may call, the data
 * plane, and usage. It must never connect to an address other than through the reach of the tenant.
 */
import type { CallTenant, FieldProblem } from '../api/index.js';
import type { Config } from '../config.js';
import { download, DownloadFailed } from '../kernel/download.js';
import { Invalid } from '../kernel/errors.js';
import { proxiesIn } from '../kernel/forwarded.js';
import { openOutboundPool } from '../kernel/outbound-pool.js';
import { checkOutbound } from '../kernel/outbound.js';
import { mayUsePlainHttp } from '../kernel/private-networks.js';
import type { Metrics } from '../observe/index.js';
import type { ProviderPool } from '../oidc/index.js';
import { gatewayReach } from '../outbound-reach.js';
import { openAccess, type AccessBase } from './access/index.js';
import {
  openLiveCatalogue,
  type CatalogueBase,
  type LiveCatalogue,
  type SourceBase,
} from './catalogue/index.js';
import { checkPath, openDocuments, routerOf, type Documents } from './documents/index.js';
import { askForBody, openPlane, type Plane, type UsageEntry } from './plane/index.js';
import { checkPolicy, openPolicies, POLICY_SCHEMA } from './policies/index.js';
import { answeringProxies } from './proxies.js';
import { announce } from './subscribers/index.js';
import { DocumentRefused } from './types.js';
import { openUsage, type Usage } from './usage/index.js';

export {
  callPlace,
  currentDocument,
  DOCUMENT_LIMITS,
  givesDocument,
  refusal,
  SOURCE,
  withDocument,
  type CallPlace,
  type CatalogueBase,
  type Source,
  type SourceBase,
} from './catalogue/index.js';
export { putPackage } from './packages/index.js';
export { DocumentRefused, type Announcement, type PreparedDocument } from './types.js';
export { PREFIX, upgradeListener, type Plane } from './plane/index.js';

/** What the management operations need of the gateway. */
export interface GatewayServices extends Omit<CatalogueBase, 'reserved'> {
  usage: Usage;
}

export interface Gateway {
  services: GatewayServices;
  plane: Plane;
  /** Waits for calls that are under way, and writes what was counted. */
  close(): Promise<void>;
}

export interface GatewayBase extends Pick<AccessBase, 'store' | 'log' | 'people'> {
  config: Config;
  pool: Pick<ProviderPool, 'get'>;
  metrics: Metrics | undefined;
  /** What reads documents, where several servers share it; else each has its own. */
  documents?: Documents | undefined;
}

/** What reads documents where no server runs: for the command line. */
export function openDocumentSources(config: Config): SourceBase & Pick<Documents, 'close'> {
  const documents = openDocuments();
  return { ...documents, ...sourcesOf(config, documents) };
}

/** What a key set may have, and how long it may take. */
const KEY_SET = { maxBytes: 256 * 1024, milliseconds: 10_000 };

export function openGateway(base: GatewayBase): Gateway {
  const { store, log, config, metrics } = base;
  const documents = base.documents ?? openDocuments();
  const live = openLiveCatalogue({ store, log });
  const access = openAccess({
    ...base,
    runtimeOf: (tenant) => base.pool.get(tenant),
    productKey: (tenant, key) => live.productKey(tenant, key),
    fetchKeys: async (tenant, address) =>
      (await download(address, { reach: gatewayReach(config, tenant), ...KEY_SET })).body,
  });
  const usage = openUsage({ store, log, config, metrics });
  const trustsProxy = proxiesIn(config.trustProxy);
  const plane = openPlane({
    bySuffix: (tenant, suffix) => live.bySuffix(tenant, suffix),
    routes: { checkPath, routerOf },
    access,
    policies: openPolicies({ askForBody }),
    openPool: (tenant, origin) => openOutboundPool(origin, gatewayReach(config, tenant)),
    usage: (entry) => count(usage, entry),
    trustsProxy,
    certificateHeader: config.mtls.header,
    log,
  });
  return {
    services: { ...managementServices(config, documents, live), usage },
    plane: { ...plane, handle: answeringProxies(plane, trustsProxy, log) },
    async close() {
      await plane.close();
      await access.close();
      await usage.close();
      live.close();
      if (!base.documents) await documents.close();
    },
  };
}

// Written out, as each call comes here: copying what is left of an object costs as much as all that is counted.
const count = (usage: Usage, entry: UsageEntry): void =>
  usage.count({
    tenantId: entry.tenantId,
    apiId: entry.versionId,
    revisionId: entry.revisionId,
    operation: entry.operation ?? '',
    clientId: entry.clientId,
    status: entry.status,
    milliseconds: entry.milliseconds,
  });

const sourcesOf = (
  config: Config,
  { prepare, locate, inPlace }: Pick<Documents, 'prepare' | 'locate' | 'inPlace'>,
): SourceBase => ({
  prepare,
  locate,
  inPlace,
  fetchDocument: (address, tenant) => fetchDocument(config, address, tenant),
});

const managementServices = (
  config: Config,
  documents: Pick<Documents, 'prepare' | 'locate' | 'inPlace'>,
  live: LiveCatalogue,
): Omit<GatewayServices, 'usage'> => ({
  ...sourcesOf(config, documents),
  checkPolicy,
  policySchema: POLICY_SCHEMA,
  checkServiceUrl: (url, tenant) => outOfReach('serviceUrl', config, url, tenant),
  checkKeysUrl: (url, tenant) =>
    mayUsePlainHttp(gatewayReach(config, tenant), url)
      ? outOfReach('jwksUri', config, url, tenant)
      : { field: 'jwksUri', rule: 'https', message: 'must begin with https://' },
  announce: (db, announcement) => announce(db, announcement, config.gateway.announcementsPerDay),
  changed: () => live.refresh(),
});

async function fetchDocument(config: Config, address: string, tenant: CallTenant): Promise<string> {
  try {
    return (await download(address, { reach: gatewayReach(config, tenant) })).body.toString();
  } catch (error) {
    if (!(error instanceof DownloadFailed)) throw error;
    throw new DocumentRefused([{ field: 'swaggerUrl', rule: error.reason, message: error.message }]);
  }
}

/** An address that the tenant's gateway may not connect to, as it is written. */
function outOfReach(field: string, config: Config, url: URL, tenant: CallTenant): FieldProblem | undefined {
  try {
    checkOutbound(field, url.href, gatewayReach(config, tenant));
    return undefined;
  } catch (error) {
    if (!(error instanceof Invalid)) throw error;
    return { field, rule: 'private', message: error.message };
  }
}
