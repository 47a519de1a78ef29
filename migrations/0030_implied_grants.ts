import type { Knex } from 'knex';

/**
 * A grant that was made without a consent page is no consent. Until now one row held both. A person who chose on the page
 * left a line `consent` in the audit; every other grant is marked as implied here.
 */
export async function up(knex: Knex): Promise<void> {
  await knex.raw(
    `UPDATE oidc_artifacts SET uid = 'implied'
     WHERE model = 'Grant' AND uid IS NULL AND (tenant_id, id) IN (
       SELECT g.tenant_id, g.id FROM oidc_artifacts g
       LEFT JOIN (SELECT DISTINCT tenant_id, actor, client_id FROM audit WHERE event = 'consent') c
         ON c.tenant_id = g.tenant_id AND c.actor = g.account_id AND c.client_id = g.client_id
       WHERE g.model = 'Grant' AND c.actor IS NULL)`,
  );
}

export async function down(knex: Knex): Promise<void> {
  await knex.raw(`UPDATE oidc_artifacts SET uid = NULL WHERE model = 'Grant' AND uid = 'implied'`);
}
