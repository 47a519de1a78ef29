import { createCipheriv, createDecipheriv, createHmac, hkdfSync, randomBytes } from 'node:crypto';

const IV = 12;
const TAG = 16;

/** Raised when something sealed can't be opened: another master key, another row, or a changed byte. */
export class SealBroken extends Error {
  override name = 'SealBroken';
}

/**
 * Secrets at rest. Everything is derived (HKDF-SHA-256) from one 32-byte master key:
 * an AES-256-GCM key to seal with, and a key for each purpose of a keyed hash.
 */
export class Vault {
  /** Names the master key without telling it; stored beside everything sealed. */
  readonly keyId: string;
  readonly #sealing: Buffer;
  readonly #master: Buffer;
  readonly #purposes = new Map<string, Buffer>();

  /** @param master 32 bytes. */
  constructor(master: Buffer) {
    if (master.length !== 32) throw new RangeError('the master key must be 32 bytes');
    this.#master = master;
    this.#sealing = this.derive('seal');
    this.keyId = this.derive('key-id').subarray(0, 6).toString('hex');
  }

  /** A 32-byte key for one purpose; the same master key and purpose always give the same one. */
  derive(purpose: string): Buffer {
    return Buffer.from(hkdfSync('sha256', this.#master, 'gatehouse', purpose, 32));
  }

  /**
   * Encrypts `plaintext`, bound to `row` (say where it will be kept: table, tenant and row id), so that it opens nowhere else.
   * The answer is text: `v1.<key id>.<base64url of iv, tag and ciphertext>`.
   */
  seal(plaintext: string, row: string): string {
    const iv = randomBytes(IV);
    const cipher = createCipheriv('aes-256-gcm', this.#sealing, iv).setAAD(Buffer.from(row));
    const body = Buffer.concat([cipher.update(plaintext, 'utf8'), cipher.final()]);
    return `v1.${this.keyId}.${Buffer.concat([iv, cipher.getAuthTag(), body]).toString('base64url')}`;
  }

  /** Opens what `seal` made for the same `row`. @throws SealBroken */
  open(sealed: string, row: string): string {
    const [version, keyId, body = ''] = sealed.split('.');
    if (version !== 'v1' || keyId !== this.keyId)
      throw new SealBroken(`sealed under master key ${keyId ?? '?'}, this one is ${this.keyId}`);
    const bytes = Buffer.from(body, 'base64url');
    try {
      const decipher = createDecipheriv('aes-256-gcm', this.#sealing, bytes.subarray(0, IV))
        .setAAD(Buffer.from(row))
        .setAuthTag(bytes.subarray(IV, IV + TAG));
      return decipher.update(bytes.subarray(IV + TAG), undefined, 'utf8') + decipher.final('utf8');
    } catch (cause) {
      throw new SealBroken('the sealed bytes do not belong here or were changed', { cause });
    }
  }

  /** A keyed hash (HMAC-SHA-256) as base64url, for secrets that are looked up or compared but never read. */
  hash(purpose: string, value: string): string {
    let key = this.#purposes.get(purpose);
    if (!key) this.#purposes.set(purpose, (key = this.derive(`hash:${purpose}`)));
    return createHmac('sha256', key).update(value).digest('base64url');
  }
}
