import { parse } from '../kernel/json.js';
import type { IncomingMessage } from 'node:http';
import { DEEPEST_JSON, isTooDeep, openJsonDepth } from '../kernel/json-depth.js';
import { firstMistake } from '../kernel/json-mistake.js';
import { piecesOf } from '../kernel/pieces.js';
import { bodyGoesOn } from '../kernel/slow-bodies.js';
import { BASIC } from './codes.js';
import { Failure } from './failure.js';

export const LARGEST_BODY = 1024 * 1024;
/** What anybody may send. An open operation that takes more takes few of them at a time (`openBodies`). */
export const LARGEST_OPEN_BODY = 64 * 1024;
const JSON_TYPE = /^application\/(?:[\w.+-]+\+)?json\s*(?:;|$)/i;

/** How much a JSON body may have. */
export interface BodyLimits {
  bytes: number;
  /** How deep it may nest. */
  levels: number;
}

const tooDeep = (levels: number): Failure =>
  new Failure(400, BASIC.error, {
    message: `the body nests deeper than ${levels} levels`,
    headers: { Connection: 'close' }, // the rest of it is not read
  });

/** The pieces of a body, up to a number of bytes. @param what names the body in the message. @throws Failure: 413 */
export async function* piecesUpTo(
  most: number,
  request: IncomingMessage,
  what: string,
): AsyncGenerator<Buffer> {
  let length = 0;
  for await (const chunk of piecesOf(request)) {
    length += chunk.length;
    if (length > most)
      throw new Failure(413, BASIC.payloadTooLarge, {
        message: `${what} may have ${most} bytes`,
        headers: { Connection: 'close' },
      });
    yield chunk;
  }
}

/**
 * Reads a JSON body, and stops where it is too long or too deep.
 * @param grows is told how many bytes there are; what it throws ends the reading.
 * @throws Failure: 415, 413, 400 with the position
 */
export async function readJson(
  request: IncomingMessage,
  { bytes: most, levels }: BodyLimits = { bytes: LARGEST_BODY, levels: DEEPEST_JSON },
  grows?: (bytes: number) => void,
): Promise<unknown> {
  if (!JSON_TYPE.test(request.headers['content-type'] ?? ''))
    throw new Failure(415, BASIC.unsupportedMediaType, { message: 'send the body as application/json' });
  const chunks: Buffer[] = [];
  const depth = openJsonDepth(levels);
  let length = 0;
  for await (const chunk of piecesUpTo(most, request, 'a body')) {
    length += chunk.length;
    grows?.(length);
    if (!depth.read(chunk)) throw tooDeep(levels);
    chunks.push(chunk);
  }
  return parseText(Buffer.concat(chunks).toString());
}

/** How many large bodies of callers without a token are read at a time: dozens that stop half-way would fill the memory. */
const MOST_LARGE = 4;

/** Reads the bodies of an open operation that takes large ones. @throws Failure: 429, and as `readJson` */
export function openBodies(limits: BodyLimits): (request: IncomingMessage) => Promise<unknown> {
  let large = 0;
  return async (request) => {
    let isLarge = false;
    try {
      return await readJson(request, limits, (bytes) => {
        if (isLarge || bytes <= LARGEST_OPEN_BODY) return;
        if (large >= MOST_LARGE) throw tooManyLarge();
        isLarge = true;
        large += 1;
      });
    } finally {
      if (isLarge) large -= 1;
    }
  };
}

const tooManyLarge = (): Failure =>
  new Failure(429, BASIC.tooManyRequests, {
    message: `${MOST_LARGE} bodies of more than ${LARGEST_OPEN_BODY} bytes are read at a time; try again in 5 s`,
    headers: { 'Retry-After': '5', Connection: 'close' },
  });

/** Without a byte order mark, which some programs write and readers may ignore (RFC 8259, 8.1). */
export const withoutMark = (text: string): string => text.replace(/^\uFEFF/, '');

/** A whole body's text as JSON. @throws Failure: 400 with the position */
export function parseJson(text: string): unknown {
  if (isTooDeep(text)) throw tooDeep(DEEPEST_JSON);
  return parseText(text);
}

function parseText(text: string): unknown {
  try {
    return parse<unknown>(withoutMark(text));
  } catch {
    throw new Failure(400, BASIC.error, {
      message: `the body is not JSON from character ${firstMistake(withoutMark(text))} on`,
    });
  }
}

const NDJSON_TYPE = /^application\/(?:x-ndjson|ndjson|jsonl|x-jsonlines)\s*(?:;|$)/i;
const LONGEST_LINE = 64 * 1024;

/** A line of text, or that it was too long to be kept. */
export type TextLine = { number: number; text: string | undefined };

/**
 * The lines of an NDJSON body, as they come; one that is longer than 64 KiB comes without its text, and empty ones do not
 * come at all. @throws Failure: 415
 */
export function readLines(request: IncomingMessage): AsyncIterable<TextLine> {
  if (!NDJSON_TYPE.test(request.headers['content-type'] ?? ''))
    throw new Failure(415, BASIC.unsupportedMediaType, {
      message: 'send the body as application/x-ndjson: one JSON object a line',
    });
  return linesOf(whileItComes(request));
}

/** The pieces of a body, however long it goes on. */
async function* whileItComes(request: IncomingMessage): AsyncIterable<Buffer> {
  for await (const chunk of piecesOf(request)) {
    bodyGoesOn(request);
    yield chunk;
  }
}

async function* linesOf(chunks: AsyncIterable<Buffer>): AsyncIterable<TextLine> {
  let number = 0;
  let held: Buffer[] = [];
  let length = 0;
  const line = (): TextLine | undefined => {
    number += 1;
    const text = length > LONGEST_LINE ? undefined : Buffer.concat(held).toString().trim();
    [held, length] = [[], 0];
    return text === '' ? undefined : { number, text };
  };
  for await (const chunk of chunks) {
    let from = 0;
    for (let end = chunk.indexOf(10); end !== -1; end = chunk.indexOf(10, from)) {
      length += end - from;
      held.push(chunk.subarray(from, end));
      from = end + 1;
      const whole = line();
      if (whole) yield whole;
    }
    length += chunk.length - from;
    if (length <= LONGEST_LINE) held.push(chunk.subarray(from));
  }
  const last = line();
  if (last) yield last;
}
