import { randomBytes } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { META, unwrapAll, WRAPPED, wrapFor, wrappedName } from './master-key.js';
import type { Row, Store, Value } from './store.js';
import type { MasterKey, Vault } from './vault.js';

/** A column that holds what the vault sealed. */
export interface SealedColumn {
  table: string;
  key: string[];
  column: string;
  /** The row's name that it was sealed for. */
  row(row: Row): string;
}

export interface Rewrapped {
  /** Rows that were sealed anew, by table. */
  rows: Record<string, number>;
  masterKey: string;
}

const BATCH = 500;

/**
 * Moves everything that is encrypted to another master key, and to a data key that the old one has never wrapped, while
 * servers run. Each step can be repeated: after a crash, the same command goes on.
 * 1. The store's keys are wrapped by the new master key as well, and a new data key by both.
 * 2. Running servers learn the new data key, then all seal with it (`settle` seconds are given to them for each).
 * 3. Every sealed row is sealed with it. A row that changes meanwhile is left to whoever changed it.
 * 4. `handOver` puts the new key where the next start finds it; then the old wrappings and data keys go.
 * @param vault opened with the old key.
 */
export async function rewrap(
  store: Store,
  vault: Vault,
  from: MasterKey,
  to: MasterKey,
  columns: readonly SealedColumn[],
  { settle, handOver = () => undefined }: { settle: number; handOver?: () => void },
): Promise<Rewrapped> {
  const { meta } = store;
  const keys = await unwrapAll(store, from);
  const done = (await meta.get(META.SEALING)) as string;
  const unfinished = [...keys.keys()].find((name) => name !== META.HASHING && number(name) > number(done));
  const fresh = unfinished ?? `data-${number(done) + 1}`;
  if (!unfinished) keys.set(fresh, randomBytes(32));
  for (const [name, key] of keys)
    for (const master of [to, from])
      await meta.claim(wrappedName(name, master.id), wrapFor(master, name, key));
  vault.learn(fresh, (await unwrapAll(store, from)).get(fresh) as Buffer);
  await sleep(settle * 1000);
  await meta.set(META.SEALING, fresh);
  vault.sealWith(fresh);
  await sleep(settle * 1000);
  const rows: Record<string, number> = {};
  for (const column of columns)
    rows[column.table] = (rows[column.table] ?? 0) + (await reseal(store, vault, column, fresh));
  handOver();
  const kept = [fresh, META.HASHING].map((name) => wrappedName(name, to.id));
  const stale = (await meta.all(WRAPPED)).map(([key]) => key).filter((key) => !kept.includes(key));
  await store.transaction(async (trx) => {
    await trx('meta').whereIn('key', stale).delete();
    await trx('meta').where({ key: META.MASTER }).update({ value: to.id });
  });
  return { rows, masterKey: to.id };
}

const number = (name: string): number => Number(name.replace('data-', ''));

async function reseal(
  store: Store,
  vault: Vault,
  { table, key, column, row }: SealedColumn,
  fresh: string,
): Promise<number> {
  const order = key.map((name) => `${name} > ?`);
  // Rows after (a, b): a > ? OR (a = ? AND b > ?), which both databases answer from the primary key.
  const after = order
    .map((last, at) => [...key.slice(0, at).map((name) => `${name} = ?`), last].join(' AND '))
    .map((part) => `(${part})`)
    .join(' OR ');
  const sql = (more: string): string =>
    `SELECT * FROM ${table} WHERE ${column} LIKE 'v1.%'${more} ORDER BY ${key.join(', ')} LIMIT ${BATCH}`;
  const [first, next] = [store.prepare(sql('')), store.prepare(sql(` AND (${after})`))];
  const write = store.prepare(
    `UPDATE ${table} SET ${column} = ? WHERE ${key.map((name) => `${name} = ?`).join(' AND ')} AND ${column} = ?`,
  );
  let count = 0;
  let last: Value[] | undefined;
  for (;;) {
    const found: Row[] =
      last === undefined
        ? await first.all()
        : await next.all(...key.flatMap((_, at) => (last as Value[]).slice(0, at + 1)));
    for (const each of found) {
      const sealed = each[column] as string;
      if (sealed.startsWith(`v1.${fresh}.`)) continue;
      const anew = vault.seal(vault.open(sealed, row(each)), row(each));
      count += await write.run(anew, ...key.map((name) => each[name] as Value), sealed);
    }
    if (found.length < BATCH) return count;
    const end = found.at(-1) as Row;
    last = key.map((name) => end[name] as Value);
  }
}
