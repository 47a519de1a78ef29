import type { TenantDb } from '../../store/index.js';

/** Each tenant's number, which every change raises that the data plane sees. */
export const CHANGES = 'gateway_changes';

/** Lets every node see the change when the transaction commits. Call it last. */
export const gatewayChanged = (db: TenantDb): Promise<void> => db.raise(CHANGES);
