import { Failure, type FieldProblem } from '../api/failure.js';
import {
  Busy,
  ConfigError,
  Conflict,
  Invalid,
  NotFound,
  SchemaMismatch,
  StoreUnavailable,
} from '../kernel/errors.js';
import type { Io } from './io.js';
import { withNames, type NameOfField } from './option-names.js';

/** What scripts can rely on. */
export const EXIT = { done: 0, failed: 1, usage: 2, notFound: 3, conflict: 4, invalid: 5 } as const;

export const EXIT_HELP = `
Exit codes: 0 done, 1 failed or wrong configuration, 2 wrong usage, 3 no such thing, 4 conflict (it exists already, or must stay), 5 not acceptable.
Configuration comes from config/*.json and the environment; see the table in README.md.`;

/** One answer of a command: for people as lines, with --json as one JSON document. */
export function print({ stdout }: Io, json: boolean, value: unknown, lines: string[]): void {
  stdout.write(json ? `${JSON.stringify(value, null, 2)}\n` : lines.map((line) => `${line}\n`).join(''));
}

/** Columns that line up. */
export function table(rows: string[][]): string[] {
  const widths = (rows[0] ?? []).map((_, column) =>
    Math.max(...rows.map((row) => (row[column] ?? '').length)),
  );
  return rows.map((row) =>
    row
      .map((cell, column) => cell.padEnd(widths[column] ?? 0))
      .join('  ')
      .trimEnd(),
  );
}

/** Of failures that the management API answers as well. */
const EXIT_OF_STATUS: Readonly<Record<number, number>> = {
  404: EXIT.notFound,
  409: EXIT.conflict,
  413: EXIT.invalid,
  422: EXIT.invalid,
};

const MOST_PROBLEMS = 20;

function problemsIn(data: unknown): Partial<FieldProblem>[] {
  const { problems = data } = (data ?? {}) as { problems?: unknown };
  return (Array.isArray(problems) ? (problems as Partial<FieldProblem>[]) : []).slice(0, MOST_PROBLEMS);
}

/** The message of a failure, with fields by what was typed for them. */
export function failureLine(
  { message, data }: { message: string; data?: unknown },
  nameOf: NameOfField,
): string {
  const fields = problemsIn(data).flatMap(({ field }) => field ?? []);
  return withNames(message, fields, nameOf);
}

/** What is wrong with a document, with its place in the text; what a tool wrote last that failed. */
function problemLines(data: unknown): string[] {
  const { lastLines } = (data ?? {}) as { lastLines?: unknown };
  const places = problemsIn(data).flatMap(({ line, column, path, message }) =>
    line === undefined || message === undefined
      ? []
      : [`line ${line}${column === undefined ? '' : `:${column}`} ${path ?? ''} ${message}`],
  );
  return [...places, ...(Array.isArray(lastLines) ? lastLines.map(String) : [])];
}

/** The person at the command line is the operator, who can open the way to a private address. */
const adviceFor = (data: unknown): string[] =>
  problemsIn(data).some(({ rule }) => rule === 'private')
    ? ['to allow it, name the address in GATEHOUSE_OUTBOUND_ALLOW, or in outbound.allow of the configuration']
    : [];

/** One line on standard error, and the exit code that belongs to it. @param nameOf what the command calls a field */
export function explain({ env, stderr }: Io, error: unknown, nameOf: NameOfField): number {
  const line = (text: string): void => void stderr.write(`gatehouse: ${text}\n`);
  if (error instanceof ConfigError || error instanceof SchemaMismatch || error instanceof Busy) {
    line(error.message);
    return EXIT.failed;
  }
  if (error instanceof StoreUnavailable) {
    line(`the store is not available (${error.reason}); nothing was changed`);
    return EXIT.failed;
  }
  if (error instanceof NotFound || error instanceof Conflict || error instanceof Invalid) {
    // The key of such a refusal names no option and no field.
    line(error.key === 'wayIn' ? error.message : `${nameOf(error.key)}: ${error.message}`);
    return error instanceof NotFound
      ? EXIT.notFound
      : error instanceof Conflict
        ? EXIT.conflict
        : EXIT.invalid;
  }
  if (error instanceof Failure) {
    line(failureLine(error, nameOf));
    for (const text of [...problemLines(error.data), ...adviceFor(error.data)]) stderr.write(`  ${text}\n`);
    return EXIT_OF_STATUS[error.status] ?? EXIT.failed;
  }
  // The reader that closed the pipe of standard output needs no message.
  if ((error as NodeJS.ErrnoException | undefined)?.code === 'EPIPE') return EXIT.failed;
  line(
    error instanceof Error
      ? env['LOG_LEVEL'] === 'debug'
        ? String(error.stack)
        : error.message
      : String(error),
  );
  return EXIT.failed;
}

export const time = (ms: number | null): string => (ms === null ? '-' : new Date(ms).toISOString());
