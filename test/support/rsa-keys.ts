import crypto, { createPrivateKey, createPublicKey, generatePrimeSync, type KeyObject } from 'node:crypto';
import { syncBuiltinESMExports } from 'node:module';
import { promisify } from 'node:util';

/**
 * Making an RSA key is 126 ms of a processor, nearly all of them for its two primes. A run makes some hundreds, so tests make
 * theirs of few primes: each pair of them is a key of its own, as real as any other, and no secret. Servers in processes of
 * their own make keys as in production.
 */
const BITS = 2048;
const EXPONENT = 65_537n;

const primes: bigint[] = [];
/** The pair that the next key is made of. */
let next: [number, number] = [0, 1];

const primeAt = (at: number): bigint => {
  while (primes.length <= at) {
    const prime = generatePrimeSync(BITS / 2, { bigint: true });
    if ((prime - 1n) % EXPONENT !== 0n) primes.push(prime);
  }
  return primes[at] as bigint;
};

/** The inverse of a number, by the extended Euclidean algorithm. */
function inverse(of: bigint, modulus: bigint): bigint {
  let [left, right, one, other] = [of % modulus, modulus, 1n, 0n];
  while (right !== 0n) {
    const times = left / right;
    [left, right] = [right, left - times * right];
    [one, other] = [other, one - times * other];
  }
  return ((one % modulus) + modulus) % modulus;
}

function base64url(value: bigint): string {
  const digits = value.toString(16);
  return Buffer.from(digits.padStart(digits.length + (digits.length % 2), '0'), 'hex').toString('base64url');
}

/** A key that this process has not made yet. */
function rsaKeyPair(): { publicKey: KeyObject; privateKey: KeyObject } {
  const [one, other] = next;
  next = one + 1 < other ? [one + 1, other] : [0, other + 1];
  const [p, q] = [primeAt(other), primeAt(one)];
  const d = inverse(EXPONENT, (p - 1n) * (q - 1n));
  const parts = { n: p * q, e: EXPONENT, d, p, q, dp: d % (p - 1n), dq: d % (q - 1n), qi: inverse(q, p) };
  const key = Object.fromEntries(Object.entries(parts).map(([name, value]) => [name, base64url(value)]));
  const privateKey = createPrivateKey({ key: { kty: 'RSA', ...key }, format: 'jwk' });
  return { publicKey: createPublicKey(privateKey), privateKey };
}

const real = promisify(crypto.generateKeyPair) as (type: string, options: object) => Promise<unknown>;

const quick = (type: string, options: { modulusLength?: number }): Promise<unknown> =>
  type === 'rsa' && options.modulusLength === BITS ? Promise.resolve(rsaKeyPair()) : real(type, options);
const callback = crypto.generateKeyPair.bind(crypto);
crypto.generateKeyPair = Object.assign(callback, { [promisify.custom]: quick });
// For modules that are loaded from here on.
syncBuiltinESMExports();
