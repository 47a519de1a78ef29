import { LRUCache } from 'lru-cache';
import { endsWithin } from '../../kernel/ends-within.js';
import { soon, type Soon } from '../../kernel/soon.js';
import type { Log } from '../../observe/index.js';
import type { Changes } from './follow.js';

/** How long a call waits for something that has changed before it gets what is known: the store may be away. */
const MOST_WAITED_MS = 2000;
/** How long it is served as it was after that. */
const AGAIN_MS = 1000;

/** A tenant, and its number, which grows with changes outside the catalogue that what is kept depends on. */
export interface KeptFor {
  id: string;
  version: number;
}

/** What is known under a name, and of which state of the catalogue and of the tenant that is. */
interface Known<T> {
  value: T | undefined;
  catalogue: number;
  tenant: number;
  /** Set where it could not be read again: until when it is served as it is. */
  until?: number;
}

/** A reading that runs, and of which state of the catalogue and of the tenant it is at least. */
interface Running<T> {
  catalogue: number;
  tenant: number;
  answer: Promise<T | undefined>;
}

interface KeptBase<T> {
  changes: Changes;
  log: Log;
  /** How many are kept at most, and as many names under which there is nothing. */
  most: number;
  /** Reads it from the store. @param before what it was. */
  read(tenantId: string, name: string, before: T | undefined): Promise<T | undefined>;
}

/**
 * Keeps what is read of a tenant's catalogue, and reads it again when it is asked for after a change.
 * @returns at once what is known and has not changed.
 */
export function openKept<T>({ changes, log, most, read }: KeptBase<T>) {
  const found = new LRUCache<string, Known<T>>({ max: most });
  const misses = new LRUCache<string, Known<T>>({ max: most });
  /** Readings that run, which all share who ask before another change is known. */
  const running = new Map<string, Running<T>>();

  // The numbers are taken before the rows are read: a change that comes in between is read once more.
  async function readNow(
    { id, version }: KeptFor,
    name: string,
    catalogue: number,
    before?: Known<T>,
  ): Promise<T | undefined> {
    const key = `${id} ${name}`;
    const value = await read(id, name, before?.value);
    const last = found.get(key) ?? misses.get(key);
    // A reading that began later may have ended before.
    if (last && (last.catalogue > catalogue || last.tenant > version)) return value;
    const [into, from] = value === undefined ? [misses, found] : [found, misses];
    from.delete(key);
    into.set(key, { value, catalogue, tenant: version });
    return value;
  }

  /** What a reading finds; what is known already, where it fails or takes long. */
  async function orKnown(reading: Promise<T | undefined>, known: Known<T>): Promise<T | undefined> {
    try {
      if (await endsWithin(MOST_WAITED_MS, reading)) return await reading;
    } catch (err) {
      log.error({ err }, 'the catalogue could not be read; serving what is known');
    }
    known.until = performance.now() + AGAIN_MS;
    return known.value;
  }

  function find(tenant: KeptFor, name: string): Soon<T | undefined> {
    const key = `${tenant.id} ${name}`;
    const known = found.get(key) ?? misses.get(key);
    if (known !== undefined) {
      if (known.tenant >= tenant.version && known.catalogue >= changes.versionOf(tenant.id))
        return known.value;
      if (known.until !== undefined && performance.now() < known.until) return known.value;
    }
    const catalogue = changes.versionOf(tenant.id);
    const there = running.get(key);
    // One that began before a change may have read the rows before it.
    if (there && there.catalogue >= catalogue && there.tenant >= tenant.version) return there.answer;
    const reading = readNow(tenant, name, catalogue, known);
    const mine: Running<T> = { catalogue, tenant: tenant.version, answer: reading };
    mine.answer = (known ? orKnown(reading, known) : reading).finally(() => {
      if (running.get(key) === mine) running.delete(key);
    });
    running.set(key, mine);
    return mine.answer;
  }

  return (tenant: KeptFor, name: string): Soon<T | undefined> =>
    soon(changes.ask(), () => find(tenant, name));
}
