import type { FileHandle } from 'node:fs/promises';

/** A few bytes of a file; shorter where the file ends. */
async function bytesAt(file: FileHandle, position: number, length: number): Promise<Buffer> {
  const { bytesRead, buffer } = await file.read(Buffer.alloc(length), 0, length, position);
  return buffer.subarray(0, bytesRead);
}

const PNG_SIGNATURE = 8;
const CHUNK_FRAME = 12; // length, type and checksum
const MOST_PIECES = 100_000;

/**
 * Whether a file that begins as a PNG is one to its end: chunk after chunk, from the header (13 bytes) to the end mark
 * (PNG 3, 5.2). What a sniffing library sees is the beginning alone.
 */
export async function isWholePng(file: FileHandle): Promise<boolean> {
  let position = PNG_SIGNATURE;
  for (let piece = 0; piece < MOST_PIECES; piece++) {
    const head = await bytesAt(file, position, 8);
    if (head.length < 8) return false;
    const [length, type] = [head.readUInt32BE(0), head.toString('latin1', 4)];
    if (piece === 0 && (type !== 'IHDR' || length !== 13)) return false;
    if (!/^[A-Za-z]{4}$/.test(type)) return false;
    if (type === 'IEND') return length === 0;
    position += CHUNK_FRAME + length;
  }
  return false;
}

const START_OF_SCAN = 0xda;
/** Frame headers, but not the tables that lie among their numbers (ITU T.81, B.1.1.3). */
const isFrame = (marker: number): boolean =>
  marker >= 0xc0 && marker <= 0xcf && marker !== 0xc4 && marker !== 0xc8 && marker !== 0xcc;

/** Whether a file that begins as a JPEG goes on as one: segment after segment, a frame among them, to the picture itself. */
export async function isWholeJpeg(file: FileHandle): Promise<boolean> {
  let position = 2;
  let framed = false;
  for (let piece = 0; piece < MOST_PIECES; piece++) {
    const head = await bytesAt(file, position, 4);
    if (head.length < 4 || head[0] !== 0xff) return false;
    const marker = head[1] as number;
    if (marker === 0xff) {
      position += 1; // padding
      continue;
    }
    framed ||= isFrame(marker);
    if (marker === START_OF_SCAN) return framed;
    const length = head.readUInt16BE(2);
    if (length < 2) return false;
    position += 2 + length;
  }
  return false;
}
