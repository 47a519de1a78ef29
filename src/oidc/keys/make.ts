import { generateKeyPair, type JsonWebKey } from 'node:crypto';
import { promisify } from 'node:util';
import type { SigningAlg } from '../../kernel/algorithms.js';

const generate = promisify(generateKeyPair);

export interface NewKey {
  kid: string;
  alg: SigningAlg;
  publicJwk: JsonWebKey;
  privateJwk: JsonWebKey;
}

/**
 * Makes a key pair; its id is its thumbprint (RFC 7638). The id does not begin with a hyphen: at a command line, that would look
 * like an option.
 */
export async function makeKey(alg: SigningAlg): Promise<NewKey> {
  for (;;) {
    const key = await generateKey(alg);
    if (!key.kid.startsWith('-')) return key;
  }
}

async function generateKey(alg: SigningAlg): Promise<NewKey> {
  const { publicKey, privateKey } =
    alg === 'ES256'
      ? await generate('ec', { namedCurve: 'P-256' })
      : alg === 'EdDSA'
        ? await generate('ed25519')
        : await generate('rsa', { modulusLength: 2048 });
  const { calculateJwkThumbprint } = await import('jose');
  const publicJwk = publicKey.export({ format: 'jwk' });
  return {
    kid: await calculateJwkThumbprint(publicJwk),
    alg,
    publicJwk,
    privateJwk: privateKey.export({ format: 'jwk' }),
  };
}
