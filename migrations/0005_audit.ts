import type { Knex } from 'knex';

export async function up(knex: Knex): Promise<void> {
  await knex.schema.createTable('audit', (table) => {
    table.text('tenant_id').notNullable().references('tenants.id').onDelete('CASCADE');
    table.text('id').notNullable(); // time-ordered
    table.bigInteger('at').notNullable();
    table.text('event').notNullable();
    table.text('result').notNullable(); // success, failure
    table.text('actor'); // user key, or client id
    table.text('client_id');
    table.text('target');
    table.text('address');
    table.text('request_id');
    table.text('detail').notNullable().defaultTo('{}');
    table.primary(['tenant_id', 'id']);
  });
}

export async function down(knex: Knex): Promise<void> {
  await knex.schema.dropTable('audit');
}
