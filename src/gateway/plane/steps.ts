import type { IncomingMessage, ServerResponse } from 'node:http';
import type { RequestFacts } from '../../kernel/request.js';
import type { Soon } from '../../kernel/soon.js';
import type { RateState } from '../../limits/index.js';
import type { Tenant } from '../../tenants/index.js';
import type { Router } from '../documents/index.js';
import type { CompiledPolicy, OperationPolicy } from '../policies/index.js';
import type {
  Caller,
  CompiledDocument,
  CompiledOperation,
  LiveApi,
  LiveRevision,
  LiveVersion,
  Policy,
  PresentedKey,
  StepResult,
} from '../types.js';

/** A call whose API, version and revision are known, with what the steps find out about it. */
export interface LocatedCall {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly tenant: Tenant;
  readonly facts: RequestFacts;
  readonly method: string;
  readonly api: LiveApi;
  readonly version: LiveVersion;
  readonly revision: LiveRevision;
  /** Behind the API's address, as it was sent: empty, or beginning with `/`, without a query. */
  readonly path: string;
  /** As it was sent, without `?` and without the version's name; undefined where there is no `?`. */
  readonly query: string | undefined;
  /** Undefined where the path has no operation of the call's method. */
  readonly operation: CompiledOperation | undefined;
  /** What the path's templates stand for, decoded. */
  readonly parameters: Readonly<Record<string, string>>;
  /** What the document has at a path. */
  readonly router: Router;
  /** The operation's policy, or the revision's where no operation matches. */
  readonly policy: OperationPolicy;
  /** The policies of the revision's operations. */
  readonly policies: CompiledPolicy;
  /** Set by the step `token`. */
  caller: Caller | undefined;
  /** Set by the step `product-key`. */
  key: PresentedKey | undefined;
  /** Set by the step `limits`: of the limits that have counted the call, the one with the fewest calls left. */
  limit: RateState | undefined;
  /** The whole body, where a step had to read it. It goes to the backend as it is. */
  body: Buffer | undefined;
  /** Set by the step `cache`. */
  store: CacheStore | undefined;
}

/** A call of an operation. */
export interface Call extends LocatedCall {
  readonly operation: CompiledOperation;
}

/** What the plane takes of documents/. */
export interface RouteSource {
  checkPath(path: string): 'ok' | 'bad';
  routerOf(document: CompiledDocument): Router;
}

/** An answer that needs no backend: of a preflight, a mock, the cache. */
export interface Answer {
  status: number;
  /** Names and values in turn. */
  headers: readonly string[];
  body?: Buffer | string;
}

/** Who may call, and how often. Each answers nothing where the call may go on. */
export interface AccessSteps {
  /** Checks the token and sets `call.caller` (401 `token`). */
  token(call: Call): Soon<StepResult>;
  /** 403 `scope`. */
  scopes(call: Call): Soon<StepResult>;
  /** 403 `permission`. */
  permissions(call: Call): Soon<StepResult>;
  /** Checks the product key and sets `call.key` (401 `product-key`, 403 `product`). */
  productKey(call: Call): Soon<StepResult>;
  /** Counts the call, and sets `call.limit` (429 `rate-limit`, `quota`). */
  limits(call: Call): Soon<StepResult>;
  /** The value of `Gatehouse-Caller`; undefined where no token was checked. */
  callerHeader(call: Call): Soon<string | undefined>;
}

/** What the plane takes of policies/. */
export interface PolicyRunner {
  /** Asked once for each revision. */
  compile(policy: Policy | undefined): CompiledPolicy;
  /** `ipFilter` (403 `address`). */
  address(call: LocatedCall): Soon<StepResult>;
  /** The answer to a preflight request by `cors`; undefined where there is no such policy, or the request is none. */
  preflight(call: LocatedCall): Soon<Answer | undefined>;
  /**
   * Headers that `cors` adds to each answer, problems included. They replace the backend's `Access-Control-*` headers, and `Vary`
   * is added to the backend's own. Undefined where there is no such policy (the backend's own pass), and for a preflight request,
   * whose answer has all of them.
   */
  corsHeaders(call: LocatedCall): Readonly<Record<string, string>> | undefined;
  /** `validateRequest`; sets `call.body` where it reads the body (400 `invalid-request`, 413, 415). */
  validate(call: Call): Soon<StepResult>;
  /** The answer of `mock`. */
  mock(call: Call): Soon<Answer | undefined>;
  /** What the cache has for a GET or HEAD; undefined where there is no such policy. */
  cache(call: Call): Soon<CacheTurn | undefined>;
}

/** A call at the cache: answered by it, or sent on and maybe stored. */
export type CacheTurn = { answer: Answer } | { store: CacheStore };

export interface CacheStore {
  /** Headers that make the request conditional, as names and values in turn; they replace the caller's. */
  readonly conditions: readonly string[];
  /**
   * Decides by the head of the backend's answer: a recorder takes the body; an answer replaces the backend's, which had
   * confirmed it (304). Undefined where nothing is stored.
   * @param headers end-to-end headers by lower-case name.
   */
  begin(status: number, headers: Readonly<Record<string, string | string[]>>): Recorder | Answer | undefined;
}

/** Takes a body while it is passed on. */
export interface Recorder {
  write(chunk: Buffer): void;
  /** The body is whole. */
  end(): void;
  /** It broke off; nothing is stored. */
  abort(): void;
}

/** One call at its end, or when it is given to a proxy in front, for the usage counts. */
export interface UsageEntry {
  tenantId: string;
  /** The API resource's id. */
  apiId: string;
  versionId: string;
  revisionId: string;
  /** The operation's key; undefined where no operation matched. */
  operation: string | undefined;
  clientId: string | undefined;
  /** What the caller got; 499 where it left before the answer began. Undefined where a proxy in front forwards the call. */
  status: number | undefined;
  /** Undefined where a proxy in front forwards the call. */
  milliseconds: number | undefined;
}
