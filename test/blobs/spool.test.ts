import assert from 'node:assert/strict';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { openSpool, TooLarge } from '../../src/blobs/spool.js';

describe('the spool of uploads', () => {
  let folder: string;
  beforeEach(async () => (folder = await mkdtemp(join(tmpdir(), 'gatehouse-spool-'))));
  afterEach(() => rm(folder, { recursive: true }));

  it('leaves nothing of an upload that breaks before its folder is made', async () => {
    const broken = new Readable({ read: () => undefined });
    const taken = openSpool(folder).take(broken, 1000);
    broken.destroy(new Error('hung up'));
    await assert.rejects(taken, /hung up/);
    assert.deepEqual(await readdir(folder), []);
  });

  it('leaves nothing of an upload that is too large', async () => {
    const spool = openSpool(folder);
    await assert.rejects(spool.take(Readable.from([Buffer.alloc(600), Buffer.alloc(600)]), 1000), TooLarge);
    assert.deepEqual(await readdir(folder), []);
  });
});
