// Modules are loaded in this order: the library between the two. All values of the library are imported from here.
import './before.js';
export type * from 'oidc-provider';
export { default, errors, ExternalSigningKey, interactionPolicy, Provider } from 'oidc-provider';
import './after.js';
