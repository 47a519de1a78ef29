import { hash, hkdfSync } from 'node:crypto';
import { calculateJwkThumbprint, EmbeddedJWK, errors as joseErrors, jwtVerify, type JWK } from 'jose';
import type { Artifacts } from './artifacts.js';

/** What DPoP proofs may be signed with, at the provider's endpoints and at APIs. */
export const DPOP_ALGS = ['ES256', 'EdDSA'] as const;

/** What a proof is compared with (RFC 9449, 4.3). */
export interface ProvenRequest {
  method: string;
  /** Absolute; a query and a fragment do not count. */
  url: string;
  /** The access token that comes with it. */
  token: string;
}

/** What a proof says, or why it is refused, in the words of RFC 9449. `nonce` is for the answer's `DPoP-Nonce`. */
export type ProofResult =
  | { thumbprint: string; jti: string; nonce?: string }
  | { error: 'invalid_dpop_proof' | 'use_dpop_nonce'; nonce?: string };

/** Checks of DPoP proofs at APIs. Nonces and times are those of the provider, so a nonce of either is good at both. */
export interface DpopProofs {
  check(proof: string, request: ProvenRequest): Promise<ProofResult>;
  /** Whether a proof of this client comes for the first time, on whatever node: of many copies, one is the first. */
  isNew(clientId: string, jti: string): Promise<boolean>;
}

/** Seconds that a nonce is the newest; and how far a proof's own time may be off where it has no nonce. */
const NONCE_STEP = 60;
const WINDOW = 300;
/** A nonce is good for two steps before and after its own, because clocks of nodes differ. */
const STEPS = [-2, -1, 0, 1, 2];

function nonceAt(secret: Buffer, step: number): string {
  const salt = Buffer.alloc(8);
  salt.writeBigInt64BE(BigInt(step));
  return Buffer.from(hkdfSync('sha256', secret, salt, 'DPoP', 32)).toString('base64url');
}

/** Nonces by the provider's recipe: both know the tenant's secret, and neither keeps what it has given. */
function noncesOf(secret: Buffer): () => { next: string; good: ReadonlySet<string> } {
  let made: { step: number; next: string; good: ReadonlySet<string> } | undefined;
  return () => {
    const step = Math.floor(Date.now() / 1000 / NONCE_STEP);
    if (made?.step !== step)
      made = {
        step,
        next: nonceAt(secret, step + 1),
        good: new Set(STEPS.map((offset) => nonceAt(secret, step + offset))),
      };
    return made;
  };
}

interface ProofClaims {
  htm?: unknown;
  htu?: unknown;
  ath?: unknown;
  nonce?: unknown;
}

interface Identified {
  /** Epoch seconds. */
  iat: number;
  jti: string;
}

/** The address without its query and fragment, in the one spelling that a URL has. */
function plainUrl(address: unknown): string | undefined {
  const url = typeof address === 'string' ? URL.parse(address) : null;
  if (!url) return undefined;
  url.search = '';
  url.hash = '';
  return url.href;
}

/**
 * @param secret the tenant's, which the provider makes its nonces from.
 */
export function dpopProofs(tenantId: string, secret: Buffer, artifacts: Pick<Artifacts, 'once'>): DpopProofs {
  const nonces = noncesOf(secret);

  async function verified(
    proof: string,
  ): Promise<{ jwk: JWK; claims: ProofClaims & Identified } | undefined> {
    try {
      const { payload, protectedHeader } = await jwtVerify<ProofClaims>(proof, EmbeddedJWK, {
        algorithms: [...DPOP_ALGS],
        typ: 'dpop+jwt',
      });
      const { iat, jti } = payload;
      if (!iat || typeof jti !== 'string' || jti === '' || !protectedHeader.jwk) return undefined;
      return { jwk: protectedHeader.jwk, claims: { ...payload, iat, jti } };
    } catch (error) {
      // What jose does not take as a key or a signature comes as a TypeError or a DOMException, of whatever the sender wrote.
      if (
        error instanceof joseErrors.JOSEError ||
        error instanceof TypeError ||
        error instanceof DOMException
      )
        return undefined;
      throw error;
    }
  }

  return {
    async check(proof, { method, url, token }) {
      const read = await verified(proof);
      if (!read) return { error: 'invalid_dpop_proof' };
      const { htm, htu, ath, nonce, iat, jti } = read.claims;
      const fits =
        htm === method &&
        plainUrl(htu) === plainUrl(url) &&
        ath === hash('sha256', token, 'base64url') &&
        (nonce === undefined || typeof nonce === 'string');
      if (!fits) return { error: 'invalid_dpop_proof' };
      const { next, good } = nonces();
      const isGood = nonce ? good.has(nonce) : Math.abs(Date.now() / 1000 - iat) <= WINDOW;
      if (!isGood) return { error: 'use_dpop_nonce', nonce: next };
      const thumbprint = await calculateJwkThumbprint(read.jwk);
      return { thumbprint, jti, ...(nonce !== next && { nonce: next }) };
    },
    isNew: (clientId, jti) =>
      artifacts.once(
        tenantId,
        'ReplayDetection',
        hash('sha256', `${clientId}\n${jti}`, 'base64url'),
        // A proof of a clock that is ahead can be used for twice as long.
        Date.now() + 2 * WINDOW * 1000,
      ),
  };
}
