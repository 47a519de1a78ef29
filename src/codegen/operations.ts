import type { AnyOperation, CallTenant } from '../api/index.js';
import type { GatewayServices } from '../gateway/index.js';
import type { JobServices } from '../jobs/index.js';
import type { Reach } from '../kernel/private-networks.js';
import type { Vault } from '../store/index.js';
import type { OpenGenerators } from './generators/index.js';
import { generatorOperations } from './generators/operations.js';
import { syncOperations } from './github/index.js';
import { historyOperations } from './history/operations.js';
import { npmOptionsOf } from './options/index.js';
import { optionsOperations } from './options/operations.js';
import { releaseOperations } from './sdk/index.js';

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
