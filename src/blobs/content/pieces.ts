import type { FileHandle } from 'node:fs/promises';
import type { Work } from './work.js';

/** Twice the longest segment of a JPEG, so that reading on goes at least that far. */
const PIECE = 128 * 1024;

/** The bytes of a file, read from its beginning to its end in large pieces; what is jumped over is not read. */
export class Pieces {
  #piece: Buffer = Buffer.alloc(0);
  #begin = 0;
  /** Whether the file ends with the piece. */
  #last = false;

  constructor(
    readonly file: FileHandle,
    readonly work: Work,
  ) {}

  /** Some bytes of a place, at most half a piece; fewer where the file ends. */
  async at(position: number, length: number): Promise<Buffer> {
    const from = position - this.#begin;
    if (this.#holds(from, length)) return this.#piece.subarray(from, from + length);
    await this.#readAt(position);
    return this.#piece.subarray(0, length);
  }

  /** The bytes from a place on that have been read already, at least `least` of them; fewer where the file ends. */
  async from(position: number, least = 1): Promise<Buffer> {
    const from = position - this.#begin;
    if (this.#holds(from, least)) return this.#piece.subarray(from);
    await this.#readAt(position);
    return this.#piece;
  }

  /** The bytes between two places. */
  async *between(from: number, to: number): AsyncGenerator<Buffer> {
    for (let at = from; at < to;) {
      const piece = (await this.from(at)).subarray(0, to - at);
      if (piece.length === 0) return;
      yield piece;
      at += piece.length;
    }
  }

  #holds(from: number, length: number): boolean {
    return from >= 0 && (this.#last || from + length <= this.#piece.length);
  }

  async #readAt(position: number): Promise<void> {
    this.work.read(PIECE);
    // A new one each time: others still hold parts of the one before.
    const { bytesRead, buffer } = await this.file.read(Buffer.allocUnsafe(PIECE), 0, PIECE, position);
    this.#piece = buffer.subarray(0, bytesRead);
    this.#begin = position;
    this.#last = bytesRead < PIECE;
  }
}

const GATHERED = 64 * 1024;

/** The same bytes in large pieces, however small they come. */
export async function* gathered(parts: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  let piece = Buffer.allocUnsafe(GATHERED);
  let used = 0;
  for await (const part of parts)
    for (let at = 0; at < part.length;) {
      const copied = part.copy(piece, used, at);
      at += copied;
      used += copied;
      if (used < GATHERED) continue;
      yield piece;
      [piece, used] = [Buffer.allocUnsafe(GATHERED), 0];
    }
  if (used > 0) yield piece.subarray(0, used);
}
