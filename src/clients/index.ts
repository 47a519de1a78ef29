export {
  ACCOUNT_CLIENT_ID,
  clientSettings,
  GRANT_TYPES,
  hasSecrets,
  type Client,
  type ClientSettings,
  type NewClient,
} from './schema.js';
export { isClientOrigin, mayCallFrom } from './origins.js';
export { countClientsUsing, takeFromClients } from './scopes.js';
export {
  addClientSecret,
  clientFinder,
  deleteClient,
  findClient,
  insertClient,
  listClients,
  setClientEnabled,
  updateClientSettings,
} from './store.js';
export { clientOperations } from './operations.js';
export { openClient } from './import.js';
export {
  forgetIssuedTokens,
  issuedTokenOperations,
  type IssuedToken,
  type IssueWish,
  type TokenSource,
} from './issued-tokens.js';
export { inRegistryNames, metadataOf, type Metadata } from './metadata.js';
export {
  register,
  looksAfter,
  mayRegister,
  registrationOf,
  registrationTokenOperations,
  reregister,
  type Registered,
} from './registration.js';
export { insertManagementClient } from './management-client.js';
