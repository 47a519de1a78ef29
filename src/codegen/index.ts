/**
 * Code generation: clients and servers made of an API's OpenAPI document, previewed, released as packages, pushed to repositories
 * (`types.ts` is what the parts share). `openGenerators` opens what makes code, `codegenOperations` are the management operations, and
 * `codegenKinds` the jobs. It must never run generated code or scripts of packages, and never show a token.
 */
import type { AnyOperation } from '../api/index.js';
import type { GatewayServices } from '../gateway/index.js';
import type { AnyJobKind } from '../jobs/index.js';
import { generatorOperations, type OpenGenerators } from './generators/index.js';

export { openGenerators, type OpenGenerators } from './generators/index.js';

/** What the operations of code generation need of what runs. */
export interface CodegenBase {
  generators: OpenGenerators;
  gateway: GatewayServices;
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
];

/** The kinds of jobs of code generation. */
export const codegenKinds = (): readonly AnyJobKind[] => [];
