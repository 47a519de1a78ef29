import { clientSettings, GRANT_TYPES, type NewClient } from '../clients/index.js';

export const DEMO_CLIENT_ID = 'demo';

/** The demo application's registration: public, code with PKCE, as a single-page application would have it. */
export const demoClient = (issuer: string, docsRedirect: string): NewClient => ({
  clientId: DEMO_CLIENT_ID,
  clientName: 'Gatehouse Demo',
  description: 'The pages at /demo and /docs. Not in production.',
  settings: clientSettings({
    grantTypes: [GRANT_TYPES.code, GRANT_TYPES.refresh, GRANT_TYPES.device],
    redirectUris: [`${issuer}/demo/callback`, issuer + docsRedirect],
    postLogoutRedirectUris: [`${issuer}/demo`],
    scopes: ['openid', 'profile', 'email', 'role', 'offline_access', 'isms.user.get', 'isms.all'],
    defaultScopes: ['openid', 'profile', 'email', 'role'],
    tokenEndpointAuthMethod: 'none',
    clientUri: `${issuer}/demo`,
  }),
});
