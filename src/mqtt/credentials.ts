import { Conflict, NotFound } from '../kernel/errors.js';
import type { Row, TenantDb } from '../store/index.js';
import { keepPassword } from './passwords.js';
import type { Credential, Kind } from './schema.js';

/** A name with its password, checked (names.ts). */
export interface NewCredential {
  name: string;
  password: string;
}

const BLOCK = 1000;
const blockOf = (seq: number): number => Math.floor(seq / BLOCK);

const toCredential = (row: Row): Credential => ({
  name: row['name'] as string,
  passwordHash: row['password_hash'] as string,
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

/**
 * Writes those whose names are free; of two with one name the first. Call it in a transaction.
 * @returns the names that were written.
 */
export async function insertCredentials(
  db: TenantDb,
  kind: Kind,
  credentials: readonly NewCredential[],
): Promise<Set<string>> {
  const unique = new Map<string, string>();
  for (const { name, password } of credentials) if (!unique.has(name)) unique.set(name, password);
  // The counter's row is taken first: whoever comes at the same time sees what is written here.
  const { next, count } = await lockCounter(db, kind);
  const there = await db.among(of(db, kind), 'name', [...unique.keys()]).select<Row[]>('name');
  for (const row of there) unique.delete(row['name'] as string);
  if (unique.size === 0) return new Set();
  await writeCounter(db, kind, { next: next + unique.size, count: count + unique.size });
  const now = Date.now();
  const rows = [...unique].map(([name, password], at) => {
    const { algorithm, salt, passwordHash } = keepPassword(password);
    return {
      kind,
      name,
      seq: next + at,
      algorithm,
      salt,
      password_hash: passwordHash,
      is_superuser: false,
      enabled: true,
      expires_at: null,
      created_at: now,
      updated_at: now,
    };
  });
  await db.insertAll('mqtt_credentials', rows);
  const blocks = new Map<number, number>();
  for (const { seq } of rows) blocks.set(blockOf(seq), (blocks.get(blockOf(seq)) ?? 0) + 1);
  await countInBlocks(db, kind, blocks);
  return new Set(unique.keys());
}

/** @throws Conflict where the name is taken */
export async function insertCredential(db: TenantDb, kind: Kind, credential: NewCredential): Promise<void> {
  const written = await insertCredentials(db, kind, [credential]);
  if (written.size === 0) throw new Conflict(kind, 'existed');
}

/** @throws NotFound */
export async function findCredential(db: TenantDb, kind: Kind, name: string): Promise<Credential> {
  const row = await of(db, kind).where({ name }).first<Row | undefined>();
  if (!row) throw new NotFound(kind, `there is no ${kind} "${name}"`);
  return toCredential(row);
}

/** @throws NotFound */
export async function setCredentialPassword(
  db: TenantDb,
  kind: Kind,
  { name, password }: NewCredential,
): Promise<void> {
  const { algorithm, salt, passwordHash } = keepPassword(password);
  const changed = await of(db, kind)
    .where({ name })
    .update({ algorithm, salt, password_hash: passwordHash, updated_at: Date.now() });
  if (changed === 0) throw new NotFound(kind, `there is no ${kind} "${name}"`);
}

/** Takes one out; one that is not there is out already. */
export async function deleteCredential(db: TenantDb, kind: Kind, name: string): Promise<void> {
  const { next, count } = await lockCounter(db, kind);
  const row = await of(db, kind).where({ name }).first<Row | undefined>('seq');
  if (!row) return;
  await of(db, kind).where({ name }).delete();
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
    .select<Row[]>('name');
  return { names: rows.map((row) => row['name'] as string), count };
}
