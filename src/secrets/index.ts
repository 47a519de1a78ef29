export { checkStrength, hashSecret, hintOf, matchesSecret, newSecret, type Secret } from './secrets.js';
export {
  addSecret,
  API_RESOURCE_SECRETS,
  CLIENT_SECRETS,
  keepSecrets,
  secretsByOwner,
  secretsOf,
  toSecret,
  type NewSecret,
} from './store.js';
export { KEPT_SECRETS, NEW_SECRET, readNewSecret, SECRET, SHOWN_SECRET, showSecret } from './shapes.js';
