import {
  CACHE_SCHEMA,
  CIRCUIT_BREAKER_SCHEMA,
  MOCK_SCHEMA,
  OPERATION_REWRITE_SCHEMA,
  RETRY_SCHEMA,
  REWRITE_SCHEMA,
  SET_HEADER_SCHEMA,
  TIMEOUT_SCHEMA,
  VALIDATE_REQUEST_SCHEMA,
} from './backend-schemas.js';
import {
  CORS_SCHEMA,
  IP_FILTER_SCHEMA,
  QUOTA_SCHEMA,
  RATE_LIMIT_SCHEMA,
  REQUIRE_SCOPES_SCHEMA,
} from './caller-schemas.js';

/**
 * The JSON Schema of a policy, which `GET /api/Gateway/PolicySchema` publishes. It says what can be checked without a document;
 * `checkPolicy` checks the rest. `Policy` in types.ts is the same in TypeScript, and test/gateway/policies/schemas.test.ts
 * does not compile where the two differ.
 */

/** The largest policy, in characters of its JSON. */
export const LARGEST_POLICY = 256 * 1024;

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
