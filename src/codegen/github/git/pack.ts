import { inflateSync } from 'node:zlib';
import { GitProblem } from './problem.js';

/** What a pack may hold: GitHub takes files up to 100 MiB. */
const MOST_OBJECTS = 500_000;
const LARGEST_OBJECT = 128 * 1024 * 1024;
const LARGEST_SUM = 1024 * 1024 * 1024;

const HEADER = 12;
const OFS_DELTA = 6;
const REF_DELTA = 7;
const OBJECT_ID = 20;

interface Read {
  value: number;
  next: number;
}

const broken = (): GitProblem => new GitProblem('answer', 'the server sends a pack that cannot be read');
const tooLarge = (): GitProblem =>
  new GitProblem(
    'tooLarge',
    'the repository is too large for this server; use a branch with fewer and smaller files',
  );

function byteAt(pack: Buffer, at: number): number {
  const byte = pack[at];
  if (byte === undefined) throw broken();
  return byte;
}

/** The type and the size of an object, as its header says them (gitformat-pack). */
function headerAt(pack: Buffer, at: number): { type: number; size: number; next: number } {
  const first = byteAt(pack, at);
  const type = (first >> 4) & 7;
  const more = first & 0x80 ? varintAt(pack, at + 1) : { value: 0, next: at + 1 };
  return { type, size: (first & 15) + more.value * 16, next: more.next };
}

/** Seven bits a byte, the lowest first. */
function varintAt(bytes: Buffer, at: number): Read {
  let value = 0;
  let scale = 1;
  for (let next = at; next < at + 8; next += 1) {
    const byte = byteAt(bytes, next);
    value += (byte & 0x7f) * scale;
    scale *= 128;
    if ((byte & 0x80) === 0) return { value, next: next + 1 };
  }
  throw broken();
}

function afterReference(pack: Buffer, type: number, at: number): number {
  if (type === REF_DELTA) return at + OBJECT_ID;
  if (type !== OFS_DELTA) return at;
  for (let next = at; ; next += 1) if ((byteAt(pack, next) & 0x80) === 0) return next + 1;
}

/** What is in the pack from here on, inflated, and where the next object begins. */
function inflated(pack: Buffer, at: number, size: number): { data: Buffer; next: number } {
  try {
    const options = { maxOutputLength: Math.max(1, size), info: true } as const;
    const { buffer, engine } = inflateSync(pack.subarray(at), options) as unknown as {
      buffer: Buffer;
      engine: { bytesWritten: number };
    };
    if (buffer.length === size && engine.bytesWritten > 0)
      return { data: buffer, next: at + engine.bytesWritten };
  } catch {
    // It is not deflated, or larger than it says.
  }
  throw broken();
}

/** The size of what a delta makes: the second number at its beginning. */
const resultSize = (delta: Buffer): number => varintAt(delta, varintAt(delta, 0).next).value;

/**
 * Refuses a pack that becomes too large when its objects are inflated and its deltas applied, before anything keeps them all.
 * @throws GitProblem
 */
export function checkPack(pack: Buffer): void {
  if (pack.length < HEADER + OBJECT_ID || pack.toString('latin1', 0, 4) !== 'PACK') throw broken();
  const objects = pack.readUInt32BE(8);
  if (objects > MOST_OBJECTS) throw tooLarge();
  let at = HEADER;
  let sum = 0;
  const count = (size: number): void => {
    sum += size;
    if (size > LARGEST_OBJECT || sum > LARGEST_SUM) throw tooLarge();
  };
  for (let n = 0; n < objects; n += 1) {
    const { type, size, next } = headerAt(pack, at);
    count(size);
    const body = inflated(pack, afterReference(pack, type, next), size);
    if (type === OFS_DELTA || type === REF_DELTA) count(resultSize(body.data));
    at = body.next;
  }
}
