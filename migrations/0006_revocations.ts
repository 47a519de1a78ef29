import type { Knex } from 'knex';

export async function up(knex: Knex): Promise<void> {
  // Tokens of this thing that were issued up to this moment are dead, wherever they are and whatever they are.
  await knex.schema.createTable('revocations', (table) => {
    table.text('tenant_id').notNullable().references('tenants.id').onDelete('CASCADE');
    table.text('kind').notNullable(); // token, family, user, client, tenant
    table.text('id').notNullable(); // a token's jti, a family, a user key, a client id, nothing
    table.bigInteger('revoked_at').notNullable();
    // When the last token that it can concern has expired; null where new ones can always be issued.
    table.bigInteger('expires_at');
    table.primary(['tenant_id', 'kind', 'id']);
  });
  await knex.raw(
    'CREATE INDEX revocations_expires_at ON revocations (expires_at) WHERE expires_at IS NOT NULL',
  );
  // When the request began that made it: whatever was ended since then ends it.
  await knex.schema.alterTable('oidc_artifacts', (table) => {
    table.bigInteger('created_at').notNullable().defaultTo(0);
  });
}

export async function down(knex: Knex): Promise<void> {
  await knex.schema.alterTable('oidc_artifacts', (table) => table.dropColumn('created_at'));
  await knex.schema.dropTable('revocations');
}
