import type { Row, SealedColumn, TenantDb } from '../store/index.js';
import { sealRow } from './keys/rotation.js';

/** What an artifact's payload is sealed for. */
export const artifactSealRow = (tenantId: string, model: string): string =>
  `oidc_artifacts:${tenantId}:${model}`;

/** Models whose payload holds what a holder presents (an interaction the session's cookie, a device code itself). */
export const SEALED_MODELS: ReadonlySet<string> = new Set(['Interaction', 'DeviceCode']);

const text = (row: Row, column: string): string => row[column] as string;

/** What this room keeps sealed, for rewrapping. */
export const OIDC_SEALED_COLUMNS: readonly SealedColumn[] = [
  {
    table: 'signing_keys',
    key: ['tenant_id', 'kid'],
    column: 'sealed_private_jwk',
    row: (row) => sealRow(text(row, 'tenant_id'), text(row, 'kid')),
  },
  {
    table: 'oidc_artifacts',
    key: ['tenant_id', 'id'],
    column: 'payload',
    row: (row) => artifactSealRow(text(row, 'tenant_id'), text(row, 'model')),
  },
];

/** Ends the sign-ins and device codes that are under way: what their holders present is in the sealed payload. */
export const endPending = async (db: TenantDb): Promise<void> =>
  void (await db
    .from('oidc_artifacts')
    .whereIn('model', [...SEALED_MODELS])
    .delete());
