import { DAY, HEADER_NAME, step, whole } from './schema-parts.js';

/** The schemas of steps that decide who may call, and how often. */

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

export const CORS_SCHEMA = step(
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

export const IP_FILTER_SCHEMA = step(
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

export const REQUIRE_SCOPES_SCHEMA = step(
  {
    title: 'Required scopes',
    description: 'Asks for scopes and permissions besides those of the document. A token is then required.',
    examples: [{ scopes: ['orders.write'], permissions: ['orders.approve'] }],
  },
  ['scopes'],
  {
    scopes: {
      type: 'array',
      maxItems: 50,
      uniqueItems: true,
      items: {
        type: 'string',
        maxLength: 200,
        pattern: '^[\\x21\\x23-\\x5b\\x5d-\\x7e]+$',
        examples: ['orders.write'],
      },
      description:
        'Scopes that the token must have, all of them. Empty: a token of any scope, for operations that the document leaves open too.',
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
