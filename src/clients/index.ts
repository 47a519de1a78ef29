export {
  ACCOUNT_CLIENT_ID,
  BUILT_IN_CLIENT_IDS,
  clientSettings,
  DEMO_CLIENT_ID,
  DOCS_CLIENT_ID,
  GRANT_TYPES,
  hasSecrets,
  isBuiltInClient,
  reservedAudiences,
  type Client,
  type ClientSettings,
  type NewClient,
} from './schema.js';
export type { NamesOfDevices } from './authority.js';
export { checkClientId, checkReach } from './rules.js';
export { isClientOrigin, mayCallFrom } from './origins.js';
export { countClientsUsing, countClientsWith, takeFromClients } from './scopes.js';
export {
  addClientSecret,
  clientFinder,
  clientsWithAudiences,
  clientsWithBuiltInIds,
  deleteClient,
  findClient,
  rightsOfClient,
  insertClient,
  endTokensOfClient,
  listClients,
  revokeClientSecret,
  setClientEnabled,
  updateClientSettings,
} from './store.js';
export { forgetIssuedTokens, type IssuedToken, type IssueWish, type TokenSource } from './issued-tokens.js';
export { inRegistryNames, metadataOf, type Metadata } from './metadata.js';
export {
  register,
  looksAfter,
  mayRegister,
  registrationOf,
  reregister,
  type Registered,
  type RegistrationChecks,
} from './registration.js';
export {
  endAllRegistrations,
  endInitialToken,
  endRegistrationAccess,
  listRegistrations,
} from './registration-access.js';
export { insertManagementClient, type WantedManagementClient } from './management-client.js';
