import assert from 'node:assert/strict';
import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { diskError } from '../../src/blobs/disk-errors.js';
import { openSpool } from '../../src/blobs/spool.js';
import { StoreUnavailable } from '../../src/kernel/errors.js';

describe('errors of files', () => {
  for (const code of [
    ...['ENOSPC', 'EDQUOT', 'EROFS', 'EIO', 'EMFILE', 'ENFILE'],
    ...['ENOENT', 'EACCES', 'EPERM', 'ENOTDIR', 'EISDIR', 'ESTALE', 'ENXIO', 'ENODEV', 'ETXTBSY', 'ELOOP'],
  ])
    it(`say that nothing can be served now: ${code} [SEC-R35]`, () => {
      const error = diskError(
        Object.assign(new Error('open /data/files'), { code, errno: -1, syscall: 'open' }),
      );
      assert.ok(error instanceof StoreUnavailable);
      assert.ok(!error.reason.includes('/data'));
    });

  for (const code of ['ECONNRESET', 'EPIPE', 'ERR_STREAM_PREMATURE_CLOSE'])
    it(`are themselves where the caller is the trouble: ${code}`, () => {
      const error = Object.assign(new Error('aborted'), { code });
      assert.equal(diskError(error), error);
    });

  it('of a folder that could not be made do not last', async () => {
    const parent = await mkdtemp(join(tmpdir(), 'gatehouse-spool-'));
    const folder = join(parent, 'files', 'incoming');
    const spool = openSpool(folder);
    await writeFile(join(parent, 'files'), 'in the way');
    await assert.rejects(spool.take(Readable.from([Buffer.alloc(10)]), 100));
    await rm(join(parent, 'files'));
    await spool.take(Readable.from([Buffer.alloc(10)]), 100);
    assert.equal((await readdir(folder)).length, 1);
    await rm(parent, { recursive: true });
  });
});
