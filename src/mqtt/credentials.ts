import { setImmediate } from 'node:timers/promises';
import { Conflict, NotFound } from '../kernel/errors.js';
import type { Row, TenantDb } from '../store/index.js';
import type { Flags } from './entries.js';
import { keyOf, nameColumns, nameOf } from './names.js';
import type { KeptPassword } from './passwords.js';
import type { Kind } from './schema.js';

/** A device with its password as it is kept. */
export interface KeptDevice extends KeptPassword, Flags {
  name: string;
}

/** A device's credential as the tables have it. */
export interface Credential extends KeptPassword, Required<Flags> {
  name: string;
}

const BLOCK = 1000;
const blockOf = (seq: number): number => Math.floor(seq / BLOCK);
/** So many are written between two looks at what else there is to do. */
const AT_ONCE = 2000;

const toCredential = (row: Row): Credential => ({
  name: nameOf(row),
  algorithm: row['algorithm'] as string,
  salt: row['salt'] as string,
  passwordHash: row['password_hash'] as string,
  superuser: Boolean(row['is_superuser']),
  enabled: Boolean(row['enabled']),
  expiresAt: row['expires_at'] === null ? null : Number(row['expires_at']),
});

const of = (db: TenantDb, kind: Kind) => db.from('mqtt_credentials').where({ kind });

interface Counter {
  /** The next place in the order. */
  next: number;
  count: number;
}

const counterOf = (db: TenantDb, kind: Kind) => db.from('mqtt_counters').where({ kind });

/** Whoever else makes or deletes credentials of this kind waits until the end of the transaction. */
async function lockCounter(db: TenantDb, kind: Kind): Promise<Counter> {
  await db.ensure('mqtt_counters', ['kind'], { kind, next_seq: 0, count: 0 });
  const row = await counterOf(db, kind).forUpdate().first<Row>();
  return { next: Number(row['next_seq']), count: Number(row['count']) };
}

const writeCounter = async (db: TenantDb, kind: Kind, { next, count }: Counter): Promise<void> =>
  void (await counterOf(db, kind).update({ next_seq: next, count }));

/** Adds to, or takes from, what the runs of a thousand hold. */
async function countInBlocks(db: TenantDb, kind: Kind, changes: ReadonlyMap<number, number>): Promise<void> {
  for (const [block, change] of changes) {
    await db.ensure('mqtt_blocks', ['kind', 'block'], { kind, block, count: 0 });
    await db.from('mqtt_blocks').where({ kind, block }).increment('count', change);
  }
}

/** Those whose names are free, the first of each name. */
async function newOnes(
  db: TenantDb,
  kind: Kind,
  devices: readonly KeptDevice[],
): Promise<Map<string, KeptDevice>> {
  const unique = new Map<string, KeptDevice>();
  for (const device of devices) {
    const key = keyOf(device.name);
    if (!unique.has(key)) unique.set(key, device);
  }
  const there = await db.among(of(db, kind), 'name', [...unique.keys()]).select<Row[]>('name');
  for (const row of there) unique.delete(row['name'] as string);
  return unique;
}

/**
 * Writes those whose names are free; of two with one name the first. Call it in a transaction.
 * @returns the names that were written.
 */
export async function insertCredentials(
  db: TenantDb,
  kind: Kind,
  devices: readonly KeptDevice[],
): Promise<Set<string>> {
  const written = new Set<string>();
  const blocks = new Map<number, number>();
  const now = Date.now();
  // The counter's row is taken first: whoever comes at the same time sees what is written here.
  let { next, count } = await lockCounter(db, kind);
  for (let at = 0; at < devices.length; at += AT_ONCE) {
    if (at > 0) await setImmediate();
    const fresh = await newOnes(db, kind, devices.slice(at, at + AT_ONCE));
    const rows = [...fresh.values()].map((device) => {
      written.add(device.name);
      blocks.set(blockOf(next), (blocks.get(blockOf(next)) ?? 0) + 1);
      return {
        kind,
        ...nameColumns(device.name),
        seq: next++,
        algorithm: device.algorithm,
        salt: device.salt,
        password_hash: device.passwordHash,
        is_superuser: device.superuser ?? false,
        enabled: device.enabled ?? true,
        expires_at: device.expiresAt ?? null,
        created_at: now,
        updated_at: now,
      };
    });
    count += rows.length;
    await db.insertAll('mqtt_credentials', rows);
  }
  if (written.size === 0) return written;
  await writeCounter(db, kind, { next, count });
  await countInBlocks(db, kind, blocks);
  return written;
}

/** @throws Conflict where the name is taken */
export async function insertCredential(db: TenantDb, kind: Kind, device: KeptDevice): Promise<void> {
  const written = await insertCredentials(db, kind, [device]);
  if (written.size === 0) throw new Conflict(kind, 'existed');
}

const notThere = (kind: Kind, name: string): NotFound =>
  new NotFound(kind, `there is no ${kind} "${name.slice(0, 100)}"`);

/** @throws NotFound */
export async function findCredential(db: TenantDb, kind: Kind, name: string): Promise<Credential> {
  const row = await of(db, kind)
    .where({ name: keyOf(name) })
    .first<Row | undefined>();
  if (!row) throw notThere(kind, name);
  return toCredential(row);
}

/** Writes what is given and leaves the rest. @throws NotFound */
export async function changeCredential(
  db: TenantDb,
  kind: Kind,
  name: string,
  { kept, superuser, enabled, expiresAt }: Flags & { kept?: KeptPassword | undefined },
): Promise<void> {
  const changed = await of(db, kind)
    .where({ name: keyOf(name) })
    .update({
      ...(kept && { algorithm: kept.algorithm, salt: kept.salt, password_hash: kept.passwordHash }),
      ...(superuser !== undefined && { is_superuser: superuser }),
      ...(enabled !== undefined && { enabled }),
      ...(expiresAt !== undefined && { expires_at: expiresAt }),
      updated_at: Date.now(),
    });
  if (changed === 0) throw notThere(kind, name);
}

/** Takes one out; one that is not there is out already. */
export async function deleteCredential(db: TenantDb, kind: Kind, name: string): Promise<void> {
  const { next, count } = await lockCounter(db, kind);
  const one = () => of(db, kind).where({ name: keyOf(name) });
  const row = await one().first<Row | undefined>('seq');
  if (!row) return;
  await one().delete();
  await writeCounter(db, kind, { next, count: count - 1 });
  await countInBlocks(db, kind, new Map([[blockOf(Number(row['seq'])), -1]]));
}

export interface Listed {
  names: string[];
  count: number;
}

/**
 * A page of names, the newest first. Which run of a thousand the page begins in is told by what the runs hold, so that the
 * last page of a million costs what the first does.
 * @param page from 1 on.
 */
export async function listNames(db: TenantDb, kind: Kind, page: number, limit: number): Promise<Listed> {
  const counter = await counterOf(db, kind).first<Row | undefined>('count');
  const count = Number(counter?.['count'] ?? 0);
  let skip = (page - 1) * limit;
  if (skip >= count) return { names: [], count };
  const blocks = await db
    .from('mqtt_blocks')
    .where({ kind })
    .orderBy('block', 'desc')
    .select<Row[]>('block', 'count');
  let below = Number.MAX_SAFE_INTEGER;
  for (const row of blocks) {
    if (skip < Number(row['count'])) break;
    skip -= Number(row['count']);
    below = Number(row['block']) * BLOCK;
  }
  const rows = await of(db, kind)
    .where('seq', '<', below)
    .orderBy('seq', 'desc')
    .offset(skip)
    .limit(limit)
    .select<Row[]>('name', 'long_name');
  return { names: rows.map(nameOf), count };
}

/** All of them in the order in which they were made, a few thousand at a time. */
export async function* allCredentials(db: TenantDb, kind: Kind): AsyncGenerator<Credential[]> {
  for (let after = -1; ;) {
    const rows = await of(db, kind).where('seq', '>', after).orderBy('seq').limit(AT_ONCE).select<Row[]>('*');
    const last = rows.at(-1);
    if (!last) return;
    yield rows.map(toCredential);
    after = Number(last['seq']);
  }
}
