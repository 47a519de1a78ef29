import type { Knex } from 'knex';

interface ClientRow {
  tenant_id: string;
  id: string;
  settings: string;
}

/** As earlier programs wrote it at each start: public, with the redirect URI of the demo's own page. */
function isDemo({ settings }: ClientRow): boolean {
  const { redirectUris = [], tokenEndpointAuthMethod } = JSON.parse(settings) as {
    redirectUris?: string[];
    tokenEndpointAuthMethod?: string;
  };
  return tokenEndpointAuthMethod === 'none' && redirectUris.some((uri) => uri.endsWith('/demo/callback'));
}

/**
 * The demo is no row any more (src/oidc/built-in-clients.ts): it is there exactly where the configuration has it. The row
 * that earlier programs made goes, and so do its tokens. A client of your own that is called `demo` stays.
 */
export async function up(knex: Knex): Promise<void> {
  const rows: ClientRow[] = await knex('clients')
    .where({ client_id: 'demo' })
    .whereIn('tenant_id', knex('tenants').where({ home: true }).select('id'))
    .select('tenant_id', 'id', 'settings');
  for (const { tenant_id, id } of rows.filter(isDemo)) {
    // No foreign key acts in a step on SQLite (src/store/migrate.ts), so what belongs to the row is named here.
    for (const table of ['client_secrets', 'client_registrations'])
      await knex(table).where({ tenant_id, client_row_id: id }).delete();
    await knex('clients').where({ tenant_id, id }).delete();
    await knex('oidc_artifacts').where({ tenant_id, client_id: 'demo' }).delete();
    await knex('revocations')
      .insert({ tenant_id, kind: 'client', id: 'demo', revoked_at: Date.now(), expires_at: null })
      .onConflict(['tenant_id', 'kind', 'id'])
      .merge(['revoked_at', 'expires_at']);
  }
}

/** Earlier programs make the row at each start where the configuration has the demo. */
export async function down(): Promise<void> {}
