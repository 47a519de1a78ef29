import { randomUUID } from 'node:crypto';
import type { Knex } from 'knex';

const BUILT_IN = ['user', 'partner', 'developer', 'administrator'];

/** What the program can not do without; a tenant that has renamed or deleted one gets it once more, and nobody has it. */
const NEEDED = [
  { name: 'developer', display_name: 'Developer', description: 'Builds on the APIs', claims: '[]' },
  {
    name: 'administrator',
    display_name: 'Administrator',
    description: 'Manages everything in the tenant',
    claims: '[{"type":"permission","value":"isms.all"}]',
  },
];

async function addMissing(knex: Knex): Promise<void> {
  const now = Date.now();
  for (const role of NEEDED) {
    const having = knex('roles').where({ built_in: role.name }).select('tenant_id');
    for (const { id } of await knex('tenants').whereNotIn('id', having).select<{ id: string }[]>('id'))
      await knex('roles').insert({
        ...role,
        tenant_id: id,
        id: randomUUID(),
        built_in: role.name,
        created_at: now,
        updated_at: now,
      });
  }
}

export async function up(knex: Knex): Promise<void> {
  // Which of the roles that each tenant begins with this is. Names can change; this does not.
  await knex.schema.alterTable('roles', (table) => table.text('built_in'));
  for (const name of BUILT_IN) await knex('roles').where({ name }).update({ built_in: name });
  await addMissing(knex);
  await knex.raw(
    'CREATE UNIQUE INDEX roles_built_in ON roles (tenant_id, built_in) WHERE built_in IS NOT NULL',
  );
}

export async function down(knex: Knex): Promise<void> {
  await knex.raw('DROP INDEX roles_built_in');
  // In plain SQL: knex makes the table anew for SQLite, and the roles that users have stand against that.
  await knex.raw('ALTER TABLE roles DROP COLUMN built_in');
}
