import type { IncomingMessage } from 'node:http';
import { JSONParser } from '@streamparser/json';
import { bodyGoesOn } from '../kernel/slow-bodies.js';
import { MQTT_CODES as CODES, MqttFailure } from './failures.js';

/** A name and a password of 65,535 bytes each, as JSON may write them, and a list of 100,000 devices. */
const LARGEST_OBJECT = 1024 * 1024;
const LARGEST_LIST = 64 * 1024 * 1024;
const MOST_ENTRIES = 200_000;

const malformed = (why: string): MqttFailure => new MqttFailure(400, CODES.malformed, why);
const tooLarge = (limit: number): MqttFailure =>
  new MqttFailure(413, CODES.tooLarge, `the body may have ${limit} bytes`, { Connection: 'close' });

/** What a body was: one thing, or a list whose entries `each` was told one by one. */
export type Body = { one: unknown } | { list: true };

/**
 * Reads JSON as it comes, whatever its media type says (curl says that it is a form). A list is never held whole.
 * @param each told each entry of a list.
 * @throws MqttFailure: 400 for what is no JSON or ends before its end, 413
 */
export async function readBody(request: IncomingMessage, each: (entry: unknown) => void): Promise<Body> {
  let isList: boolean | undefined;
  let one: unknown;
  let entries = 0;
  let ended = false;
  let failed: { error: unknown } | undefined;
  const parser = new JSONParser({ paths: ['$', '$.*'], keepStack: false });
  parser.onValue = ({ value, key, parent, stack }) => {
    if (stack.length === 0) {
      ended = true;
      if (isList === false) one = value;
      return;
    }
    if (!isList || typeof key !== 'number') return;
    entries += 1;
    if (entries > MOST_ENTRIES)
      throw new MqttFailure(413, CODES.tooLarge, `a list may have ${MOST_ENTRIES} entries`, {
        Connection: 'close',
      });
    try {
      each(value);
    } catch (error) {
      failed = { error };
      throw error;
    }
    (parent as unknown[])[key] = undefined; // told; the list is not to hold it
  };
  let length = 0;
  const decoder = new TextDecoder('utf-8', { fatal: true });
  try {
    for await (const chunk of request as AsyncIterable<Buffer>) {
      bodyGoesOn(request);
      length += chunk.length;
      const text = decoder.decode(chunk, { stream: true });
      isList ??= text.trim() === '' ? undefined : text.trimStart().startsWith('[');
      const limit = isList ? LARGEST_LIST : LARGEST_OBJECT;
      if (length > limit) throw tooLarge(limit);
      parser.write(text);
    }
    decoder.decode();
  } catch (error) {
    if (failed) throw failed.error;
    if (error instanceof MqttFailure) throw error;
    throw malformed(`the body is not JSON in UTF-8: ${(error as Error).message.slice(0, 100)}`);
  }
  if (!ended) throw malformed('the body ends before its JSON does');
  return isList ? { list: true } : { one };
}
