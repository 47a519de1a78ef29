/**
 * The API gateway. `openGateway` joins its parts: the catalogue of what is published, documents, policies, and the data plane.
 * It must never connect to an address other than through the reach of the tenant.
 */
import type { CallTenant, FieldProblem } from '../api/index.js';
import type { Config } from '../config.js';
import { download, DownloadFailed } from '../kernel/download.js';
import { Invalid } from '../kernel/errors.js';
import { checkOutbound } from '../kernel/outbound.js';
import { mayUsePlainHttp } from '../kernel/private-networks.js';
import { gatewayReach } from '../outbound-reach.js';
import type { Log } from '../observe/index.js';
import type { Store } from '../store/index.js';
import { openLiveCatalogue, type CatalogueBase, type LiveCatalogue } from './catalogue/index.js';
import { openDocuments } from './documents/index.js';
import { checkPolicy, POLICY_SCHEMA } from './policies/index.js';
import { announce } from './subscribers/index.js';
import { DocumentRefused } from './types.js';

/** What the management operations need of the gateway. */
export type GatewayServices = Omit<CatalogueBase, 'reserved'>;

export interface Gateway {
  services: GatewayServices;
  live: LiveCatalogue;
  close(): Promise<void>;
}

interface GatewayBase {
  store: Store;
  log: Log;
  config: Config;
}

export function openGateway({ store, log, config }: GatewayBase): Gateway {
  const documents = openDocuments();
  const live = openLiveCatalogue({ store, log });
  return {
    services: {
      prepare: documents.prepare,
      fetchDocument: (address, tenant) => fetchDocument(config, address, tenant),
      checkPolicy,
      policySchema: POLICY_SCHEMA,
      checkServiceUrl: (url, tenant) => outOfReach('serviceUrl', config, url, tenant),
      checkKeysUrl: (url, tenant) =>
        mayUsePlainHttp(gatewayReach(config, tenant), url)
          ? outOfReach('jwksUri', config, url, tenant)
          : { field: 'jwksUri', rule: 'https', message: 'must begin with https://' },
      announce,
      changed: () => live.refresh(),
    },
    live,
    async close() {
      live.close();
      await documents.close();
    },
  };
}

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
