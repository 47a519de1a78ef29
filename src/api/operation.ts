import type { FromSchema, JSONSchema } from 'json-schema-to-ts';
import type { Context } from 'koa';
import type { Knex } from 'knex';
import type { TenantDb } from '../store/index.js';
import type { Access, Actor } from './access.js';
import type { Authority, Judge } from './authority.js';
import type { BodyLimits } from './body.js';
import type { Code, Language } from './codes.js';
import type { Failure, FieldProblem } from './failure.js';
import type { LinkPage } from './links.js';

/** The tenant of a call, as far as operations need to know it. */
export interface CallTenant {
  id: string;
  name: string;
  issuer: string;
  home: boolean;
  /** Whether people may make accounts for themselves. */
  registrationOpen: boolean;
}

/** What a handler is given, checked by the operation's schemas. There is no HTTP in it. */
export interface Call<P, Q, B> {
  tenant: CallTenant;
  /** Absent where the operation is open. */
  actor: Actor | undefined;
  /** Where the call comes from. */
  address: string;
  /** The tenant's tables; in a transaction with the audit row where the operation changes something. */
  db: TenantDb;
  language: Language;
  params: P;
  query: Q;
  body: B;
}

/** What a handler is given whose operation is about all tenants: the whole store as well. */
export interface HomeCall<P, Q, B> extends Call<P, Q, B> {
  everything: Knex;
}

/** A line of NDJSON that came in: its number, from 1 on, and what it holds or why it can not be read. */
export type Line<B> = { number: number } & ({ value: B } | { problem: FieldProblem });

/** What a handler of lines is given. It makes its own transactions, many lines each. */
export interface StreamCall<Q, B> {
  tenant: CallTenant;
  actor: Actor | undefined;
  query: Q;
  lines: AsyncIterable<Line<B>>;
  /**
   * One transaction with its audit row; `target` says what it was about. `judge` decides about what the lines make: no
   * line is written that it refuses.
   */
  transaction<T>(target: string, work: (db: TenantDb, judge: Judge) => Promise<T>): Promise<T>;
}

/** One page of a list. */
export interface Page<T> {
  rows: T[];
  total: number;
  /** Whether there are more than `total`: counting ends somewhere. */
  more?: boolean | undefined;
  /** What `after` takes to go on from here; absent on the last page. */
  next?: string | undefined;
}

/** A thing as it is now, as an event of a stream. */
export interface ThingEvent<A> {
  /** What kind of event it is. */
  event: string;
  /** Another one for each change of the thing; callers send the last one that they got as `Last-Event-ID`. */
  id: string;
  data: A;
  /** Whether none follows. */
  last: boolean;
}

/** How callers follow the thing that an operation reads, by server-sent events (events.ts). */
export interface Following<C, A> {
  /** Reads the thing for each event, for the caller as they are then. @throws NotFound where they do not see it any more */
  read(call: C): Promise<ThingEvent<A>>;
  /**
   * Yields true when the thing may have changed, and false from time to time when it has not, until `signal` is aborted.
   * @throws Failure where too many follow already
   */
  changes(call: Omit<C, 'db' | 'everything'>, signal: AbortSignal): AsyncIterable<boolean>;
}

/** Work that goes on after the change that starts it (started-work.ts). The operation answers what is known of the work. */
export interface StartedWork<A> {
  /** Where the work is read. */
  location(answer: A): string;
  /** Waits until the work has ended, for as long as a caller should wait. No transaction is open meanwhile. */
  wait(answer: A, tenantId: string, signal: AbortSignal): Promise<WorkOutcome<A>>;
}

/** How work is after the wait. */
export interface WorkOutcome<A> {
  answer: A;
  ended: boolean;
  /** Why it did not do what was asked. */
  failure?: Failure | undefined;
}

/**
 * What is the same of an operation whatever its schemas are.
 * - `changes`: what else has to follow a change: `provider` where sign-in and tokens depend on it, so that it works from the
 *   next request on; `tenants` where other tenants than the caller's are concerned; nothing where it is read each time.
 */
interface Declared {
  readonly id: `${string}.${string}`;
  readonly method: 'GET' | 'POST' | 'PUT' | 'DELETE';
  readonly path: `/api/${string}`;
  readonly summary: string;
  readonly access: Access;
  /** A body as a developer would send it, for the documentation. */
  readonly example?: Readonly<Record<string, unknown>>;
  /** What a Conflict with this key is answered as. */
  readonly conflicts?: Readonly<Record<string, Code>>;
  readonly changes?: 'provider' | 'tenants';
  /**
   * Whether it can take rights from somebody: permissions, scopes, a role, the account. Such a change waits for changes
   * that have begun, and is seen by all that begin later (TenantDb.lockRights).
   */
  readonly takesRights?: boolean | ((call: { body: unknown }) => boolean);
  /** The answer depends on nothing but the caller's language: it is made once for each. */
  readonly constant?: boolean;
  /** How much its body may have, where that is not what bodies usually may. */
  readonly limits?: BodyLimits;
  /** Whether its body is a form, urlencoded or multipart, in place of JSON. */
  readonly form?: boolean;
}

/**
 * An operation, declared once. From this come its route, guard, validation, envelope, audit row, documentation, error table
 * and contract tests.
 * - `keep`: seconds for which whoever reads it, and whatever lies in between, may keep the answer; without it nobody may;
 * - `receive`: reads a body of its own kind as it comes, in place of JSON that the schema of `body` checks; the handler gets what
 *   it answers, in place of what `prepare` does;
 * - `prepare`: slow work that needs no transaction (hashing), done before it; the handler gets what it answers. `callerLeaves`
 *   gives a signal that is aborted when the caller goes away before the answer is out;
 * - `download`: the answer as a file, for callers that prefer its media type (`Accept`);
 * - `acts`: set where `prepare` does what no transaction undoes; the caller is read again before it as well;
 * - `finish`: what follows the committed change and may take long, in transactions of its own; the caller waits for it;
 * - `target`: what the audit row names; the answer's id where it says nothing;
 * - `current`: what `If-Match` is compared with, as its own `detail` answers it, read in the same transaction;
 * - `events`: how callers that accept `text/event-stream` follow what a GET reads;
 * - `starts`: set where the change starts work that goes on after it: the caller waits for its end, or asks not to;
 * - `link`: set where a link in a mail leads to it: a browser gets pages, and changes nothing by GET. Another GET does what the
 *   POST of the same address does, so it is a change.
 */
interface Operation<Schemas, C, A, R> extends Declared {
  readonly schemas: Schemas;
  readonly keep?: (answer: A) => number;
  readonly receive?: {
    readonly type: 'multipart/form-data' | 'application/json';
    read(ctx: Context, call: Omit<C, 'db' | 'everything' | 'body'>): Promise<R>;
  };
  readonly prepare?: (call: Omit<C, 'db' | 'everything'>, callerLeaves: () => AbortSignal) => Promise<R>;
  readonly download?: Download;
  readonly acts?: boolean;
  readonly target?: (call: C, answer: A) => string;
  readonly current?: { answer: JSONSchema; read: (call: C) => Promise<unknown> };
  readonly link?: LinkPage<C>;
  readonly events?: Following<C, A>;
  readonly starts?: StartedWork<A>;
  handle(call: C, prepared: R): Promise<A>;
  readonly finish?: (answer: A) => Promise<void>;
}

/** What writes says what it is about, so that the kernel can check the caller's authority over it. */
type Guarded<C, A> =
  | { readonly method: 'GET' }
  | { readonly method: 'POST' | 'PUT' | 'DELETE'; readonly authority: Authority<C, A> };

/** What an operation takes and answers. */
interface Schemas {
  params?: JSONSchema;
  query?: JSONSchema;
  body?: JSONSchema;
  answer: JSONSchema;
}

/** Another form of an answer, without the envelope. */
export interface Download {
  readonly type: string;
  /** What browsers call it. */
  readonly fileName: string;
  /** Makes it of the data that the envelope would have. */
  pack(data: unknown): Promise<Buffer>;
}

/** An answer that is sent as it is, without the envelope. */
export interface RawAnswer {
  /** One of the media types that the operation declares. */
  type: string;
  body: string | Buffer;
  /** Names this content, in quotes (RFC 9110, 8.8.3). */
  etag: string;
}

export type AnyCall = HomeCall<unknown, unknown, unknown>;

/** An operation as the kernel sees it. */
export interface AnyOperation extends Operation<Schemas, AnyCall, unknown, unknown>, Kind {
  /** Absent where nothing is written. */
  readonly authority?: Authority<AnyCall, unknown>;
}

interface Kind {
  /** Whether it answers a page. */
  readonly list: boolean;
  /** Set where it takes lines of NDJSON (each as `body` says) and answers lines (each as `answer` says). */
  readonly stream?: (call: StreamCall<unknown, unknown>) => AsyncIterable<unknown>;
  /** Whether it is about all tenants, and so for the home tenant's administrators. */
  readonly home: boolean;
  /** The media types of an answer without the envelope: the handler answers a RawAnswer. */
  readonly raw?: readonly string[];
}

const of = (operation: unknown, kind: Kind): AnyOperation => ({ ...(operation as AnyOperation), ...kind });

type In<S extends Schemas, K extends 'params' | 'query' | 'body'> = S[K] extends JSONSchema
  ? FromSchema<S[K]>
  : undefined;

/**
 * Declares an operation; TypeScript reads the handler's types from the schemas. They stand in parameters of their own
 * because TypeScript would otherwise try every schema that there can be.
 */
export const defineOperation = <
  const S extends Schemas,
  P = In<S, 'params'>,
  Q = In<S, 'query'>,
  B = In<S, 'body'>,
  A = FromSchema<S['answer']>,
  R = undefined,
>(
  operation: Operation<S, Call<NoInfer<P>, NoInfer<Q>, NoInfer<B>>, NoInfer<A>, R> &
    Guarded<Call<NoInfer<P>, NoInfer<Q>, NoInfer<B>>, NoInfer<A>>,
): AnyOperation => of(operation, { list: false, home: false });

/** Declares an operation that answers a page of `answer`s. */
export const defineList = <
  const S extends Schemas,
  P = In<S, 'params'>,
  Q = In<S, 'query'>,
  A = FromSchema<S['answer']>,
>(
  operation: Operation<S, Call<NoInfer<P>, NoInfer<Q>, undefined>, NoInfer<Page<A>>, undefined>,
): AnyOperation => of(operation, { list: true, home: false });

/** Declares an operation that answers something as it is, without the envelope; `answer` says what that is where it is JSON. */
export const defineRaw = <const S extends Schemas, P = In<S, 'params'>, Q = In<S, 'query'>>({
  raw,
  ...operation
}: Operation<S, Call<NoInfer<P>, NoInfer<Q>, undefined>, RawAnswer, undefined> & {
  readonly method: 'GET';
  readonly raw: readonly [string, ...string[]];
}): AnyOperation => of(operation, { list: false, home: false, raw });

/** The same for what the home tenant's administrators do to all tenants. Whoever comes from another tenant is refused. */
export const defineHomeOperation = <
  const S extends Schemas,
  P = In<S, 'params'>,
  Q = In<S, 'query'>,
  B = In<S, 'body'>,
  A = FromSchema<S['answer']>,
  R = undefined,
>(
  operation: Operation<S, HomeCall<NoInfer<P>, NoInfer<Q>, NoInfer<B>>, NoInfer<A>, R> &
    Guarded<HomeCall<NoInfer<P>, NoInfer<Q>, NoInfer<B>>, NoInfer<A>>,
): AnyOperation => of(operation, { list: false, home: true });

export const defineHomeList = <const S extends Schemas, Q = In<S, 'query'>, A = FromSchema<S['answer']>>(
  operation: Operation<S, HomeCall<undefined, NoInfer<Q>, undefined>, NoInfer<Page<A>>, undefined>,
): AnyOperation => of(operation, { list: true, home: true });

/**
 * Declares an operation that takes any number of lines and answers each on its own: `body` is what a line has, `answer` what
 * is said of it.
 */
export const defineStream = <
  const S extends Schemas,
  Q = In<S, 'query'>,
  B = In<S, 'body'>,
  A = FromSchema<S['answer']>,
>(
  operation: Declared & {
    readonly schemas: S;
    stream(call: StreamCall<NoInfer<Q>, NoInfer<B>>): AsyncIterable<NoInfer<A>>;
  },
): AnyOperation => of({ ...operation, authority: EACH_LINE }, { list: false, home: false });

/** A stream asks the judge of its transaction about each line. */
const EACH_LINE: Authority<unknown, unknown> = async () => new Map();

/** Whether an operation writes. */
export const writes = ({ method, link }: AnyOperation): boolean => method !== 'GET' || link !== undefined;
