import type { IncomingMessage } from 'node:http';
import { parse as parseLeniently, type ParseError } from 'jsonc-parser';
import { BASIC } from './codes.js';
import { Failure } from './failure.js';

export const LARGEST_BODY = 1024 * 1024;
const JSON_TYPE = /^application\/(?:[\w.+-]+\+)?json\s*(?:;|$)/i;

/** Reads a JSON body of at most 1 MiB. @throws Failure: 415, 413, 400 with the position */
export async function readJson(request: IncomingMessage): Promise<unknown> {
  if (!JSON_TYPE.test(request.headers['content-type'] ?? ''))
    throw new Failure(415, BASIC.unsupportedMediaType, { message: 'send the body as application/json' });
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    length += chunk.length;
    if (length > LARGEST_BODY)
      throw new Failure(413, BASIC.payloadTooLarge, {
        message: `a body may have ${LARGEST_BODY} bytes`,
        headers: { Connection: 'close' }, // the rest of it is not read
      });
    chunks.push(chunk);
  }
  const text = Buffer.concat(chunks).toString();
  try {
    return JSON.parse(text) as unknown;
  } catch {
    throw new Failure(400, BASIC.error, {
      message: `the body is not JSON from character ${brokenAt(text)} on`,
    });
  }
}

/** Where the first mistake is. The platform's own parser says that only for some. */
function brokenAt(text: string): number {
  const errors: ParseError[] = [];
  parseLeniently(text, errors, { disallowComments: true, allowTrailingComma: false });
  return errors[0]?.offset ?? 0;
}
