import { ACCOUNT_CLIENT_ID, clientSettings, GRANT_TYPES, type Client } from '../clients/index.js';
import type { Tenant } from '../tenants/index.js';

export const ACCOUNT_CALLBACK = '/account/callback';

/**
 * The account pages sign people in as every application does, so that there is one way to sign in. Their code is never
 * redeemed: the challenge that goes with it belongs to a verifier that nobody has, and the session is what counts.
 */
export const accountClient = ({ issuer, createdAt }: Tenant): Client => ({
  id: ACCOUNT_CLIENT_ID,
  clientId: ACCOUNT_CLIENT_ID,
  clientName: 'Account',
  description: null,
  enabled: true,
  settings: clientSettings({
    grantTypes: [GRANT_TYPES.code],
    redirectUris: [issuer + ACCOUNT_CALLBACK],
    postLogoutRedirectUris: [`${issuer}/account`],
    scopes: ['openid'],
    tokenEndpointAuthMethod: 'none',
    requireConsent: false,
    clientUri: `${issuer}/account`,
  }),
  properties: {},
  owner: null,
  secrets: [],
  createdAt,
  updatedAt: createdAt,
});
