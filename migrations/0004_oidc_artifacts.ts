import type { Knex } from 'knex';

export async function up(knex: Knex): Promise<void> {
  // Everything that oidc-provider asks to be kept: sessions, codes, tokens, grants, interactions.
  await knex.schema.createTable('oidc_artifacts', (table) => {
    table.text('tenant_id').notNullable().references('tenants.id').onDelete('CASCADE');
    table.text('model').notNullable();
    table.text('id').notNullable(); // SHA-256 of what the holder presents
    table.text('uid'); // a session's uid; on a token, the uid of the session that it belongs to
    table.text('user_code'); // keyed hash
    table.text('grant_id');
    table.text('account_id');
    table.text('client_id');
    table.text('payload').notNullable();
    table.bigInteger('expires_at');
    table.bigInteger('consumed_at');
    table.primary(['tenant_id', 'id']);
  });
  for (const column of ['uid', 'user_code', 'grant_id', 'account_id'])
    await knex.raw(
      `CREATE INDEX oidc_artifacts_${column} ON oidc_artifacts (tenant_id, ${column}) WHERE ${column} IS NOT NULL`,
    );
  await knex.raw(
    'CREATE INDEX oidc_artifacts_client_id ON oidc_artifacts (tenant_id, client_id) WHERE client_id IS NOT NULL',
  );
  await knex.raw(
    'CREATE INDEX oidc_artifacts_expires_at ON oidc_artifacts (expires_at) WHERE expires_at IS NOT NULL',
  );
}

export async function down(knex: Knex): Promise<void> {
  await knex.schema.dropTable('oidc_artifacts');
}
