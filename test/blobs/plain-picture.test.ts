import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { plainPicture } from '../../src/blobs/content/plain-picture.js';
import { jpeg, jpegWith, png, pngWith, segment } from '../support/files.js';

describe('a picture without what else its file tells', () => {
  let folder: string;
  before(async () => (folder = await mkdtemp(join(tmpdir(), 'gatehouse-picture-'))));
  after(() => rm(folder, { recursive: true }));

  async function plain(bytes: Buffer, ext: 'png' | 'jpg'): Promise<string> {
    const path = join(folder, 'picture');
    await writeFile(path, bytes);
    const parts: Buffer[] = [];
    for await (const part of plainPicture(path, ext)) parts.push(part);
    return Buffer.concat(parts).toString('latin1');
  }
  const text = (bytes: Buffer): string => bytes.toString('latin1');
  /** An Exif segment: the way up, and a maker's name behind it. */
  const exif = (order: 'MM' | 'II', orientation: number): Buffer => {
    const tiff = Buffer.from(
      order === 'MM'
        ? '4d4d002a0000000800020110000200000006000000300112000300000001000000000000000000'
        : '49492a00080000000200100102000600000030000000120103000100000000000000000000000000',
      'hex',
    );
    if (order === 'MM') tiff.writeUInt16BE(orientation, 30);
    else tiff.writeUInt16LE(orientation, 30);
    return segment(0xe1, Buffer.concat([Buffer.from('Exif\0\0'), tiff, Buffer.from('GPS 48.8584N 2.2945E')]));
  };
  const UPRIGHT = 'ffe100224578696600004d4d002a000000080001011200030000000100';

  it('is the same where the file tells nothing else', async () => {
    assert.equal(await plain(jpeg(), 'jpg'), text(jpeg()));
    assert.equal(await plain(png(), 'png'), text(png()));
  });

  for (const order of ['MM', 'II'] as const)
    it(`keeps which way up it is, and not where it was taken (${order})`, async () => {
      const bytes = await plain(jpegWith(exif(order, 6)), 'jpg');
      assert.ok(!bytes.includes('GPS'));
      assert.equal(bytes, text(jpegWith(Buffer.from(`${UPRIGHT}06000000000000`, 'hex'))));
    });

  it('says nothing of the way up where it is as it lies, or is none', async () => {
    for (const orientation of [1, 0, 9])
      assert.equal(await plain(jpegWith(exif('MM', orientation)), 'jpg'), text(jpeg()));
  });

  it('reads no further than the Exif goes', async () => {
    for (const tiff of [
      '',
      '4d4d',
      '4d4d002affffffff',
      '4d4d002a00000008ffff0112',
      '49492a000800000001001201',
    ]) {
      const short = segment(0xe1, Buffer.concat([Buffer.from('Exif\0\0'), Buffer.from(tiff, 'hex')]));
      assert.equal(await plain(jpegWith(short), 'jpg'), text(jpeg()), tiff);
    }
  });

  it('leaves out comments, XMP, makers’ notes and smaller pictures of a JPEG, and keeps its colours', async () => {
    const colours = [segment(0xe2, 'ICC_PROFILE\0\x01\x01abc'), segment(0xee, 'Adobe\0d\0\0\0\0\x01')];
    const told = [
      segment(0xe1, 'http://ns.adobe.com/xap/1.0/\0<x/>'),
      segment(0xe2, 'MPF\0xxxx'),
      segment(0xed, 'Photoshop 3.0\0by me'),
      segment(0xe0, 'JFXX\0thumbnail'),
      segment(0xfe, 'taken at home'),
    ];
    assert.equal(await plain(jpegWith(...told, ...colours), 'jpg'), text(jpegWith(...colours)));
  });

  it('ends a JPEG at its end, whatever comes behind', async () => {
    const film = Buffer.concat([jpeg(), Buffer.from('\0\0\0\x18ftypmp42 the moment before'), jpeg()]);
    assert.equal(await plain(film, 'jpg'), text(jpeg()));
  });

  it('follows a JPEG that is drawn in several runs, with numbers that look like marks', async () => {
    const scan = Buffer.from('ffda0008010100003f0011ff0022ffd033', 'hex');
    const table = segment(0xc4, 'table');
    const runs = [scan, table, segment(0xfe, 'between'), scan, Buffer.from('ffd9', 'hex')];
    const start = jpeg().subarray(0, 33);
    const wanted = [start, scan, table, scan, Buffer.from('ffd9', 'hex')];
    assert.equal(await plain(Buffer.concat([start, ...runs]), 'jpg'), text(Buffer.concat(wanted)));
  });

  it('finds a mark across two pieces of what is read', async () => {
    for (const length of [65_534, 65_535, 65_536, 65_537, 131_071]) {
      const start = jpeg().subarray(0, -3);
      const whole = Buffer.concat([start, Buffer.alloc(length, 7), Buffer.from('ffd9', 'hex')]);
      assert.equal(
        await plain(Buffer.concat([whole, Buffer.from('behind')]), 'jpg'),
        text(whole),
        String(length),
      );
    }
  });

  it('gives a JPEG that was cut off an end', async () => {
    assert.equal(await plain(jpeg().subarray(0, -2), 'jpg'), text(jpeg()));
  });

  it('leaves out texts, times and Exif of a PNG and what is behind it, and keeps what it is drawn by', async () => {
    const drawn = { tRNS: 'abc', gAMA: '1234' };
    const told = { tEXt: 'Author\0me', iTXt: 'x', zTXt: 'x', eXIf: 'MM', tIME: '1234567', prVt: 'x' };
    const bytes = Buffer.concat([pngWith({ ...told, ...drawn }), Buffer.from('behind')]);
    assert.equal(await plain(bytes, 'png'), text(pngWith(drawn)));
  });
});
