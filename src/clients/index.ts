export {
  clientSettings,
  GRANT_TYPES,
  hasSecrets,
  type Client,
  type ClientSettings,
  type NewClient,
  type SigningAlg,
} from './schema.js';
export { isClientOrigin, mayCallFrom } from './origins.js';
export { countClientsWithScope, takeScopeFromClients } from './scopes.js';
export { hashSecret, matchesSecret, newSecret } from './secrets.js';
export {
  addClientSecret,
  clientFinder,
  findClient,
  insertClient,
  listClients,
  setClientEnabled,
  updateClientSettings,
} from './store.js';
