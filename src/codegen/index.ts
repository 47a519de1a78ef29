/**
 * Code generation: clients and servers made of an API's OpenAPI document, previewed, released as packages, pushed to repositories
 * (`types.ts` is what the parts share). `openGenerators` opens what makes code, `codegenOperations` are the management operations, and
 * `codegenKinds` the jobs that they start.
 *
 * Never: generated code, a script of a package or a document that is run in this process, or a token in a job, a line, a log or an
 * answer.
 */
import type { AnyOperation, CallTenant } from '../api/index.js';
import type { GatewayServices } from '../gateway/index.js';
import type { AnyJobKind, JobServices } from '../jobs/index.js';
import type { Reach } from '../kernel/private-networks.js';
import type { Store, Vault } from '../store/index.js';
import { generatorOperations, type OpenGenerators } from './generators/index.js';
import { subjectsOf, syncKind, syncOperations } from './github/index.js';
import { historyOperations } from './history/operations.js';
import { commonOptionsOf, npmOptionsOf, setReleasedVersion } from './options/index.js';
import { optionsOperations } from './options/operations.js';
import { releaseKind, releaseOperations } from './sdk/index.js';

export { documentOfApi } from './api-document.js';
export { openGenerators, type OpenGenerators } from './generators/index.js';
export { npmOptionsOf } from './options/index.js';
export { startRelease } from './sdk/index.js';
export { readDocument } from './source.js';

/** What the operations of code generation need of what runs. */
export interface CodegenBase extends JobServices {
  generators: OpenGenerators;
  gateway: GatewayServices;
  vault: Vault;
  /** Where a tenant's registries and repositories may be. */
  reachOf(tenant: CallTenant): Reach;
}

/** While only declarations are read, `base` may be empty. */
export const codegenOperations = (base: CodegenBase): readonly AnyOperation[] => [
  ...generatorOperations({
    get generators() {
      return base.generators;
    },
    get documents() {
      return base.gateway;
    },
  }),
  ...optionsOperations(base),
  ...releaseOperations({
    get jobs() {
      return base.jobs;
    },
    get generators() {
      return base.generators;
    },
    get vault() {
      return base.vault;
    },
    reachOf: (tenant) => base.reachOf(tenant),
    npmOptionsOf,
  }),
  ...syncOperations({
    get jobs() {
      return base.jobs;
    },
    get vault() {
      return base.vault;
    },
  }),
  ...historyOperations(),
];

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
  syncKind({ generators: base.generators, subjectOf: subjectsOf({ ...base, documents: gateway }) }),
];
