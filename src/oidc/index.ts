export { openArtifacts, type Artifacts } from './artifacts.js';
export { listKeys, loadKeyRing, rotateKeys, type KeyInfo } from './keys.js';
export { openProviderPool, type ProviderPool, type TenantRuntime } from './pool.js';
export type { OidcBase } from './provider.js';
export { isProviderPath, ROUTES } from './routes.js';
export { lookOf } from './interactions/pages.js';
export { interactionRoutes } from './interactions/routes.js';
export { documentPath } from './well-known.js';
