import assert from 'node:assert/strict';
import { createHash, randomUUID } from 'node:crypto';
import { createServer, type Server } from 'node:http';
import { existsSync, mkdirSync, readdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { buffer } from 'node:stream/consumers';
import S3rver from 's3rver';
import { diskDriver } from '../../src/blobs/drivers/disk.js';
import type { BlobDriver } from '../../src/blobs/drivers/driver.js';
import { s3Driver } from '../../src/blobs/drivers/s3.js';
import type { Spooled } from '../../src/blobs/spool.js';
import { STORES, temporaryFolder } from '../support/config.js';
import { png } from '../support/files.js';
import { asForm, call, clientToken } from '../support/management.js';
import { sendForBytes } from '../support/http.js';
import { startServer, type TestServer } from '../support/server.js';

const BUCKET = 'gatehouse';

/** A real S3 server. */
async function startS3(): Promise<{ port: number; close(): Promise<void> }> {
  const s3 = new S3rver({
    port: 0,
    address: '127.0.0.1',
    silent: true,
    directory: temporaryFolder(),
    configureBuckets: [{ name: BUCKET, configs: [] }],
  });
  const { port } = await s3.run();
  return {
    port,
    async close() {
      (s3 as unknown as { httpServer: Server }).httpServer.closeAllConnections();
      await s3.close();
    },
  };
}

const settings = (port: number) => ({
  bucket: BUCKET,
  region: 'us-east-1',
  endpoint: `http://127.0.0.1:${port}`,
  pathStyle: true,
  accessKeyId: 'S3RVER',
  secretAccessKey: 'S3RVER',
});

const DRIVERS: [name: string, open: () => Promise<{ driver: BlobDriver; close(): Promise<void> }>][] = [
  ['the disk', async () => ({ driver: diskDriver(temporaryFolder()), close: async () => undefined })],
  [
    'S3',
    async () => {
      const { port, close } = await startS3();
      return { driver: s3Driver(settings(port)), close };
    },
  ],
];

for (const [name, open] of DRIVERS)
  describe(`files on ${name}`, () => {
    let driver: BlobDriver;
    let close: () => Promise<void>;
    const folder = temporaryFolder();
    before(async () => {
      ({ driver, close } = await open());
    });
    after(() => close());

    const spooled = (bytes: Buffer): Spooled => {
      const path = join(folder, randomUUID());
      writeFileSync(path, bytes);
      return { path, size: bytes.length, sha256: createHash('sha256').update(bytes).digest('hex') };
    };
    const read = async (key: string, range?: { start: number; end: number }) => {
      const stream = await driver.open(key, range);
      return stream && buffer(stream);
    };

    it('are there whole once they are put, and the spooled file is not any more', async () => {
      const file = spooled(png(500_000));
      await driver.put('tenant/folder/a.png', file, 'image/png');
      assert.deepEqual(await read('tenant/folder/a.png'), png(500_000));
      assert.equal(existsSync(file.path), false);
    });

    it('are read in pieces', async () => {
      await driver.put('tenant/folder/b.png', spooled(png()), 'image/png');
      assert.deepEqual(await read('tenant/folder/b.png', { start: 1, end: 3 }), Buffer.from('PNG'));
    });

    it('are not there where none was put, or after they were removed', async () => {
      assert.equal(await read('tenant/folder/none.png'), undefined);
      await driver.put('tenant/folder/c.png', spooled(png()), 'image/png');
      await driver.remove('tenant/folder/c.png');
      assert.equal(await read('tenant/folder/c.png'), undefined);
      await driver.remove('tenant/folder/c.png');
    });

    it('of a tenant go all at once, and those of others stay', async () => {
      for (const key of ['gone/one/d.png', 'gone/two/e.png', 'stays/one/f.png'])
        await driver.put(key, spooled(png()), 'image/png');
      await driver.removeTenant('gone');
      assert.deepEqual([await read('gone/one/d.png'), await read('gone/two/e.png')], [undefined, undefined]);
      assert.ok(await read('stays/one/f.png'));
    });
  });

describe('a server whose files are in a bucket', () => {
  it('takes uploads there, and serves them from there', async () => {
    const s3 = await startS3();
    const server = await startServer('sqlite', {}, { files: { s3: settings(s3.port) } });
    try {
      const token = await clientToken(server, ['isms.blob.all']);
      const path = '/api/Blob/Image';
      const { body } = await call(server, { method: 'POST', path, token, ...asForm({ value: png() }) });
      const url = new URL(body['data'] as string);
      assert.deepEqual((await sendForBytes(url)).bytes, png());
      const piece = await sendForBytes(url, { headers: { range: 'bytes=1-3' } });
      assert.deepEqual([piece.status, piece.bytes.toString()], [206, 'PNG']);
      assert.deepEqual(readdirSync(join(server.context.config.dataDir, 'files')), ['incoming']);
    } finally {
      await server.stop();
      await s3.close();
    }
  });
});

describe('files that are away for a time', () => {
  /** What an upload and an earlier file are answered. */
  async function answers(server: TestServer, token: string, url: URL): Promise<Record<string, unknown[]>> {
    const upload = { method: 'POST', path: '/api/Blob/Image', token, ...asForm({ value: png() }) };
    const { status, headers } = await call(server, upload);
    const file = await sendForBytes(url);
    return {
      upload: [status, headers.get('retry-after')],
      file: [
        file.status,
        file.headers.get('retry-after'),
        /immutable/.test(file.headers.get('cache-control') ?? ''),
      ],
    };
  }
  const AWAY = { upload: [503, '5'], file: [503, '5', false] };
  const THERE = { upload: [200, null], file: [200, null, true] };

  async function withFile(server: TestServer): Promise<{ token: string; url: URL }> {
    const token = await clientToken(server, ['isms.blob.all']);
    const path = '/api/Blob/Image';
    const { body } = await call(server, { method: 'POST', path, token, ...asForm({ value: png() }) });
    return { token, url: new URL(body['data'] as string) };
  }

  for (const kind of STORES)
    it(`are 503 while their folder is gone, or is no folder, on ${kind} [SEC-R35]`, async () => {
      const server = await startServer(kind);
      try {
        const { token, url } = await withFile(server);
        const folder = join(server.context.config.dataDir, 'files');
        renameSync(folder, `${folder}.away`);
        assert.deepEqual(await answers(server, token, url), AWAY);
        mkdirSync(folder); // the place of a volume that is not mounted
        assert.deepEqual(await answers(server, token, url), AWAY);
        assert.deepEqual(readdirSync(folder), []);
        rmSync(folder, { recursive: true });
        writeFileSync(folder, '');
        assert.deepEqual(await answers(server, token, url), AWAY);
        rmSync(folder);
        renameSync(`${folder}.away`, folder);
        assert.deepEqual(await answers(server, token, url), THERE);
      } finally {
        await server.stop();
      }
    });

  it('are 404 where one of them is gone, and no cache keeps that', async () => {
    const server = await startServer('sqlite');
    try {
      const { token, url } = await withFile(server);
      const kept = join(server.context.config.dataDir, 'files', 'kept');
      for (const tenant of readdirSync(kept)) rmSync(join(kept, tenant), { recursive: true });
      assert.deepEqual(await answers(server, token, url), { ...THERE, file: [404, null, false] });
    } finally {
      await server.stop();
    }
  });

  it('are 503 while the bucket cannot be reached, is gone, or refuses [SEC-R35]', async () => {
    const s3 = await startS3();
    const server = await startServer('sqlite', {}, { files: { s3: settings(s3.port) } });
    try {
      const { token, url } = await withFile(server);
      await s3.close();
      assert.deepEqual(await answers(server, token, url), AWAY);
      for (const status of [400, 403, 404, 429, 500, 503]) {
        const refusing = createServer((_request, response) => void response.writeHead(status).end());
        await new Promise<void>((resolve) => refusing.listen(s3.port, '127.0.0.1', resolve));
        assert.deepEqual(await answers(server, token, url), AWAY, String(status));
        refusing.closeAllConnections();
        await new Promise((resolve) => refusing.close(resolve));
      }
    } finally {
      await server.stop();
    }
  });
});
