/** What PostgreSQL's driver adds to an error; some of it holds values of the statement. */
interface DriverError extends Error {
  code?: string;
  severity?: string;
  constraint?: string;
  table?: string;
  column?: string;
  schema?: string;
  dataType?: string;
  detail?: unknown;
  hint?: unknown;
  where?: unknown;
  internalQuery?: unknown;
}

const TELLING = ['detail', 'hint', 'where', 'internalQuery'] as const;
/** What a function or an extension may fill with anything, where it raises an error of its own. */
const NAMES = ['schema', 'table', 'column', 'constraint', 'dataType'] as const;
const NAME = /^[a-z_][a-z0-9_]{0,62}$/;

/**
 * PostgreSQL's errors whose message the server writes, of names alone: connection, sign-in, rights, resources, locks, time, and
 * tables or columns that are missing or there already. All others may quote values or the statement.
 */
const WITHOUT_VALUES = /^(?:08|25|28|3D|40|42501|42703|42P0[167]|53|55|57|58)/;
/** SQLite's error of a trigger, whose message is the trigger's. */
const OF_TRIGGER = 'SQLITE_CONSTRAINT_TRIGGER';

const isFrame = (line: string): boolean => /^\s+at /.test(line);

/** What can be said of a refusal without its message; undefined where the message has no values. */
function plainly(driver: DriverError): string | undefined {
  const { code = '', severity, where } = driver;
  if (code === OF_TRIGGER) return `a trigger refused the statement (${code})`;
  // A function that raises an error chooses its code and its words; `where` says that there was one.
  if (severity === undefined || (WITHOUT_VALUES.test(code) && where === undefined)) return undefined;
  const names = NAMES.flatMap((name) => (driver[name] === undefined ? [] : [`${name} ${driver[name]}`]));
  return `the server refused the statement (${[code, ...names].join(', ')})`;
}

/**
 * A driver's error without the values of the statement, which would come into logs with it: `Key (email)=(…)`, `invalid input
 * syntax for type bigint: "…"`, and what a trigger says of its row. Its code stays, and the names of what it is about.
 */
export function withoutValues(error: unknown): unknown {
  if (!(error instanceof Error)) return error;
  const driver = error as DriverError;
  for (const name of NAMES) if (!NAME.test(driver[name] ?? '')) delete driver[name];
  const frames = (error.stack ?? '').split('\n').filter(isFrame);
  const plain = plainly(driver);
  if (plain !== undefined) error.message = plain;
  for (const name of TELLING) delete driver[name];
  error.stack = [`${error.name}: ${error.message}`, ...frames].join('\n');
  return error;
}
