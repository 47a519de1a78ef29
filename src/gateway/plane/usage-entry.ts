import type { LocatedCall, UsageEntry } from './steps.js';

/** A call as it is counted. */
export const usageOf = (
  { tenant, api, version, revision, operation, caller }: LocatedCall,
  { status, milliseconds }: Pick<UsageEntry, 'status' | 'milliseconds'>,
): UsageEntry => ({
  tenantId: tenant.id,
  apiId: api.id,
  versionId: version.apiId,
  revisionId: revision.id,
  operation: operation?.key,
  clientId: caller?.clientId,
  status,
  milliseconds,
});
