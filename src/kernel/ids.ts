import { randomFillSync } from 'node:crypto';
import { v7 } from 'uuid';

const BYTES = 16;

// An id for each token: asking the system for the bytes of many at once costs a tenth of asking for each.
const pool = Buffer.allocUnsafeSlow(256 * BYTES);
let used = pool.length;

function random(): Uint8Array {
  if (used === pool.length) {
    randomFillSync(pool);
    used = 0;
  }
  used += BYTES;
  return pool.subarray(used - BYTES, used);
}

/** A row's id: a UUIDv7, so that newer rows sort after older ones and land beside them in the index. */
export const newId = (): string => v7();

/** An id as of this moment (epoch milliseconds) instead of now. */
export const idAt = (msecs: number): string => v7({ msecs, random: random() });

/** The moment that an id was made, in epoch milliseconds; undefined for anything that is no UUIDv7. */
export function timeOfId(id: string): number | undefined {
  return /^[0-9a-f]{8}-[0-9a-f]{4}-7/.test(id) ? parseInt(id.slice(0, 8) + id.slice(9, 13), 16) : undefined;
}
