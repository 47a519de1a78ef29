import { createCipheriv, createDecipheriv, createHmac, hkdfSync, randomBytes } from 'node:crypto';

const IV = 12;
const TAG = 16;

/** Raised when something sealed can't be opened: another key, another row, or a changed byte. */
export class SealBroken extends Error {
  override name = 'SealBroken';
}

const derive = (key: Buffer, purpose: string): Buffer =>
  Buffer.from(hkdfSync('sha256', key, 'gatehouse', purpose, 32));

/** AES-256-GCM under a 32-byte key, bound to `row`; base64url of iv, tag and ciphertext. */
export function encrypt(key: Buffer, plaintext: string, row: string): string {
  const iv = randomBytes(IV);
  const cipher = createCipheriv('aes-256-gcm', key, iv).setAAD(Buffer.from(row));
  const body = Buffer.concat([cipher.update(plaintext, 'utf8'), cipher.final()]);
  return Buffer.concat([iv, cipher.getAuthTag(), body]).toString('base64url');
}

/** Opens what `encrypt` made with the same key for the same row. @throws SealBroken */
export function decrypt(key: Buffer, encrypted: string, row: string): string {
  const bytes = Buffer.from(encrypted, 'base64url');
  try {
    const decipher = createDecipheriv('aes-256-gcm', key, bytes.subarray(0, IV))
      .setAAD(Buffer.from(row))
      .setAuthTag(bytes.subarray(IV, IV + TAG));
    return decipher.update(bytes.subarray(IV + TAG), undefined, 'utf8') + decipher.final('utf8');
  } catch (cause) {
    throw new SealBroken('the sealed bytes do not belong here or were changed', { cause });
  }
}

/** One AES-256-GCM key, with a name that tells nothing of it. What is sealed is text: `v1.<name>.<base64url>`. */
class SealingKey {
  constructor(
    readonly name: string,
    readonly key: Buffer,
  ) {}

  seal(plaintext: string, row: string): string {
    return `v1.${this.name}.${encrypt(this.key, plaintext, row)}`;
  }

  open(sealed: string, row: string): string {
    return decrypt(this.key, sealed.slice(sealed.lastIndexOf('.') + 1), row);
  }
}

const nameIn = (sealed: string): string => sealed.split('.')[1] ?? '?';

/**
 * The key that the operator holds. It encrypts nothing but the store's own keys (see Vault), so that another one can take
 * its place while servers run.
 */
export class MasterKey {
  /** Names the key without telling it. */
  readonly id: string;
  readonly #wrapping: SealingKey;

  /** @param key 32 bytes. */
  constructor(key: Buffer) {
    if (key.length !== 32) throw new RangeError('the master key must be 32 bytes');
    this.id = derive(key, 'key-id').subarray(0, 6).toString('hex');
    this.#wrapping = new SealingKey(this.id, derive(key, 'wrap'));
  }

  wrap(key: Buffer, row: string): string {
    return this.#wrapping.seal(key.toString('base64'), row);
  }

  /** @throws SealBroken */
  unwrap(wrapped: string, row: string): Buffer {
    if (nameIn(wrapped) !== this.id)
      throw new SealBroken(`wrapped by master key ${nameIn(wrapped)}, this one is ${this.id}`);
    return Buffer.from(this.#wrapping.open(wrapped, row), 'base64');
  }
}

/**
 * Secrets at rest, under keys of the store's own: data keys that seal (AES-256-GCM), one of them for what is sealed now,
 * and one key from which a key for each purpose of a keyed hash is derived (HKDF-SHA-256).
 */
export class Vault {
  readonly #hashing: Buffer;
  readonly #data = new Map<string, SealingKey>();
  readonly #purposes = new Map<string, Buffer>();
  #sealing: SealingKey | undefined;

  /** @param hashing 32 bytes, the same for as long as the store lives. */
  constructor(hashing: Buffer) {
    this.#hashing = hashing;
  }

  /** Lets the vault open what this key (32 bytes) has sealed. */
  learn(name: string, key: Buffer): void {
    if (!this.#data.has(name)) this.#data.set(name, new SealingKey(name, key));
  }

  knows = (name: string): boolean => this.#data.has(name);

  /** Seals with this key from now on. It has to be known. */
  sealWith(name: string): void {
    const key = this.#data.get(name);
    if (!key) throw new SealBroken(`there is no data key ${name}`);
    this.#sealing = key;
  }

  /** The name of the key that seals now. */
  get sealingKey(): string {
    return this.#sealing?.name ?? '?';
  }

  /**
   * Encrypts `plaintext`, bound to `row` (say where it will be kept: table, tenant and row id), so that it opens nowhere
   * else.
   */
  seal(plaintext: string, row: string): string {
    if (!this.#sealing) throw new SealBroken('the vault has no key to seal with');
    return this.#sealing.seal(plaintext, row);
  }

  /** Opens what `seal` made for the same `row`. @throws SealBroken */
  open(sealed: string, row: string): string {
    const key = this.#data.get(nameIn(sealed));
    if (!key) throw new SealBroken(`sealed with data key ${nameIn(sealed)}, which is not known here`);
    return key.open(sealed, row);
  }

  /** A keyed hash (HMAC) as base64url, for secrets that are looked up or compared but never read. */
  hash(purpose: string, value: string, digest: 'sha256' | 'sha512' = 'sha256'): string {
    let key = this.#purposes.get(purpose);
    if (!key) this.#purposes.set(purpose, (key = derive(this.#hashing, `hash:${purpose}`)));
    return createHmac(digest, key).update(value).digest('base64url');
  }
}
