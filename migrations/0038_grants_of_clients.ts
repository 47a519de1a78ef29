import type { Knex } from 'knex';

/** Clients that the program has built in: they have no row, and their grants stay. */
const BUILT_IN = ['gatehouse-account', 'gatehouse-docs', 'gatehouse-demo'];

/**
 * What users allow a client goes with the client: the next client of its id is another one. Until now it stayed. Grants
 * of clients that are gone, or that are younger than the grant, are deleted.
 */
export async function up(knex: Knex): Promise<void> {
  await knex.raw(
    `DELETE FROM oidc_artifacts
     WHERE model = 'Grant' AND client_id NOT IN (?, ?, ?) AND NOT EXISTS (
       SELECT 1 FROM clients c
       WHERE c.tenant_id = oidc_artifacts.tenant_id AND c.client_id = oidc_artifacts.client_id
         AND c.created_at <= oidc_artifacts.created_at)`,
    BUILT_IN,
  );
  await knex.raw(
    `CREATE INDEX oidc_artifacts_grants_of_client ON oidc_artifacts (tenant_id, client_id) WHERE model = 'Grant'`,
  );
}

export async function down(knex: Knex): Promise<void> {
  await knex.raw('DROP INDEX oidc_artifacts_grants_of_client');
}
