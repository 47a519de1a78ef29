import { readdirSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import type { Knex } from 'knex';
import { StoreUnavailable } from '../kernel/errors.js';
import type { Store } from './store.js';

/** One step of the schema: `migrations/<number>_<name>`. Both ways run in a transaction with the step's own record. */
export interface Migration {
  up(knex: Knex): Promise<void>;
  down(knex: Knex): Promise<void>;
}

export interface SchemaStatus {
  /** The last step that the store has, 0 for an empty one. */
  current: number;
  /** The last step that this program knows. */
  latest: number;
}

/** The store and the program do not fit together; `message` says which command helps. */
export class SchemaMismatch extends Error {
  override name = 'SchemaMismatch';
}

const FOLDER = join(dirname(fileURLToPath(import.meta.url)), '..', '..', 'migrations');
const LOCK_ID = 0x6761746568; // 'gateh', the advisory lock's number on PostgreSQL

interface Known {
  version: number;
  name: string;
  file: string;
}

function known(): Known[] {
  return readdirSync(FOLDER)
    .filter((file) => /^\d{4}_.*\.[jt]s$/.test(file) && !file.endsWith('.d.ts'))
    .sort()
    .map((file) => ({
      version: Number(file.slice(0, 4)),
      name: basename(file).replace(/\.[jt]s$/, ''),
      file: join(FOLDER, file),
    }));
}

const latestVersion = (): number => known().at(-1)?.version ?? 0;

async function currentVersion(knex: Knex): Promise<number> {
  if (!(await knex.schema.hasTable('schema_steps'))) return 0;
  const row = (await knex('schema_steps').max('version as version').first()) as
    { version: number | null } | undefined;
  return row?.version ?? 0;
}

export async function schemaStatus(store: Store): Promise<SchemaStatus> {
  return { current: await currentVersion(store.knex), latest: latestVersion() };
}

/** Refuses a store that this program can't serve. @throws SchemaMismatch */
export async function requireSchema(store: Store): Promise<void> {
  const { current, latest } = await schemaStatus(store);
  if (current > latest) throw tooNew(current, latest);
  if (current < latest)
    throw new SchemaMismatch(
      `the store is at schema ${current}, this program needs ${latest}; run: npx gatehouse migrate`,
    );
}

const tooNew = (current: number, latest: number): SchemaMismatch =>
  new SchemaMismatch(
    `the store is at schema ${current}, newer than this program's ${latest}; start the newer program, ` +
      `or with that one run: npx gatehouse migrate --to ${latest}`,
  );

/**
 * Brings the store to `target` (the newest by default), one step at a time. Each step takes the lock, looks where the
 * store is, and moves it by one in the same transaction, so a crash leaves a whole step or none, no lock stays behind,
 * and two processes that start together share the work. Answers the names of the steps that this process took.
 * @throws SchemaMismatch when the store is newer than this program, unless asked to go down to a step that it knows.
 */
export async function migrate(store: Store, target: number = latestVersion()): Promise<string[]> {
  const steps = known();
  if (target !== 0 && !steps.some(({ version }) => version === target))
    throw new SchemaMismatch(
      `there is no schema ${target}; the steps are 0 to ${steps.at(-1)?.version ?? 0}`,
    );
  const taken: string[] = [];
  for (;;) {
    const step = await waitingForOthers(store, () => locked(store, (trx) => move(trx, steps, target)));
    if (step === undefined) return taken;
    taken.push(step);
  }
}

/** Another process that takes steps may hold the store for longer than `store.waitSeconds`: it is waited for while it gets on. */
async function waitingForOthers<T>(store: Store, work: () => Promise<T>): Promise<T> {
  for (;;) {
    const before = await currentVersion(store.knex);
    try {
      return await work();
    } catch (error) {
      if (!(error instanceof StoreUnavailable) || (await currentVersion(store.knex)) === before) throw error;
    }
  }
}

async function move(trx: Knex.Transaction, steps: Known[], target: number): Promise<string | undefined> {
  if (!(await trx.schema.hasTable('schema_steps')))
    await trx.schema.createTable('schema_steps', (table) => {
      table.integer('version').primary();
      table.text('name').notNullable();
      table.bigInteger('applied_at').notNullable();
    });
  const current = await currentVersion(trx);
  const latest = steps.at(-1)?.version ?? 0;
  if (current > latest) throw tooNew(current, latest);
  const step =
    current < target
      ? steps.find(({ version }) => version > current)
      : current > target
        ? steps.find(({ version }) => version === current)
        : undefined;
  if (!step) return undefined;
  const migration = (await import(pathToFileURL(step.file).href)) as Migration;
  if (current < target) {
    await migration.up(trx);
    await trx('schema_steps').insert({ version: step.version, name: step.name, applied_at: Date.now() });
    return step.name;
  }
  await migration.down(trx);
  await trx('schema_steps').where({ version: step.version }).delete();
  return `${step.name} (undone)`;
}

/** One transaction that no other process can be in at the same time. */
async function locked<T>(store: Store, work: (trx: Knex.Transaction) => Promise<T>): Promise<T> {
  return store.transaction((trx) =>
    store.unhurried(trx, async () => {
      if (store.dialect === 'sqlite') return lockedOnSqlite(trx, () => work(trx));
      await trx.raw('SELECT pg_advisory_xact_lock(?)', [LOCK_ID]);
      return work(trx);
    }),
  );
}

/**
 * The same on SQLite, where a change of a table can mean that knex makes another one and drops the old one. To drop it deletes
 * its rows first, and with them, by foreign keys, all rows that refer to them. So no foreign key acts meanwhile; SQLite
 * switches that only between transactions, and what the step leaves is checked at its end.
 */
async function lockedOnSqlite<T>(trx: Knex.Transaction, work: () => Promise<T>): Promise<T> {
  // knex has begun a transaction that lets others read, and ends one later.
  await trx.raw('COMMIT');
  await trx.raw('PRAGMA foreign_keys = OFF');
  try {
    await trx.raw('BEGIN EXCLUSIVE');
    try {
      const answer = await work();
      await requireReferences(trx);
      await trx.raw('COMMIT');
      return answer;
    } catch (error) {
      await trx.raw('ROLLBACK').catch(() => undefined); // SQLite may have ended it already
      throw error;
    }
  } finally {
    await trx.raw('PRAGMA foreign_keys = ON');
    await trx.raw('BEGIN');
  }
}

async function requireReferences(trx: Knex.Transaction): Promise<void> {
  const [broken] = await trx.raw<{ table: string; parent: string }[]>('PRAGMA foreign_key_check');
  if (broken) throw new Error(`rows of ${broken.table} refer to rows of ${broken.parent} that are not there`);
}
