import type { AnyOperation } from '../api/index.js';
import type { GatewayServices } from '../gateway/index.js';
import type { OpenGenerators } from './generators/index.js';
import { generatorOperations } from './generators/operations.js';

/** What the operations of code generation need of what runs. */
export interface CodegenBase {
  generators: OpenGenerators;
  gateway: GatewayServices;
}

/** The management operations of code generation. While only declarations are read, `base` may be empty. */
export const codegenOperations = (base: CodegenBase): readonly AnyOperation[] => [
  ...generatorOperations({
    get generators() {
      return base.generators;
    },
    get documents() {
      return base.gateway;
    },
  }),
];
