import { createPrivateKey, createPublicKey, type JsonWebKey, type KeyObject } from 'node:crypto';
import type { ExternalSigningKey } from 'oidc-provider';
import { BASE_ALGS, type SigningAlg } from '../../kernel/algorithms.js';
import { parse } from '../../kernel/json.js';
import { tenantDb, type Row, type Store, type Vault } from '../../store/index.js';
import { addKeys, infoOf, rowsOf, sealRow, type KeyState } from './rotation.js';
import { KNOWN_ALGS, TenantSigningKey } from './signing.js';

/** What is published, and what tokens are checked with. */
const ACCEPTED: ReadonlySet<KeyState> = new Set<KeyState>(['current', 'next', 'previous']);

/** The keys of one tenant, as of one version of it. */
export interface KeyRing {
  /** Those that sign first, then those that are only published: the next and the previous ones. */
  signing: ExternalSigningKey[];
  /** Public keys by kid, for checking tokens of our own. */
  verifying: Map<string, { alg: string; key: KeyObject }>;
  /** What can be signed with. */
  algorithms: SigningAlg[];
}

/** Reads the rows of the tenant's keys, and first makes those that are missing for `wanted` algorithms. */
export async function readKeys(
  store: Store,
  vault: Vault,
  tenantId: string,
  wanted: readonly string[] = [],
): Promise<Row[]> {
  const db = tenantDb(store.knex, tenantId);
  let rows = await rowsOf(db);
  const missing = KNOWN_ALGS.filter(
    (alg) =>
      (BASE_ALGS.includes(alg) || wanted.includes(alg)) &&
      !rows.some((row) => row['alg'] === alg && row['state'] === 'current'),
  );
  if (missing.length > 0) {
    await addKeys(store, vault, tenantId, missing);
    rows = await rowsOf(db);
  }
  return rows;
}

/** Opens keys that were read. */
export function openKeyRing(rows: readonly Row[], vault: Vault, tenantId: string): KeyRing {
  const ring: KeyRing = { signing: [], verifying: new Map(), algorithms: [] };
  for (const row of rows) if (ACCEPTED.has(row['state'] as KeyState)) put(ring, row, vault, tenantId);
  return ring;
}

function put(ring: KeyRing, row: Row, vault: Vault, tenantId: string): void {
  const { kid, alg, state } = infoOf(row);
  const jwk = parse<JsonWebKey>(vault.open(row['sealed_private_jwk'] as string, sealRow(tenantId, kid)));
  const privateKey = createPrivateKey({ format: 'jwk', key: jwk });
  ring.signing.push(new TenantSigningKey(kid, alg, privateKey));
  ring.verifying.set(kid, { alg, key: createPublicKey(privateKey) });
  if (state === 'current') ring.algorithms.push(alg);
}
