import { Invalid } from '../kernel/errors.js';
import { clientSettings, GRANT_TYPES, type Client, type ClientSettings } from './schema.js';
import { REGISTERED_SETTINGS, SETTINGS } from './setting-rules.js';

/** A client as RFC 7591 writes it: names with underscores, `scope` as one text. */
export type Metadata = Record<string, unknown>;

const snake = (name: string): string => name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);

/** The setting → its name in the registry of RFC 7591. */
const NAMES = REGISTERED_SETTINGS.map((setting) => [setting, snake(setting)] as const);

/** The product's settings that the registry does not have; nobody registers with them. */
const OURS: readonly string[] = SETTINGS.filter((setting) => !REGISTERED_SETTINGS.includes(setting));

/** Grants that an application that nobody knows may register for. */
const REGISTRABLE: readonly string[] = [
  GRANT_TYPES.code,
  GRANT_TYPES.refresh,
  GRANT_TYPES.clientCredentials,
  GRANT_TYPES.device,
];

const SIGN_IN = ['openid', 'profile', 'email', 'offline_access'];

/**
 * The settings of an application that registers itself. What RFC 7591 lets an application leave out has its default, what
 * is not known is left aside (2), and people are asked for consent.
 * @param allowed scopes that it may have at the most.
 * @throws Invalid
 */
export function settingsFrom(metadata: Metadata, allowed: readonly string[]): ClientSettings {
  const given = Object.fromEntries(
    NAMES.flatMap(([setting, name]) => (metadata[name] == null ? [] : [[setting, metadata[name]]])),
  ) as Partial<ClientSettings>;
  const settings = clientSettings({
    grantTypes: [GRANT_TYPES.code],
    ...given,
    scopes: scopesIn(metadata['scope'], allowed),
    requireConsent: true,
  });
  if (!Array.isArray(settings.grantTypes)) throw new Invalid('grantTypes', 'must be a list');
  const beyond = settings.grantTypes.find((grant) => !REGISTRABLE.includes(grant));
  if (beyond !== undefined) throw new Invalid('grantTypes', `"${beyond}" is given by an administrator only`);
  const code = settings.grantTypes.includes(GRANT_TYPES.code);
  const responseTypes = metadata['response_types'] ?? (code ? ['code'] : []);
  if (JSON.stringify(responseTypes) !== JSON.stringify(code ? ['code'] : []))
    throw new Invalid(
      'responseTypes',
      code ? 'must be ["code"]' : 'must be empty without authorization_code',
    );
  return settings;
}

/**
 * The settings of a client that says again what it is (RFC 7592, 2.2). What it can not name stays, and so does what an
 * administrator has given it or has set since.
 * @throws Invalid
 */
export function changedBy(
  metadata: Metadata,
  before: ClientSettings,
  { scopes, settled }: { scopes: readonly string[]; settled: readonly string[] },
): ClientSettings {
  const granted = before.grantTypes.filter((grant) => !REGISTRABLE.includes(grant));
  const { grant_types: asked } = metadata;
  const own = Array.isArray(asked)
    ? (asked as unknown[]).filter((grant) => !granted.includes(grant as string))
    : asked;
  const said = settingsFrom({ ...metadata, grant_types: own }, [...scopes, ...before.scopes]);
  const fixed = [...OURS.filter((setting) => setting !== 'scopes'), ...settled];
  const kept = Object.entries(before).filter(([setting]) => fixed.includes(setting));
  const settings = {
    ...Object.fromEntries(Object.entries(said).filter(([setting]) => !fixed.includes(setting))),
    grantTypes: [...said.grantTypes, ...granted],
    ...Object.fromEntries(kept),
  } as ClientSettings;
  const { defaultScopes } = settings;
  return defaultScopes
    ? { ...settings, defaultScopes: defaultScopes.filter((scope) => settings.scopes.includes(scope)) }
    : settings;
}

function scopesIn(scope: unknown, allowed: readonly string[]): string[] {
  if (scope === undefined || scope === null) return SIGN_IN.filter((word) => allowed.includes(word));
  if (typeof scope !== 'string') throw new Invalid('scope', 'must be text, with spaces between scopes');
  const words = [...new Set(scope.split(' ').filter(Boolean))];
  const beyond = words.find((word) => !allowed.includes(word));
  if (beyond !== undefined) throw new Invalid('scope', `"${beyond}" can not be had by registering`);
  return words;
}

/** A registered client as its registration answers it. */
export function metadataOf({ clientId, clientName, settings, createdAt }: Client): Metadata {
  const known = NAMES.flatMap(([setting, name]) => {
    const value = settings[setting];
    return value === undefined ? [] : [[name, value]];
  });
  return {
    client_id: clientId,
    client_id_issued_at: Math.floor(createdAt / 1000),
    client_name: clientName,
    ...(Object.fromEntries(known) as Metadata),
    response_types: settings.grantTypes.includes(GRANT_TYPES.code) ? ['code'] : [],
    scope: settings.scopes.join(' '),
  };
}

/** A problem of a setting in the registry's names. */
export const inRegistryNames = ({ key, message }: Invalid): string => `${snake(key)}: ${message}`;
