import { GRANT_TYPES, type ClientSettings } from './schema.js';

const SIGN_IN_SCOPES = ['openid', 'profile', 'email', 'offline_access'];

/** Seconds in which a tab may send the refresh token that another tab has just used. */
const TABS = 10;

/** What the usual kinds of applications begin with; whatever is given beside takes its place. */
export const TEMPLATES = {
  'single-page': {
    grantTypes: [GRANT_TYPES.code, GRANT_TYPES.refresh],
    tokenEndpointAuthMethod: 'none',
    scopes: SIGN_IN_SCOPES,
    refreshTokenReuseWindow: TABS,
  },
  web: {
    grantTypes: [GRANT_TYPES.code, GRANT_TYPES.refresh],
    tokenEndpointAuthMethod: 'client_secret_basic',
    scopes: SIGN_IN_SCOPES,
  },
  native: {
    applicationType: 'native',
    grantTypes: [GRANT_TYPES.code, GRANT_TYPES.refresh],
    tokenEndpointAuthMethod: 'none',
    scopes: SIGN_IN_SCOPES,
  },
  machine: {
    grantTypes: [GRANT_TYPES.clientCredentials],
    tokenEndpointAuthMethod: 'client_secret_basic',
    scopes: [],
  },
  device: {
    applicationType: 'native',
    grantTypes: [GRANT_TYPES.device, GRANT_TYPES.refresh],
    tokenEndpointAuthMethod: 'none',
    scopes: SIGN_IN_SCOPES,
  },
} as const satisfies Record<string, Partial<ClientSettings>>;

export type Template = keyof typeof TEMPLATES;

export const TEMPLATE_NAMES = [
  'single-page',
  'web',
  'native',
  'machine',
  'device',
] as const satisfies readonly Template[];
