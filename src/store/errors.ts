/** What PostgreSQL's driver adds to an error; some of it holds values of the statement. */
interface DriverError extends Error {
  code?: string;
  severity?: string;
  constraint?: string;
  detail?: unknown;
  hint?: unknown;
  where?: unknown;
  internalQuery?: unknown;
}

const TELLING = ['detail', 'hint', 'where', 'internalQuery'] as const;
/** PostgreSQL's class of errors whose message quotes the value (Data Exception), and those that quote the statement. */
const QUOTES_VALUES = /^(?:22|42601)/;

const isFrame = (line: string): boolean => /^\s+at /.test(line);

/**
 * A driver's error without the values of the statement, which would come into logs with it: `Key (email)=(…)`, `invalid input
 * syntax for type bigint: "…"`. Its code and its constraint stay.
 */
export function withoutValues(error: unknown): unknown {
  if (!(error instanceof Error)) return error;
  const driver = error as DriverError;
  for (const name of TELLING) delete driver[name];
  const frames = (error.stack ?? '').split('\n').filter(isFrame);
  if (driver.severity !== undefined && QUOTES_VALUES.test(driver.code ?? ''))
    error.message = `a value or the statement is not as it must be (${driver.code})`;
  error.stack = [`${error.name}: ${error.message}`, ...frames].join('\n');
  return error;
}
