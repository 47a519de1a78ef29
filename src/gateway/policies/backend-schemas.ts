import { DAY, HEADER_NAME, step, whole } from './schema-parts.js';

/** The schemas of steps that are about the message and the backend. */

/** What a policy may keep of bodies in memory at most: 4 MiB to validate one, 16 MiB to cache one. */
const LARGEST_VALIDATED = 4 * 1024 * 1024;
const LARGEST_CACHED = 16 * 1024 * 1024;

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

export const SET_HEADER_SCHEMA = step(
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

export const REWRITE_SCHEMA = step(REWRITE, [], rewriteKeys);

export const OPERATION_REWRITE_SCHEMA = step(REWRITE, [], {
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

export const TIMEOUT_SCHEMA = step(
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

export const RETRY_SCHEMA = step(
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

export const CIRCUIT_BREAKER_SCHEMA = step(
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

export const CACHE_SCHEMA = step(
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

export const VALIDATE_REQUEST_SCHEMA = step(
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

export const MOCK_SCHEMA = step(
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
