/**
 * The JSON Schema of a policy, which `GET /api/Gateway/PolicySchema` publishes. It says what can be checked without a document;
 * `checkPolicy` checks the rest. `Policy` in types.ts is the same in TypeScript, and test/gateway/policies/schemas.test.ts
 * does not compile where the two differ.
 */

/** The largest policy, in characters of its JSON. */
export const LARGEST_POLICY = 256 * 1024;

/** What a policy may keep of bodies in memory at most: 4 MiB to validate one, 16 MiB to cache one. */
const LARGEST_VALIDATED = 4 * 1024 * 1024;
const LARGEST_CACHED = 16 * 1024 * 1024;

const DAY = 86_400;

const step = <const R extends readonly string[], const P extends Record<string, object>>(
  text: { title: string; description: string; examples: readonly unknown[] },
  required: R,
  properties: P,
) => ({ ...text, type: 'object', additionalProperties: false, required, properties }) as const;

const whole = <const D extends { minimum: number; maximum: number; description: string; default?: number }>(
  details: D,
) => ({ type: 'integer', ...details }) as const;

const countBy = {
  type: 'string',
  enum: ['client', 'user', 'key', 'address', 'api'],
  default: 'client',
  description:
    'Whose calls are counted together. `client`: of one application, or of one address where there is no token. `user`: of one user. `key`: of one product key. `address`: of one IP address. `api`: all calls.',
} as const;

const calls = whole({
  minimum: 1,
  maximum: 1_000_000_000,
  description: 'How many calls are answered in one window.',
});

export const RATE_LIMIT_SCHEMA = step(
  {
    title: 'Rate limit',
    description: 'Answers 429 `rate-limit` where more calls come within a short window.',
    examples: [{ calls: 100, seconds: 60 }],
  },
  ['calls', 'seconds'],
  {
    calls,
    seconds: whole({ minimum: 1, maximum: 3600, description: 'The length of a window.' }),
    by: countBy,
  },
);

export const QUOTA_SCHEMA = step(
  {
    title: 'Quota',
    description:
      'Answers 429 `quota` where more calls come within an hour, day, week or month of the calendar.',
    examples: [{ calls: 10_000, period: 'month', timeZone: 'Europe/Berlin' }],
  },
  ['calls', 'period'],
  {
    calls,
    period: {
      type: 'string',
      enum: ['hour', 'day', 'week', 'month'],
      description: 'It begins with the hour, at midnight, on Monday, on the first of the month.',
    },
    timeZone: {
      type: 'string',
      pattern: '^[A-Za-z][A-Za-z0-9_+-]*(?:/[A-Za-z0-9_+-]+)*$',
      maxLength: 64,
      default: 'UTC',
      description: 'The IANA time zone in which periods begin.',
      examples: ['Europe/Berlin'],
    },
    by: countBy,
  },
);

const HEADER_NAME = "^[!#$%&'*+.^_`|~0-9A-Za-z-]+$";

const headerNames = <const D extends string>(description: D) =>
  ({
    type: 'array',
    maxItems: 100,
    uniqueItems: true,
    items: {
      type: 'string',
      minLength: 1,
      maxLength: 128,
      pattern: HEADER_NAME,
      examples: ['X-Total-Count'],
    },
    description,
  }) as const;

const CORS_SCHEMA = step(
  {
    title: 'CORS',
    description:
      'Lets pages of other origins call the API from a browser (Fetch standard, 3.3). Preflight requests are answered here and do not reach the backend.',
    examples: [{ origins: ['https://app.example.com'], credentials: true }],
  },
  ['origins'],
  {
    origins: {
      type: 'array',
      minItems: 1,
      maxItems: 200,
      uniqueItems: true,
      items: { type: 'string', minLength: 1, maxLength: 300, examples: ['https://app.example.com'] },
      description:
        'Origins as browsers send them: scheme, host, and the port where it is not the usual one. `*` alone: every origin, without credentials.',
    },
    methods: {
      type: 'array',
      minItems: 1,
      maxItems: 20,
      uniqueItems: true,
      items: { type: 'string', pattern: '^[A-Z]{1,20}$', examples: ['GET'] },
      description: 'Methods that pages may use. Left out: those that the document has for the path.',
    },
    headers: headerNames(
      'Request headers that pages may set. Left out: those that the preflight request asks for.',
    ),
    exposeHeaders: headerNames(
      'Response headers that scripts may read, besides the few that they always may.',
    ),
    credentials: {
      type: 'boolean',
      default: false,
      description: 'Whether pages may send credentials. Not together with the origin `*`.',
    },
    maxAge: whole({
      minimum: 0,
      maximum: DAY,
      default: 600,
      description: 'Seconds for which a browser may remember the answer to a preflight request.',
    }),
  },
);

const networks = <const D extends string>(description: D) =>
  ({
    type: 'array',
    minItems: 1,
    maxItems: 1000,
    uniqueItems: true,
    items: { type: 'string', minLength: 2, maxLength: 64, examples: ['203.0.113.0/24'] },
    description,
  }) as const;

const IP_FILTER_SCHEMA = step(
  {
    title: 'IP filter',
    description:
      'Answers 403 `address` to addresses that may not call. `deny` wins over `allow`. Of one operation, `{}` lets all call it.',
    examples: [{ allow: ['203.0.113.0/24', '2001:db8::/32'], deny: ['203.0.113.7'] }],
  },
  [],
  {
    allow: networks('Addresses and CIDRs that may call; all others may not. Left out: all may.'),
    deny: networks('Addresses and CIDRs that may not call.'),
  },
);

const HEADER_VALUE = '^[\\t\\x20-\\x7e]*$';

const headers = <const D extends string>(description: D) =>
  ({
    type: 'object',
    minProperties: 1,
    maxProperties: 50,
    propertyNames: { minLength: 1, maxLength: 128, pattern: HEADER_NAME, examples: ['X-Channel'] },
    additionalProperties: {
      type: ['string', 'null'],
      maxLength: 4096,
      pattern: HEADER_VALUE,
      examples: ['partner'],
      description: 'One line of printable ASCII; null removes the header.',
    },
    description,
  }) as const;

const SET_HEADER_SCHEMA = step(
  {
    title: 'Set headers',
    description:
      'Sets and removes headers. Hop-by-hop headers and those that Gatehouse sets itself are refused.',
    examples: [{ request: { 'X-Channel': 'partner' }, response: { Server: null } }],
  },
  [],
  {
    request: headers('Headers of the request to the backend.'),
    response: headers('Headers of the answer to the caller.'),
  },
);

const PATH = "^(?:/(?:[A-Za-z0-9._~!$&'()*+,;=:@-]|%[0-9A-Fa-f]{2})+)+$";
const PATH_TEMPLATE = "^/(?:[A-Za-z0-9._~!$&'()*+,;=:@/-]|%[0-9A-Fa-f]{2}|\\{[^{}/]{1,100}\\})*$";

const rewriteKeys = {
  prefix: {
    type: 'string',
    maxLength: 500,
    pattern: PATH,
    description: 'Put before the path, behind the path of the backend. It has no slash at its end.',
    examples: ['/v3'],
  },
  query: {
    type: 'object',
    minProperties: 1,
    maxProperties: 50,
    propertyNames: { minLength: 1, maxLength: 128, pattern: '^[^\\p{Cc}\\p{Cs}]+$', examples: ['source'] },
    additionalProperties: {
      type: ['string', 'null'],
      maxLength: 2000,
      pattern: '^[^\\p{Cc}\\p{Cs}]*$',
      examples: ['gateway'],
      description: 'The value, not percent-encoded; null removes the parameter.',
    },
    description: 'Query parameters that are set or removed.',
  },
} as const;

const REWRITE = {
  title: 'Rewrite',
  description: 'Changes the address that the backend gets.',
  examples: [{ prefix: '/v3', query: { source: 'gateway', debug: null } }],
} as const;

const REWRITE_SCHEMA = step(REWRITE, [], rewriteKeys);

const OPERATION_REWRITE_SCHEMA = step(REWRITE, [], {
  ...rewriteKeys,
  path: {
    type: 'string',
    minLength: 1,
    maxLength: 1000,
    pattern: PATH_TEMPLATE,
    description:
      "The path in place of the operation's. `{name}` stands for what the caller's path has there; the operation's path must have it.",
    examples: ['/records/{id}'],
  },
});

const TIMEOUT_SCHEMA = step(
  {
    title: 'Timeout',
    description: 'Answers 504 `timeout` where the backend is too slow.',
    examples: [{ seconds: 5 }],
  },
  [],
  {
    seconds: whole({
      minimum: 1,
      maximum: 3600,
      default: 30,
      description: 'Until the headers of the answer are there.',
    }),
    idleSeconds: whole({
      minimum: 1,
      maximum: 3600,
      default: 300,
      description: 'Between two pieces of the body.',
    }),
  },
);

const RETRY_SCHEMA = step(
  {
    title: 'Retry',
    description:
      'Tries again where the backend cannot be reached or answers one of these statuses, before the caller gets the first byte. For GET, HEAD, OPTIONS, PUT and DELETE with bodies up to 64 KiB.',
    examples: [{ attempts: 2, on: [502, 503], backoffMs: 200 }],
  },
  ['attempts'],
  {
    attempts: whole({ minimum: 1, maximum: 5, description: 'How many more tries there are.' }),
    on: {
      type: 'array',
      minItems: 1,
      maxItems: 3,
      uniqueItems: true,
      items: { type: 'integer', enum: [502, 503, 504] },
      default: [502, 503, 504],
      description: 'Statuses after which the call is tried again.',
    },
    backoffMs: whole({
      minimum: 0,
      maximum: 10_000,
      default: 100,
      description: 'Milliseconds before the first of these tries; each further one waits twice as long.',
    }),
  },
);

const CIRCUIT_BREAKER_SCHEMA = step(
  {
    title: 'Circuit breaker',
    description:
      'Answers 503 `circuit-open` at once while the backend is down: after failed connections, timeouts, 502, 503 and 504 in a row.',
    examples: [{ failures: 5, openSeconds: 30 }],
  },
  [],
  {
    failures: whole({
      minimum: 1,
      maximum: 1000,
      default: 5,
      description: 'How many failures in a row open it.',
    }),
    openSeconds: whole({
      minimum: 1,
      maximum: 3600,
      default: 30,
      description: 'Seconds until one call is let through as a trial.',
    }),
  },
);

const CACHE_SCHEMA = step(
  {
    title: 'Cache',
    description:
      'Keeps answers to GET with status 200 in memory, and answers GET and HEAD by them (RFC 9111). An answer serves one caller alone, unless the backend says `public` or `s-maxage`; `private` and `no-store` are not kept.',
    examples: [{ seconds: 60 }],
  },
  ['seconds'],
  {
    seconds: whole({
      minimum: 1,
      maximum: 365 * DAY,
      description:
        'How long an answer is fresh where the backend does not say it, and how long at most where it does.',
    }),
    maxBytes: whole({
      minimum: 1,
      maximum: LARGEST_CACHED,
      default: 1_048_576,
      description: 'Longer answers are not kept.',
    }),
  },
);

const REQUIRE_SCOPES_SCHEMA = step(
  {
    title: 'Required scopes',
    description: 'Asks for scopes and permissions besides those of the document. A token is then required.',
    examples: [{ scopes: ['orders.write'], permissions: ['orders.approve'] }],
  },
  ['scopes'],
  {
    scopes: {
      type: 'array',
      minItems: 1,
      maxItems: 50,
      uniqueItems: true,
      items: {
        type: 'string',
        maxLength: 200,
        pattern: '^[\\x21\\x23-\\x5b\\x5d-\\x7e]+$',
        examples: ['orders.write'],
      },
      description: 'Scopes that the token must have, all of them.',
    },
    permissions: {
      type: 'array',
      maxItems: 50,
      uniqueItems: true,
      items: {
        type: 'string',
        minLength: 1,
        maxLength: 200,
        pattern: '^[^\\p{Cc}\\p{Cs}\\p{Z}]+$',
        examples: ['orders.approve'],
      },
      description: 'Permissions that the user must hold, all of them.',
    },
  },
);

const VALIDATE_REQUEST_SCHEMA = step(
  {
    title: 'Request validation',
    description:
      'Answers 400 `invalid-request` to what does not fit the document, 413 to longer bodies and 415 to other media types.',
    examples: [{ body: true, headers: true, maxBytes: 65_536 }],
  },
  [],
  {
    body: { type: 'boolean', default: true, description: 'Whether bodies are checked.' },
    query: { type: 'boolean', default: true, description: 'Whether query parameters are checked.' },
    headers: { type: 'boolean', default: false, description: 'Whether header parameters are checked.' },
    maxBytes: whole({
      minimum: 1,
      maximum: LARGEST_VALIDATED,
      default: 1_048_576,
      description: 'The longest body, also once it is decompressed.',
    }),
  },
);

const MOCK_SCHEMA = step(
  {
    title: 'Mock',
    description:
      "Answers by the document's example, or by one that is made from its schema, without a backend.",
    examples: [{ status: 200 }],
  },
  [],
  {
    status: whole({
      minimum: 200,
      maximum: 599,
      description: 'Which of the responses of the operation. Left out: the first successful one.',
    }),
  },
);

const steps = {
  rateLimit: RATE_LIMIT_SCHEMA,
  quota: QUOTA_SCHEMA,
  cors: CORS_SCHEMA,
  ipFilter: IP_FILTER_SCHEMA,
  setHeader: SET_HEADER_SCHEMA,
  rewrite: REWRITE_SCHEMA,
  timeout: TIMEOUT_SCHEMA,
  retry: RETRY_SCHEMA,
  circuitBreaker: CIRCUIT_BREAKER_SCHEMA,
  cache: CACHE_SCHEMA,
  requireScopes: REQUIRE_SCOPES_SCHEMA,
  validateRequest: VALIDATE_REQUEST_SCHEMA,
  mock: MOCK_SCHEMA,
} as const;

export const POLICY_SCHEMA = {
  $schema: 'https://json-schema.org/draft/2020-12/schema',
  title: 'Gatehouse gateway policy',
  description:
    'What the gateway does with calls of an API. Every key is optional. The steps run in a fixed order, not in the order of the keys.',
  examples: [
    {
      rateLimit: { calls: 100, seconds: 60 },
      cors: { origins: ['https://app.example.com'] },
      operations: {
        'GET /items/{id}': { cache: { seconds: 60 } },
        createItem: { validateRequest: { body: true } },
      },
    },
  ],
  type: 'object',
  additionalProperties: false,
  properties: {
    ...steps,
    operations: {
      title: 'Operations',
      description:
        'Steps of single operations, by `operationId` or by method and path. Each key replaces the same key of the policy as a whole; limits of an operation count its calls apart.',
      examples: [{ 'GET /items/{id}': { cache: { seconds: 60 } } }],
      type: 'object',
      maxProperties: 1000,
      propertyNames: { minLength: 1, maxLength: 2000 },
      additionalProperties: {
        title: 'Steps of one operation',
        type: 'object',
        additionalProperties: false,
        properties: { ...steps, rewrite: OPERATION_REWRITE_SCHEMA },
      },
    },
  },
} as const;
