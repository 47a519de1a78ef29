import { setImmediate } from 'node:timers/promises';
import { Conflict, NotFound } from '../kernel/errors.js';
import type { Row, TenantDb } from '../store/index.js';
import type { NotWritten } from './bulk.js';
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

/** So many places in the order are a run, which is counted together. */
export const BLOCK = 1000;
const blockOf = (seq: number): number => Math.floor(seq / BLOCK);
/** So many are read in one piece. */
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
    await db.from('mqtt_blocks').where({ kind, block }).increment({ count: change, version: 1 });
  }
}

/**
 * Writes those whose names are free; of two with one name the first. Call it in a transaction.
 * @param pieces some hundreds each, or thousands; between two of them others have their turn.
 */
export async function insertCredentials(
  db: TenantDb,
  kind: Kind,
  pieces: AsyncIterable<readonly KeptDevice[]> | Iterable<readonly KeptDevice[]>,
): Promise<NotWritten> {
  const existed = new Set<string>();
  const twice = new Set<string>();
  const blocks = new Map<number, number>();
  const now = Date.now();
  // The counter's row is taken first: whoever comes at the same time sees what is written here.
  const { next: first, count } = await lockCounter(db, kind);
  let next = first;
  let written = 0;
  for await (const devices of pieces) {
    await setImmediate();
    const rows = devices.map((device) => rowOf(kind, device, next++, now));
    const seqs = await db.insertFree('mqtt_credentials', ['kind', 'name'], 'seq', rows);
    for (const seq of seqs) blocks.set(blockOf(seq), (blocks.get(blockOf(seq)) ?? 0) + 1);
    const before = count + written;
    written += seqs.size;
    if (grewMuch(before, count + written)) await db.grown('mqtt_credentials');
    if (seqs.size === rows.length) continue;
    const left = devices.filter((_, at) => !seqs.has(rows[at]?.seq ?? -1));
    for (const [name, seq] of await seqsOf(db, kind, left)) (seq < first ? existed : twice).add(name);
  }
  if (written > 0) {
    await writeCounter(db, kind, { next, count: count + written });
    await countInBlocks(db, kind, blocks);
  }
  return { existed, twice };
}

const rowOf = (kind: Kind, device: KeptDevice, seq: number, now: number) => ({
  kind,
  ...nameColumns(device.name),
  seq,
  algorithm: device.algorithm,
  salt: device.salt,
  password_hash: device.passwordHash,
  is_superuser: device.superuser ?? false,
  enabled: device.enabled ?? true,
  expires_at: device.expiresAt ?? null,
  created_at: now,
  updated_at: now,
});

const FEW = 10_000;

/** Whether a table has become ten times what it was, or more than a few. */
const grewMuch = (before: number, after: number): boolean =>
  after >= FEW && Math.floor(Math.log10(Math.max(before, 1))) < Math.floor(Math.log10(after));

/** The places of devices that are there, by their names. */
async function seqsOf(
  db: TenantDb,
  kind: Kind,
  devices: readonly KeptDevice[],
): Promise<Map<string, number>> {
  const keys = devices.map(({ name }) => keyOf(name));
  const rows = await db.among(of(db, kind), 'name', keys).select<Row[]>('name', 'long_name', 'seq');
  return new Map(rows.map((row) => [nameOf(row), Number(row['seq'])]));
}

/** @throws Conflict where the name is taken */
export async function insertCredential(db: TenantDb, kind: Kind, device: KeptDevice): Promise<void> {
  const { existed } = await insertCredentials(db, kind, [[device]]);
  if (existed.size > 0) throw new Conflict(kind, 'existed');
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
  /** Set where there are more than `count`: counting ends somewhere. */
  more?: boolean;
}

/**
 * A page of names, the newest first. Which run of a thousand the page begins in is told by what the runs hold, so that the
 * last page of a million costs what the first does.
 * @param page from 1 on.
 */
export async function listNames(db: TenantDb, kind: Kind, page: number, limit: number): Promise<Listed> {
  const count = await countCredentials(db, kind);
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

export const countCredentials = async (db: TenantDb, kind: Kind): Promise<number> =>
  Number((await counterOf(db, kind).first<Row | undefined>('count'))?.['count'] ?? 0);

/** All of them in the order in which they were made, a few thousand at a time. */
export async function* credentialPieces(db: TenantDb, kind: Kind): AsyncGenerator<Credential[]> {
  for (let after = -1; ;) {
    const rows = await of(db, kind).where('seq', '>', after).orderBy('seq').limit(AT_ONCE).select<Row[]>('*');
    const last = rows.at(-1);
    if (!last) return;
    yield rows.map(toCredential);
    after = Number(last['seq']);
  }
}
