import type { Knex } from 'knex';

export async function up(knex: Knex): Promise<void> {
  await knex.schema.alterTable('initial_access_tokens', (table) => {
    // The confined developer who made it: clients that register with it belong to the same user.
    table.text('owner_user_key');
  });
  await knex.schema.alterTable('client_registrations', (table) => {
    // Names of the settings that an administrator has set since: the application's own PUT leaves them as they are.
    table.text('settled').notNullable().defaultTo('[]');
  });
  // A scope that an administrator took away before this step must stay away, and nothing says who made the last change.
  await knex.raw(
    `UPDATE client_registrations SET settled = '["scopes"]' WHERE EXISTS (
       SELECT 1 FROM clients WHERE clients.tenant_id = client_registrations.tenant_id
       AND clients.id = client_registrations.client_row_id AND clients.updated_at > clients.created_at)`,
  );
}

export async function down(knex: Knex): Promise<void> {
  await knex.raw('ALTER TABLE client_registrations DROP COLUMN settled');
  await knex.raw('ALTER TABLE initial_access_tokens DROP COLUMN owner_user_key');
}
