import type { Knex } from 'knex';

export async function up(knex: Knex): Promise<void> {
  // One-time codes that were sent to a telephone or by e-mail: one at a time for each target.
  await knex.schema.createTable('verification_codes', (table) => {
    table.text('tenant_id').notNullable().references('tenants.id').onDelete('CASCADE');
    // A keyed hash of the number or address, so that the table tells nobody's.
    table.text('target').notNullable();
    table.text('purpose').notNullable();
    table.text('code_hash').notNullable();
    table.integer('tries').notNullable().defaultTo(0);
    table.bigInteger('used_at');
    table.bigInteger('expires_at').notNullable();
    table.primary(['tenant_id', 'target']);
    table.index(['expires_at'], 'verification_codes_expires_at');
  });
  // How a tenant's mail and SMS travel, where it is not as the configuration says.
  await knex.schema.createTable('message_drivers', (table) => {
    table.text('tenant_id').notNullable().references('tenants.id').onDelete('CASCADE');
    table.text('channel').notNullable(); // mail or sms
    table.text('sealed').notNullable(); // the driver's settings, credentials among them
    table.bigInteger('updated_at').notNullable();
    table.primary(['tenant_id', 'channel']);
  });
  // Of a message: to whom it goes and what it says.
  await knex.schema.alterTable('outbox', (table) => void table.text('sealed'));
}

export async function down(knex: Knex): Promise<void> {
  await knex.schema.dropTable('verification_codes');
  await knex.schema.dropTable('message_drivers');
  await knex.schema.alterTable('outbox', (table) => table.dropColumn('sealed'));
}
