export {
  authorise,
  confinedTo,
  holds,
  isManagementWord,
  isWithin,
  ownedBy,
  ownerOf,
  spellings,
  type Actor,
  type Presented,
} from './access.js';
export { areaAt } from './area.js';
export {
  aboutOne,
  widenedBy,
  type Held,
  type Holdings,
  type Judge,
  type Own,
  type OwnApis,
  type Trusted,
} from './authority.js';
export { parseJson, readJson } from './body.js';
export { BASIC, defineCodes, type Code } from './codes.js';
export { Failure, type FieldProblem } from './failure.js';
export {
  BY_SECRET,
  describe,
  describedBytes,
  openApiDocument,
  type Described,
  type DescribedBytes,
} from './openapi.js';
export {
  defineHomeList,
  defineHomeOperation,
  defineList,
  defineOperation,
  defineRaw,
  defineStream,
  writes,
  type AnyOperation,
  type CallTenant,
  type Line,
  type Page,
  type StartedWork,
  type RawAnswer,
} from './operation.js';
export {
  containing,
  listQuery,
  literal,
  NAMED_COLUMNS,
  NAMED_LIST,
  NEWEST_COLUMNS,
  NEWEST_LIST,
  pageOf,
  type Sought,
} from './paging.js';
export { CallerEnded } from './streams.js';
export { TAGS, tagsOf } from './tags.js';
export { inspectJson } from './validation.js';
export * as shapes from './shapes.js';
