import { StoreUnavailable } from '../kernel/errors.js';
import { withoutValues } from './errors.js';

/** What PostgreSQL answers when it cannot serve (SQLSTATE, or its class). */
const POSTGRES: readonly [code: RegExp, reason: string][] = [
  [/^08/, 'the connection broke'],
  [/^53100/, 'the disk is full'],
  [/^53/, 'the server is out of resources'],
  [/^57014/, 'a statement took too long'],
  [/^57P0/, 'the server is stopping or starting'],
  [/^25006/, 'the server takes no writes'],
  [/^25P0[34]/, 'a transaction waited too long'],
  [/^55P03/, 'a lock was not free'],
  [/^40(001|P01)/, 'two transactions waited for each other'],
  [/^58/, 'the server cannot use its files'],
  [/^(28|3D)/, 'the server refuses the sign-in'],
];

const SQLITE: readonly [code: RegExp, reason: string][] = [
  [/^SQLITE_FULL/, 'the disk is full'],
  [/^SQLITE_READONLY/, 'the file takes no writes'],
  [/^SQLITE_(BUSY|LOCKED)/, 'another process holds the file'],
  [/^SQLITE_(IOERR|CANTOPEN|NOMEM)/, 'the file cannot be used'],
  [/^SQLITE_THREAD_ENDED/, 'the thread that works on the file ended'],
];

/** What says that nothing can be written, though reads and small writes may still work. */
const TAKES_NO_WRITES = /^(53100|25006|58|SQLITE_(FULL|READONLY|IOERR|CANTOPEN))/;

const failures = { all: 0, refused: 0 };

/** How often the store of this process could not serve: in all, and because it takes no writes. */
export const storeFailures = (): Readonly<typeof failures> => ({ ...failures });

function unavailable(reason: string, error: unknown): StoreUnavailable {
  failures.all += 1;
  if (TAKES_NO_WRITES.test((error as DriverError).code ?? '')) failures.refused += 1;
  return new StoreUnavailable(reason, withoutValues(error));
}

/** Of Node: the server cannot be reached, or the connection broke. */
const NETWORK =
  /^(ECONN(REFUSED|RESET|ABORTED)|EPIPE|ETIMEDOUT|ENOTFOUND|EAI_AGAIN|E(HOST|NET)UNREACH|ENOENT|ERR_STREAM_)/;

const SILENT = /Query read timeout$/;
const UNANSWERED = /timeout expired$/;

/** What pg says in words only. They are the end of the message: knex writes its statement before them. */
const WORDS: readonly [words: RegExp, reason: string][] = [
  [SILENT, 'the server is silent'],
  [UNANSWERED, 'the server is silent'],
  [/Connection terminated( unexpectedly)?$|is not queryable$/, 'the connection broke'],
];

interface DriverError extends Error {
  code?: string;
  errors?: DriverError[];
}

function reasonOf(error: unknown): string | undefined {
  if (!(error instanceof Error)) return undefined;
  const { code = '', message, errors } = error as DriverError;
  // A host with two addresses fails with one error for each.
  if (errors?.[0]) return reasonOf(errors[0]);
  if (NETWORK.test(code)) return 'the server cannot be reached';
  const known = [...POSTGRES, ...SQLITE].find(([pattern]) => pattern.test(code));
  return (known ?? (code === '' ? WORDS.find(([pattern]) => pattern.test(message)) : undefined))?.[1];
}

/**
 * A driver's error as the rest of the program sees it: StoreUnavailable where the store cannot serve, else itself. It holds
 * no values of the statement.
 */
export function storeError(error: unknown): unknown {
  const reason = reasonOf(error);
  return reason === undefined ? withoutValues(error) : unavailable(reason, error);
}

const DEADLOCK = '40P01';
/** How often a transaction is run again that PostgreSQL has ended for the sake of another. */
const DEADLOCK_RETRIES = 3;

/**
 * Runs a transaction, and again where PostgreSQL ended it because it and another waited for each other. Such a transaction
 * has changed nothing. Run must change nothing but the store.
 */
export async function retryingDeadlocks<T>(run: () => Promise<T>): Promise<T> {
  for (let retries = 0; ; retries++)
    try {
      return await run();
    } catch (error) {
      const { cause } = error as { cause?: DriverError };
      if (!(error instanceof StoreUnavailable && cause?.code === DEADLOCK) || retries === DEADLOCK_RETRIES)
        throw error;
    }
}

/** Runs a statement that answers at once. @throws StoreUnavailable, and what else the driver throws */
export function guardedNow<T>(work: () => T): T {
  try {
    return work();
  } catch (error) {
    throw storeError(error);
  }
}

const says =
  (words: RegExp) =>
  (error: unknown): boolean =>
    error instanceof Error && words.test(error.message);

/** Whether a query got no answer, so that its connection is of no more use. */
export const isSilence = says(SILENT);

/** Whether an attempt to connect got no answer in its time. */
export const isUnanswered = says(UNANSWERED);

/** Runs a driver's work. @throws StoreUnavailable, and what else the driver throws */
export async function guarded<T>(work: () => T | Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    throw storeError(error);
  }
}

/** Takes a connection from a pool. @throws StoreUnavailable, whatever the reason */
export async function acquired<T>(take: () => Promise<T>): Promise<T> {
  try {
    return await take();
  } catch (error) {
    throw unavailable(reasonOf(error) ?? 'no connection was free', error);
  }
}
