import type { Knex } from 'knex';

export async function up(knex: Knex): Promise<void> {
  await knex.schema.createTable('clients', (table) => {
    table.text('tenant_id').notNullable().references('tenants.id').onDelete('CASCADE');
    table.text('id').notNullable();
    table.text('client_id').notNullable();
    table.text('client_name').notNullable();
    table.text('description');
    table.boolean('enabled').notNullable().defaultTo(true);
    // RFC 7591 metadata and the product's own settings, camelCase; src/clients/schema.ts has the shape.
    table.text('settings').notNullable();
    table.bigInteger('created_at').notNullable();
    table.bigInteger('updated_at').notNullable();
    table.primary(['tenant_id', 'id']);
    table.unique(['tenant_id', 'client_id'], { indexName: 'clients_client_id' });
  });
  await knex.schema.createTable('client_secrets', (table) => {
    table.text('tenant_id').notNullable();
    table.text('id').notNullable();
    table.text('client_row_id').notNullable();
    table.text('hash').notNullable(); // keyed; the secret is shown once and kept nowhere
    table.text('hint').notNullable();
    table.text('description');
    table.bigInteger('created_at').notNullable();
    table.bigInteger('expires_at');
    table.primary(['tenant_id', 'id']);
    table
      .foreign(['tenant_id', 'client_row_id'])
      .references(['tenant_id', 'id'])
      .inTable('clients')
      .onDelete('CASCADE');
    table.index(['tenant_id', 'client_row_id'], 'client_secrets_client_row_id');
  });
  await knex.schema.createTable('api_resources', (table) => {
    table.text('tenant_id').notNullable().references('tenants.id').onDelete('CASCADE');
    table.text('id').notNullable();
    table.text('name').notNullable();
    table.text('display_name');
    table.text('description');
    table.boolean('enabled').notNullable().defaultTo(true);
    table.text('indicator').notNullable(); // the absolute URI of RFC 8707
    table.text('audience').notNullable(); // what `aud` says
    table.text('access_token_format').notNullable().defaultTo('jwt');
    table.integer('access_token_lifetime');
    table.text('signing_alg').notNullable().defaultTo('ES256');
    table.text('user_claims').notNullable().defaultTo('[]');
    table.bigInteger('created_at').notNullable();
    table.bigInteger('updated_at').notNullable();
    table.primary(['tenant_id', 'id']);
    table.unique(['tenant_id', 'name'], { indexName: 'api_resources_name' });
    table.unique(['tenant_id', 'indicator'], { indexName: 'api_resources_indicator' });
  });
  await knex.schema.createTable('api_scopes', (table) => {
    table.text('tenant_id').notNullable();
    table.text('resource_id').notNullable();
    table.text('name').notNullable();
    table.text('display_name');
    table.text('description');
    table.boolean('required').notNullable().defaultTo(false);
    table.boolean('emphasize').notNullable().defaultTo(false);
    table.boolean('show_in_discovery').notNullable().defaultTo(true);
    table.primary(['tenant_id', 'name'], 'api_scopes_name');
    table
      .foreign(['tenant_id', 'resource_id'])
      .references(['tenant_id', 'id'])
      .inTable('api_resources')
      .onDelete('CASCADE');
    table.index(['tenant_id', 'resource_id'], 'api_scopes_resource_id');
  });
  await knex.schema.createTable('identity_resources', (table) => {
    table.text('tenant_id').notNullable().references('tenants.id').onDelete('CASCADE');
    table.text('id').notNullable();
    table.text('name').notNullable();
    table.text('display_name');
    table.text('description');
    table.boolean('enabled').notNullable().defaultTo(true);
    table.boolean('required').notNullable().defaultTo(false);
    table.boolean('emphasize').notNullable().defaultTo(false);
    table.boolean('show_in_discovery').notNullable().defaultTo(true);
    table.text('user_claims').notNullable().defaultTo('[]');
    table.bigInteger('created_at').notNullable();
    table.bigInteger('updated_at').notNullable();
    table.primary(['tenant_id', 'id']);
    table.unique(['tenant_id', 'name'], { indexName: 'identity_resources_name' });
  });
}

export async function down(knex: Knex): Promise<void> {
  for (const table of ['identity_resources', 'api_scopes', 'api_resources', 'client_secrets', 'clients'])
    await knex.schema.dropTable(table);
}
