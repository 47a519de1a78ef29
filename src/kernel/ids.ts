import { v7 } from 'uuid';
import { sixteenRandomBytes } from './random.js';

/** A row's id: a UUIDv7, so that newer rows sort after older ones and land beside them in the index. */
export const newId = (): string => v7();

/** An id as of this moment (epoch milliseconds) instead of now. */
export const idAt = (msecs: number): string => v7({ msecs, random: sixteenRandomBytes() });

/** The moment that an id was made, in epoch milliseconds; undefined for anything that is no UUIDv7. */
export function timeOfId(id: string): number | undefined {
  return /^[0-9a-f]{8}-[0-9a-f]{4}-7/.test(id) ? parseInt(id.slice(0, 8) + id.slice(9, 13), 16) : undefined;
}
