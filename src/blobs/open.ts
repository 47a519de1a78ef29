import { join } from 'node:path';
import type { Config } from '../config.js';
import type { Log } from '../observe/index.js';
import type { Store } from '../store/index.js';
import { openBlobs } from './blobs.js';
import { diskDriver } from './drivers/disk.js';
import type { BlobServices } from './operations.js';
import { openSpool } from './spool.js';
import { openUploads } from './uploads.js';

/** Files as the configuration has them: in the data folder, or in a bucket. Uploads come in at the data folder in any case. */
export async function openFiles(
  { dataDir, files }: Pick<Config, 'dataDir' | 'files'>,
  store: Store,
  log: Log,
): Promise<BlobServices> {
  const folder = join(dataDir, 'files');
  const spool = openSpool(join(folder, 'incoming'));
  // The client of S3 is large, and not needed where files are kept on disk.
  const driver = files.s3
    ? (await import('./drivers/s3.js')).s3Driver(files.s3)
    : diskDriver(join(folder, 'kept'));
  return { blobs: openBlobs({ store, driver, spool, log }), uploads: openUploads(spool) };
}
