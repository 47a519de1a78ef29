/**
 * The generators of code: TypeScript clients by `@hey-api/openapi-ts`, our own Koa stub, and those of an OpenAPI Generator that the
 * operator has. `openGenerators` lists and runs them; operations.ts has `Clients`, `Servers`, `Gen` and `Codes`. A generator runs in
 * a process of its own (`../process/`). Documents, and what is made of them, are hostile: nothing of them may run in the server,
 * leave its folder, or stay behind.
 */
export { availableGenerator, clientFor } from './find.js';
export { openGenerators, type OpenGenerators } from './generators.js';
