import type { Knex } from 'knex';

const WEEK_MS = 7 * 86_400_000;

/** Announcements end: their mails are sent or given up within two days. */
export async function up(knex: Knex): Promise<void> {
  await knex.schema.alterTable('api_announcements', (table) => {
    table.bigInteger('expires_at').notNullable().defaultTo(0);
    table.index(['expires_at'], 'api_announcements_expires_at');
  });
  await knex('api_announcements').update({ expires_at: knex.raw('created_at + ?', [WEEK_MS]) });
}

export async function down(knex: Knex): Promise<void> {
  await knex.schema.alterTable('api_announcements', (table) => {
    table.dropIndex(['expires_at'], 'api_announcements_expires_at');
    table.dropColumn('expires_at');
  });
}
