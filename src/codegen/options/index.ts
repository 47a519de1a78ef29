/**
 * What is set for the code generation of an API: `NpmOptions` by API and generator, `GithubOptions` and `CommonOptions` by API
 * (types.ts). `operations.ts` sets and shows them.
 *
 * Never: a token in an answer, an audit row, a log or an error; or a token that is kept when the address changes that it was set
 * for.
 */
export { baseAddress } from './checks.js';
export { commonOptionsOf, githubOptionsOf, npmOptionsOf, setReleasedVersion } from './options.js';
export { CODEGEN_SEALED_COLUMNS } from './store.js';
export type { GithubOptions, NpmOptions } from './types.js';
