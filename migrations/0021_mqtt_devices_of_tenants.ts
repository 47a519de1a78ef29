import type { Knex } from 'knex';
import { isPostgres } from '../src/store/name-index.js';

/**
 * PostgreSQL asks for the tenant once for each row that has a foreign key: a fifth of what a list of devices takes. That
 * the tenant is there is ensured by the counter's row already, which each change of devices locks first; that its devices
 * go with it is the trigger's, which comes after the counter's row has gone, and so after all who were at it.
 */
export async function up(knex: Knex): Promise<void> {
  if (!isPostgres(knex)) return;
  await knex.raw('ALTER TABLE mqtt_credentials DROP CONSTRAINT mqtt_credentials_tenant_id_foreign');
  await knex.raw(`
    CREATE FUNCTION delete_devices_of_tenant() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
      DELETE FROM mqtt_credentials WHERE tenant_id = OLD.id;
      RETURN NULL;
    END $$`);
  await knex.raw(`
    CREATE TRIGGER tenants_delete_devices AFTER DELETE ON tenants
    FOR EACH ROW EXECUTE FUNCTION delete_devices_of_tenant()`);
}

export async function down(knex: Knex): Promise<void> {
  if (!isPostgres(knex)) return;
  await knex.raw('DROP TRIGGER tenants_delete_devices ON tenants');
  await knex.raw('DROP FUNCTION delete_devices_of_tenant()');
  await knex.schema.alterTable('mqtt_credentials', (table) =>
    table.foreign('tenant_id').references('tenants.id').onDelete('CASCADE'),
  );
}
