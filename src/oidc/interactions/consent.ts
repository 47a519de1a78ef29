import type { Grant, Interaction, Provider } from 'oidc-provider';
import { MANAGEMENT_API, managementWordOf, type ManagementWord } from '../../api-resources/index.js';
import { DOCS_CLIENT_ID } from '../../clients/index.js';
import type { Catalogue } from '../catalogue.js';
import { allow, type GrantFields } from '../grants/existing.js';
import type { InteractionFields } from '../model-fields.js';

/** What the library's consent prompt says is still to be allowed. */
interface Missing {
  missingOIDCScope?: string[];
  missingResourceScopes?: Record<string, string[]>;
}

/** A line of the consent page; `key` names its text in the locales where the catalogue has none. */
export interface ShownScope {
  name: string;
  title: string;
  text: string | undefined;
  key: string;
  emphasize: boolean;
  /** Of a scope of the management API. */
  word: ManagementWord | undefined;
}

/** What an application asks for, as the consent page shows it. */
export interface ShownScopes {
  scopes: ShownScope[];
  /** Scopes of the management API by their area; `open` where the page shows them without a click. */
  areas: { area: string; scopes: ShownScope[]; emphasize: boolean; open: boolean }[];
  /** How many of them the scope for everything holds, where that is asked for too. */
  within: string | undefined;
  /** Names of scopes that no operation asks for. */
  unused: string[];
}

/** A scope in the words of the catalogue. */
export function shownScope(catalogue: Catalogue, name: string): ShownScope {
  const api = catalogue.apiOf(name);
  const scope = catalogue.identity.get(name) ?? api?.scopes.find((candidate) => candidate.name === name);
  return {
    name,
    title: scope?.displayName ?? name,
    text: scope?.description ?? (api && (api.displayName ?? api.name)),
    key: name === 'offline_access' ? 'consent.offline' : 'consent.about_you',
    emphasize: scope?.emphasize ?? false,
    word: api?.name === MANAGEMENT_API ? managementWordOf(name) : undefined,
  };
}

/** More than this many scopes of the management API are shown by area, closed. */
const MOST_OPEN = 8;

/**
 * Everything that the application asks for, in the words of the catalogue: what was allowed before as well, so that a
 * person who is asked again (`prompt=consent`) sees what it is about.
 */
export function scopesToShow(catalogue: Catalogue, interaction: Interaction): ShownScopes {
  const { scope: sent } = interaction.params;
  const asked = typeof sent === 'string' ? [...new Set(sent.split(' ').filter(Boolean))] : [];
  const shown = asked.map((name) => shownScope(catalogue, name));
  const used = shown.filter(({ word }) => word?.used !== false);
  const byArea = new Map<string, ShownScope[]>();
  for (const scope of used)
    if (scope.word?.area !== undefined)
      byArea.set(scope.word.area, [...(byArea.get(scope.word.area) ?? []), scope]);
  const scopes = used.filter(({ word }) => word?.area === undefined);
  const count = used.length - scopes.length;
  const hasAll = scopes.some(({ word }) => word !== undefined);
  return {
    scopes,
    areas: [...byArea].map(([area, inArea]) => ({
      area,
      scopes: inArea,
      emphasize: inArea.some(({ emphasize }) => emphasize),
      open: count <= MOST_OPEN && !hasAll,
    })),
    within: hasAll && count > 0 ? String(count) : undefined,
    unused: shown.filter(({ word }) => word?.used === false).map(({ name }) => name),
  };
}

/** The id of the newest consent of a person to a client. */
type NewestGrant = (accountId: string, clientId: string) => Promise<string | undefined>;

/**
 * The grant that the page adds to: that of when it was shown, or one that another page has made since. Not one that is younger
 * than what the page shows: what goes in between would stay.
 */
async function grantToAddTo(
  provider: Provider,
  { grantId, asOf = 0, params }: Interaction & InteractionFields,
  accountId: string,
  newestGrant: NewestGrant,
): Promise<(Grant & GrantFields) | undefined> {
  const shown = grantId === undefined ? undefined : await provider.Grant.find(grantId);
  const clientId = String(params['client_id']);
  if (shown || clientId === DOCS_CLIENT_ID) return shown;
  const newest = await newestGrant(accountId, clientId);
  const grant: (Grant & GrantFields) | undefined =
    newest === undefined ? undefined : await provider.Grant.find(newest);
  return (grant?.was ?? Infinity) <= asOf ? grant : undefined;
}

/** Writes down that the person allowed what was asked. */
export async function allowAsked(
  provider: Provider,
  interaction: Interaction & InteractionFields,
  accountId: string,
  newestGrant: NewestGrant,
): Promise<{ grantId: string; scopes: string[] }> {
  const { missingOIDCScope = [], missingResourceScopes = {} } = interaction.prompt.details as Missing;
  const grant: Grant & GrantFields =
    (await grantToAddTo(provider, interaction, accountId, newestGrant)) ??
    new provider.Grant({ accountId, clientId: String(interaction.params['client_id']) });
  grant.shown = interaction.asOf;
  const [api] = Object.entries(missingResourceScopes);
  const grantId = await allow(grant, missingOIDCScope, api && { indicator: api[0], scopes: api[1] });
  return { grantId, scopes: [...new Set([...missingOIDCScope, ...(api?.[1] ?? [])])] };
}
