import type { Knex } from 'knex';

export async function up(knex: Knex): Promise<void> {
  // Client identifiers under which devices signed in with their passwords lately: no node admits a token under them.
  await knex.schema.createTable('mqtt_password_sign_ins', (table) => {
    table.text('tenant_id').notNullable().references('tenants.id').onDelete('CASCADE');
    table.text('id').notNullable(); // hash of the client identifier
    table.bigInteger('expires_at').notNullable(); // a full hour, so that a row is written once in an hour by all nodes together
    table.primary(['tenant_id', 'id', 'expires_at']);
    table.index(['expires_at'], 'mqtt_password_sign_ins_expires_at');
  });
}

export async function down(knex: Knex): Promise<void> {
  await knex.schema.dropTable('mqtt_password_sign_ins');
}
