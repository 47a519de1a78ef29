import { errors } from './library/index.js';
import type { ApiResource } from '../api-resources/index.js';
import { GRANT_TYPES, type Client } from '../clients/index.js';
import type { Catalogue } from './catalogue.js';

const { InvalidScope, InvalidTarget } = errors;

export interface AskedScopes {
  /** All words of the request, or the client's default ones. */
  scope: string[];
  /** The one API that the scopes, or `resource`, name. */
  api: ApiResource | undefined;
}

/**
 * Decides what a request asks for. A scope that the client may not have is refused, never dropped in silence; the API
 * follows from the scopes, or is named by `resource` (RFC 8707).
 * @param requested the `scope` parameter; undefined for the client's default ones.
 * @param resource the `resource` parameter, an absolute URI.
 * @param aboutUser false where there is no person (client credentials), so that scopes about one are refused.
 * @throws InvalidScope, InvalidTarget with what to change.
 */
export function askedScopes(
  catalogue: Catalogue,
  client: Client,
  requested: string | undefined,
  resource: string | undefined,
  aboutUser: boolean,
): AskedScopes {
  const named = resource === undefined ? undefined : catalogue.apiByIndicator.get(resource);
  if (resource !== undefined && !named) throw new InvalidTarget(`there is no API "${printable(resource)}"`);
  if (named) requireReach(catalogue, named, client);
  const scope = requested?.trim()
    ? [...new Set(requested.split(' ').filter(Boolean))]
    : defaultScopes(catalogue, client, named, aboutUser);
  const owners = new Set<ApiResource>();
  for (const word of scope) {
    const owner = catalogue.apiOf(word);
    if (!client.settings.scopes.includes(word) || !(owner ?? catalogue.identity.has(word)))
      throw new InvalidScope('requested scope is not allowed', printable(word));
    if (owner) owners.add(owner);
    else if (!aboutUser)
      throw new InvalidScope('the scope is about a person, and this grant has none', printable(word));
  }
  if (named) {
    const stray = scope.find((word) => (catalogue.apiOf(word) ?? named) !== named);
    if (stray !== undefined)
      throw new InvalidScope('the scope does not belong to the resource asked for', printable(stray));
    return { scope, api: named };
  }
  if (owners.size > 1)
    throw new InvalidTarget(
      `the scopes belong to ${owners.size} APIs (${[...owners].map(({ name }) => name).join(', ')}), a token is for one: ` +
        'ask for the scopes of one, or name it with the resource parameter',
    );
  return { scope, api: [...owners][0] };
}

/** Whether a client has something of an API: a scope, or that it serves it. */
export const reaches = (
  catalogue: Catalogue,
  api: ApiResource,
  { settings: { scopes, resources } }: Client,
): boolean => resources.includes(api.name) || scopes.some((word) => catalogue.apiOf(word) === api);

/**
 * Refuses an API that the client has nothing of: its tokens say who they are for, and an API may believe that alone.
 * @throws InvalidTarget with what to change
 */
export function requireReach(catalogue: Catalogue, api: ApiResource, client: Client): void {
  if (reaches(catalogue, api, client)) return;
  throw new InvalidTarget(
    `the client has no scope of the API "${printable(api.name)}": give it one, or name the API in its resources`,
  );
}

function defaultScopes(
  catalogue: Catalogue,
  client: Client,
  api: ApiResource | undefined,
  aboutUser: boolean,
): string[] {
  const { scopes, defaultScopes } = client.settings;
  return (defaultScopes ?? scopes).filter((word) => {
    const owner = catalogue.apiOf(word);
    return owner ? api === undefined || owner === api : aboutUser && catalogue.identity.has(word);
  });
}

/**
 * The scopes that a token for an API can hold for this client: those of the API and those of the provider (see adapter.ts). A
 * token for no API holds the provider's scopes only.
 */
export function scopesAt(
  catalogue: Catalogue,
  api: ApiResource | undefined,
  client: Client,
  asked?: string,
): string[] {
  const mayHave = (word: string): boolean =>
    catalogue.identity.has(word) || (api !== undefined && catalogue.apiOf(word) === api);
  if (asked === undefined) return client.settings.scopes.filter(mayHave);
  return asked.split(' ').filter((word) => mayHave(word) && client.settings.scopes.includes(word));
}

/** Error descriptions may hold only printable ASCII (RFC 6749, 5.2), and stay short. */
export const printable = (text: string): string =>
  text.slice(0, 100).replace(/[^\x20\x21\x23-\x5b\x5d-\x7e]/g, '?');

/** Whether the grant is one that signs a person in. */
export const isAboutUser = (grantType: string | undefined): boolean =>
  grantType !== GRANT_TYPES.clientCredentials;
