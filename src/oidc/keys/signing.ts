import { constants, createPublicKey, sign, type KeyObject, type SignKeyObjectInput } from 'node:crypto';
import { promisify } from 'node:util';
import { ExternalSigningKey } from '../library/index.js';
import type { SigningAlg } from '../../kernel/algorithms.js';
import { atEndOfTurn } from '../../kernel/turn-phases.js';

const signOnAnotherThread = promisify(sign);

/** How each algorithm signs (RFC 7518, 3.1; RFC 8037): the digest, and what goes with the key. */
const METHODS: Record<SigningAlg, { digest: string | null; options: Omit<SignKeyObjectInput, 'key'> }> = {
  ES256: { digest: 'sha256', options: { dsaEncoding: 'ieee-p1363' } },
  RS256: { digest: 'sha256', options: {} },
  PS256: { digest: 'sha256', options: { padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: 32 } },
  EdDSA: { digest: null, options: {} },
};

/** Every algorithm that a tenant can sign with. */
export const KNOWN_ALGS = Object.keys(METHODS) as readonly SigningAlg[];

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
      if (this.#waiting.push({ data, key, done, failed }) === 1) atEndOfTurn(() => this.#flush());
    });
  }

  #flush(): void {
    const { digest, options } = METHODS.ES256;
    for (const { data, key, done, failed } of this.#waiting.splice(0)) {
      try {
        done(sign(digest, data, { key, ...options }));
      } catch (error) {
        failed(error);
      }
    }
  }
}

const batch = new SigningBatch();

/** A signing key that stays a KeyObject. RSA takes a millisecond, which belongs on another thread. */
export class TenantSigningKey extends ExternalSigningKey {
  readonly #kid: string;
  readonly #alg: SigningAlg;
  readonly #private: KeyObject;
  readonly #public: KeyObject;

  constructor(kid: string, alg: SigningAlg, privateKey: KeyObject) {
    super();
    this.#kid = kid;
    this.#alg = alg;
    this.#private = privateKey;
    this.#public = createPublicKey(privateKey);
  }

  override get kid(): string {
    return this.#kid;
  }

  override get alg(): SigningAlg {
    return this.#alg;
  }

  override keyObject(): KeyObject {
    return this.#public;
  }

  override sign(data: Buffer): Promise<Buffer> {
    if (this.#alg === 'ES256') return batch.sign(data, this.#private);
    const { digest, options } = METHODS[this.#alg];
    return signOnAnotherThread(digest, data, { key: this.#private, ...options });
  }
}
