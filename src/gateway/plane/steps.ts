import type { IncomingMessage, ServerResponse } from 'node:http';
import type { RequestFacts } from '../../kernel/request.js';
import type { Soon } from '../../kernel/soon.js';
import type { Tenant } from '../../tenants/index.js';
import type {
  Caller,
  CompiledDocument,
  CompiledOperation,
  LiveApi,
  LiveRevision,
  LiveVersion,
  PolicySteps,
  PresentedKey,
  StepResult,
} from '../types.js';
import type { Problem } from './problem.js';

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
  /** Behind the API's address, as it was sent: it begins with `/`, and has no query. */
  readonly path: string;
  /** As it was sent, without `?` and without the version's name; undefined where there is no `?`. */
  readonly query: string | undefined;
  /** What the document has at the path. */
  readonly route: Route | undefined;
  /** The operation's policy, or the revision's where no operation matches; operations' keys have replaced those above. */
  readonly policy: PolicySteps;
  /** Set by the step `token`. */
  caller: Caller | undefined;
  /** Set by the step `product-key`. */
  key: PresentedKey | undefined;
  /** The whole body, where a step had to read it. It goes to the backend as it is. */
  body: Buffer | undefined;
}

/** A call of an operation. */
export interface Call extends LocatedCall {
  readonly route: OperationRoute;
}

export interface Route {
  /** Absent where the path has no operation of the call's method. */
  readonly operation?: CompiledOperation;
  /** The text of the path for each template's name, as it was sent. */
  readonly parameters: Readonly<Record<string, string>>;
  /** The methods of the path, for `Allow`. */
  readonly allow: readonly string[];
}

export interface OperationRoute extends Route {
  readonly operation: CompiledOperation;
}

/** Finds operations of one document by path. HEAD finds GET where the document has no HEAD. */
export interface Routes {
  /** Undefined where no operation has the path. */
  find(method: string, path: string): Route | undefined;
}

/** What documents/ gives. */
export interface RouteSource {
  /** Why a path has a form that no operation can have (400 `bad-path`). */
  checkPath(path: string): Problem | undefined;
  routesOf(document: CompiledDocument): Routes;
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
  /** 429 `rate-limit`, `quota`. */
  limits(call: Call): Soon<StepResult>;
  /** The value of `Gatehouse-Caller`; undefined where no token was checked. */
  callerHeader(call: Call): Soon<string | undefined>;
}

/** What the policy steps of policies/ do. */
export interface PolicyRunner {
  /** The policy of an operation, or the revision's own where there is none. Asked once for each of them. */
  policyOf(revision: LiveRevision, operation: CompiledOperation | undefined): PolicySteps;
  /** `ipFilter` (403 `address`). */
  address(call: LocatedCall): Soon<StepResult>;
  /** The answer to a preflight by `cors`; undefined where there is no such policy, or the request is no preflight. */
  preflight(call: LocatedCall): Soon<Answer | undefined>;
  /**
   * Headers that `cors` adds to each answer, problems included, as names and values in turn. They replace the backend's
   * `Access-Control-*` headers. Undefined where there is no such policy: the backend's own pass.
   */
  corsHeaders(call: LocatedCall): readonly string[] | undefined;
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

/** One call at its end, for the usage counts. */
export interface UsageEntry {
  tenantId: string;
  /** The API resource's id. */
  apiId: string;
  versionId: string;
  revisionId: string;
  /** The operation's key; undefined where no operation matched. */
  operation: string | undefined;
  clientId: string | undefined;
  /** What the caller got; 499 where it left before the answer began. */
  status: number;
  milliseconds: number;
}
