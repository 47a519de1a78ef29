import { Conflict } from '../kernel/errors.js';
import { namingIndex } from './tenant-db.js';
import { UniqueViolation } from './store.js';

/**
 * Runs a write and lets the unique indexes speak: nobody looks first, because two would both look.
 * @param taken an index's name → the field that it keeps unique, and what is said when another has the value.
 * @throws Conflict
 */
export async function uniquely<T>(
  taken: Record<string, [field: string, message: string]>,
  write: () => Promise<T>,
): Promise<T> {
  try {
    return await namingIndex(write);
  } catch (error) {
    const [field, message] = (error instanceof UniqueViolation && taken[error.index]) || [];
    if (field === undefined || message === undefined) throw error;
    throw new Conflict(field, message);
  }
}
