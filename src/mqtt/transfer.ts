import type * as CsvStringify from 'csv-stringify/sync';
import type * as CsvParse from 'csv-parse';
import type { Readable } from 'node:stream';
import { Invalid } from '../kernel/errors.js';
import { objectOf } from '../kernel/json.js';
import { whenNeeded } from '../kernel/when-needed.js';
import type { Credential, KeptDevice } from './credentials.js';
import { readTime } from './entries.js';
import { NotJson, openJsonReader } from './json-lists.js';
import { mqttText } from './names.js';
import { checkKept, type DevicePasswords } from './passwords.js';
import type { Format } from './schema.js';

const reading = whenNeeded<typeof CsvParse>('csv-parse');
const writing = whenNeeded<typeof CsvStringify>('csv-stringify/sync');

/**
 * Files of devices, as EMQX's built-in database imports and exports them: CSV with a head line, or a JSON list, with `user_id`,
 * `password_hash`, `salt` and `is_superuser`; or with `password` in place of the hash.
 */

/** An entry of a file: its place, from 1 on, and the device or why it can not be one. */
export type FileEntry = { at: number } & ({ device: KeptDevice } | { problem: string });

const LONGEST_RECORD = 1024 * 1024;

/** What a field says; empty text, as CSV has it, says nothing. */
const given = (value: unknown): unknown => (value === '' || value === null ? undefined : value);

function flag(field: string, value: unknown): boolean | undefined {
  const word = typeof value === 'string' ? value.toLowerCase() : value;
  if (word === undefined) return undefined;
  if (word === true || word === 'true' || word === '1' || word === 1) return true;
  if (word === false || word === 'false' || word === '0' || word === 0) return false;
  throw new Invalid(field, 'must be true or false');
}

/**
 * The device that an entry says.
 * @param algorithm of hashes that do not say theirs: what EMQX's configuration has.
 * @throws Invalid
 */
async function deviceOf(value: unknown, passwords: DevicePasswords, algorithm: string): Promise<KeptDevice> {
  const fields = objectOf(value);
  const name = mqttText('user_id', fields['user_id'] ?? fields['username'] ?? fields['clientid']);
  const passwordHash = given(fields['password_hash']);
  const salt = fields['salt'] ?? '';
  if (passwordHash !== undefined && (typeof passwordHash !== 'string' || typeof salt !== 'string'))
    throw new Invalid('password_hash', 'and the salt must be text');
  const kept =
    typeof passwordHash === 'string'
      ? checkKept(
          {
            algorithm: (given(fields['algorithm']) as string | undefined) ?? algorithm,
            salt: salt as string,
            passwordHash,
          },
          passwords.ownCost,
        )
      : await passwords.keep(mqttText('password', given(fields['password'])));
  const superuser = flag('is_superuser', given(fields['is_superuser']));
  const enabled = flag('enabled', given(fields['enabled']));
  const expires = given(fields['expires_at']);
  return {
    name,
    ...kept,
    ...(superuser !== undefined && { superuser }),
    ...(enabled !== undefined && { enabled }),
    ...(expires !== undefined && { expiresAt: readTime('expires_at', expires) }),
  };
}

/**
 * Reads a file of devices as it comes.
 * @param algorithm of hashes that do not say theirs.
 * @throws Invalid where the file itself can not be read
 */
export async function* readDevices(
  source: Readable,
  format: Format,
  passwords: DevicePasswords,
  algorithm: string,
): AsyncGenerator<FileEntry> {
  let at = 0;
  for await (const value of format === 'csv' ? csvEntries(source) : jsonEntries(source)) {
    at += 1;
    try {
      yield { at, device: await deviceOf(value, passwords, algorithm) };
    } catch (error) {
      if (!(error instanceof Invalid)) throw error;
      yield { at, problem: `${error.key} ${error.message}` };
    }
  }
}

async function* csvEntries(source: Readable): AsyncGenerator<unknown> {
  const records = source.pipe(
    reading().parse({ columns: true, bom: true, skip_empty_lines: true, max_record_size: LONGEST_RECORD }),
  );
  source.once('error', (error) => records.destroy(error));
  try {
    yield* records as AsyncIterable<unknown>;
  } catch (error) {
    throw new Invalid('file', `is not CSV: ${(error as Error).message}`);
  }
}

async function* jsonEntries(source: Readable): AsyncGenerator<unknown> {
  let entries: unknown[] = [];
  const reader = openJsonReader((entry) => void entries.push(entry));
  try {
    for await (const chunk of source as AsyncIterable<Buffer>) {
      reader.write(chunk);
      const read = entries;
      entries = [];
      yield* read;
    }
    if ('one' in reader.end()) throw new NotJson('it must be a list');
  } catch (error) {
    if (error instanceof NotJson) throw new Invalid('file', `is not a list in JSON: ${error.message}`);
    throw error;
  }
}

/** The columns that EMQX knows, and those that this program has besides. */
const EMQX_COLUMNS = ['user_id', 'password_hash', 'salt', 'is_superuser'];
const MORE_COLUMNS = ['algorithm', 'enabled', 'expires_at'];

/**
 * Writes devices in pieces of text.
 * @param full with what EMQX does not know: how each is hashed, whether it is enabled, when it expires.
 */
export async function* writeDevices(
  pieces: AsyncIterable<readonly Credential[]>,
  format: Format,
  full: boolean,
): AsyncGenerator<string> {
  const columns = full ? [...EMQX_COLUMNS, ...MORE_COLUMNS] : EMQX_COLUMNS;
  const rowOf = (device: Credential): Record<string, unknown> => {
    const { name, passwordHash, salt, superuser, algorithm, enabled, expiresAt } = device;
    const row = { user_id: name, password_hash: passwordHash, salt, is_superuser: superuser };
    const end = expiresAt === null ? null : new Date(expiresAt).toISOString();
    return full ? { ...row, algorithm, enabled, expires_at: end } : row;
  };
  if (format === 'csv') yield `${columns.join(',')}\n`;
  let begun = false;
  for await (const devices of pieces) {
    const rows = devices.map(rowOf);
    if (format === 'csv') yield writing().stringify(rows, { columns, cast: { boolean: String } });
    else
      for (const row of rows) {
        yield `${begun ? ',' : '['}\n${JSON.stringify(row)}`;
        begun = true;
      }
  }
  if (format === 'json') yield begun ? '\n]\n' : '[]\n';
}
