/**
 * Releases of SDKs: a package of npm made of an API's document, checked, and published once. `releaseOperations` starts a release,
 * which is a job of `releaseKind`: it generates the code, compiles it (`check.ts`), counts the version by what has changed since the
 * last release (`difference/`), packs (`package.ts`), publishes (`registry.ts`) and records it.
 *
 * Never: a second publication of a version, a token outside of requests to its registry, or a file outside of the package.
 */
export { generatorFor, startRelease, releaseOperations } from './operations.js';
export { releaseKind } from './release.js';
