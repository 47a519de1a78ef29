import type { Knex } from 'knex';

export async function up(knex: Knex): Promise<void> {
  // What is to be sent to somebody else, written in the transaction of what it tells about.
  await knex.schema.createTable('outbox', (table) => {
    table.text('tenant_id').notNullable().references('tenants.id').onDelete('CASCADE');
    table.text('id').notNullable();
    table.text('kind').notNullable();
    table.text('payload').notNullable();
    table.integer('attempts').notNullable().defaultTo(0);
    // When it is tried next; whoever takes it sets this to when another may take it from him.
    table.bigInteger('next_at').notNullable();
    // When it is given up.
    table.bigInteger('gives_up_at').notNullable();
    table.primary(['tenant_id', 'id']);
    table.index(['next_at'], 'outbox_next_at');
  });
}

export async function down(knex: Knex): Promise<void> {
  await knex.schema.dropTable('outbox');
}
