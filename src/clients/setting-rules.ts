import type { Held } from '../api/index.js';
import type { ClientSettings } from './schema.js';

/**
 * By what a setting lets a trusted client reach further:
 * - `adds`: each of these words that is new;
 * - `most`: a number above the one until now; without a number it counts as this one.
 */
type Width<V> = { adds(value: V | undefined): readonly string[] } | { most: number };

/**
 * Who may set a setting.
 * - `registers`: whether an application that registers itself does, by the name that RFC 7591 has for it.
 * - `owner`: what an owner who is confined to their own things does: sets it (`free`), leaves it to administrators (`never`), or
 *   sets it until an administrator trusts the client, and from then on makes it no wider. That goes for RFC 7592 as well.
 */
type Rule<V> = { registers: boolean; owner: 'free' | Width<V> } | { registers: false; owner: 'never' };

const each: Width<readonly string[]> = { adds: (values = []) => values };
const being = <V>(loose: V): Width<V> => ({ adds: (value) => (value === loose ? [String(value)] : []) });
/** Of a setting that protects a client's codes and tokens. */
const notBeing: Width<boolean> = { adds: (value) => (value ? [] : ['false']) };
/** Of a setting that shortens what the configuration allows. */
const atMost: Width<number> = { most: Infinity };

const shown = { registers: true, owner: 'free' } as const;
/** By these the client proves itself, as it does by the secrets that its owner may add. */
const proof = { registers: true, owner: 'free' } as const;

/** Every setting has a rule: without one it does not compile. */
const RULES: { readonly [S in keyof ClientSettings]-?: Rule<NonNullable<ClientSettings[S]>> } = {
  applicationType: { registers: true, owner: being('native') },
  grantTypes: { registers: true, owner: each },
  redirectUris: { registers: true, owner: each },
  postLogoutRedirectUris: { registers: true, owner: each },
  scopes: { registers: false, owner: each }, // RFC 7591 has them as one text
  defaultScopes: { registers: false, owner: 'free' }, // all among `scopes`
  resources: { registers: false, owner: each },
  tokenEndpointAuthMethod: { registers: true, owner: being('none') },
  requireConsent: { registers: false, owner: notBeing },
  requirePkce: { registers: false, owner: being(false) },
  // A page that reads the answers to direct grants guesses from the addresses of all who look at it.
  corsOrigins: { registers: false, owner: each },
  clientUri: shown,
  logoUri: shown,
  policyUri: shown,
  tosUri: shown,
  contacts: shown,
  accessTokenLifetime: { registers: false, owner: atMost },
  refreshTokenIdle: { registers: false, owner: atMost },
  refreshTokenAbsolute: { registers: false, owner: atMost },
  refreshTokenReuseWindow: { registers: false, owner: { most: 0 } },
  endOfflineAccessOnSignOut: { registers: false, owner: notBeing },
  jwks: proof,
  jwksUri: proof,
  tlsClientAuthSubjectDn: proof,
  tlsClientAuthSanDns: proof,
  tlsClientAuthSanUri: proof,
  tlsClientCertificateBoundAccessTokens: { registers: true, owner: notBeing },
  dpopBoundAccessTokens: { registers: true, owner: notBeing },
  // Set before the client is trusted, it would count from then on.
  signInRate: { registers: false, owner: 'never' },
  requirePushedAuthorizationRequests: { registers: true, owner: notBeing },
  requireSignedRequestObject: { registers: true, owner: notBeing },
  idTokenSignedResponseAlg: { registers: true, owner: 'free' },
  introspectionSignedResponseAlg: { registers: true, owner: 'free' },
  // They hear of sessions of people who have signed in at the client, and get no code and no token.
  backchannelLogoutUri: { registers: true, owner: 'free' },
  frontchannelLogoutUri: { registers: true, owner: 'free' }, // of the origin of a redirect URI
};

const ALL = Object.entries(RULES) as [keyof ClientSettings, Rule<unknown>][];

export const SETTINGS = ALL.map(([setting]) => setting);

/** The settings that an application says of itself by the names of RFC 7591. */
export const REGISTERED_SETTINGS = ALL.filter(([, { registers }]) => registers).map(([setting]) => setting);

/** How far a client reaches by its settings, and what of them only administrators set. */
export function reachOf(settings: ClientSettings): Held {
  const words = ALL.flatMap(([setting, { owner }]) =>
    typeof owner === 'object' && 'adds' in owner
      ? owner.adds(settings[setting]).map((word) => `${setting}: ${word}`)
      : [],
  );
  const most = ALL.flatMap(([setting, { owner }]) =>
    typeof owner === 'object' && 'most' in owner
      ? [[setting, Number(settings[setting] ?? owner.most)] as const]
      : [],
  );
  return {
    width: { words, most: Object.fromEntries(most) },
    administrators: ALL.filter(
      ([setting, { owner }]) => owner === 'never' && settings[setting] !== undefined,
    ).map(([setting]) => `${setting}: ${JSON.stringify(settings[setting])}`),
  };
}
