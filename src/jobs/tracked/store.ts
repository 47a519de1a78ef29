import { BASIC, Failure } from '../../api/index.js';
import { NotFound } from '../../kernel/errors.js';
import { newId } from '../../kernel/ids.js';
import { parse } from '../../kernel/json.js';
import type { Row, TenantDb } from '../../store/index.js';
import type { Job, JobFailure, JobState } from './types.js';

const TABLE = 'tracked_jobs';

/** Jobs that wait or run. */
export const MOST_OF_API = 20;
export const MOST_OF_TENANT = 200;

const MOST_INPUT = 64 * 1024;

/** A job, and the number that grows with each stored change. */
export interface StoredJob {
  job: Job;
  version: number;
}

/** Names a job in the whole store. */
export interface JobKey {
  tenantId: string;
  id: string;
}

/** How far a job has gone that nothing undoes (`committed`): it can be cancelled, or it publishes, or only what follows that is left. */
export type Commitment = 0 | typeof PUBLISHING | typeof PUBLISHED;
export const PUBLISHING = 1;
export const PUBLISHED = 2;

const iso = (milliseconds: unknown): string => new Date(Number(milliseconds)).toISOString();

export const toJob = (row: Row): Job => ({
  id: row['id'] as string,
  kind: row['kind'] as string,
  apiId: row['api_resource_id'] as string,
  state: row['state'] as JobState,
  step: row['step'] as string | null,
  percent: Number(row['percent']),
  lastLines: parse<string[]>(row['last_lines']),
  ...(row['result'] !== null && { result: parse<Record<string, unknown>>(row['result']) }),
  ...(row['failure'] !== null && { failure: parse<JobFailure>(row['failure']) }),
  createdAt: iso(row['created_at']),
  updatedAt: iso(row['updated_at']),
  ...(row['ended_at'] !== null && { endedAt: iso(row['ended_at']) }),
});

/** What a job needs to begin. */
export interface NewJob {
  kind: string;
  apiId: string;
  /** JSON, at most 64 KiB, without secrets. */
  input: unknown;
}

/**
 * Adds a job behind the others of its API. Other jobs of the tenant are added only after the transaction has ended.
 * @throws Failure 429 where too many wait already
 */
export async function insertJob(db: TenantDb, { kind, apiId, input }: NewJob): Promise<Job> {
  const text = JSON.stringify(input ?? null);
  if (text.length > MOST_INPUT) throw new Error(`the input of a job of ${kind} is too large`);
  await db.lockTenant();
  await checkRoom(db, apiId);
  const newest: Row | undefined = await db
    .from(TABLE)
    .where({ api_resource_id: apiId })
    .orderBy('place', 'desc')
    .first('place');
  const now = Date.now();
  const row: Row = {
    id: newId(),
    api_resource_id: apiId,
    kind,
    input: text,
    place: Number(newest?.['place'] ?? 0) + 1,
    state: 'queued',
    step: null,
    percent: 0,
    last_lines: '[]',
    note: null,
    result: null,
    failure: null,
    version: 1,
    created_at: now,
    updated_at: now,
    ended_at: null,
  };
  await db.insert(TABLE, row);
  return toJob(row);
}

async function checkRoom(db: TenantDb, apiId: string): Promise<void> {
  const open: Row[] = await db
    .from(TABLE)
    .whereNull('ended_at')
    .limit(MOST_OF_TENANT)
    .select('api_resource_id');
  const ofApi = open.filter((row) => row['api_resource_id'] === apiId).length;
  if (ofApi >= MOST_OF_API) throw tooMany(`${MOST_OF_API} jobs of this API`);
  if (open.length >= MOST_OF_TENANT) throw tooMany(`${MOST_OF_TENANT} jobs of the tenant`);
}

const tooMany = (which: string): Failure =>
  new Failure(429, BASIC.tooManyRequests, {
    message: `${which} wait or run already; wait until one has ended, or cancel one`,
    headers: { 'Retry-After': '10' },
  });

const noJob = (id: string): NotFound => new NotFound('job', `there is no job "${id}"`);

/** @throws NotFound */
export async function findJob(db: TenantDb, id: string): Promise<StoredJob> {
  const row = (await db.from(TABLE).where({ id }).first()) as Row | undefined;
  if (!row) throw noJob(id);
  return { job: toJob(row), version: Number(row['version']) };
}

/**
 * Cancels a job that waits, and asks the node that runs it to cancel one that runs, unless it publishes. One that has published
 * is failed then, and one that has ended stays as it is.
 * @returns the job as it is then
 * @throws NotFound
 */
export async function cancelJob(db: TenantDb, id: string): Promise<Job> {
  const row = (await db.from(TABLE).where({ id }).forUpdate().first()) as Row | undefined;
  if (!row) throw noJob(id);
  if (row['ended_at'] === null && Number(row['committed']) !== PUBLISHING) {
    const now = Date.now();
    // One that a server gave back after it had published is failed by the node that takes it.
    const change =
      row['state'] === 'queued' && Number(row['committed']) === 0
        ? {
            ...ending('cancelled', now),
            version: Number(row['version']) + 1,
            updated_at: now,
            input: 'null',
            note: null,
          }
        : { cancel_requested: 1 };
    await db.from(TABLE).where({ id }).update(change);
    Object.assign(row, change);
  }
  return toJob(row);
}

const DAY_MS = 86_400_000;
/** How long an ended job can be read. */
export const KEPT_MS = 30 * DAY_MS;

const ending = (state: JobState, now: number) => ({ state, ended_at: now, expires_at: now + KEPT_MS });
