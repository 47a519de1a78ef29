import { createHash, randomUUID } from 'node:crypto';
import { createWriteStream } from 'node:fs';
import { mkdir, readdir, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { Transform, type Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { ProductError } from '../kernel/errors.js';
import { diskError, onDisk } from './disk-errors.js';

/** A file that came in, whole, on this machine's disk. */
export interface Spooled {
  path: string;
  /** Bytes. */
  size: number;
  sha256: string;
}

/** More bytes than may be. */
export class TooLarge extends ProductError {
  constructor(readonly limit: number) {
    super('value', `may have ${limit} bytes`);
  }
}

/**
 * Where uploads come in: bytes go to the disk as they arrive, so that any number of uploads takes little memory, and nothing
 * is decided before all of it is there.
 */
export interface Spool {
  /**
   * Takes a stream in; one that breaks or goes over the limit leaves nothing behind.
   * @param progress told with each piece.
   * @throws TooLarge, StoreUnavailable
   */
  take(source: Readable, limit: number, progress?: () => void): Promise<Spooled>;
  discard(spooled: Pick<Spooled, 'path'>): Promise<void>;
  /** Takes out what a dead process left behind, older than this many milliseconds. */
  sweep(olderThan: number): Promise<number>;
}

export function openSpool(folder: string): Spool {
  let made: Promise<unknown> | undefined;
  const ready = (): Promise<unknown> =>
    (made ??= onDisk(mkdir(folder, { recursive: true, mode: 0o700 })).catch((error: unknown) => {
      made = undefined;
      throw error;
    }));
  const discard = ({ path }: Pick<Spooled, 'path'>): Promise<void> => onDisk(rm(path, { force: true }));

  return {
    discard,
    async take(source, limit, progress) {
      source.on('error', () => undefined); // it may break before the pipeline listens, which then finds it broken
      await ready();
      const path = join(folder, randomUUID());
      const hash = createHash('sha256');
      let size = 0;
      const measured = new Transform({
        transform(chunk: Buffer, _encoding, done) {
          size += chunk.length;
          progress?.();
          if (size > limit) return done(new TooLarge(limit));
          hash.update(chunk);
          return done(null, chunk);
        },
      });
      // `flush`: on the disk before it is closed, so that what is acknowledged survives a power cut.
      const file = createWriteStream(path, { flags: 'wx', mode: 0o600, flush: true });
      try {
        await pipeline(source, measured, file);
      } catch (error) {
        // It may still be opening, and would be there again after it was removed.
        if (!file.closed) await new Promise<void>((resolve) => file.on('close', () => resolve()));
        await discard({ path });
        throw diskError(error);
      }
      return { path, size, sha256: hash.digest('hex') };
    },
    async sweep(olderThan) {
      await ready();
      let removed = 0;
      for (const name of await readdir(folder)) {
        const path = join(folder, name);
        const found = await stat(path).catch(() => undefined);
        if (!found || found.mtimeMs > Date.now() - olderThan) continue;
        await discard({ path });
        removed += 1;
      }
      return removed;
    },
  };
}
