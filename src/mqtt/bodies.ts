import type { IncomingMessage } from 'node:http';
import { bodyGoesOn } from '../kernel/slow-bodies.js';
import { MQTT_CODES as CODES, MqttFailure } from './failures.js';
import { NotJson, openJsonReader, type JsonText } from './json-lists.js';

/** A name and a password of 65,535 bytes each, as JSON may write them, and a list of 100,000 devices. */
const LARGEST_OBJECT = 1024 * 1024;
const LARGEST_LIST = 64 * 1024 * 1024;
const MOST_ENTRIES = 200_000;

const tooLarge = (most: string): MqttFailure =>
  new MqttFailure(413, CODES.tooLarge, `it may have ${most}`, { Connection: 'close' });

/**
 * Reads JSON as it comes, whatever its media type says (curl says that it is a form). A list is never held whole.
 * @param each told each entry of a list.
 * @throws MqttFailure: 400 for what is no JSON or ends before its end, 413
 */
export async function readBody(request: IncomingMessage, each: (entry: unknown) => void): Promise<JsonText> {
  let entries = 0;
  let length = 0;
  const reader = openJsonReader((entry) => {
    entries += 1;
    if (entries > MOST_ENTRIES) throw tooLarge(`${MOST_ENTRIES} entries`);
    each(entry);
  });
  try {
    for await (const chunk of request as AsyncIterable<Buffer>) {
      bodyGoesOn(request);
      length += chunk.length;
      if (length > LARGEST_LIST) throw tooLarge(`${LARGEST_LIST} bytes`);
      reader.write(chunk);
      if (length > LARGEST_OBJECT && !reader.isList) throw tooLarge(`${LARGEST_OBJECT} bytes`);
    }
    return reader.end();
  } catch (error) {
    if (error instanceof NotJson)
      throw new MqttFailure(400, CODES.malformed, `the body is not JSON in UTF-8: ${error.message}`);
    throw error;
  }
}
