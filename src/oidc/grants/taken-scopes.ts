import { parse } from '../../kernel/json.js';
import { revokeAllOf } from '../../revocations/index.js';
import { rowsInPages, type TenantDb } from '../../store/index.js';
import type { Catalogue } from '../catalogue.js';

/** The scopes in the payload of a grant. */
export interface GrantedScopes {
  openid?: { scope?: string | undefined } | undefined;
  resources?: Record<string, string> | undefined;
}

/** Scopes that are about to go, and the indicator of an API that goes too, or gets another one. */
interface Taken {
  scopes: readonly string[];
  indicator?: string | undefined;
}

/**
 * Takes scopes and an API that are about to go from what people have allowed and from what clients got without being asked
 * for: another API, or another scope about a person, may get the name later, and nobody has allowed that one. The
 * revocations are for grants that requests write meanwhile, and for consent pages that are open.
 */
export async function takeFromGrants(db: TenantDb, { scopes, indicator }: Taken): Promise<void> {
  if (scopes.length === 0 && indicator === undefined) return;
  for (const scope of scopes) await revokeAllOf(db, 'scope', scope);
  if (indicator !== undefined) await revokeAllOf(db, 'api', indicator);
  const gone = new Set(scopes);
  const isGone = { scope: (scope: string) => gone.has(scope), api: (of: string) => of === indicator };
  // As the index of grants says it (migrations/0020).
  const grants = () => db.from('oidc_artifacts').whereRaw("model = 'Grant'").select('id', 'payload');
  for await (const { id, payload: before } of rowsInPages(grants)) {
    const grant = parse<GrantedScopes>(before);
    const left = without(grant, isGone);
    if (left !== grant)
      await db
        .from('oidc_artifacts')
        .where({ id })
        .update({ payload: JSON.stringify(left) });
  }
}

const wordsOf = (scope = ''): string[] => scope.split(' ').filter(Boolean);

const scopesIn = ({ openid, resources = {} }: GrantedScopes): string[] =>
  [openid?.scope, ...Object.values(resources)].flatMap((scope) => wordsOf(scope));

/** What has gone, of the scopes and of the APIs that a grant names. */
interface Gone {
  scope(name: string): boolean;
  api(indicator: string): boolean;
}

const hasAny = (grant: GrantedScopes, isGone: Gone): boolean =>
  scopesIn(grant).some(isGone.scope) || Object.keys(grant.resources ?? {}).some(isGone.api);

const goneSince = (
  { revokedAt, apiRevokedAt }: Pick<Catalogue, 'revokedAt' | 'apiRevokedAt'>,
  generation: number,
): Gone => ({
  scope: (scope) => revokedAt(scope) > generation,
  api: (indicator) => apiRevokedAt(indicator) > generation,
});

/**
 * What still counts of a grant that was written at a generation: no scope and no API that went since, though its name is
 * there again.
 */
export const stillGranted = <G extends GrantedScopes>(
  grant: G,
  catalogue: Pick<Catalogue, 'revokedAt' | 'apiRevokedAt'>,
  generation: number,
): G => without(grant, goneSince(catalogue, generation));

/**
 * A grant as it is to be written, and its generation: that of the catalogue in which the scopes were found, or were shown. It
 * grows only where it has to, for a scope or an API whose name had another before. One that the catalogue does not have is
 * left out then: it may have gone, and so must not get the greater generation.
 * @param was the generation that the grant was read with; undefined for a new one.
 * @param shown the generation of the catalogue by which a page showed the scopes; undefined where none did.
 */
export function grantToWrite<G extends GrantedScopes>(
  grant: G,
  catalogue: Catalogue,
  was: number | undefined,
  shown = catalogue.generation,
): { grant: G; generation: number } {
  const { identity, apiOf, apiByIndicator, generation: now } = catalogue;
  const generation = Math.min(shown, now);
  if (was === undefined) return { grant, generation };
  if (!hasAny(grant, goneSince(catalogue, was))) return { grant, generation: Math.min(was, now) };
  const left = without(grant, {
    scope: (scope) => !identity.has(scope) && !apiOf(scope),
    api: (indicator) => !apiByIndicator.has(indicator),
  });
  return { grant: left, generation };
}

/** Whether another API has had the indicator, and a grant holds nothing of the one that has it now. */
export const isForAnother = (
  { resources }: GrantedScopes,
  { apiRevokedAt }: Pick<Catalogue, 'apiRevokedAt'>,
  indicator: string,
): boolean => apiRevokedAt(indicator) > 0 && !resources?.[indicator];

/** A grant without what has gone; the same object where it has nothing of it. */
function without<G extends GrantedScopes>(grant: G, isGone: Gone): G {
  if (!hasAny(grant, isGone)) return grant;
  const left = (scope?: string): string =>
    wordsOf(scope)
      .filter((word) => !isGone.scope(word))
      .join(' ');
  const resources = Object.entries(grant.resources ?? {})
    .filter(([indicator]) => !isGone.api(indicator))
    .map(([indicator, scope]): [string, string] => [indicator, left(scope)])
    .filter(([, scope]) => scope !== '');
  return {
    ...grant,
    ...(grant.openid && { openid: { ...grant.openid, scope: left(grant.openid.scope) } }),
    ...(grant.resources && { resources: Object.fromEntries(resources) }),
  };
}
