import type { Knex } from 'knex';
import { storeTime, type Row, type Store } from '../../store/index.js';
import { KEPT_MS, PUBLISHED, PUBLISHING, type Commitment, type JobKey } from './store.js';
import type { JobFailure } from './types.js';

/** So often a job whose node was killed is run again. */
export const MOST_RERUNS = 5;

/** A job that a node may take, or has to give up. */
export interface Candidate extends JobKey {
  /** It was cancelled, or has been run too often, and nobody runs it any more. */
  isOver: boolean;
}

/** A job that this node holds, until its lease runs out. */
export interface Lease extends JobKey {
  token: string;
}

/** What a run of a job begins with. */
export interface Taken {
  kind: string;
  apiId: string;
  input: string;
  note: string | null;
  lastLines: string;
  commitment: Commitment;
}

/** How a run ends. The failure of a cancelled one is for a job that has published already, which is then failed. */
export type Ending = { state: 'done'; result: string } | { state: 'failed' | 'cancelled'; failure: string };

/** What is to be known of a job that a node holds. */
export interface Standing {
  token: string;
  cancelled: boolean;
  /** Its tenant is disabled. */
  disabled: boolean;
  commitment: Commitment;
}

/**
 * The statements of a node that runs jobs. Each change of a job that runs names the token of its lease, so that a node which has
 * lost the lease changes nothing. Times are the store's: the clocks of nodes may differ.
 */
export interface Leases {
  /** Jobs that wait for a node, each the oldest of its API: those of the tenants behind `tenantId` first. */
  candidates(tenantId: string): Promise<Candidate[]>;
  /** Answers false where another node was quicker. */
  take(lease: Lease, milliseconds: number): Promise<boolean>;
  read(lease: Lease): Promise<Taken | undefined>;
  /** Ends a job that is over. */
  giveUp(key: JobKey, failure: JobFailure): Promise<void>;
  renew(lease: Lease, milliseconds: number): Promise<boolean>;
  /** These answer false where the lease is lost, the job is cancelled, or its tenant is disabled. */
  step(lease: Lease, step: string, percent: number, lines: string): Promise<boolean>;
  note(lease: Lease, note: string): Promise<boolean>;
  commit(lease: Lease): Promise<boolean>;
  /** These answer false where the lease is lost. */
  publish(lease: Lease): Promise<boolean>;
  lines(lease: Lease, lines: string): Promise<boolean>;
  /** Puts the job back, for another run by any node. Answers false where the job is cancelled or not held. */
  release(lease: Lease): Promise<boolean>;
  /** Answers false where the lease is lost. */
  end(lease: Lease, ending: Ending, lines: string): Promise<boolean>;
  /** Those of these jobs that are held. */
  standing(leases: readonly Lease[]): Promise<Standing[]>;
}

const HELD = 'tenant_id = ? AND id = ? AND lease_token = ? AND ended_at IS NULL';
const IS_ENABLED =
  'EXISTS (SELECT 1 FROM tenants WHERE tenants.id = tracked_jobs.tenant_id AND tenants.enabled)';
/** What is being published is recorded all the same. */
const MAY_GO_ON = `cancel_requested = 0 AND (committed = ${PUBLISHING} OR ${IS_ENABLED})`;

function statementsOf({ prepare, dialect }: Store, kinds: readonly string[]) {
  const now = storeTime(dialect);
  const changed = `version = version + 1, updated_at = ${now}`;
  /** It was cancelled before it published anything. */
  const isUndone = 'cancel_requested = 1 AND committed = 0';
  const isOver = `(cancel_requested = 1 OR reruns >= ${MOST_RERUNS})`;
  const over = `ended_at = ${now}, expires_at = ${now} + ${KEPT_MS}, lease_token = NULL, lease_until = NULL, note = NULL, input = 'null'`;
  return {
    candidates: prepare(
      `SELECT job.tenant_id, job.id, CASE WHEN state = 'running' AND ${isOver} THEN 1 ELSE 0 END AS is_over
         FROM tracked_jobs job
        WHERE ended_at IS NULL AND (state = 'queued' OR lease_until <= ${now})
          AND kind IN (${kinds.map(() => '?').join(', ')})
          AND NOT EXISTS (SELECT 1 FROM tracked_jobs older
                           WHERE older.tenant_id = job.tenant_id AND older.api_resource_id = job.api_resource_id
                             AND older.ended_at IS NULL AND older.place < job.place)
        ORDER BY CASE WHEN job.tenant_id > ? THEN 0 ELSE 1 END, job.tenant_id, created_at, job.id LIMIT 20`,
    ),
    take: prepare(
      `UPDATE tracked_jobs SET lease_token = ?, lease_until = ${now} + ?, step = NULL, percent = 0, ${changed},
              reruns = reruns + CASE WHEN state = 'running' THEN 1 ELSE 0 END, state = 'running'
        WHERE tenant_id = ? AND id = ? AND ended_at IS NULL
          AND (state = 'queued' OR lease_until <= ${now} AND NOT ${isOver})`,
    ),
    read: prepare(
      `SELECT kind, api_resource_id, input, note, last_lines, committed FROM tracked_jobs WHERE ${HELD}`,
    ),
    giveUp: prepare(
      `UPDATE tracked_jobs SET state = CASE WHEN ${isUndone} THEN 'cancelled' ELSE 'failed' END,
              failure = CASE WHEN ${isUndone} THEN NULL ELSE ? END, ${over}, ${changed}
        WHERE tenant_id = ? AND id = ? AND ended_at IS NULL AND lease_until <= ${now} AND ${isOver}`,
    ),
    renew: prepare(`UPDATE tracked_jobs SET lease_until = ${now} + ? WHERE ${HELD}`),
    step: prepare(
      `UPDATE tracked_jobs SET step = ?, percent = CASE WHEN percent < ? THEN ? ELSE percent END, last_lines = ?, ${changed}
        WHERE ${HELD} AND ${MAY_GO_ON}`,
    ),
    note: prepare(`UPDATE tracked_jobs SET note = ? WHERE ${HELD} AND ${MAY_GO_ON}`),
    commit: prepare(
      `UPDATE tracked_jobs SET committed = ${PUBLISHING} WHERE ${HELD} AND cancel_requested = 0 AND ${IS_ENABLED}`,
    ),
    publish: prepare(`UPDATE tracked_jobs SET committed = ${PUBLISHED} WHERE ${HELD}`),
    lines: prepare(`UPDATE tracked_jobs SET last_lines = ?, ${changed} WHERE ${HELD}`),
    release: prepare(
      `UPDATE tracked_jobs SET state = 'queued', lease_token = NULL, lease_until = NULL, ${changed}
        WHERE ${HELD} AND cancel_requested = 0`,
    ),
    done: prepare(
      `UPDATE tracked_jobs SET state = 'done', percent = 100, result = ?, last_lines = ?, ${over}, ${changed} WHERE ${HELD}`,
    ),
    failed: prepare(
      `UPDATE tracked_jobs SET state = 'failed', failure = ?, last_lines = ?, ${over}, ${changed}
        WHERE ${HELD} AND (cancel_requested = 0 OR committed <> 0)`,
    ),
    cancelled: prepare(
      `UPDATE tracked_jobs SET state = CASE WHEN committed = 0 THEN 'cancelled' ELSE 'failed' END,
              failure = CASE WHEN committed = 0 THEN NULL ELSE ? END, last_lines = ?, ${over}, ${changed} WHERE ${HELD}`,
    ),
  };
}

/** @param kinds of jobs that this node can run. */
export function openLeases(store: Store, kinds: readonly string[]): Leases {
  const statements = statementsOf(store, kinds);
  const held = ({ tenantId, id, token }: Lease) => [tenantId, id, token] as const;
  return {
    candidates: async (tenantId) =>
      (await statements.candidates.all(...kinds, tenantId)).map((row) => ({
        ...keyOf(row),
        isOver: Number(row['is_over']) === 1,
      })),
    take: async ({ tenantId, id, token }, milliseconds) =>
      (await statements.take.run(token, milliseconds, tenantId, id)) > 0,
    async read(lease) {
      const row = await statements.read.first(...held(lease));
      return row && takenOf(row);
    },
    async giveUp({ tenantId, id }, failure) {
      await statements.giveUp.run(JSON.stringify(failure), tenantId, id);
    },
    renew: async (lease, milliseconds) => (await statements.renew.run(milliseconds, ...held(lease))) > 0,
    step: async (lease, step, percent, lines) =>
      (await statements.step.run(step, percent, percent, lines, ...held(lease))) > 0,
    note: async (lease, note) => (await statements.note.run(note, ...held(lease))) > 0,
    commit: async (lease) => (await statements.commit.run(...held(lease))) > 0,
    publish: async (lease) => (await statements.publish.run(...held(lease))) > 0,
    lines: async (lease, lines) => (await statements.lines.run(lines, ...held(lease))) > 0,
    release: async (lease) => (await statements.release.run(...held(lease))) > 0,
    async end(lease, ending, lines) {
      const { done, failed, cancelled } = statements;
      if (ending.state === 'done') return (await done.run(ending.result, lines, ...held(lease))) > 0;
      // A failure of a job that is to be cancelled is what the cancellation led to.
      if (ending.state === 'failed' && (await failed.run(ending.failure, lines, ...held(lease))) > 0)
        return true;
      return (await cancelled.run(ending.failure, lines, ...held(lease))) > 0;
    },
    standing: (leases) => standing(store.knex, leases),
  };
}

const keyOf = (row: Row): JobKey => ({ tenantId: row['tenant_id'] as string, id: row['id'] as string });

const takenOf = (row: Row): Taken => ({
  kind: row['kind'] as string,
  apiId: row['api_resource_id'] as string,
  input: row['input'] as string,
  note: row['note'] as string | null,
  lastLines: row['last_lines'] as string,
  commitment: Number(row['committed']) as Commitment,
});

/** The rows of jobs that may be of many tenants, in one query; each is named with its tenant. */
const rowsOf = (knex: Knex, keys: readonly JobKey[]): Knex.QueryBuilder =>
  knex('tracked_jobs').whereIn(
    ['tenant_id', 'id'],
    keys.map(({ tenantId, id }) => [tenantId, id]),
  );

async function standing(knex: Knex, leases: readonly Lease[]): Promise<Standing[]> {
  const rows: Row[] = await rowsOf(knex, leases)
    .whereNotNull('lease_token')
    .select('lease_token', 'cancel_requested', 'committed', knex.raw(`${IS_ENABLED} AS enabled`));
  return rows.map((row) => ({
    token: row['lease_token'] as string,
    cancelled: Number(row['cancel_requested']) === 1,
    disabled: !row['enabled'],
    commitment: Number(row['committed']) as Commitment,
  }));
}

/** The versions of jobs by `tenant id`, without those that are deleted. */
export async function versionsOf(knex: Knex, keys: readonly JobKey[]): Promise<Map<string, number>> {
  const rows: Row[] = await rowsOf(knex, keys).select('tenant_id', 'id', 'version');
  return new Map(rows.map((row) => [nameOf(keyOf(row)), Number(row['version'])]));
}

export const nameOf = ({ tenantId, id }: JobKey): string => `${tenantId} ${id}`;
