export { authorise, holds, spellings, VOCABULARIES, type Access, type Actor } from './access.js';
export { areaAt } from './area.js';
export { BASIC, defineCodes, languageOf, type Code, type Language } from './codes.js';
export { Failure, type FieldProblem } from './failure.js';
export { openApiDocument } from './openapi.js';
export {
  areaOf,
  defineList,
  defineOperation,
  writes,
  type AnyOperation,
  type CallTenant,
  type Page,
} from './operation.js';
export { containing, literal, NAMED_COLUMNS, NAMED_LIST, pageOf } from './paging.js';
export { apiApp, type ApiBase, type Deed } from './routes.js';
export * as shapes from './shapes.js';
