import { widenedBy, type Held, type Trusted } from '../api/index.js';
import type { TenantDb } from '../store/index.js';
import { GRANT_TYPES, type Client, type ClientSettings } from './schema.js';

/** Those of these names for which MQTT keeps a credential or rules; it lies above the clients and the users. */
export type NamesOfDevices = (db: TenantDb, names: readonly string[]) => Promise<ReadonlySet<string>>;

/** Grants in which a person sees no page of ours, and what else a client can do. */
const TRUSTED_GRANTS: readonly Trusted[] = [
  { setting: GRANT_TYPES.password, instead: 'sign people in by authorization_code, or ask an administrator' },
  {
    setting: GRANT_TYPES.mobileCode,
    instead: 'sign people in by authorization_code, or ask an administrator',
  },
  {
    setting: GRANT_TYPES.tokenExchange,
    instead: 'call other APIs by client_credentials, or ask an administrator',
  },
];

const NO_CONSENT: Trusted = {
  setting: 'requireConsent: false',
  instead: 'leave requireConsent true, or ask an administrator',
};

/** What lets a client get people's tokens although nobody has asked those people. */
const trustedIn = ({ grantTypes, requireConsent }: ClientSettings): Trusted[] => [
  ...(requireConsent ? [] : [NO_CONSENT]),
  ...TRUSTED_GRANTS.filter(({ setting }) => grantTypes.includes(setting)),
];

const isTrusted = (settings: ClientSettings): boolean => trustedIn(settings).length > 0;

/** Settings that protect a client's codes and tokens where they are true. */
const PROTECTIONS = [
  'requirePushedAuthorizationRequests',
  'requireSignedRequestObject',
  'dpopBoundAccessTokens',
  'tlsClientCertificateBoundAccessTokens',
] as const satisfies (keyof ClientSettings)[];

/** The settings by which a client's codes and tokens are protected less, or are sent to where others can be. */
const looseIn = (settings: ClientSettings): string[] => [
  ...(settings.requirePkce === false ? ['requirePkce: false'] : []),
  ...(settings.applicationType === 'native' ? ['applicationType: native'] : []),
  ...PROTECTIONS.filter((setting) => !settings[setting]).map((setting) => `${setting}: false`),
];

/** The settings that can widen a client that is trusted: those that `heldByClient` reads. */
const WIDENING = [
  'redirectUris',
  'postLogoutRedirectUris',
  'scopes',
  'grantTypes',
  'tokenEndpointAuthMethod',
  'requirePkce',
  'applicationType',
  ...PROTECTIONS,
] as const satisfies (keyof ClientSettings)[];

/** How far a client reaches. */
const reachOf = (settings: ClientSettings): Held => ({
  scopes: settings.scopes,
  apis: settings.resources,
  redirectUris: settings.redirectUris,
  postLogoutRedirectUris: settings.postLogoutRedirectUris,
  ways: [
    ...settings.grantTypes,
    ...(settings.tokenEndpointAuthMethod === 'none' ? [settings.tokenEndpointAuthMethod] : []),
    ...looseIn(settings),
  ],
});

/** What a client holds: those who change how it proves itself, or where its codes go, can act as that client. */
export const heldByClient = ({ settings, owner }: Pick<Client, 'settings' | 'owner'>): Held => ({
  ...reachOf(settings),
  trusted: trustedIn(settings),
  owner,
});

/**
 * The settings by which a client that an administrator trusts would reach further. Each counts alone: a client may say less, and
 * the same.
 */
export const widening = (before: ClientSettings, said: ClientSettings): string[] =>
  WIDENING.filter((setting) => {
    const changed = { ...before, [setting]: said[setting] };
    return isTrusted(before) && widenedBy(reachOf(before), reachOf(changed)).length > 0;
  });
