import type { Knex } from 'knex';

export async function up(knex: Knex): Promise<void> {
  // What is known of each file; the bytes are with the driver (src/blobs), under tenant, folder and name.
  await knex.schema.createTable('blobs', (table) => {
    table.text('tenant_id').notNullable().references('tenants.id').onDelete('CASCADE');
    table.text('name').notNullable();
    table.text('folder').notNullable();
    table.text('type').notNullable();
    table.bigInteger('size').notNullable();
    table.text('sha256').notNullable();
    // Of a person's own, such as an avatar: it goes with the person.
    table.text('owner_user_key');
    // Set while nothing refers to it: an upload that is not finished, or something that was taken out.
    table.bigInteger('expires_at');
    table.bigInteger('created_at').notNullable();
    table.primary(['tenant_id', 'name']);
    table.index(['expires_at'], 'blobs_expires_at');
    table.index(['tenant_id', 'owner_user_key'], 'blobs_owner');
  });
  // Tenants that are gone, and whose files are still to go.
  await knex.schema.createTable('released_tenants', (table) => void table.text('tenant_id').primary());
}

export async function down(knex: Knex): Promise<void> {
  await knex.schema.dropTable('released_tenants');
  await knex.schema.dropTable('blobs');
}
