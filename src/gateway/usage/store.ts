import type { Row, TenantDb } from '../../store/index.js';
import { DIMENSIONS, OTHER, type ApiMinute, type Cell, type Dimension } from './counts.js';
import { BUCKETS, percentilesOf, type Percentiles } from './histogram.js';

/** Steps of a series, in seconds. */
export const STEPS = { minute: 60, hour: 3600, day: 86_400 } as const;
export type Step = keyof typeof STEPS;

/** How long the counts of each step are kept, in milliseconds. */
export type Kept = Readonly<Record<Step, number>>;

const TABLE = 'gateway_usage';
const KEY = ['api_id', 'step', 'dimension', 'started_at', 'key'];
const HISTOGRAM = Array.from({ length: BUCKETS }, (_, bucket) => `h${bucket}`);
const SUMS = ['calls', 'errors', ...HISTOGRAM];

export interface UsageRow extends Cell {
  apiId: string;
  step: Step;
  dimension: Dimension;
  startedAt: number;
  key: string;
}

/** Adds up what a dimension has in several minutes: by the beginning of the step, and by name. */
function sumsBy(
  dimension: number,
  step: Step,
  minutes: readonly ApiMinute[],
): Map<number, Map<string, Cell>> {
  const sums = new Map<number, Map<string, Cell>>();
  for (const { minute, cells } of minutes) {
    const startedAt = minute - (minute % (STEPS[step] * 1000));
    let byName = sums.get(startedAt);
    if (!byName) sums.set(startedAt, (byName = new Map<string, Cell>()));
    for (const [name, cell] of cells[dimension] ?? []) {
      const known = byName.get(name);
      if (!known) byName.set(name, { ...cell, histogram: [...cell.histogram] });
      else addCell(known, cell);
    }
  }
  return sums;
}

function addCell(sum: Cell, { calls, errors, histogram }: Cell): void {
  sum.calls += calls;
  sum.errors += errors;
  for (const [bucket, count] of histogram.entries()) (sum.histogram[bucket] as number) += count;
}

const inOrder = <K extends string | number, V>(map: ReadonlyMap<K, V>): [K, V][] =>
  [...map].sort(([one], [other]) => (one < other ? -1 : 1));

/** The rows of an API's calls by minute, hour and day, in the same order on every node. */
export function rowsOf(apiId: string, minutes: readonly ApiMinute[]): UsageRow[] {
  const rows: UsageRow[] = [];
  for (const [index, dimension] of DIMENSIONS.entries())
    for (const step of Object.keys(STEPS) as Step[])
      for (const [startedAt, byName] of inOrder(sumsBy(index, step, minutes)))
        for (const [key, cell] of inOrder(byName))
          rows.push({ apiId, step, dimension, startedAt, key, ...cell });
  return rows;
}

/** Adds up rows of one tenant. Call it in a transaction. */
export const addUsage = (db: TenantDb, rows: readonly UsageRow[], kept: Kept): Promise<void> =>
  db.addUp(
    TABLE,
    KEY,
    SUMS,
    rows.map(({ apiId, step, dimension, startedAt, key, calls, errors, histogram }) => ({
      api_id: apiId,
      step: STEPS[step],
      dimension,
      started_at: startedAt,
      key,
      expires_at: startedAt + STEPS[step] * 1000 + kept[step],
      calls,
      errors,
      ...Object.fromEntries(HISTOGRAM.map((column, bucket) => [column, histogram[bucket]])),
    })),
  );

/** What a series is of. Times are epoch milliseconds, at the beginning of a step; `to` is not part of it. */
export interface Asked {
  apiId: string;
  step: Step;
  dimension: Dimension;
  from: number;
  to: number;
}

export interface Point extends Percentiles {
  time: number;
  /** Absent where all calls are counted together. */
  key?: string;
  calls: number;
  errors: number;
}

/** The names with the most calls are answered; the others are added up under OTHER. */
export const MOST_NAMES = 20;

/** So many steps are read by one statement, which SQLite does in a few milliseconds: a step has up to MOST_KEYS rows. */
const SLICE = 10;

/** The series, by time, each step's names in order. Steps without calls are left out. */
export async function readUsage(db: TenantDb, asked: Asked): Promise<Point[]> {
  const { dimension } = asked;
  const names = dimension === 'none' ? undefined : await mostCalled(db, asked);
  const points: Point[] = [];
  for (const slice of slicesOf(asked))
    for (const row of await sumsOf(db, slice, names)) points.push(pointOf(row, dimension));
  return points;
}

/** Parts of a range that are read one by one; all at once where a step is one row. */
function* slicesOf(asked: Asked): Generator<Asked> {
  const { from, to, step, dimension } = asked;
  if (dimension === 'none') {
    yield asked;
    return;
  }
  const length = SLICE * STEPS[step] * 1000;
  for (let begin = from; begin < to; begin += length)
    yield { ...asked, from: begin, to: Math.min(to, begin + length) };
}

const rowsIn = (db: TenantDb, { apiId, step, dimension, from, to }: Asked) =>
  db
    .from(TABLE)
    .where({ api_id: apiId, step: STEPS[step], dimension })
    .where('started_at', '>=', from)
    .where('started_at', '<', to);

async function mostCalled(db: TenantDb, asked: Asked): Promise<string[]> {
  const calls = new Map<string, number>();
  for (const slice of slicesOf(asked)) {
    const rows = rowsIn(db, slice).select('key').sum({ calls: 'calls' }).groupBy('key');
    for (const row of (await rows) as Row[]) {
      const key = row['key'] as string;
      calls.set(key, (calls.get(key) ?? 0) + Number(row['calls']));
    }
  }
  return [...calls]
    .sort(([one, more], [other, less]) => less - more || (one < other ? -1 : 1))
    .slice(0, MOST_NAMES)
    .map(([key]) => key);
}

async function sumsOf(db: TenantDb, asked: Asked, names: readonly string[] | undefined): Promise<Row[]> {
  const rows = rowsIn(db, asked).select('started_at').groupBy('started_at').orderBy('started_at');
  if (names)
    void rows
      .select(
        rows.client.raw(
          `CASE WHEN key IN (${names.map(() => '?').join(', ') || 'NULL'}) THEN key ELSE ? END AS name`,
          [...names, OTHER],
        ),
      )
      .groupBy('name')
      .orderBy('name');
  return rows.sum<Row[]>(Object.fromEntries(SUMS.map((column) => [column, column])));
}

function pointOf(row: Row, dimension: Dimension): Point {
  const histogram = HISTOGRAM.map((column) => Number(row[column]));
  return {
    time: row['started_at'] as number,
    ...(dimension !== 'none' && { key: row['name'] as string }),
    calls: Number(row['calls']),
    errors: Number(row['errors']),
    ...percentilesOf(histogram),
  };
}
