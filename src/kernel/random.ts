import { randomFillSync } from 'node:crypto';

const BYTES = 16;

// Asking the system for the bytes of many at once costs a tenth of asking for each.
const pool = Buffer.allocUnsafeSlow(256 * BYTES);
let used = pool.length;

/** Sixteen bytes from the CSPRNG: to be read at once, since they are a view that is used again. */
export function sixteenRandomBytes(): Buffer {
  if (used === pool.length) {
    randomFillSync(pool);
    used = 0;
  }
  used += BYTES;
  return pool.subarray(used - BYTES, used);
}
