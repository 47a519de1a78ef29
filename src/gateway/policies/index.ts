/**
 * Policies: what the gateway does with the calls of an API besides passing them on.
 * `checkPolicy` says what is wrong with a policy before it is stored, and `POLICY_SCHEMA` is what is published of it.
 * The steps themselves are functions: each answers a `Problem`, or what the data plane needs.
 * It must never trust a document: its schemas and patterns are a publisher's, and run in this process.
 * It must never answer one caller with what was stored for another, unless the backend says so.
 */
export { checkPolicy, isTimeZone } from './check.js';
export { QUOTA_SCHEMA, RATE_LIMIT_SCHEMA } from './caller-schemas.js';
export { POLICY_SCHEMA } from './schemas.js';
export { corsHeaders, isPreflight, preflight, withVary, type Cors } from './cors.js';
export { ipFilter } from './ip-filter.js';
export { compilePolicy, type CompiledPolicy, type OperationPolicy } from './compile.js';
export { openPolicies } from './runner.js';
