import type { Knex } from 'knex';

export async function up(knex: Knex): Promise<void> {
  // Whose message goes where: what waits for one place delays nothing that goes to another.
  await knex.schema.alterTable('outbox', (table) => {
    table.text('lane').notNullable().defaultTo('');
    table.index(['lane', 'next_at'], 'outbox_lane');
    table.index(['gives_up_at'], 'outbox_gives_up_at');
  });
  await knex('outbox').update({ lane: knex.raw("tenant_id || ':' || kind") });
}

export async function down(knex: Knex): Promise<void> {
  await knex.schema.alterTable('outbox', (table) => {
    table.dropIndex(['lane', 'next_at'], 'outbox_lane');
    table.dropIndex(['gives_up_at'], 'outbox_gives_up_at');
  });
  await knex.schema.alterTable('outbox', (table) => table.dropColumn('lane'));
}
