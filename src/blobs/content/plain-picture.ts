import { open } from 'node:fs/promises';
import {
  chunksOf,
  END_OF_IMAGE,
  FIRST_SEGMENT,
  PNG_SIGNATURE,
  segmentsOf,
  START_OF_SCAN,
  type Segment,
} from './images.js';
import { gathered, Pieces } from './pieces.js';
import { Work } from './work.js';

/** What a PNG is drawn by, besides what every reader must know (PNG 3, 11.3): transparency, colours, size, movement. */
const DRAWN_BY = new Set('tRNS gAMA cHRM sRGB iCCP cICP sBIT bKGD pHYs acTL fcTL fdAT'.split(' '));
const isCritical = (type: string): boolean => /^[A-Z]/.test(type);

async function* plainPng(pieces: Pieces): AsyncGenerator<Buffer> {
  yield* pieces.between(0, PNG_SIGNATURE);
  for await (const { type, at, end } of chunksOf(pieces))
    if (isCritical(type) || DRAWN_BY.has(type)) yield* pieces.between(at, end);
}

const [APP0, EXIF, PROFILE, ADOBE, APP15, COMMENT] = [0xe0, 0xe1, 0xe2, 0xee, 0xef, 0xfe];
/** What is drawn by, of the segments that applications may use, and how it begins. */
const KEPT: Readonly<Record<number, string>> = {
  [APP0]: 'JFIF\0',
  [PROFILE]: 'ICC_PROFILE\0',
  [ADOBE]: 'Adobe',
};
const FRAME = 4; // marker and length
const EXIF_BEGIN = 'Exif\0\0';

const ORIENTATION = 0x0112;
const ENTRY = 12;

/** Which way up the picture is to be shown, of a TIFF's first directory (Exif 2.32, 4.6.4); 1 is as it is. */
function orientationIn(tiff: Buffer): number {
  const little = tiff.toString('latin1', 0, 2) === 'II';
  const short = (at: number): number =>
    at + 2 > tiff.length ? 0 : little ? tiff.readUInt16LE(at) : tiff.readUInt16BE(at);
  const directory = tiff.length < 8 ? 0 : little ? tiff.readUInt32LE(4) : tiff.readUInt32BE(4);
  for (let entry = 0; entry < short(directory); entry++) {
    const at = directory + 2 + entry * ENTRY;
    if (at + ENTRY > tiff.length) break;
    if (short(at) === ORIENTATION) return short(at + 8);
  }
  return 1;
}

/** An Exif segment that says which way up the picture is, and nothing else. */
function onlyOrientation(orientation: number): Buffer {
  const tiff = Buffer.from('4d4d002a00000008000101120003000000010000000000000000', 'hex');
  tiff.writeUInt16BE(orientation, 18);
  const data = Buffer.concat([Buffer.from(EXIF_BEGIN, 'latin1'), tiff]);
  const frame = Buffer.from([0xff, EXIF, 0, 0]);
  frame.writeUInt16BE(data.length + 2, 2);
  return Buffer.concat([frame, data]);
}

/** What of a segment stays; nothing where it only tells. A segment has 64 KiB at the most. */
async function plainSegment(pieces: Pieces, { marker, at, end }: Segment): Promise<Buffer | undefined> {
  const bytes = await pieces.at(at, end - at);
  const optional = marker === COMMENT || (marker >= APP0 && marker <= APP15);
  if (!optional) return bytes;
  const begin = bytes.toString('latin1', FRAME, FRAME + 16);
  const kept = KEPT[marker];
  if (kept !== undefined && begin.startsWith(kept)) return bytes;
  if (marker !== EXIF || !begin.startsWith(EXIF_BEGIN)) return undefined;
  const orientation = orientationIn(bytes.subarray(FRAME + EXIF_BEGIN.length));
  return orientation > 1 && orientation <= 8 ? onlyOrientation(orientation) : undefined;
}

/**
 * Where the next marker is in a picture's own data: `ff 00` is a number there, and `ff d0` to `ff d7` are in it (B.1.1.5).
 * @returns its place; where there is none, the number of bytes that surely belong to the picture.
 */
function markerIn(bytes: Buffer): { found: boolean; at: number } {
  let at = bytes.indexOf(0xff);
  for (; at !== -1 && at + 1 < bytes.length; at++) {
    if (bytes[at] !== 0xff) continue;
    const next = bytes[at + 1] as number;
    if (next !== 0 && next !== 0xff && (next < 0xd0 || next > 0xd7)) return { found: true, at };
  }
  // The last byte may be the first of a marker.
  const last = bytes.length - 1;
  return { found: false, at: last > 0 && bytes[last] === 0xff ? last : bytes.length };
}

/**
 * A picture's own data, up to the next marker.
 * @returns where it ends.
 */
async function* scanAt(pieces: Pieces, from: number): AsyncGenerator<Buffer, number> {
  pieces.work.scan();
  for (let at = from; ;) {
    const bytes = await pieces.from(at, 2);
    if (bytes.length === 0) return at;
    const marker = markerIn(bytes);
    yield bytes.subarray(0, marker.at);
    at += marker.at;
    if (marker.found) return at;
  }
}

async function* plainJpeg(pieces: Pieces): AsyncGenerator<Buffer> {
  yield* pieces.between(0, FIRST_SEGMENT);
  let from: number | undefined = FIRST_SEGMENT;
  while (from !== undefined) {
    let behindScan: number | undefined;
    for await (const segment of segmentsOf(pieces, from)) {
      const bytes = await plainSegment(pieces, segment);
      if (bytes) yield bytes;
      if (segment.marker === START_OF_SCAN) behindScan = yield* scanAt(pieces, segment.end);
    }
    from = behindScan;
  }
  yield Buffer.from([0xff, END_OF_IMAGE]); // what comes behind it, some telephones' film of the moment, is left out
}

/**
 * A picture as it is drawn, without what else its file tells: where and when it was taken, by whom and with what, a smaller
 * picture of what was cut away. The way up and the colours stay.
 * @throws TooMuchWork, or the reason of the work's signal
 */
export async function* plainPicture(
  path: string,
  ext: 'png' | 'jpg',
  work = new Work(),
): AsyncGenerator<Buffer> {
  const file = await open(path);
  try {
    const pieces = new Pieces(file, work);
    yield* gathered(ext === 'png' ? plainPng(pieces) : plainJpeg(pieces));
  } finally {
    await file.close();
  }
}
