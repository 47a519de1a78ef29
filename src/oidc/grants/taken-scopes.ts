import { parse } from '../../kernel/json.js';
import { rowsInPages, type TenantDb } from '../../store/index.js';

interface GrantPayload {
  openid?: { scope?: string };
  resources?: Record<string, string>;
}

/**
 * Takes scopes that are about to go from what people have allowed and from what clients got without being asked for:
 * another API, or another scope about a person, may get the name later, and nobody has allowed that one.
 */
export async function takeFromGrants(db: TenantDb, scopes: readonly string[]): Promise<void> {
  if (scopes.length === 0) return;
  const gone = new Set(scopes);
  // As the index of grants says it (migrations/0020).
  const grants = () => db.from('oidc_artifacts').whereRaw("model = 'Grant'").select('id', 'payload');
  for await (const { id, payload: before } of rowsInPages(grants)) {
    const payload = without(before as string, gone);
    if (payload !== before) await db.from('oidc_artifacts').where({ id }).update({ payload });
  }
}

/** The payload of a grant without these scopes; the same text where it has none of them. */
function without(text: string, gone: ReadonlySet<string>): string {
  const grant = parse<GrantPayload>(text);
  const left = (scope = ''): string =>
    scope
      .split(' ')
      .filter((word) => !gone.has(word))
      .join(' ');
  const resources = Object.entries(grant.resources ?? {})
    .map(([indicator, scope]): [string, string] => [indicator, left(scope)])
    .filter(([, scope]) => scope !== '');
  const changed: GrantPayload = {
    ...grant,
    ...(grant.openid && { openid: { ...grant.openid, scope: left(grant.openid.scope) } }),
    ...(grant.resources && { resources: Object.fromEntries(resources) }),
  };
  const kept = [grant, changed].map(({ openid, resources: of }) => JSON.stringify([openid, of]));
  return kept[0] === kept[1] ? text : JSON.stringify(changed);
}
