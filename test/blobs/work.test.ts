import assert from 'node:assert/strict';
import { mkdtemp, open, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { plainPicture } from '../../src/blobs/content/plain-picture.js';
import { kindOfFile } from '../../src/blobs/content/sniff.js';
import { TooMuchWork, Work } from '../../src/blobs/content/work.js';
import { compound, jpeg, mp4, pdf, PNG_SIGNATURE, pngWith, segment, zip } from '../support/files.js';
import { often, SEED } from '../support/profile.js';
import { REAL_FILES } from '../support/real-files.js';

const RUNS = often({ short: 500, long: 4000 });
const KIB = 1024;

/** What is asked of the file system, whoever asks. */
interface Asked {
  reads: number;
  bytes: number;
}

/** Counts what a file costs: reads, bytes, and pieces that come out. */
async function asked(work: () => Promise<unknown>): Promise<Asked> {
  const probe = await open(import.meta.filename);
  const handle = Object.getPrototypeOf(probe) as {
    read(...given: unknown[]): Promise<{ bytesRead: number }>;
  };
  await probe.close();
  const { read } = handle;
  const counted: Asked = { reads: 0, bytes: 0 };
  handle.read = async function (...given) {
    const answer = await read.apply(this, given);
    counted.reads += 1;
    counted.bytes += answer.bytesRead;
    return answer;
  };
  try {
    await work();
    return counted;
  } finally {
    handle.read = read;
  }
}

/** A chunk of a PNG with a checksum that nobody reads. */
const chunk = (type: string, length = 0): Buffer => {
  const bytes = Buffer.alloc(12 + length);
  bytes.writeUInt32BE(length);
  bytes.write(type, 4, 'latin1');
  return bytes;
};

describe('what a file may cost', () => {
  let folder: string;
  let path: string;
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'gatehouse-work-'));
    path = join(folder, 'file');
  });
  after(() => rm(folder, { recursive: true }));

  async function plain(ext: 'png' | 'jpg', work = new Work()): Promise<{ pieces: number; length: number }> {
    let [pieces, length] = [0, 0];
    for await (const part of plainPicture(path, ext, work)) {
      pieces += 1;
      length += part.length;
    }
    return { pieces, length };
  }

  const framed = jpeg().subarray(0, 33);
  const end = Buffer.from('ffd9', 'hex');
  const tinyScans = (count: number): Buffer =>
    Buffer.concat([framed, ...Array.from({ length: count }, () => Buffer.from('ffda0002', 'hex')), end]);
  const emptyChunks = (count: number): Buffer => {
    const idats = Array.from({ length: count }, () => chunk('IDAT'));
    const header = pngWith({}).subarray(8, 33);
    return Buffer.concat([PNG_SIGNATURE, header, ...idats, chunk('IEND')]);
  };

  it('reads a JPEG of as many tiny scans as there may be in one piece', async () => {
    await writeFile(path, tinyScans(256));
    let came = { pieces: 0, length: 0 };
    const { reads } = await asked(async () => (came = await plain('jpg')));
    assert.deepEqual([reads, came.pieces, came.length], [1, 1, 33 + 256 * 4 + 2]);
  });

  it('refuses a JPEG of 250,000 tiny scans after 257 of them [SEC-R21]', async () => {
    await writeFile(path, tinyScans(250_000));
    const work = new Work();
    await assert.rejects(plain('jpg', work), TooMuchWork);
    assert.deepEqual(work.done, { reads: 1, bytes: 131_072, parts: 259, scans: 257 });
  });

  it('takes a PNG of 16,000 empty chunks as one that is read twice, in large pieces', async () => {
    await writeFile(path, emptyChunks(16_000));
    let came = { pieces: 0, length: 0 };
    const counted = await asked(async () => {
      assert.equal((await kindOfFile(path))?.ext, 'png');
      came = await plain('png');
    });
    assert.ok(counted.reads <= 20, `${counted.reads} reads`);
    assert.deepEqual(came, { pieces: 3, length: 8 + 25 + 16_000 * 12 + 12 });
  });

  it('is no picture that has more chunks than pictures have [SEC-R21]', async () => {
    await writeFile(path, emptyChunks(20_000));
    assert.equal(await kindOfFile(path), undefined);
  });

  it('skips the padding of a marker without a read for each byte', async () => {
    const padding = Buffer.alloc(1024 * KIB, 0xff);
    await writeFile(path, Buffer.concat([framed, padding, jpeg().subarray(33)]));
    const { reads } = await asked(async () => {
      assert.equal((await kindOfFile(path))?.ext, 'jpg');
      await plain('jpg');
    });
    assert.ok(reads <= 30, `${reads} reads`);
  });

  it('reads no more of an archive whose entries each ask for a search than there may be', async () => {
    // Each entry says that its length comes behind it, and the next one begins at once.
    const entry = Buffer.alloc(30 + 1 + 16);
    entry.write('504b0304', 0, 'hex');
    entry.writeUInt16LE(8, 6);
    entry.writeUInt16LE(1, 26);
    entry.write('a', 30);
    entry.write('504b0708', 31, 'hex');
    const entries = Array.from({ length: 1000 }, () => entry);
    await writeFile(path, Buffer.concat([...entries, Buffer.alloc(512 * KIB)]));
    const work = new Work();
    const { bytes } = await asked(() => kindOfFile(path, work));
    assert.ok(bytes <= 64 * KIB * KIB, `${bytes} bytes`);
  });

  it('ends when the caller has left [SEC-R21]', async () => {
    const left = new Error('left');
    await writeFile(path, Buffer.concat([jpeg().subarray(0, -2), Buffer.alloc(1024 * KIB, 7), end]));
    const gone = new AbortController();
    const work = new Work(gone.signal);
    const parts = plainPicture(path, 'jpg', work);
    await parts.next();
    gone.abort(left);
    await assert.rejects(async () => {
      for await (const part of parts) assert.ok(part.length);
    }, left);
    await assert.rejects(kindOfFile(path, new Work(gone.signal)), left);
    assert.ok(work.done.reads <= 2, `${work.done.reads} reads`);
  });

  describe('is bounded whatever is in it', () => {
    const asf = Buffer.concat([
      Buffer.from('3026b2758e66cf11a6d900aa0062ce6c', 'hex'),
      Buffer.alloc(14, 1),
      ...Array.from({ length: 40 }, () => Buffer.from(`${'11'.repeat(16)}1800000000000000`, 'hex')),
    ]);
    const matroska = Buffer.from(
      '1a45dfa3a34286810142f7810142f2810442f381084282886d6174726f736b614287810442858102',
      'hex',
    );
    const runs = Buffer.concat([
      framed,
      Buffer.from('ffda0008010100003f0011ff0022ffd033', 'hex'),
      segment(0xc4, 'table'),
      Buffer.from('ffda0008010100003f0011ff0022ffd033ffd9', 'hex'),
    ]);
    const FILES: Record<string, Buffer> = {
      ...REAL_FILES,
      'a JPEG in several runs': runs,
      'a PNG with texts': pngWith({ tEXt: 'Author\0me', iCCP: 'x', eXIf: 'MM', acTL: '12345678' }),
      'a PDF': pdf(300),
      'an MP4': mp4(300),
      'an old document': compound('WordDocument'),
      'an archive': zip({ a: 'b', mimetype: 'application/epub+zip', c: 'd' }),
      'an ASF': asf,
      'a Matroska': matroska,
    };

    it('among real files, each of which is what it is', async () => {
      const kinds: Record<string, string | undefined> = {};
      for (const [name, bytes] of Object.entries(FILES)) {
        await writeFile(path, bytes);
        kinds[name] = (await kindOfFile(path))?.ext;
      }
      assert.deepEqual(kinds, {
        jpeg: 'jpg',
        png: 'png',
        webp: undefined,
        gif: undefined,
        streamedDocx: 'docx',
        'a JPEG in several runs': 'jpg',
        'a PNG with texts': 'png',
        'a PDF': 'pdf',
        'an MP4': 'mp4',
        'an old document': 'doc',
        'an archive': undefined,
        'an ASF': 'asf',
        'a Matroska': 'mkv',
      });
    });

    /** Bytes that mean something to some reader. */
    const telling = fc.constantFrom(
      ...['ff', 'ffff', 'ffd8', 'ffda0002', 'ffda', 'ffd9', '00000000', 'ffffffff', '504b0304', '504b0708']
        .concat([
          '0000000049444154',
          '7fffffff49444154',
          '0000000049454e44',
          'efbbbf',
          '1a45dfa3',
          'd0cf11e0a1b11ae1',
        ])
        .map((hex) => Buffer.from(hex, 'hex')),
    );
    const change = fc.record({
      at: fc.double({ min: 0, max: 1, noNaN: true }),
      what: fc.constantFrom('overwrite', 'insert', 'remove', 'repeat'),
      bytes: fc.oneof(
        telling,
        fc.uint8Array({ minLength: 1, maxLength: 8 }).map((some) => Buffer.from(some)),
      ),
      times: fc.constantFrom(1, 2, 40, 5000),
      length: fc.integer({ min: 1, max: 64 }),
    });
    const mutated = fc
      .tuple(fc.constantFrom(...Object.keys(FILES)), fc.array(change, { minLength: 1, maxLength: 4 }))
      .map(([name, changes]) => {
        let file = FILES[name] as Buffer;
        for (const { at, what, bytes, times, length } of changes) {
          const place = Math.floor(at * file.length);
          const repeated = Buffer.concat(
            Array.from({ length: times }, () =>
              what === 'repeat' ? file.subarray(place, place + length) : bytes,
            ),
          );
          const rest = what === 'overwrite' ? bytes.length : what === 'remove' ? length : 0;
          const added = what === 'overwrite' ? bytes : what === 'remove' ? Buffer.alloc(0) : repeated;
          file = Buffer.concat([file.subarray(0, place), added, file.subarray(place + rest)]);
        }
        return { name, file };
      });

    it('among changed ones, by the reads that each takes, and what comes out', async function () {
      this.timeout(300_000);
      let most = 0;
      await fc.assert(
        fc.asyncProperty(mutated, async ({ file }) => {
          await writeFile(path, file);
          const pieces = Math.ceil(file.length / (64 * KIB));
          const sniffed = await asked(() => kindOfFile(path));
          most = Math.max(most, sniffed.reads);
          // The library follows at most 1,024 parts of a file, with a few small reads each.
          assert.ok(sniffed.reads <= 4200, `${sniffed.reads} reads to tell the kind`);
          assert.ok(sniffed.bytes <= 64 * KIB * KIB, `${sniffed.bytes} bytes to tell the kind`);
          for (const ext of ['png', 'jpg'] as const) {
            let came = { pieces: 0, length: 0 };
            const read = await asked(async () => {
              came = await plain(ext).catch((error: unknown) => {
                assert.ok(error instanceof TooMuchWork, String(error));
                return came;
              });
            });
            assert.ok(read.reads <= pieces + 4, `${read.reads} reads to make it plain`);
            assert.ok(read.bytes <= 2 * file.length + 256 * KIB, `${read.bytes} bytes to make it plain`);
            assert.ok(came.pieces <= pieces + 2, `${came.pieces} pieces`);
          }
        }),
        { numRuns: RUNS, seed: SEED },
      );
      console.log(`          at most ${most} reads to tell a kind`);
    });
  });
});
