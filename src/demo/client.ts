import { clientSettings, GRANT_TYPES, type NewClient } from '../clients/index.js';

export const DEMO_CLIENT_ID = 'demo';

/** The demo application's registration: public, code with PKCE, as a single-page application would have it. */
export const demoClient = (issuer: string): NewClient => ({
  clientId: DEMO_CLIENT_ID,
  clientName: 'Gatehouse Demo',
  description: 'The page at /demo. Not in production.',
  settings: clientSettings({
    grantTypes: [GRANT_TYPES.code, GRANT_TYPES.refresh, GRANT_TYPES.device],
    redirectUris: [`${issuer}/demo/callback`],
    postLogoutRedirectUris: [`${issuer}/demo`],
    scopes: ['openid', 'profile', 'email', 'role', 'offline_access', 'isms.user.get'],
    tokenEndpointAuthMethod: 'none',
    clientUri: `${issuer}/demo`,
  }),
});
