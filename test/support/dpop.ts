import { randomUUID } from 'node:crypto';
import { calculateJwkThumbprint, exportJWK, generateKeyPair, SignJWT, type CryptoKey, type JWK } from 'jose';

export interface DpopKey {
  privateKey: CryptoKey;
  jwk: JWK;
  thumbprint: string;
}

export async function newDpopKey(): Promise<DpopKey> {
  const { privateKey, publicKey } = await generateKeyPair('ES256');
  const jwk = await exportJWK(publicKey);
  return { privateKey, jwk, thumbprint: await calculateJwkThumbprint(jwk) };
}

/** A DPoP proof (RFC 9449, 4.2), or one with something wrong. */
export const proofOf = (
  { jwk, privateKey }: DpopKey,
  htm: string,
  htu: string,
  { iat, nonce, signWith }: { iat?: number; nonce?: string; signWith?: DpopKey } = {},
): Promise<string> =>
  new SignJWT({ htm, htu, jti: randomUUID(), ...(nonce !== undefined && { nonce }) })
    .setProtectedHeader({ alg: 'ES256', typ: 'dpop+jwt', jwk })
    .setIssuedAt(iat)
    .sign(signWith?.privateKey ?? privateKey);
