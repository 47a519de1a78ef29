import { BUCKETS, bucketOf } from './histogram.js';
import { storedName } from './names.js';

/** What calls are counted by; each call counts once in each of them. */
export const DIMENSIONS = ['none', 'operation', 'client', 'status', 'revision'] as const;
export type Dimension = (typeof DIMENSIONS)[number];

/** A call that has ended, or one that a proxy in front forwards. */
export interface CountedCall {
  tenantId: string;
  /** The version's. */
  apiId: string;
  revisionId: string;
  /** The operation's key; empty where none matched. */
  operation: string;
  /** Absent where there was no token. */
  clientId?: string | undefined;
  /** HTTP status; undefined where a proxy in front forwards the call, so that its end is not seen here. */
  status: number | undefined;
  /** From the first look at the request to the end of the answer; undefined where that is not seen here. */
  milliseconds: number | undefined;
}

/** Calls that had none: no operation matched, no token came. */
export const NONE = '(none)';
/** The status of calls that a proxy in front forwards. */
export const UNKNOWN = '(unknown)';
/** Calls whose operation or client is not counted by its own name, because the day has had too many. */
export const OTHER = '(other)';

/** So many names of a dimension have counts of their own, for each API on a node and day. */
export const MOST_KEYS = 1000;
/** So many counts are kept until they are written. */
const MOST_CELLS = 50_000;
/** So many minutes are kept while the store cannot be written. */
export const MOST_BATCHES = 15;

export const MINUTE_MS = 60_000;
const DAY_MS = 86_400_000;
const FIRST_ERROR = 400;

export interface Cell {
  calls: number;
  errors: number;
  /** Of the calls whose end was seen here. */
  histogram: number[];
}

/** What is known of an API as long as it is called. */
interface ApiState {
  /** The names that have counts of their own today, by dimension. */
  known: Set<string>[];
  day: number;
  /** Of all its calls since it is known here, by the first digit of the status; the last one is of statuses that are unknown. */
  classes: number[];
  seconds: number;
}

/** The calls of an API in a minute. */
export interface ApiMinute {
  /** Epoch milliseconds. */
  minute: number;
  /** By name as it is stored, for each of DIMENSIONS. */
  cells: Map<string, Cell>[];
}

interface ApiCells extends ApiMinute {
  state: ApiState;
}

/** The calls of a minute that are not written yet: by tenant and API. */
export interface Batch {
  minute: number;
  tenants: Map<string, Map<string, ApiCells>>;
}

export interface ApiTotals {
  tenantId: string;
  apiId: string;
  classes: readonly number[];
  seconds: number;
}

/** Counts calls in memory. */
export interface Counts {
  count(call: CountedCall): void;
  /** What was counted since it was last taken, the oldest minute first. */
  take(): Batch[];
  /** Takes back what could not be written. Answers how many minutes were too many, and are lost. */
  putBack(batches: readonly Batch[]): number;
  /** Of every API that was called today or yesterday, since then. */
  totals(): ApiTotals[];
}

const newCell = (): Cell => ({ calls: 0, errors: 0, histogram: new Array<number>(BUCKETS).fill(0) });

const newState = (day: number): ApiState => ({
  known: DIMENSIONS.map(() => new Set<string>()),
  day,
  classes: [0, 0, 0, 0, 0, 0, 0],
  seconds: 0,
});

const sizeOf = ({ tenants }: Batch): number =>
  [...tenants.values()]
    .flatMap((apis) => [...apis.values()])
    .reduce((sum, api) => api.cells.reduce((total, byName) => total + byName.size, sum), 0);

const LAST_CLASS = 5;
const UNKNOWN_CLASS = 6;

function classOf(status: number | undefined): number {
  if (status === undefined) return UNKNOWN_CLASS;
  const digit = Math.trunc(status / 100);
  return digit >= 1 && digit <= LAST_CLASS ? digit : 0;
}

/** @param now in epoch milliseconds. */
export function openCounts(now: () => number = Date.now): Counts {
  const states = new Map<string, Map<string, ApiState>>();
  let waiting: Batch[] = [];
  let batch: Batch = { minute: 0, tenants: new Map() };
  let cells = 0;

  function stateOf(tenantId: string, apiId: string): ApiState {
    const day = Math.floor(batch.minute / DAY_MS);
    let ofTenant = states.get(tenantId);
    if (!ofTenant) states.set(tenantId, (ofTenant = new Map<string, ApiState>()));
    let state = ofTenant.get(apiId);
    if (!state) ofTenant.set(apiId, (state = newState(day)));
    if (state.day !== day) {
      state.day = day;
      for (const names of state.known) names.clear();
    }
    return state;
  }

  function cellsOf(tenantId: string, apiId: string): ApiCells {
    let ofTenant = batch.tenants.get(tenantId);
    if (!ofTenant) batch.tenants.set(tenantId, (ofTenant = new Map<string, ApiCells>()));
    let api = ofTenant.get(apiId);
    if (!api) {
      api = {
        minute: batch.minute,
        state: stateOf(tenantId, apiId),
        cells: DIMENSIONS.map(() => new Map<string, Cell>()),
      };
      ofTenant.set(apiId, api);
    }
    return api;
  }

  /** The name itself, or the name of all that are too many. */
  function nameFor(names: Set<string>, name: string): string {
    if (names.has(name)) return name;
    if (names.size >= MOST_KEYS || cells >= MOST_CELLS) return OTHER;
    names.add(name);
    return name;
  }

  function newCellOf({ state, cells: all }: ApiCells, dimension: number, name: string): Cell {
    // Another issuer's clients have ids of any length: they are kept as they are stored.
    const counted = nameFor(state.known[dimension] as Set<string>, storedName(name));
    const byName = all[dimension] as Map<string, Cell>;
    let cell = byName.get(counted);
    if (!cell) {
      byName.set(counted, (cell = newCell()));
      cells += 1;
    }
    return cell;
  }

  /** Forgets APIs that were called neither today nor yesterday. */
  function forget(day: number): void {
    for (const [tenantId, apis] of states) {
      for (const [apiId, state] of apis) if (state.day < day - 1) apis.delete(apiId);
      if (apis.size === 0) states.delete(tenantId);
    }
  }

  function begin(minute: number): void {
    const day = Math.floor(minute / DAY_MS);
    if (day !== Math.floor(batch.minute / DAY_MS)) forget(day);
    if (batch.tenants.size > 0) waiting.push(batch);
    batch = { minute, tenants: new Map() };
  }

  return {
    count({ tenantId, apiId, revisionId, operation, clientId, status, milliseconds }) {
      const at = now();
      const minute = at - (at % MINUTE_MS);
      if (minute !== batch.minute) begin(minute);
      const api = cellsOf(tenantId, apiId);
      const bucket = milliseconds === undefined ? undefined : bucketOf(milliseconds);
      const failed = status !== undefined && status >= FIRST_ERROR;
      const add = (dimension: number, name: string): void => {
        const cell = api.cells[dimension]?.get(name) ?? newCellOf(api, dimension, name);
        cell.calls += 1;
        if (failed) cell.errors += 1;
        if (bucket !== undefined) (cell.histogram[bucket] as number) += 1;
      };
      add(0, '');
      add(1, operation === '' ? NONE : operation);
      add(2, clientId ?? NONE);
      add(3, status === undefined ? UNKNOWN : String(status));
      add(4, revisionId);
      const { state } = api;
      (state.classes[classOf(status)] as number) += 1;
      if (milliseconds !== undefined && milliseconds > 0) state.seconds += milliseconds / 1000;
    },
    take() {
      begin(batch.minute);
      const taken = waiting;
      waiting = [];
      cells = 0;
      return taken;
    },
    putBack(batches) {
      waiting = [...batches.filter(({ tenants }) => tenants.size > 0), ...waiting];
      const lost = Math.max(0, waiting.length - MOST_BATCHES);
      waiting = waiting.slice(lost);
      cells = [...waiting, batch].reduce((sum, each) => sum + sizeOf(each), 0);
      return lost;
    },
    totals: () =>
      [...states].flatMap(([tenantId, apis]) =>
        [...apis].map(([apiId, { classes, seconds }]) => ({ tenantId, apiId, classes, seconds })),
      ),
  };
}
