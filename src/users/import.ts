import {
  areaAt,
  CallerEnded,
  defineStream,
  Failure,
  shapes,
  type AnyOperation,
  type FieldProblem,
  type Holdings,
  type Judge,
} from '../api/index.js';
import type { NamesOfDevices } from '../clients/index.js';
import { Conflict, ProductError } from '../kernel/errors.js';
import type { TenantDb } from '../store/index.js';
import { reachOf } from './authority.js';
import { checkForeignHash } from './foreign-hashes.js';
import { randomUserName } from './names.js';
import type { NewUser } from './schema.js';
import { fieldsIn, IMPORTED_USER } from './shapes.js';
import {
  alreadyTaken,
  heldBy,
  prepareUser,
  rememberedRoles,
  writeUsers,
  type PreparedUser,
} from './store.js';

const IMPORTED = {
  title: 'ImportedLine',
  type: 'object',
  additionalProperties: false,
  required: ['line', 'result'],
  properties: {
    line: { type: 'integer', description: 'The number of the line, from 1 on.' },
    result: {
      type: 'string',
      enum: ['created', 'exists', 'refused'],
      description:
        '`exists`: another user has the name, the address, the number or the key, as after an import that broke off.',
    },
    id: shapes.id,
    problem: {
      title: 'LineProblem',
      type: 'object',
      additionalProperties: false,
      required: ['field', 'rule', 'message'],
      properties: { field: { type: 'string' }, rule: { type: 'string' }, message: { type: 'string' } },
    },
  },
} as const;

const QUERY = {
  type: 'object',
  additionalProperties: false,
  properties: {
    from: {
      type: 'integer',
      minimum: 1,
      maximum: 1_000_000_000,
      default: 1,
      description: 'The line to begin with: the one after the last that was answered.',
    },
  },
} as const;

/** So many users share a transaction. */
const BATCH = 100;
/** The batches after which the table is another one. */
const GROWN = new Set([1, 10, 100, 1000]);

export type Imported =
  | { line: number; result: 'created'; id: string }
  | { line: number; result: 'exists' | 'refused'; problem: FieldProblem };

/** A line's user, as it came in. */
type Given = Partial<Omit<NewUser, 'lockedUntil' | 'enabled'>> & {
  status?: 'enabled' | 'disabled';
  lockedUntil?: string | null;
  passwordHash?: string;
};

/** What is wrong with one user is an answer; what is wrong with the store is not. */
function refusalOf(line: number, error: unknown): Imported {
  if (error instanceof Conflict)
    return { line, result: 'exists', problem: { field: error.key, rule: 'unique', message: error.message } };
  if (error instanceof ProductError)
    return {
      line,
      result: 'refused',
      problem: { field: error.key, rule: 'invalid', message: error.message },
    };
  if (error instanceof Failure)
    return { line, result: 'refused', problem: { field: '', rule: 'forbidden', message: error.message } };
  throw error;
}

/** What an imported user has before the import. */
const NOTHING: Holdings = new Map();

/** What the users of a batch are looked up in. */
interface Known {
  rolesOf: ReturnType<typeof rememberedRoles>;
  /** What else those have who act as a user, by the keys and names that come with the users. */
  reach: Awaited<ReturnType<typeof reachOf>>;
}

async function prepare(
  db: TenantDb,
  judge: Judge,
  { passwordHash, ...given }: Given,
  { rolesOf, reach }: Known,
): Promise<PreparedUser> {
  if (passwordHash !== undefined) checkForeignHash(passwordHash);
  const user = { ...fieldsIn(given), userName: given.userName ?? randomUserName() };
  const prepared = await prepareUser(db, user, passwordHash ?? null, rolesOf);
  const held = heldBy(prepared.roles, user.claims);
  const names = { userKey: prepared.row['user_key'] as string, userName: user.userName };
  await judge(NOTHING, new Map([[prepared.row.id, { ...held, ...reach(names) }]]));
  return prepared;
}

/** Runs work in one transaction and tells the audit what it was about. */
type Transaction = <T>(target: string, work: (db: TenantDb, judge: Judge) => Promise<T>) => Promise<T>;

interface Numbered {
  line: number;
  given: Given;
}

/** Undoes a batch in which one user can not be written, so that each can be tried alone. */
class OneIsTaken extends Error {}

/**
 * Writes users all together. Where one of them is refused by the store the whole batch is undone, and each is written
 * alone, so that a bad one costs only itself.
 */
async function* writeBatch(
  batch: readonly Numbered[],
  transaction: Transaction,
  devices: NamesOfDevices,
  grown = false,
): AsyncIterable<Imported> {
  const together = async (db: TenantDb, judge: Judge): Promise<Imported[]> => {
    const users = batch.map(({ given }) => given);
    const known = { rolesOf: rememberedRoles(db), reach: await reachOf(db, devices, users) };
    const answers = new Map<number, Imported>();
    const prepared = new Map<PreparedUser, number>();
    for (const { line, given } of batch)
      try {
        prepared.set(await prepare(db, judge, given, known), line);
      } catch (error) {
        answers.set(line, refusalOf(line, error));
      }
    const taken = await alreadyTaken(db, [...prepared.keys()]);
    for (const [user, line] of prepared) {
      const conflict = taken.get(user);
      answers.set(line, conflict ? refusalOf(line, conflict) : { line, result: 'created', id: user.row.id });
    }
    const free = [...prepared.keys()].filter((user) => !taken.has(user));
    try {
      await writeUsers(db, free);
      if (grown) await db.grown('users');
    } catch (error) {
      if (error instanceof Conflict && batch.length > 1) throw new OneIsTaken();
      throw error;
    }
    return batch.map(({ line }) => answers.get(line) as Imported);
  };
  try {
    yield* await transaction(`${batch.length} users`, together);
  } catch (error) {
    const [only] = batch;
    if (error instanceof CallerEnded) {
      for (const { line } of batch) yield refusalOf(line, error.failure);
      throw error;
    }
    if (batch.length === 1 && only) {
      yield refusalOf(only.line, error);
      return;
    }
    if (!(error instanceof OneIsTaken)) throw error;
    const half = Math.ceil(batch.length / 2);
    yield* writeBatch(batch.slice(0, half), transaction, devices);
    yield* writeBatch(batch.slice(half), transaction, devices);
  }
}

/**
 * `POST /api/User/Import`: users of another system, a line each, with the hashes of their passwords.
 * @param devices which names are of devices.
 */
export const importOperation = (devices: NamesOfDevices): AnyOperation =>
  defineStream({
    ...areaAt('user', '/api/User').own('import', 'POST', '/Import'),
    summary: 'Import users, one JSON object a line; each line is answered on its own',
    example: {
      userName: 'carla',
      email: 'carla@example.com',
      passwordHash: '$2b$10$N9qo8uLOickgx2ZMRZoMyeIjZAgcfl7p92ldGxad68LJZdL17lhWy',
    },
    schemas: { query: QUERY, body: IMPORTED_USER, answer: IMPORTED },
    async *stream({ query, lines, transaction }) {
      const from = query.from ?? 1;
      let batch: Numbered[] = [];
      let batches = 0;
      for await (const line of lines) {
        if (line.number < from) continue;
        if ('problem' in line) {
          yield* flush();
          yield { line: line.number, result: 'refused' as const, problem: line.problem };
          continue;
        }
        batch.push({ line: line.number, given: line.value });
        if (batch.length === BATCH) yield* flush();
      }
      yield* flush();

      async function* flush(): AsyncIterable<Imported> {
        const full = batch;
        batch = [];
        if (full.length === 0) return;
        batches += 1;
        yield* writeBatch(full, transaction, devices, GROWN.has(batches));
      }
    },
  });
