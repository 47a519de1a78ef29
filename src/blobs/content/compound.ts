import { OLD_EXCEL, OLD_WORD, type Kind } from './kinds.js';
import type { Pieces } from './pieces.js';

/** A directory entry of a compound file ([MS-CFB] 2.6.1): a name of UTF-16 in 64 bytes, and its length with the end mark. */
const ENTRY = 128;
const NAME_LENGTH_AT = 64;

const STREAMS: [name: string, kind: Kind][] = [
  ['WordDocument', OLD_WORD],
  ['Workbook', OLD_EXCEL],
  ['Book', OLD_EXCEL],
];

const NAMES = STREAMS.map(([name, kind]) => ({ bytes: Buffer.from(`${name}\0`, 'utf16le'), kind }));

/**
 * Which document a compound file is, by the stream that only those have; installers and others are compound files as well.
 * Entries stand at multiples of their size, so that the whole file is looked through without following its tables.
 * @throws TooMuchWork
 */
export async function documentIn(pieces: Pieces): Promise<Kind | undefined> {
  for (let position = 0; ;) {
    const piece = await pieces.from(position);
    for (let at = 0; at + ENTRY <= piece.length; at += ENTRY) {
      const length = piece.readUInt16LE(at + NAME_LENGTH_AT);
      for (const { bytes, kind } of NAMES)
        if (length === bytes.length && piece.compare(bytes, 0, length, at, at + length) === 0) return kind;
    }
    if (piece.length < ENTRY) return undefined;
    position += piece.length;
  }
}
