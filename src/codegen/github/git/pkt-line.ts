import { shownText } from '../../../kernel/shown-text.js';
import { GitProblem } from './problem.js';

/** Packets of Git (gitprotocol-common): four hexadecimal digits of length, and what they count. */

const LONGEST = 65_520;
export const FLUSH = Buffer.from('0000');

export function packet(content: string | Buffer): Buffer {
  const bytes = Buffer.from(content);
  if (bytes.length + 4 > LONGEST) throw new RangeError('a packet of Git is too long');
  return Buffer.concat([Buffer.from((bytes.length + 4).toString(16).padStart(4, '0')), bytes]);
}

const broken = (): GitProblem =>
  new GitProblem('answer', 'the server does not answer as a Git server does; correct remoteUrl');

/** Reads packets one after the other; null is a flush. */
export class PacketReader {
  #at = 0;

  constructor(private readonly bytes: Buffer) {}

  get atEnd(): boolean {
    return this.#at >= this.bytes.length;
  }

  /** @throws GitProblem */
  next(): Buffer | null {
    const digits = this.bytes.toString('latin1', this.#at, this.#at + 4);
    if (!/^[0-9a-f]{4}$/i.test(digits)) throw broken();
    const length = Number.parseInt(digits, 16);
    if (length === 0) {
      this.#at += 4;
      return null;
    }
    if (length < 4 || this.#at + length > this.bytes.length) throw broken();
    const content = this.bytes.subarray(this.#at + 4, this.#at + length);
    this.#at += length;
    return content;
  }

  /** A packet as a line of text. @throws GitProblem also for what a server says of an error */
  nextLine(): string | null {
    const line = this.next()?.toString().replace(/\n$/, '') ?? null;
    if (line?.startsWith('ERR '))
      throw new GitProblem('rejected', `the Git server says: ${shownText(line.slice(4))}`);
    return line;
  }
}

export interface Demultiplexed {
  data: Buffer;
  /** What the server says meanwhile. */
  messages: string;
}

const MOST_MESSAGES = 16 * 1024;

/** Reads what is sent in bands up to the flush (gitprotocol-pack, side-band-64k). @throws GitProblem */
export function demultiplex(reader: PacketReader): Demultiplexed {
  const data: Buffer[] = [];
  let messages = '';
  while (!reader.atEnd) {
    const piece = reader.next();
    if (piece === null) break;
    const content = piece.subarray(1);
    if (piece[0] === 1) data.push(content);
    else if (piece[0] === 2) messages = (messages + content.toString()).slice(0, MOST_MESSAGES);
    else if (piece[0] === 3)
      throw new GitProblem('rejected', `the Git server says: ${shownText(content.toString())}`);
    else throw broken();
  }
  return { data: Buffer.concat(data), messages };
}
