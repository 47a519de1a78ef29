import { createPublicKey } from 'node:crypto';
import { Invalid } from '../kernel/errors.js';

type Jwk = Record<string, unknown>;

const PRIVATE_PARTS = ['d', 'p', 'q', 'dp', 'dq', 'qi', 'oth', 'k', 'priv'];
/** RFC 7517, 4 and RFC 7518, 6: what is text, and what is a list of texts. */
const TEXTS = ['kty', 'kid', 'use', 'alg', 'crv', 'x', 'y', 'n', 'e', 'x5u', 'x5t', 'x5t#S256'];
const LISTS = ['key_ops', 'x5c'];
const SHORTEST_RSA_BITS = 2048;
/** Types and curves that are used here. Other keys stay unused, as RFC 7517, 5 asks. */
const USED = ['RSA', 'EC P-256', 'EC P-384', 'EC P-521', 'OKP Ed25519', 'OKP X25519'];
const kindOf = ({ kty, crv }: Jwk): string => (kty === 'RSA' ? 'RSA' : `${String(kty)} ${String(crv)}`);

const isText = (value: unknown): boolean => typeof value === 'string' && value !== '';

/** Why a key can never be used; undefined where it can. */
function problemOf(key: Jwk): string | undefined {
  if (key['kty'] === undefined) return 'has no kty';
  const text = TEXTS.find((name) => key[name] !== undefined && !isText(key[name]));
  if (text !== undefined) return `has "${text}" that is not text`;
  const list = LISTS.find((name) => {
    const value = key[name];
    return value !== undefined && !(Array.isArray(value) && value.every(isText));
  });
  if (list !== undefined) return `has "${list}" that is not a list of texts`;
  if (!USED.includes(kindOf(key))) return undefined;
  try {
    const { asymmetricKeyDetails } = createPublicKey({ key, format: 'jwk' });
    const bits = asymmetricKeyDetails?.modulusLength ?? SHORTEST_RSA_BITS;
    return bits < SHORTEST_RSA_BITS ? `has ${bits} bits; ${SHORTEST_RSA_BITS} are the least` : undefined;
  } catch {
    return `is not a public key of the type ${kindOf(key)}`;
  }
}

/**
 * Refuses a key set of a client (RFC 7517) with a key that is not public, or that could never be used: the library does not
 * take such a set, and the client could not sign in at all.
 * @throws Invalid naming the key
 */
export function checkPublicKeys({ keys }: { keys: readonly Jwk[] }): void {
  if (keys.some((key) => PRIVATE_PARTS.some((part) => part in key)))
    throw new Invalid('jwks', 'has a private or symmetric key; give public keys only, and make a new pair');
  keys.forEach((key, at) => {
    const problem = problemOf(key);
    if (problem !== undefined) throw new Invalid('jwks', `key ${at + 1} ${problem}; correct or remove it`);
  });
}
