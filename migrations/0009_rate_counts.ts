import type { Knex } from 'knex';

export async function up(knex: Knex): Promise<void> {
  // What several nodes together have let through in one window; a node adds its share each second.
  await knex.schema.createTable('rate_counts', (table) => {
    table.text('tenant_id').notNullable().references('tenants.id').onDelete('CASCADE');
    table.text('id').notNullable(); // window, area, dimension, client or address
    table.bigInteger('count').notNullable();
    table.bigInteger('expires_at').notNullable();
    table.primary(['tenant_id', 'id']);
    table.index(['expires_at'], 'rate_counts_expires_at');
  });
}

export async function down(knex: Knex): Promise<void> {
  await knex.schema.dropTable('rate_counts');
}
