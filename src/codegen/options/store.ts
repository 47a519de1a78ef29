import { parse } from '../../kernel/json.js';
import type { Row, SealedColumn, TenantDb, Vault } from '../../store/index.js';
import type { OptionsKey, Settings, StoredOptions } from './types.js';

const TABLE = 'codegen_options';
const KEY = ['api_resource_id', 'kind', 'generator'];

const sealRow = (tenantId: string, { apiId, kind, generator }: OptionsKey): string =>
  `${TABLE}:${tenantId}:${apiId}:${kind}:${generator}`;

const keyOf = (row: Row): OptionsKey => ({
  apiId: row['api_resource_id'] as string,
  kind: row['kind'] as OptionsKey['kind'],
  generator: row['generator'] as string,
});

/** What is kept sealed here, for rewrapping. */
export const CODEGEN_SEALED_COLUMNS: readonly SealedColumn[] = [
  {
    table: TABLE,
    key: ['tenant_id', ...KEY],
    column: 'sealed_token',
    row: (row) => sealRow(row['tenant_id'] as string, keyOf(row)),
  },
];

const columnsOf = ({ apiId, kind, generator }: OptionsKey): Record<string, string> => ({
  api_resource_id: apiId,
  kind,
  generator,
});

const rowOf = (db: TenantDb, key: OptionsKey) => db.from(TABLE).where(columnsOf(key));

function opened(
  db: TenantDb,
  vault: Vault,
  key: OptionsKey,
  row: Row | undefined,
): StoredOptions | undefined {
  if (!row) return undefined;
  const sealed = row['sealed_token'] as string | null;
  return {
    settings: parse<Settings>(row['settings']),
    token: sealed === null ? null : vault.open(sealed, sealRow(db.tenantId, key)),
    createdAt: Number(row['created_at']),
    updatedAt: Number(row['updated_at']),
  };
}

export const findOptions = async (
  db: TenantDb,
  vault: Vault,
  key: OptionsKey,
): Promise<StoredOptions | undefined> =>
  opened(db, vault, key, (await rowOf(db, key).first()) as Row | undefined);

/** The same, and nobody else changes them before the transaction ends. */
export const lockOptions = async (
  db: TenantDb,
  vault: Vault,
  key: OptionsKey,
): Promise<StoredOptions | undefined> =>
  opened(db, vault, key, (await rowOf(db, key).forUpdate().first()) as Row | undefined);

/** Writes options as they are now. Take them by `lockOptions`, and hold their API. */
export async function putOptions(
  db: TenantDb,
  vault: Vault,
  key: OptionsKey,
  { settings, token, createdAt }: Omit<StoredOptions, 'createdAt' | 'updatedAt'> & { createdAt?: number },
): Promise<StoredOptions> {
  const now = Date.now();
  const times = { createdAt: createdAt ?? now, updatedAt: now };
  await db.put(TABLE, KEY, {
    ...columnsOf(key),
    settings: JSON.stringify(settings),
    sealed_token: token === null ? null : vault.seal(token, sealRow(db.tenantId, key)),
    created_at: times.createdAt,
    updated_at: times.updatedAt,
  });
  return { settings, token, ...times };
}

/** What is set, without the token. */
export async function findSettings(db: TenantDb, key: OptionsKey): Promise<Settings | undefined> {
  const row = await rowOf(db, key).first<Row | undefined>('settings');
  return row && parse<Settings>(row['settings']);
}

/** Changes the version among settings that are there. The token stays as it is. */
export async function setVersion(db: TenantDb, key: OptionsKey, version: string): Promise<void> {
  const row = await rowOf(db, key).forUpdate().first<Row | undefined>('settings');
  if (!row) return;
  const settings = { ...parse<Settings>(row['settings']), version };
  await rowOf(db, key).update({ settings: JSON.stringify(settings), updated_at: Date.now() });
}
