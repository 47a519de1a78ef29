import { createReadStream } from 'node:fs';
import { access, mkdir, open, rename, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { BlobDriver } from './driver.js';

/** Makes a new name in a folder survive a power cut. */
async function settle(folder: string): Promise<void> {
  const handle = await open(folder);
  await handle.sync().finally(() => handle.close());
}

/**
 * Files in a folder of this machine, or one that all nodes share. The spool must be on the same disk: a file gets its name
 * by being renamed, so that nobody ever sees half of one.
 */
export function diskDriver(folder: string): BlobDriver {
  const pathOf = (key: string): string => join(folder, ...key.split('/'));
  return {
    async put(key, { path }) {
      const to = pathOf(key);
      await mkdir(dirname(to), { recursive: true, mode: 0o700 });
      await rename(path, to);
      await settle(dirname(to));
    },
    async open(key, range) {
      const file = await open(pathOf(key)).catch(async (error: NodeJS.ErrnoException) => {
        if (error.code !== 'ENOENT') throw error;
        await access(folder); // where all files are gone, the volume is: this one may come back
        return undefined;
      });
      return file && createReadStream('', { fd: file, ...range });
    },
    remove: (key) => rm(pathOf(key), { force: true }),
    removeTenant: (tenantId) => rm(join(folder, tenantId), { recursive: true, force: true }),
  };
}
