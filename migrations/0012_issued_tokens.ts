import type { Knex } from 'knex';

export async function up(knex: Knex): Promise<void> {
  // JWTs that callers of the management API have had made for themselves, so that they can be listed and ended.
  await knex.schema.createTable('issued_tokens', (table) => {
    table.text('tenant_id').notNullable().references('tenants.id').onDelete('CASCADE');
    table.text('id').notNullable(); // the jti
    table.text('client_id').notNullable();
    table.text('user_key').notNullable(); // '' for a client's own
    table.text('scope').notNullable();
    table.text('description');
    table.bigInteger('created_at').notNullable();
    table.bigInteger('expires_at').notNullable();
    table.primary(['tenant_id', 'id']);
    table.index(['tenant_id', 'client_id', 'user_key', 'created_at'], 'issued_tokens_created_at');
    table.index(['expires_at'], 'issued_tokens_expires_at');
  });
}

export async function down(knex: Knex): Promise<void> {
  await knex.schema.dropTable('issued_tokens');
}
