export { takeFromGrants } from './grants/taken-scopes.js';
export { openArtifacts, type Artifacts } from './artifacts.js';
export {
  addKeys,
  keyRotation,
  KNOWN_ALGS,
  listKeys,
  makeFirstKeys,
  REVOKED_KEY_ENDS,
  revokeKeys,
  rotateKeys,
  scheduleOf,
  type KeyInfo,
} from './keys/index.js';
export type { ApiToken, ApiTokens } from './api-tokens.js';
export type { LiveToken } from './bearer.js';
export { DPOP_ALGS, type DpopProofs } from './dpop-proofs.js';
export type { TokenDependencies } from './jwt-access-token.js';
export { endPending, OIDC_SEALED_COLUMNS } from './sealed.js';
export { openProviderPool, type ProviderPool, type TenantRuntime } from './pool.js';
export type { OidcBase } from './provider.js';
export { ROUTES } from './routes.js';
export { lookOf } from './interactions/pages.js';
export { answerUnavailable } from './interactions/unavailable.js';
export { ACCOUNT_CALLBACK, DEMO_CALLBACK, DEMO_SCOPES, DOCS_CALLBACK } from './built-in-clients.js';
export { attempt, counted, mayStillCome, type Problem } from './interactions/problems.js';
export { shownScope } from './interactions/consent.js';
export { interactionRoutes } from './interactions/routes.js';
export { BACK_CHANNEL_LOGOUT, backChannelDelivery } from './logout/back-channel.js';
export { sourceClientsIn, tokenLives } from './token-lives.js';
export { documentPath } from './well-known.js';
export {
  accessOf,
  endGrants,
  endSessions,
  listGrants,
  listSessions,
  sessionLives,
  userEndedDelivery,
} from './sessions.js';
