/**
 * Code generation: clients and servers made of an API's OpenAPI document, previewed, released as packages, pushed to repositories.
 * `openGenerators` opens what makes code; the management operations are in operations.ts. It must never run generated code or scripts
 * of packages, and never show a token.
 */
export { openGenerators, type OpenGenerators } from './generators/index.js';
