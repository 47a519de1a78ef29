import type { Row, TenantDb } from '../../store/index.js';

const AT_ONCE = 1000;

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
  for (let last = ''; ;) {
    const rows = await db
      .from('oidc_artifacts')
      .whereRaw("model = 'Grant'") // as the index of grants says it (migrations/0020)
      .where('id', '>', last)
      .orderBy('id')
      .limit(AT_ONCE)
      .select<Row[]>('id', 'payload');
    for (const row of rows) {
      last = row['id'] as string;
      const payload = without(row['payload'] as string, gone);
      if (payload !== row['payload']) await db.from('oidc_artifacts').where({ id: last }).update({ payload });
    }
    if (rows.length < AT_ONCE) return;
  }
}

/** The payload of a grant without these scopes; the same text where it has none of them. */
function without(text: string, gone: ReadonlySet<string>): string {
  const grant = JSON.parse(text) as GrantPayload;
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
