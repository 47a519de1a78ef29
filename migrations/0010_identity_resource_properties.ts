import type { Knex } from 'knex';

export async function up(knex: Knex): Promise<void> {
  // What an administrator keeps with a scope; the program reads nothing of it.
  await knex.schema.alterTable('identity_resources', (table) => {
    table.text('properties').notNullable().defaultTo('{}');
  });
}

export async function down(knex: Knex): Promise<void> {
  await knex.schema.alterTable('identity_resources', (table) => table.dropColumn('properties'));
}
