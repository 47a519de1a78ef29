import type { Knex } from 'knex';

export async function up(knex: Knex): Promise<void> {
  // What opens dynamic registration (RFC 7591, 3): for so many clients, with no more than these scopes.
  await knex.schema.createTable('initial_access_tokens', (table) => {
    table.text('tenant_id').notNullable().references('tenants.id').onDelete('CASCADE');
    table.text('id').notNullable();
    table.text('hash').notNullable(); // keyed; the token is shown once and kept nowhere
    table.text('description');
    table.text('scopes').notNullable();
    table.integer('uses').notNullable(); // how many clients it can still register
    table.bigInteger('created_at').notNullable();
    table.bigInteger('expires_at').notNullable();
    table.primary(['tenant_id', 'id']);
    table.unique(['tenant_id', 'hash'], { indexName: 'initial_access_tokens_hash' });
    table.index(['expires_at'], 'initial_access_tokens_expires_at');
  });
  // What lets an application look after the client that it has registered (RFC 7592).
  await knex.schema.createTable('client_registrations', (table) => {
    table.text('tenant_id').notNullable();
    table.text('client_row_id').notNullable();
    table.text('hash').notNullable();
    table.text('scopes').notNullable(); // as the initial access token had them
    table.primary(['tenant_id', 'client_row_id']);
    table
      .foreign(['tenant_id', 'client_row_id'])
      .references(['tenant_id', 'id'])
      .inTable('clients')
      .onDelete('CASCADE');
  });
}

export async function down(knex: Knex): Promise<void> {
  await knex.schema.dropTable('client_registrations');
  await knex.schema.dropTable('initial_access_tokens');
}
