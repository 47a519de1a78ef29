import type { Knex } from 'knex';

/** What a user allowed a client is looked up at each sign-in: SQLite went through all that the client's users have. */
export async function up(knex: Knex): Promise<void> {
  await knex.raw(
    `CREATE INDEX oidc_artifacts_newest_grant ON oidc_artifacts (tenant_id, account_id, client_id, expires_at)
     WHERE model = 'Grant'`,
  );
}

export async function down(knex: Knex): Promise<void> {
  await knex.raw('DROP INDEX oidc_artifacts_newest_grant');
}
