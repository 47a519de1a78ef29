import { parse } from '../../kernel/json.js';
import { revokeAllOf } from '../../revocations/index.js';
import { rowsInPages, type TenantDb } from '../../store/index.js';
import type { Catalogue } from '../catalogue.js';

/** The scopes in the payload of a grant. */
export interface GrantedScopes {
  openid?: { scope?: string };
  resources?: Record<string, string>;
}

/**
 * Takes scopes that are about to go from what people have allowed and from what clients got without being asked for:
 * another API, or another scope about a person, may get the name later, and nobody has allowed that one. The revocations
 * are for grants that requests write meanwhile, and for consent pages that are open.
 */
export async function takeFromGrants(db: TenantDb, scopes: readonly string[]): Promise<void> {
  if (scopes.length === 0) return;
  for (const scope of scopes) await revokeAllOf(db, 'scope', scope);
  const gone = new Set(scopes);
  // As the index of grants says it (migrations/0020).
  const grants = () => db.from('oidc_artifacts').whereRaw("model = 'Grant'").select('id', 'payload');
  for await (const { id, payload: before } of rowsInPages(grants)) {
    const grant = parse<GrantedScopes>(before);
    const left = without(grant, (scope) => gone.has(scope));
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

/** What still counts of a grant that was written at a generation: no scope that went since, though its name is there again. */
export const stillGranted = <G extends GrantedScopes>(
  grant: G,
  { revokedAt }: Pick<Catalogue, 'revokedAt'>,
  generation: number,
): G => without(grant, (scope) => revokedAt(scope) > generation);

/**
 * A grant as it is to be written, and its generation: that of the catalogue in which the scopes were found, or were shown. It
 * grows only where it has to, for a scope whose name had another before. A scope that the catalogue does not have is left
 * out then: it may have gone, and so must not get the greater generation.
 * @param was the generation that the grant was read with; undefined for a new one.
 * @param shown the generation of the catalogue by which a page showed the scopes; undefined where none did.
 */
export function grantToWrite<G extends GrantedScopes>(
  grant: G,
  { identity, apiOf, revokedAt, generation: now }: Catalogue,
  was: number | undefined,
  shown = now,
): { grant: G; generation: number } {
  const generation = Math.min(shown, now);
  if (was === undefined) return { grant, generation };
  if (scopesIn(grant).every((scope) => revokedAt(scope) <= was))
    return { grant, generation: Math.min(was, now) };
  return { grant: without(grant, (scope) => !identity.has(scope) && !apiOf(scope)), generation };
}

/** A grant without some scopes; the same object where it has none of them. */
function without<G extends GrantedScopes>(grant: G, isGone: (scope: string) => boolean): G {
  if (!scopesIn(grant).some(isGone)) return grant;
  const left = (scope?: string): string =>
    wordsOf(scope)
      .filter((word) => !isGone(word))
      .join(' ');
  const resources = Object.entries(grant.resources ?? {})
    .map(([indicator, scope]): [string, string] => [indicator, left(scope)])
    .filter(([, scope]) => scope !== '');
  return {
    ...grant,
    ...(grant.openid && { openid: { ...grant.openid, scope: left(grant.openid.scope) } }),
    ...(grant.resources && { resources: Object.fromEntries(resources) }),
  };
}
