import type { Row, SealedColumn } from '../store/index.js';
import { sealRow } from './keys/index.js';

/** What an artifact's payload is sealed for. */
export const artifactSealRow = (tenantId: string, model: string): string =>
  `oidc_artifacts:${tenantId}:${model}`;

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
