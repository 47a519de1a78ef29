import type { Knex } from 'knex';

/** What is set for the code generation of an API: its package, its repository, its document. */
export async function up(knex: Knex): Promise<void> {
  await knex.schema.createTable('codegen_options', (table) => {
    table.text('tenant_id').notNullable().references('tenants.id').onDelete('CASCADE');
    table.text('api_resource_id').notNullable();
    table.text('kind').notNullable(); // npm, github or common
    table.text('generator').notNullable(); // empty where they are not by generator
    table.text('settings').notNullable(); // a JSON object of what was set
    table.text('sealed_token');
    table.bigInteger('created_at').notNullable();
    table.bigInteger('updated_at').notNullable();
    table.primary(['tenant_id', 'api_resource_id', 'kind', 'generator']);
    table
      .foreign(['tenant_id', 'api_resource_id'])
      .references(['tenant_id', 'id'])
      .inTable('api_resources')
      .onDelete('CASCADE');
  });
}

export async function down(knex: Knex): Promise<void> {
  await knex.schema.dropTable('codegen_options');
}
