import type { LiveRevision } from '../../types.js';
import { DocumentReader } from './reader.js';

export type ReaderOf = (revision: Pick<LiveRevision, 'openapi'>) => Promise<DocumentReader>;

/**
 * Reads the whole documents of revisions, which takes long and much memory: once for all that ask meanwhile, and not again while
 * the last one is still in memory. It is not kept there for that.
 */
export function openReaders(): ReaderOf {
  const running = new WeakMap<object, Promise<DocumentReader>>();
  const last = new WeakMap<object, WeakRef<DocumentReader>>();

  async function read(revision: Pick<LiveRevision, 'openapi'>): Promise<DocumentReader> {
    try {
      const reader = new DocumentReader(await revision.openapi());
      last.set(revision, new WeakRef(reader));
      return reader;
    } finally {
      running.delete(revision);
    }
  }

  return async (revision) => {
    const there = last.get(revision)?.deref() ?? running.get(revision);
    if (there) return there;
    const reading = read(revision);
    running.set(revision, reading);
    return reading;
  };
}
