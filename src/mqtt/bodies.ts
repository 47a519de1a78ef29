import type { IncomingMessage } from 'node:http';
import { piecesOf } from '../kernel/pieces.js';
import { bodyGoesOn } from '../kernel/slow-bodies.js';
import { MQTT_CODES as CODES, MqttFailure } from './failures.js';
import { beginsList, MOST_ENTRIES, openJsonReader, type JsonText } from './json-lists.js';

/** A name and a password of 65,535 bytes each, as JSON may write them, and a list of 100,000 devices. */
const LARGEST_OBJECT = 1024 * 1024;
const LARGEST_LIST = 64 * 1024 * 1024;

/**
 * The body as it comes, whatever its media type says (curl says that it is a form), and whether it begins a list.
 * @throws MqttFailure: 413
 */
async function* partsOf(
  request: IncomingMessage,
): AsyncGenerator<{ part: Buffer; isList: boolean | undefined }> {
  let length = 0;
  let isList: boolean | undefined;
  for await (const part of piecesOf(request)) {
    bodyGoesOn(request);
    length += part.length;
    isList ??= beginsList(part);
    const most = isList ? LARGEST_LIST : LARGEST_OBJECT;
    if (length > most)
      throw new MqttFailure(413, CODES.tooLarge, `it may have ${most} bytes`, { Connection: 'close' });
    yield { part, isList };
  }
}

/**
 * Reads JSON as it comes; a list is never held whole.
 * @param each told each entry of a list.
 * @throws NotJson, TooManyEntries, MqttFailure: 413
 */
export async function readBody(
  request: IncomingMessage,
  each: (entry: unknown) => void = () => undefined,
): Promise<JsonText> {
  const reader = openJsonReader(each, MOST_ENTRIES);
  for await (const { part } of partsOf(request)) reader.write(part);
  return reader.end();
}

/** Reads a body that is no list; nothing where it is one. @throws NotJson, MqttFailure: 413 */
export async function readObject(request: IncomingMessage): Promise<unknown> {
  const body = await readBody(request);
  return 'one' in body ? body.one : undefined;
}

/**
 * Holds a list as it stands until all of it is there, so that nothing is begun for who sends it slowly; reads anything else.
 * @throws NotJson, MqttFailure: 413
 */
export async function receiveBody(
  request: IncomingMessage,
): Promise<{ one: unknown } | { list: Uint8Array[] }> {
  const list: Uint8Array[] = [];
  const reader = openJsonReader(() => undefined);
  let begunList = false;
  for await (const { part, isList = false } of partsOf(request)) {
    begunList = isList;
    if (begunList)
      list.push(new Uint8Array(part)); // a copy, which can be given to a thread
    else reader.write(part);
  }
  return begunList ? { list } : (reader.end() as { one: unknown });
}
