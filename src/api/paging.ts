import { parse } from '../kernel/json.js';
import type { Knex } from 'knex';
import type { Row, TenantDb } from '../store/index.js';
import { BASIC } from './codes.js';
import { Failure } from './failure.js';
import type { Page } from './operation.js';
import { line, time } from './shapes.js';

/** What every list takes; an area adds `orderby` with its columns, and its filters as `q.<name>`. */
const PAGING = {
  skip: { type: 'integer', minimum: 0, maximum: 1_000_000, default: 0 },
  take: { type: 'integer', minimum: 1, maximum: 100, default: 10 },
  asc: { type: 'boolean', default: false },
  startTime: { ...time, description: 'Made at this time or later.' },
  endTime: { ...time, description: 'Made at this time or earlier.' },
  after: {
    ...line(500),
    description: 'The `next` of the page before: goes on from there, however far that is.',
  },
} as const;

/** The query of a list, with the area's own parameters. */
export const listQuery = <const P extends object>(own: P) =>
  ({
    type: 'object',
    additionalProperties: false,
    required: ['skip', 'take', 'asc'],
    properties: { ...PAGING, ...own } as typeof PAGING & P,
  }) as const;

/** A list that is in the order in which things were made, and in no other. */
export const NEWEST_LIST = listQuery({ orderby: { type: 'string', enum: ['createdAt'] } });
export const NEWEST_COLUMNS = { createdAt: 'created_at' };

/** The query of a list of things with names; an area adds its own filters. */
export const NAMED_LIST = {
  orderby: { type: 'string', enum: ['createdAt', 'updatedAt', 'name'] },
  'q.name': { ...line(100), description: 'Part of the name.' },
} as const;

/** What `orderby` of such a list may say → the column. */
export const NAMED_COLUMNS = { createdAt: 'created_at', updatedAt: 'updated_at', name: 'name' };

export interface PagingQuery {
  skip: number;
  take: number;
  asc: boolean;
  startTime?: string | undefined;
  endTime?: string | undefined;
  after?: string | undefined;
  orderby?: string | undefined;
}

type Cursor = [value: string | number, id: string];

const cursorOf = (cursor: Cursor): string => Buffer.from(JSON.stringify(cursor)).toString('base64url');

function readCursor(text: string): Cursor {
  try {
    const cursor = parse<unknown>(Buffer.from(text, 'base64url').toString());
    if (Array.isArray(cursor) && cursor.length === 2 && ['string', 'number'].includes(typeof cursor[0]))
      if (typeof cursor[1] === 'string') return cursor as Cursor;
  } catch {
    // what is no cursor is answered below
  }
  const problem = { field: 'after', rule: 'cursor', message: 'must be the "next" of an answer of this list' };
  throw new Failure(422, BASIC.unprocessable, { data: [problem] });
}

/** What a LIKE pattern with `\` as its escape takes literally. */
export const literal = (text: string): string => text.replace(/[\\%_]/g, '\\$&');

/** Leaves the rows whose column has `part` in it, whatever the case; all of them where there is none. */
export function containing(
  rows: Knex.QueryBuilder,
  column: string,
  part: string | undefined,
): Knex.QueryBuilder {
  return part === undefined
    ? rows
    : rows.whereRaw(`LOWER(??) LIKE ? ESCAPE '\\'`, [column, `%${literal(part.toLowerCase())}%`]);
}

/** A list says how many there are up to here; beyond, that there are more. So a long list costs no more than this one. */
const MOST_COUNTED = 10_000;
/** So many rows are tried one by one before an index is asked. */
const TRIED = 2000;
/** Where this many of those that were tried fit, the rest is as dense, and a page is found by going on. */
const DENSE = 40;
/** So many rows an index may name; where there are more, they are dense enough for going from row to row. */
const MOST_NAMED = 2000;

/**
 * A filter that no order of the rows can serve: few of them may fit, or nearly all.
 * - `test`: leaves the rows that fit, looking at each;
 * - `named`: ids of all that can fit, from an index of its own, `limit` at the most; undefined where it can not say;
 * - `quick`: set where `named` costs no more than its limit, however many fit, so that it is asked first.
 */
export interface Sought {
  test(rows: Knex.QueryBuilder): void;
  named(limit: number): Promise<string[] | undefined>;
  quick?: boolean;
}

/** How many rows there are, `most` and one at the most. */
async function countUpTo(rows: Knex.QueryBuilder, most: number): Promise<number> {
  const some = rows
    .clone()
    .select(rows.client.raw('1'))
    .limit(most + 1);
  const counted = (await rows.client.queryBuilder().from(some.as('some')).count({ total: '*' }).first()) as {
    total: number | string;
  };
  return Number(counted.total);
}

interface Counted {
  total: number;
  more: boolean;
}

const counted = async (rows: Knex.QueryBuilder): Promise<Counted> => {
  const total = await countUpTo(rows, MOST_COUNTED);
  return { total: Math.min(total, MOST_COUNTED), more: total > MOST_COUNTED };
};

/** The rows of a list, in its order, with the filters that an order serves. */
interface Listed {
  db: TenantDb;
  rows: Knex.QueryBuilder;
  column: string;
  direction: 'asc' | 'desc';
}

/**
 * Leaves the rows that fit, and says how many they are. In which way costs least depends on how many fit, which nobody
 * knows beforehand: so the first rows are tried, and tell.
 */
async function seek({ db, rows, column, direction }: Listed, sought: readonly Sought[]): Promise<Counted> {
  const test = (some: Knex.QueryBuilder): Knex.QueryBuilder => {
    for (const each of sought) each.test(some);
    return some;
  };
  if ((await countUpTo(rows, TRIED)) <= TRIED) return counted(test(rows));
  for (const { named } of sought.filter(({ quick }) => quick)) {
    const ids = await named(MOST_NAMED + 1);
    if (ids && ids.length <= MOST_NAMED) return counted(test(db.among(rows, 'id', ids)));
  }
  const first = rows
    .clone()
    .orderBy([
      { column, order: direction },
      { column: 'id', order: direction },
    ])
    .limit(TRIED);
  const tried = rows.client.queryBuilder().from(first.as('users'));
  const fit = await countUpTo(test(tried), TRIED);
  if (fit >= DENSE) {
    test(rows);
    return { total: fit, more: true };
  }
  for (const each of sought) {
    const ids = await each.named(MOST_NAMED + 1);
    if (!ids) continue;
    if (ids.length <= MOST_NAMED) return counted(test(db.among(rows, 'id', ids)));
    const total = await countUpTo(test(db.among(rows.clone(), 'id', ids)), MOST_NAMED);
    test(rows);
    return { total, more: true };
  }
  test(rows);
  return { total: fit, more: true };
}

/**
 * One page of the rows, by a column that is never null and then by id, so that no row comes twice or is left out when
 * others come and go.
 * @param rows the tenant's rows, filtered by what their order or a unique index serves.
 * @param columns the names that `orderby` may have → the columns; `createdAt` is what is taken when none is named.
 * @param sought filters of the other kind.
 */
export async function pageOf<T>(
  db: TenantDb,
  rows: Knex.QueryBuilder,
  query: PagingQuery,
  columns: Record<string, string>,
  of: (row: Row) => T,
  sought: readonly Sought[] = [],
): Promise<Page<T>> {
  const { skip, take, asc, startTime, endTime, after, orderby = 'createdAt' } = query;
  const column = columns[orderby] as string;
  if (startTime !== undefined) void rows.where('created_at', '>=', Date.parse(startTime));
  if (endTime !== undefined) void rows.where('created_at', '<=', Date.parse(endTime));
  const [direction, beyond] = asc ? (['asc', '>'] as const) : (['desc', '<'] as const);
  const count =
    sought.length === 0 ? await counted(rows) : await seek({ db, rows, column, direction }, sought);
  if (after !== undefined) {
    const [value, id] = readCursor(after);
    // As a pair, which an index of both columns finds at once.
    void rows.whereRaw(`(??, ??) ${beyond} (?, ?)`, [column, 'id', value, id]);
  }
  const found = (await rows
    .select('*')
    .orderBy([
      { column, order: direction },
      { column: 'id', order: direction },
    ])
    .offset(skip)
    .limit(take + 1)) as Row[];
  const page = found.slice(0, take);
  const last = page.at(-1);
  return {
    rows: page.map(of),
    ...count,
    next:
      found.length > take && last
        ? cursorOf([last[column] as string | number, last['id'] as string])
        : undefined,
  };
}
