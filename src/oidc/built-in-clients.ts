import { managementScopes } from '../api-resources/index.js';
import {
  ACCOUNT_CLIENT_ID,
  clientSettings,
  DEMO_CLIENT_ID,
  DOCS_CLIENT_ID,
  GRANT_TYPES,
  isBuiltInClient,
  type Client,
  type ClientSettings,
} from '../clients/index.js';
import type { Tenant } from '../tenants/index.js';

/** Where the account's pages, the demo and "Authorize" at `/docs` get their answers. */
export const ACCOUNT_CALLBACK = '/account/callback';
export const DEMO_CALLBACK = '/demo/callback';
export const DOCS_CALLBACK = '/docs/oauth2-redirect.html';

/** What the demo asks for and shows. */
export const DEMO_SCOPES = ['openid', 'profile', 'email', 'role', 'offline_access', 'isms.user.get'];

type Fields = Pick<Client, 'clientId' | 'clientName' | 'description'>;

const builtIn = ({ createdAt }: Tenant, fields: Fields, settings: Partial<ClientSettings>): Client => ({
  ...fields,
  id: fields.clientId,
  enabled: true,
  settings: clientSettings({ tokenEndpointAuthMethod: 'none', ...settings }),
  properties: {},
  owner: null,
  secrets: [],
  createdAt,
  updatedAt: createdAt,
});

/**
 * The account pages sign people in as every application does, so that there is one way to sign in. Their code is never
 * redeemed: the challenge that goes with it belongs to a verifier that nobody has, and the session is what counts.
 */
const accountClient = (tenant: Tenant): Client =>
  builtIn(
    tenant,
    { clientId: ACCOUNT_CLIENT_ID, clientName: 'Account', description: null },
    {
      grantTypes: [GRANT_TYPES.code],
      redirectUris: [tenant.issuer + ACCOUNT_CALLBACK],
      postLogoutRedirectUris: [`${tenant.issuer}/account`],
      scopes: ['openid'],
      requireConsent: false,
      clientUri: `${tenant.issuer}/account`,
    },
  );

let docsScopes: string[] | undefined;

/**
 * `/docs` can ask for every scope of the management API, and gets those that the person ticks and allows at that moment:
 * nothing by default, and no consent is remembered (grants/load.ts).
 */
const docsClient = (tenant: Tenant): Client =>
  builtIn(
    tenant,
    { clientId: DOCS_CLIENT_ID, clientName: 'Management API', description: null },
    {
      grantTypes: [GRANT_TYPES.code],
      redirectUris: [tenant.issuer + DOCS_CALLBACK],
      scopes: (docsScopes ??= managementScopes().map(({ name }) => name)),
      defaultScopes: [],
      clientUri: `${tenant.issuer}/docs`,
    },
  );

const demoClient = (tenant: Tenant): Client =>
  builtIn(
    tenant,
    { clientId: DEMO_CLIENT_ID, clientName: 'Gatehouse Demo', description: null },
    {
      grantTypes: [GRANT_TYPES.code, GRANT_TYPES.refresh],
      redirectUris: [tenant.issuer + DEMO_CALLBACK],
      postLogoutRedirectUris: [`${tenant.issuer}/demo`],
      scopes: DEMO_SCOPES,
      clientUri: `${tenant.issuer}/demo`,
    },
  );

/**
 * Finds the clients of a tenant: the product's own here, all others by `stored`. The product's own are kept nowhere, so they
 * follow the program, the configuration and the issuer, and a row of the same id is never taken for one of them.
 */
export function withBuiltInClients(
  tenant: Tenant,
  { demo }: { demo: boolean },
  stored: (clientId: string) => Promise<Client | undefined>,
): (clientId: string) => Promise<Client | undefined> {
  const make = new Map<string, (tenant: Tenant) => Client>([
    [ACCOUNT_CLIENT_ID, accountClient],
    [DOCS_CLIENT_ID, docsClient],
    ...(demo ? [[DEMO_CLIENT_ID, demoClient] as const] : []),
  ]);
  return async (clientId) => (isBuiltInClient(clientId) ? make.get(clientId)?.(tenant) : stored(clientId));
}
