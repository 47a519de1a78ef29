/**
 * Code generation: clients and servers made of an API's OpenAPI document, previewed, released as packages, pushed to repositories
 * (`types.ts` is what the parts share). `openGenerators` opens what makes code, operations.ts has the management operations, and
 * `codegenKinds` are the jobs that they start.
 *
 * Never: generated code, a script of a package or a document that is run in this process, or a token in a job, a line, a log or an
 * answer.
 */
import type { CallTenant } from '../api/index.js';
import type { AnyJobKind } from '../jobs/index.js';
import type { Store } from '../store/index.js';
import { subjectsOf, syncKind } from './github/index.js';
import type { CodegenBase } from './operations.js';
import { commonOptionsOf, npmOptionsOf, setReleasedVersion } from './options/index.js';
import { releaseKind } from './sdk/index.js';

export { documentOfApi } from './api-document.js';
export { openGenerators, type OpenGenerators } from './generators/index.js';
export { npmOptionsOf } from './options/index.js';
export { generatorFor, startRelease } from './sdk/index.js';
export { naming } from './origin.js';
export { readDocument, type SourceDocument } from './source.js';

/** What the jobs of code generation need of what runs. */
export interface CodegenJobsBase extends Omit<CodegenBase, 'jobs'> {
  store: Store;
  tenantOf(tenantId: string): Promise<CallTenant>;
}

/** The kinds of jobs of code generation. */
export const codegenKinds = ({ gateway, ...base }: CodegenJobsBase): readonly AnyJobKind[] => [
  releaseKind({
    ...base,
    documents: gateway,
    announce: (db, announcement) => gateway.announce(db, announcement),
    ...{ npmOptionsOf, commonOptionsOf, setReleasedVersion },
  }),
  syncKind({
    generators: base.generators,
    documents: gateway,
    subjectOf: subjectsOf({ ...base, documents: gateway }),
  }),
];
