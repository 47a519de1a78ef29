import type { Knex } from 'knex';

const BUILT_IN = ['user', 'partner', 'developer', 'administrator'];

export async function up(knex: Knex): Promise<void> {
  // Which of the roles that each tenant begins with this is. Names can change; this does not.
  await knex.schema.alterTable('roles', (table) => table.text('built_in'));
  for (const name of BUILT_IN) await knex('roles').where({ name }).update({ built_in: name });
  await knex.raw(
    'CREATE UNIQUE INDEX roles_built_in ON roles (tenant_id, built_in) WHERE built_in IS NOT NULL',
  );
}

export async function down(knex: Knex): Promise<void> {
  await knex.raw('DROP INDEX roles_built_in');
  await knex.schema.alterTable('roles', (table) => table.dropColumn('built_in'));
}
