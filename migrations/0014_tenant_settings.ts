import type { Knex } from 'knex';

export async function up(knex: Knex): Promise<void> {
  await knex.schema.alterTable('tenants', (table) => {
    table.text('claims').notNullable().defaultTo('[]');
    // Seconds for which others may keep what is public of it.
    table.integer('cache_duration').notNullable().defaultTo(60);
    table.text('owner_user_id');
  });
  // Tenants that are gone, so that every node that has one in memory hears of it.
  await knex.schema.createTable('deleted_tenants', (table) => {
    table.text('id').primary();
    table.bigInteger('deleted_at').notNullable();
    table.index(['deleted_at'], 'deleted_tenants_deleted_at');
  });
}

export async function down(knex: Knex): Promise<void> {
  await knex.schema.dropTable('deleted_tenants');
  await knex.schema.alterTable('tenants', (table) =>
    table.dropColumns('claims', 'cache_duration', 'owner_user_id'),
  );
}
