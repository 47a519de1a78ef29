import { Invalid } from '../kernel/errors.js';
import { parse } from '../kernel/json.js';
import type { KeptDevice } from './credentials.js';
import { readEntry, type Entry, type Flags } from './entries.js';
import { SLOW_AT_ONCE, type DevicePasswords } from './passwords.js';
import type { Kind } from './schema.js';

/** So many are written, and put away, in one piece. */
const AT_ONCE = 1000;

type Line = [name: string, algorithm: string, salt: string, passwordHash: string, flags?: Flags];

function lineOf({ name, algorithm, salt, passwordHash, ...flags }: KeptDevice): string {
  const line: Line = [name, algorithm, salt, passwordHash];
  return JSON.stringify(Object.keys(flags).length === 0 ? line : [...line, flags]);
}

function deviceOf(text: string): KeptDevice {
  const [name, algorithm, salt, passwordHash, flags] = parse<Line>(text);
  return { name, algorithm, salt, passwordHash, ...flags };
}

/** Devices put away as text, a few thousand in a piece: a hundred thousand objects would be ten times the memory for a while. */
export class Pile {
  readonly #pieces: Buffer[] = [];
  #last: string[] = [];
  count = 0;

  add(device: KeptDevice): void {
    this.count += 1;
    if (this.#last.push(lineOf(device)) === AT_ONCE) this.#putAway();
  }

  *pieces(): Generator<KeptDevice[]> {
    this.#putAway();
    for (const piece of this.#pieces) yield piece.toString().split('\n').map(deviceOf);
  }

  #putAway(): void {
    if (this.#last.length > 0) this.#pieces.push(Buffer.from(this.#last.join('\n')));
    this.#last = [];
  }
}

/** What became of the devices of a list that were not written. */
export interface NotWritten {
  /** Names that were there before. */
  existed: ReadonlySet<string>;
  /** Names that stand in the list more than once: the first was taken. */
  twice: ReadonlySet<string>;
}

/** A list of new devices, as it comes: its good entries are taken, and of each of the others it is said why not. */
export interface ManyDevices {
  add(value: unknown): void;
  /** Those whose passwords are hashed: quick hashes are made while the list is on its way, slow ones here, a few at a time. */
  kept(): Promise<Pile>;
  /** `{"data": {"<name>": "ok" | "<why not>"}, "code": 0}`, as text, piece by piece. */
  answer(notWritten: NotWritten): Iterable<string>;
}

export function manyDevices(kind: Kind, passwords: DevicePasswords): ManyDevices {
  const pile = new Pile();
  const waiting: Entry[] = [];
  const refused = new Map<string, string>();

  const refuse = (name: string, error: unknown): void => {
    if (!(error instanceof Invalid)) throw error;
    if (!refused.has(name)) refused.set(name, `${error.key} ${error.message}`);
  };

  return {
    add(value) {
      try {
        const entry = readEntry(kind, value);
        const { password, ...device } = entry;
        const kept = passwords.keepQuickly(password);
        if (kept) pile.add({ ...device, ...kept });
        else waiting.push(entry);
      } catch (error) {
        const name = (value as Record<string, unknown> | null | undefined)?.[kind];
        refuse(typeof name === 'string' ? name : '', error);
      }
    },
    async kept() {
      const kept: (KeptDevice | undefined)[] = [];
      await eachAtOnce(waiting, SLOW_AT_ONCE, async ({ password, ...device }, at) => {
        try {
          kept[at] = { ...device, ...(await passwords.keep(password)) };
        } catch (error) {
          refuse(device.name, error);
        }
      });
      for (const device of kept) if (device) pile.add(device);
      return pile;
    },
    *answer({ existed, twice }) {
      const said = new Set<string>();
      let comma = '';
      const pair = (name: string, word: string): string => {
        const text = `${comma}${JSON.stringify(name)}:${JSON.stringify(word)}`;
        comma = ',';
        return text;
      };
      yield '{"data":{';
      for (const piece of pile.pieces()) {
        let text = '';
        for (const { name } of piece) {
          if (said.has(name)) continue;
          if (existed.has(name) || twice.has(name) || refused.has(name)) said.add(name);
          text += pair(name, existed.has(name) ? 'existed' : 'ok');
        }
        yield text;
      }
      let text = '';
      for (const [name, why] of refused) if (!said.has(name)) text += pair(name, why);
      yield `${text}},"code":0}`;
    },
  };
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
