import type { Pieces } from './pieces.js';

export const PNG_SIGNATURE = 8;
const CHUNK_FRAME = 12; // length, type and checksum

/** A chunk of a PNG (PNG 3, 5.3): where it begins and ends, with its frame. */
export interface Chunk {
  type: string;
  at: number;
  end: number;
}

/** A PNG's chunks, from the first to its end mark, or as far as they can be read. @throws TooMuchWork */
export async function* chunksOf(pieces: Pieces): AsyncGenerator<Chunk> {
  let at = PNG_SIGNATURE;
  for (;;) {
    pieces.work.part();
    const head = await pieces.at(at, 8);
    if (head.length < 8) return;
    const type = head.toString('latin1', 4);
    if (!/^[A-Za-z]{4}$/.test(type)) return;
    const end = at + CHUNK_FRAME + head.readUInt32BE(0);
    yield { type, at, end };
    if (type === 'IEND') return;
    at = end;
  }
}

const HEADER_LENGTH = CHUNK_FRAME + 13;

/**
 * Whether a file that begins as a PNG is one to its end: chunk after chunk, from the header to the end mark (PNG 3, 5.2).
 * What a sniffing library sees is the beginning alone. @throws TooMuchWork
 */
export async function isWholePng(pieces: Pieces): Promise<boolean> {
  let first = true;
  for await (const { type, at, end } of chunksOf(pieces)) {
    if (first && (type !== 'IHDR' || end - at !== HEADER_LENGTH)) return false;
    first = false;
    if (type === 'IEND') return end - at === CHUNK_FRAME;
  }
  return false;
}

export const START_OF_SCAN = 0xda;
export const END_OF_IMAGE = 0xd9;
/** Frame headers, but not the tables that lie among their numbers (ITU T.81, B.1.1.3). */
const isFrame = (marker: number): boolean =>
  marker >= 0xc0 && marker <= 0xcf && marker !== 0xc4 && marker !== 0xc8 && marker !== 0xcc;

/** A segment of a JPEG (ITU T.81, B.1.1.4): where it begins, with its marker, and ends. */
export interface Segment {
  marker: number;
  at: number;
  end: number;
}

/** Where the padding of a marker ends: the last of the bytes `ff` that begin at a place (B.1.1.2). */
async function behindPadding(pieces: Pieces, from: number): Promise<number> {
  for (let at = from; ;) {
    const piece = await pieces.from(at);
    const other = piece.findIndex((byte) => byte !== 0xff);
    if (other !== -1) return at + other - 1;
    if (piece.length === 0) return at - 1;
    at += piece.length;
  }
}

/**
 * A JPEG's segments from a place on, up to the header of the picture that comes next, or as far as they can be read.
 * @throws TooMuchWork
 */
export async function* segmentsOf(pieces: Pieces, from: number): AsyncGenerator<Segment> {
  for (let next = from; ;) {
    pieces.work.part();
    const at = await behindPadding(pieces, next);
    if (at < next) return;
    const head = await pieces.at(at, 4);
    if (head.length < 4) return;
    const marker = head[1] as number;
    const length = head.readUInt16BE(2);
    if (marker === END_OF_IMAGE || length < 2) return;
    const end = at + 2 + length;
    yield { marker, at, end };
    if (marker === START_OF_SCAN) return;
    next = end;
  }
}

/** Behind the mark of the beginning. */
export const FIRST_SEGMENT = 2;

/**
 * Whether a file that begins as a JPEG goes on as one: segment after segment, a frame among them, to the picture itself.
 * @throws TooMuchWork
 */
export async function isWholeJpeg(pieces: Pieces): Promise<boolean> {
  let framed = false;
  for await (const { marker } of segmentsOf(pieces, FIRST_SEGMENT)) {
    framed ||= isFrame(marker);
    if (marker === START_OF_SCAN) return framed;
  }
  return false;
}
