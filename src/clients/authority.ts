import { widenedBy, type Held, type Trusted } from '../api/index.js';
import type { TenantDb } from '../store/index.js';
import { GRANT_TYPES, type Client, type ClientSettings } from './schema.js';
import { reachOf, SETTINGS } from './setting-rules.js';

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

/** What a client holds: those who change how it proves itself, or where its codes go, can act as that client. */
export const heldByClient = ({
  settings,
  owner,
  enabled,
}: Pick<Client, 'settings' | 'owner' | 'enabled'>): Held => ({
  ...reachOf(settings),
  scopes: settings.scopes,
  apis: settings.resources,
  trusted: trustedIn(settings),
  owner,
  disabled: !enabled,
});

/**
 * The settings by which a client that an administrator trusts would reach further. Each counts alone: a client may say less, and
 * the same.
 */
export function widening(before: ClientSettings, said: ClientSettings): string[] {
  if (trustedIn(before).length === 0) return [];
  return SETTINGS.filter((setting) => {
    const changed = { ...before, [setting]: said[setting] };
    return widenedBy(reachOf(before), reachOf(changed)).length > 0;
  });
}
