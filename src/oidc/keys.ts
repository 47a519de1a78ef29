import {
  createPrivateKey,
  createPublicKey,
  generateKeyPair,
  sign,
  type JsonWebKey,
  type KeyObject,
} from 'node:crypto';
import { promisify } from 'node:util';
import { calculateJwkThumbprint } from 'jose';
import { ExternalSigningKey } from 'oidc-provider';
import { parse } from '../kernel/json.js';
import { touchTenant } from '../tenants/index.js';
import { tenantDb, type Row, type Store, type Vault } from '../store/index.js';

export const SIGNING_ALGS = ['ES256', 'RS256'] as const;
export type SigningAlg = (typeof SIGNING_ALGS)[number];

/** A key as an operator sees it. */
export interface KeyInfo {
  kid: string;
  alg: string;
  /** `current` signs; `previous` is published only, so that what it signed can be checked. */
  state: 'current' | 'previous';
  createdAt: number;
}

const signOnAnotherThread = promisify(sign);

/**
 * ECDSA signatures that are asked for in the same turn of the event loop are made one after the other at its end. The
 * tables of the curve then stay in the processor's cache, and the answers leave together: about 40 µs less a token than
 * signing in between, and less than a trip to another thread for each (docs/performance.md).
 */
class SigningBatch {
  #waiting: {
    data: Buffer;
    key: KeyObject;
    done: (signature: Buffer) => void;
    failed: (error: unknown) => void;
  }[] = [];

  sign(data: Buffer, key: KeyObject): Promise<Buffer> {
    return new Promise((done, failed) => {
      if (this.#waiting.push({ data, key, done, failed }) === 1) setImmediate(() => this.#flush());
    });
  }

  #flush(): void {
    for (const { data, key, done, failed } of this.#waiting.splice(0)) {
      try {
        done(sign('sha256', data, { key, dsaEncoding: 'ieee-p1363' }));
      } catch (error) {
        failed(error);
      }
    }
  }
}

const batch = new SigningBatch();

/** A signing key that stays a KeyObject. RSA takes a millisecond, which belongs on another thread. */
class TenantSigningKey extends ExternalSigningKey {
  readonly #kid: string;
  readonly #alg: string;
  readonly #private: KeyObject;
  readonly #public: KeyObject;

  constructor(kid: string, alg: string, privateKey: KeyObject) {
    super();
    this.#kid = kid;
    this.#alg = alg;
    this.#private = privateKey;
    this.#public = createPublicKey(privateKey);
  }

  override get kid(): string {
    return this.#kid;
  }

  override get alg(): string {
    return this.#alg;
  }

  override keyObject(): KeyObject {
    return this.#public;
  }

  override sign(data: Buffer): Promise<Buffer> {
    return this.#alg === 'ES256'
      ? batch.sign(data, this.#private)
      : signOnAnotherThread('sha256', data, this.#private);
  }
}

export interface KeyRing {
  signing: ExternalSigningKey[];
  /** Public keys by kid, for checking tokens of our own. */
  verifying: Map<string, { alg: string; key: KeyObject }>;
  /** The algorithms of those. */
  algorithms: SigningAlg[];
}

const sealRow = (tenantId: string, kid: string): string => `signing_keys:${tenantId}:${kid}`;

const generate = promisify(generateKeyPair);

async function makeKey(
  alg: SigningAlg,
): Promise<{ kid: string; publicJwk: JsonWebKey; privateJwk: JsonWebKey }> {
  const { publicKey, privateKey } =
    alg === 'ES256'
      ? await generate('ec', { namedCurve: 'P-256' })
      : await generate('rsa', { modulusLength: 2048 });
  const publicJwk = publicKey.export({ format: 'jwk' });
  return {
    kid: await calculateJwkThumbprint(publicJwk),
    publicJwk,
    privateJwk: privateKey.export({ format: 'jwk' }),
  };
}

const infoOf = (row: Row): KeyInfo => ({
  kid: row['kid'] as string,
  alg: row['alg'] as string,
  state: row['state'] as KeyInfo['state'],
  createdAt: row['created_at'] as number,
});

/** The keys of a tenant, the current ones first. */
export async function listKeys(store: Store, tenantId: string): Promise<KeyInfo[]> {
  const rows = (await tenantDb(store.knex, tenantId)
    .from('signing_keys')
    .orderBy([{ column: 'state' }, { column: 'created_at', order: 'desc' }])) as Row[];
  return rows.map(infoOf);
}

/**
 * A new current key for each algorithm; the ones that signed until now stay published. Where `missingOnly`, only for
 * algorithms without one: two processes that do this at once end with the same keys.
 */
export async function rotateKeys(
  store: Store,
  vault: Vault,
  tenantId: string,
  { missingOnly = false } = {},
): Promise<void> {
  const made = await Promise.all(SIGNING_ALGS.map(async (alg) => ({ alg, ...(await makeKey(alg)) })));
  await store.transaction(async (trx) => {
    const db = tenantDb(trx, tenantId);
    const now = Date.now();
    for (const { alg, kid, publicJwk, privateJwk } of made) {
      if (!missingOnly)
        await db
          .from('signing_keys')
          .where({ alg, state: 'current' })
          .update({ state: 'previous', replaced_at: now });
      // The partial unique index keeps one current key per algorithm; whoever comes second leaves the first one's.
      await trx('signing_keys')
        .insert({
          tenant_id: tenantId,
          kid,
          alg,
          state: 'current',
          public_jwk: JSON.stringify(publicJwk),
          sealed_private_jwk: vault.seal(JSON.stringify(privateJwk), sealRow(tenantId, kid)),
          created_at: now,
        })
        .onConflict()
        .ignore();
    }
    await touchTenant(trx, tenantId);
  });
}

/** Opens the tenant's keys, making them on first use. */
export async function loadKeyRing(store: Store, vault: Vault, tenantId: string): Promise<KeyRing> {
  const read = async (): Promise<Row[]> =>
    (await tenantDb(store.knex, tenantId)
      .from('signing_keys')
      .orderBy([{ column: 'state' }, { column: 'created_at', order: 'desc' }])) as Row[];
  let rows = await read();
  if (!SIGNING_ALGS.every((alg) => rows.some((row) => row['alg'] === alg && row['state'] === 'current'))) {
    await rotateKeys(store, vault, tenantId, { missingOnly: true });
    rows = await read();
  }
  const ring: KeyRing = { signing: [], verifying: new Map(), algorithms: [...SIGNING_ALGS] };
  for (const row of rows) {
    const { kid, alg } = infoOf(row);
    const jwk = parse<JsonWebKey>(vault.open(row['sealed_private_jwk'] as string, sealRow(tenantId, kid)));
    const privateKey = createPrivateKey({ format: 'jwk', key: jwk });
    ring.signing.push(new TenantSigningKey(kid, alg, privateKey));
    ring.verifying.set(kid, { alg, key: createPublicKey(privateKey) });
  }
  return ring;
}
