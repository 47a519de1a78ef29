import { createHash } from 'node:crypto';
import { buffer } from 'node:stream/consumers';
import { promisify } from 'node:util';
import { gzip } from 'node:zlib';
import type * as TarStream from 'tar-stream';
import { whenNeeded } from '../../kernel/when-needed.js';
import type { Files } from '../types.js';

const tar = whenNeeded<typeof TarStream>('tar-stream');

/** Not in this thread: a package can have some 100 MiB. */
const compressed = promisify(gzip);

/** As npm's own packages have it: no date of this machine is in a package. */
const MTIME = new Date('1985-10-26T08:15:00.000Z');

/** A package of npm: always the same bytes for the same files. */
export async function tarballOf(files: Files): Promise<Buffer> {
  const archive = tar().pack();
  const bytes = buffer(archive);
  const sorted = [...files].sort(([a], [b]) => (a < b ? -1 : 1));
  for (const [path, text] of sorted)
    archive.entry({ name: `package/${path}`, mode: 0o644, mtime: MTIME }, text);
  archive.finalize();
  const packed = await compressed(await bytes, { level: 9 });
  packed[9] = 255; // the system, by which packages of two machines would differ
  return packed;
}

export const integrityOf = (tarball: Buffer): string =>
  `sha512-${createHash('sha512').update(tarball).digest('base64')}`;
