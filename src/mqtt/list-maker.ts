import { Invalid } from '../kernel/errors.js';
import { parse } from '../kernel/json.js';
import type { KeptDevice } from './credentials.js';
import { readEntry, type Entry, type Flags } from './entries.js';
import { MOST_ENTRIES, openJsonReader } from './json-lists.js';
import { SLOW_AT_ONCE, type DevicePasswords } from './passwords.js';
import type { Kind } from './schema.js';

/** So many are hashed, sent from thread to thread, and written in one piece. */
const AT_ONCE = 500;

/**
 * Some of a list's devices as text, JSON in UTF-8: a hundred thousand objects would be ten times the memory for a while. The names
 * are by themselves, since they are what is kept until the answer.
 */
export interface Piece {
  names: Uint8Array;
  devices: Uint8Array;
}

type Line = [algorithm: string, salt: string, passwordHash: string, flags?: Flags];

const encoder = new TextEncoder();
const decoder = new TextDecoder();
const textOf = (value: unknown): Uint8Array => encoder.encode(JSON.stringify(value));
const valueOf = <T>(text: Uint8Array): T => parse<T>(decoder.decode(text));

function lineOf({ algorithm, salt, passwordHash, superuser, enabled, expiresAt }: KeptDevice): Line {
  const flags = { superuser, enabled, expiresAt };
  const said = Object.values(flags).some((flag) => flag !== undefined);
  return said ? [algorithm, salt, passwordHash, flags as Flags] : [algorithm, salt, passwordHash];
}

const pieceOf = (devices: readonly KeptDevice[]): Piece => ({
  names: textOf(devices.map(({ name }) => name)),
  devices: textOf(devices.map(lineOf)),
});

export const namesOf = ({ names }: Pick<Piece, 'names'>): string[] => valueOf(names);

export function devicesOf(piece: Piece): KeptDevice[] {
  const names = namesOf(piece);
  return valueOf<Line[]>(piece.devices).map(([algorithm, salt, passwordHash, flags], at) => ({
    name: names[at] as string,
    algorithm,
    salt,
    passwordHash,
    ...flags,
  }));
}

/** The names of those that are not taken, with the reason. */
export type Refused = [name: string, why: string][];

/**
 * Reads a list of new devices and hashes their passwords, bit by bit: its good entries come out in pieces, of each of the
 * others it is said why not.
 * @param body in parts; each is let go of when it was read.
 * @throws NotJson, TooManyEntries
 */
export async function makeList(
  kind: Kind,
  passwords: DevicePasswords,
  body: Uint8Array[],
  emit: (piece: Piece) => void,
): Promise<Refused> {
  const refused = new Map<string, string>();
  const slow: Entry[] = [];
  let devices: KeptDevice[] = [];

  const flush = (): void => {
    if (devices.length > 0) emit(pieceOf(devices));
    devices = [];
  };
  const add = (device: KeptDevice): void => {
    if (devices.push(device) === AT_ONCE) flush();
  };
  const refuse = (name: string, error: unknown): void => {
    if (!(error instanceof Invalid)) throw error;
    if (!refused.has(name)) refused.set(name, `${error.key} ${error.message}`);
  };

  const reader = openJsonReader((value) => {
    try {
      const entry = readEntry(kind, value);
      const { password, ...device } = entry;
      if (passwords.quick) add({ ...device, ...passwords.keepQuickly(password) });
      else slow.push(entry);
    } catch (error) {
      const name = (value as Record<string, unknown> | null | undefined)?.[kind];
      refuse(typeof name === 'string' ? name : '', error);
    }
  }, MOST_ENTRIES);
  for (let part = body.shift(); part; part = body.shift()) reader.write(part);
  reader.end();

  const kept: (KeptDevice | undefined)[] = []; // in the list's order
  await eachAtOnce(slow, SLOW_AT_ONCE, async ({ password, ...device }, at) => {
    try {
      kept[at] = { ...device, ...(await passwords.keep(password)) };
    } catch (error) {
      refuse(device.name, error);
    }
  });
  for (const device of kept) if (device) add(device);
  flush();
  return [...refused];
}

/** Works on the items in their order, so many at once. */
async function eachAtOnce<T>(
  items: readonly T[],
  atOnce: number,
  work: (item: T, at: number) => Promise<void>,
): Promise<void> {
  let next = 0;
  const worker = async (): Promise<void> => {
    for (let at = next++; at < items.length; at = next++) await work(items[at] as T, at);
  };
  await Promise.all(Array.from({ length: atOnce }, worker));
}
