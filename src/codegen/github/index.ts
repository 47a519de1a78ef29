/**
 * Synchronization of an API's repository: `syncKind` is the job that pushes generated code to `sdk/<generator>/` and the reference
 * (`reference/`) to `docs/reference/` by Git (`git/`), and makes labels and a release through GitHub's REST API (`rest/`).
 * `operations.ts` starts it.
 *
 * Never: a file of a repository on this machine's disk; a change outside of the two folders; the token at another address than
 * `remoteUrl` and `apiUrl`, or in a job, a line, a log or an answer.
 */
export { syncOperations } from './operations.js';
export { subjectsOf } from './subject.js';
export { syncKind } from './sync.js';
