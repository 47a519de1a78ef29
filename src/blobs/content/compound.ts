import type { FileHandle } from 'node:fs/promises';
import { OLD_EXCEL, OLD_WORD, type Kind } from './kinds.js';

/** A directory entry of a compound file ([MS-CFB] 2.6.1): a name of UTF-16 in 64 bytes, and its length with the end mark. */
const ENTRY = 128;
const NAME_LENGTH_AT = 64;
const PIECE = 64 * 1024;

const STREAMS: [name: string, kind: Kind][] = [
  ['WordDocument', OLD_WORD],
  ['Workbook', OLD_EXCEL],
  ['Book', OLD_EXCEL],
];

const NAMES = STREAMS.map(([name, kind]) => ({ bytes: Buffer.from(`${name}\0`, 'utf16le'), kind }));

/**
 * Which document a compound file is, by the stream that only those have; installers and others are compound files as well.
 * Entries stand at multiples of their size, so that the whole file is looked through without following its tables.
 */
export async function documentIn(file: FileHandle): Promise<Kind | undefined> {
  const piece = Buffer.alloc(PIECE);
  for (let position = 0; ; position += PIECE) {
    const { bytesRead } = await file.read(piece, 0, PIECE, position);
    for (let at = 0; at + ENTRY <= bytesRead; at += ENTRY) {
      const length = piece.readUInt16LE(at + NAME_LENGTH_AT);
      for (const { bytes, kind } of NAMES)
        if (length === bytes.length && piece.compare(bytes, 0, length, at, at + length) === 0) return kind;
    }
    if (bytesRead < PIECE) return undefined;
  }
}
