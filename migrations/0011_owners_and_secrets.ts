import type { Knex } from 'knex';

export async function up(knex: Knex): Promise<void> {
  for (const table of ['clients', 'api_resources'])
    await knex.schema.alterTable(table, (columns) => {
      columns.text('properties').notNullable().defaultTo('{}');
      // The user whose it is: a developer sees his own.
      columns.text('owner_user_key');
    });
  for (const table of ['clients', 'api_resources']) {
    await knex.raw(
      `CREATE INDEX ${table}_owner_user_key ON ${table} (tenant_id, owner_user_key) WHERE owner_user_key IS NOT NULL`,
    );
    await knex.raw(`CREATE INDEX ${table}_created_at ON ${table} (tenant_id, created_at, id)`);
    await knex.raw(`CREATE INDEX ${table}_updated_at ON ${table} (tenant_id, updated_at, id)`);
  }
  // The claims of the user that a scope adds to those of its API.
  await knex.schema.alterTable('api_scopes', (table) => {
    table.text('user_claims').notNullable().defaultTo('[]');
  });
  await knex.schema.createTable('api_resource_secrets', (table) => {
    table.text('tenant_id').notNullable();
    table.text('id').notNullable();
    table.text('resource_id').notNullable();
    table.text('hash').notNullable(); // keyed; the secret is shown once and kept nowhere
    table.text('hint').notNullable();
    table.text('description');
    table.bigInteger('created_at').notNullable();
    table.bigInteger('expires_at');
    table.primary(['tenant_id', 'id']);
    table
      .foreign(['tenant_id', 'resource_id'])
      .references(['tenant_id', 'id'])
      .inTable('api_resources')
      .onDelete('CASCADE');
    table.index(['tenant_id', 'resource_id'], 'api_resource_secrets_resource_id');
  });
}

export async function down(knex: Knex): Promise<void> {
  await knex.schema.dropTable('api_resource_secrets');
  await knex.schema.alterTable('api_scopes', (table) => table.dropColumn('user_claims'));
  for (const table of ['clients', 'api_resources']) {
    for (const column of ['owner_user_key', 'created_at', 'updated_at'])
      await knex.raw(`DROP INDEX ${table}_${column}`);
    await knex.schema.alterTable(table, (columns) => columns.dropColumns('properties', 'owner_user_key'));
  }
}
