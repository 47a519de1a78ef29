import type { Readable } from 'node:stream';
import type { Spooled } from '../spool.js';

/** The first and the last byte, both of them included. */
export interface Range {
  start: number;
  end: number;
}

/**
 * Where the bytes of files are. A key is `<tenant>/<folder>/<name>`; what is under it never changes.
 * - `put` takes a spooled file over; when it resolves, the file is there for good and whole.
 */
export interface BlobDriver {
  put(key: string, file: Spooled, type: string): Promise<void>;
  /** Undefined where there is nothing. @throws an error of the system, or StoreUnavailable, where no file can be opened now */
  open(key: string, range?: Range): Promise<Readable | undefined>;
  remove(key: string): Promise<void>;
  /** Takes out all files of a tenant. */
  removeTenant(tenantId: string): Promise<void>;
}
