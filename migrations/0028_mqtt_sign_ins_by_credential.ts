import type { Knex } from 'knex';

/**
 * A kept sign-in belongs to a client identifier and to the credential that was admitted under it: another credential does
 * not take its place. Rows of before have the hash of both names as their id, and neither column; they are still found.
 */
export async function up(knex: Knex): Promise<void> {
  await knex.schema.alterTable('mqtt_token_sign_ins', (table) => {
    table.text('names'); // hash of the pair of user name and client identifier
    table.text('credential'); // hash of who the token is of, and of the application that it was issued to
  });
}

export async function down(knex: Knex): Promise<void> {
  await knex('mqtt_token_sign_ins').whereNotNull('names').delete();
  await knex.schema.alterTable('mqtt_token_sign_ins', (table) => table.dropColumns('names', 'credential'));
}
