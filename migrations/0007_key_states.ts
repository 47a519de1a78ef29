import type { Knex } from 'knex';

export async function up(knex: Knex): Promise<void> {
  await knex.schema.alterTable('signing_keys', (table) => {
    // When it begins to sign, and when the last thing that it signed has expired.
    table.bigInteger('activates_at').notNullable().defaultTo(0);
    table.bigInteger('retires_at');
  });
  await knex('signing_keys').update({ activates_at: knex.ref('created_at') });
  await knex('signing_keys')
    .where({ state: 'previous' })
    .update({ retires_at: knex.ref('replaced_at') });
  await knex.raw(
    `CREATE UNIQUE INDEX signing_keys_next_alg ON signing_keys (tenant_id, alg) WHERE state = 'next'`,
  );
  for (const [name, column, state] of [
    ['signing_keys_activates_at', 'activates_at', 'next'],
    ['signing_keys_retires_at', 'retires_at', 'previous'],
  ] as const)
    await knex.raw(`CREATE INDEX ${name} ON signing_keys (${column}) WHERE state = '${state}'`);
}

export async function down(knex: Knex): Promise<void> {
  await knex.raw('DROP INDEX signing_keys_next_alg');
  await knex.raw('DROP INDEX signing_keys_activates_at');
  await knex.raw('DROP INDEX signing_keys_retires_at');
  await knex('signing_keys').whereIn('state', ['next', 'retired']).delete();
  await knex.schema.alterTable('signing_keys', (table) => table.dropColumns('activates_at', 'retires_at'));
}
