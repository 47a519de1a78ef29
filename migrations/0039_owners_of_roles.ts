import type { Knex } from 'knex';

/** A role that a confined developer makes belongs to them. Nothing says who made the roles that are there: they have no owner. */
export async function up(knex: Knex): Promise<void> {
  await knex.schema.alterTable('roles', (table) => {
    table.text('owner_user_key');
  });
  await knex.raw(
    'CREATE INDEX roles_owner_user_key ON roles (tenant_id, owner_user_key) WHERE owner_user_key IS NOT NULL',
  );
}

export async function down(knex: Knex): Promise<void> {
  await knex.raw('DROP INDEX roles_owner_user_key');
  await knex.raw('ALTER TABLE roles DROP COLUMN owner_user_key');
}
