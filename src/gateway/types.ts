import type { Problem } from './plane/problem.js';

/**
 * What the parts of the gateway share. The catalogue keeps APIs (`catalogue/`), documents become compiled documents
 * (`documents/`), and the data plane (`plane/`) answers calls by live APIs: what the catalogue says at this moment.
 */

export type DocumentType = 'swagger-2.0' | 'openapi-3.0' | 'openapi-3.1';

/**
 * A document as requests are matched by it. It is kept small, because many are in memory at once: what validates requests
 * and makes examples is read from the document itself when a policy asks for it. It can be stored as JSON.
 */
export interface CompiledDocument {
  type: DocumentType;
  title: string;
  description?: string;
  /** The backend that the document names: absolute, without a trailing slash. Absent where it names none, or a relative one. */
  serverUrl?: string;
  /** The longest literal first segments of paths, which no version may be named like. */
  firstSegments: string[];
  operations: CompiledOperation[];
}

export interface CompiledOperation {
  /** `GET /items/{id}`, unique in the document: upper-case method, path without its fragment. */
  key: string;
  /** The document's `operationId`, unique where it is there. */
  operationId?: string;
  method: string;
  /** The path template, without its fragment. */
  path: string;
  /** Whether the operation can be called without a token: its `security` is empty, or has an empty alternative. */
  open: boolean;
  /** Alternatives of scopes: one of the lists must be held whole. Empty where no scope is asked. */
  scopes: string[][];
  /** The permissions that a user needs, all of them (`x-permission`). */
  permissions: string[];
  /** Why the document cannot check requests of it (`validateRequest`); undefined where it can. */
  uncheckable?: string;
  /** Why the document gives no example of its answers (`mock`); undefined where it does. */
  unmockable?: string;
}

/** One tenant's API at the gateway, as the catalogue says it now. It never changes: a change makes another one. */
export interface LiveApi {
  /** The API resource's id, name, and the `aud` of its tokens. */
  id: string;
  name: string;
  audience: string;
  suffix: string;
  scheme: { in: 'path' } | { in: 'header' | 'query'; name: string };
  /** By name; the first version has the name ''. */
  versions: ReadonlyMap<string, LiveVersion>;
}

export interface LiveVersion {
  apiId: string;
  /** '' for the first version. */
  name: string;
  authServer: 'self' | 'none' | LiveAuthServer;
  /** Asked of every call too. */
  scope: readonly string[];
  /** Whether `Authorization` goes to the backend. */
  passToken: boolean;
  /** Published products that it is in. */
  products: readonly LiveProduct[];
  current: LiveRevision;
  /** Those that are online, the current one among them, by number. */
  revisions: ReadonlyMap<number, LiveRevision>;
}

export interface LiveAuthServer {
  id: string;
  issuer: string;
  audience: string;
  jwksUri: string;
}

export interface LiveProduct {
  id: string;
  name: string;
  subscriptionRequired: boolean;
  rateLimit?: RateLimit;
  quota?: Quota;
}

export interface LiveRevision {
  id: string;
  number: number;
  /** The backend's base: no user info, query or fragment; its path has no trailing slash. */
  serviceUrl: URL;
  policy: Policy | undefined;
  /** Reads and keeps the compiled document. Loaded at the first call, dropped when many others are used. */
  document(): Promise<CompiledDocument>;
  /** The whole document as OpenAPI 3 (Swagger 2 is converted), for request validation and examples. */
  openapi(): Promise<Record<string, unknown>>;
}

export interface RateLimit {
  calls: number;
  seconds: number;
  by?: CountBy;
}

export interface Quota {
  calls: number;
  period: 'hour' | 'day' | 'week' | 'month';
  timeZone?: string;
  by?: CountBy;
}

/** Whose calls are counted together; `client` is the address where there is no token. */
export type CountBy = 'client' | 'user' | 'key' | 'address' | 'api';

/** The keys of a policy that can be set for one operation too (policies/schemas.ts has the JSON Schema). */
export interface PolicySteps {
  rateLimit?: RateLimit;
  quota?: Quota;
  cors?: {
    origins: string[];
    methods?: string[];
    headers?: string[];
    exposeHeaders?: string[];
    credentials?: boolean;
    maxAge?: number;
  };
  ipFilter?: { allow?: string[]; deny?: string[] };
  setHeader?: { request?: Record<string, string | null>; response?: Record<string, string | null> };
  rewrite?: { prefix?: string; query?: Record<string, string | null>; path?: string };
  timeout?: { seconds?: number; idleSeconds?: number };
  retry?: { attempts: number; on?: (502 | 503 | 504)[]; backoffMs?: number };
  circuitBreaker?: { failures?: number; openSeconds?: number };
  cache?: { seconds: number; maxBytes?: number };
  requireScopes?: { scopes: string[]; permissions?: string[] };
  validateRequest?: { body?: boolean; query?: boolean; headers?: boolean; maxBytes?: number };
  mock?: { status?: number };
}

/** A policy as it is stored: defaults are filled in by policies/compile.ts, not in the store. */
export interface Policy extends PolicySteps {
  /** By `operationId` or by key; each replaces the keys above that it names. */
  operations?: Record<string, PolicySteps>;
}

/** Who calls an operation with a token that was checked. */
export interface Caller {
  /** The token's `sub`: a user's key, or the client's id. */
  subject: string;
  clientId: string;
  /** Set where a user of this tenant stands behind the token. */
  userKey?: string;
  scopes: ReadonlySet<string>;
  /** Epoch milliseconds. */
  expiresAt: number;
}

/** A product key that was presented and holds. */
export interface PresentedKey {
  /** The key pair's id. */
  id: string;
  product: LiveProduct;
  clientId?: string;
}

/** A step of the data plane answers nothing where the call may go on, and a problem where it may not. */
export type StepResult = Problem | undefined;

/** A document that can be published. */
export interface PreparedDocument {
  compiled: CompiledDocument;
  /** The text that was sent, or the JSON of the object that was sent. */
  source: string;
  sourceFormat: 'json' | 'yaml';
  /** The same document as OpenAPI 3 in JSON, where it is another text than `source`: YAML, Swagger 2. */
  openapi?: string;
}

/** What is wrong with a document, or with the address that it is fetched from. */
export interface DocumentProblem {
  field: 'document' | 'swaggerUrl' | 'serviceUrl';
  /** Of fetching: `private`, `status`, `timeout`, `tooLarge`, `redirect`, `unreachable`; else the parser's. */
  rule: string;
  /** What to change. */
  message: string;
  /** A JSON pointer into the document. */
  path?: string;
  /** From 1 on; absent for a document that was sent as an object. */
  line?: number;
  column?: number;
}

/** The document cannot be published; nothing is stored. */
export class DocumentRefused extends Error {
  override name = 'DocumentRefused';
  constructor(readonly problems: readonly DocumentProblem[]) {
    super(problems[0]?.message ?? 'the document cannot be published');
  }
}

/**
 * Reads, validates and compiles a document in a worker.
 * @throws DocumentRefused
 */
export type PrepareDocument = (source: { text: string } | { value: unknown }) => Promise<PreparedDocument>;

/** What subscribers of an API are told of. `id` is the event's own: each address gets one mail for it. */
export interface Announcement {
  id: string;
  apiResourceId: string;
  apiName: string;
  /** `publish` has no notes. */
  kind: 'publish' | 'release';
  versionName: string;
  notes: string;
  /** Where it is called, as a path at the issuer (`/gateway/orders/v2`): the mail shows its address. Absent where it is offline. */
  path?: `/${string}` | undefined;
}
