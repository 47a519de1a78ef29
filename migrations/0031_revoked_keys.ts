import type { Knex } from 'knex';

export async function up(knex: Knex): Promise<void> {
  await knex.schema.alterTable('mqtt_token_sign_ins', (table) => {
    // The key that signed the token, so that the sign-in ends when the key is revoked.
    table.text('kid');
  });
}

export async function down(knex: Knex): Promise<void> {
  await knex.schema.alterTable('mqtt_token_sign_ins', (table) => table.dropColumn('kid'));
  // An older program would publish a key whose state it does not know.
  await knex('signing_keys').where({ state: 'revoked' }).update({ state: 'retired' });
}
