import { Failure, type CallTenant } from '../../api/index.js';
import { findApiResource } from '../../api-resources/index.js';
import { tenantDb, type Store, type Vault } from '../../store/index.js';
import type { Reach } from '../../kernel/private-networks.js';
import { CODEGEN_CODES } from '../codes.js';
import { commonOptionsOf, githubOptionsOf, type GithubOptions } from '../options/index.js';
import { documentFor, type DocumentServices } from '../sdk/source.js';
import type { SyncBase } from './sync.js';

export interface SubjectBase {
  store: Store;
  vault: Vault;
  documents: DocumentServices;
  tenantOf(tenantId: string): Promise<CallTenant>;
  /** Where a tenant's repositories may be. */
  reachOf(tenant: CallTenant): Reach;
}

/** @throws Failure: 422 200003 where they are not set */
export function requireOptions(options: GithubOptions | undefined): GithubOptions {
  if (options) return options;
  throw new Failure(422, CODEGEN_CODES.githubOptionsMissing, {
    message: 'the GitHub options of this API are not set: PUT /api/CodeGen/{id}/GithubOptions first',
  });
}

/** Reads what is synchronized out of the store, and its document where it is. */
export const subjectsOf =
  (base: SubjectBase): SyncBase['subjectOf'] =>
  async (job) => {
    const { tenantId, apiId } = job;
    const tenant = await base.tenantOf(tenantId);
    const db = tenantDb(base.store.knex, tenantId);
    const { name, displayName } = await findApiResource(db, apiId);
    const options = requireOptions(await githubOptionsOf(db, base.vault, apiId));
    const swaggerUrl = options.swaggerUrl ?? (await commonOptionsOf(db, apiId))?.swaggerUrl;
    const { openapi, origin } = await documentFor(base, tenant, job, swaggerUrl);
    return {
      ...{ options, document: openapi, origin },
      title: displayName || name,
      reach: base.reachOf(tenant),
    };
  };
