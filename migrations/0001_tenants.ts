import type { Knex } from 'knex';

// Times are epoch milliseconds, ids are text, documents are JSON as text: the same on SQLite and PostgreSQL.
// A unique index is called <table>_<last column>; src/store/tenant-db.ts relies on it.

export async function up(knex: Knex): Promise<void> {
  await knex.schema.createTable('meta', (table) => {
    table.text('key').primary();
    table.text('value').notNullable();
  });
  await knex.schema.createTable('tenants', (table) => {
    table.text('id').primary();
    table.text('name').notNullable();
    table.text('issuer').notNullable();
    table.boolean('home').notNullable().defaultTo(false);
    table.boolean('enabled').notNullable().defaultTo(true);
    table.text('theme');
    table.text('properties').notNullable().defaultTo('{}');
    // Grows with each change that a running provider must know of; every node watches it.
    table.bigInteger('version').notNullable();
    table.bigInteger('created_at').notNullable();
    table.bigInteger('updated_at').notNullable();
    table.unique(['name'], { indexName: 'tenants_name' });
    table.unique(['issuer'], { indexName: 'tenants_issuer' });
    table.index(['version'], 'tenants_version');
  });
  await knex.schema.createTable('tenant_hosts', (table) => {
    table.text('host').notNullable();
    table.text('tenant_id').notNullable().references('tenants.id').onDelete('CASCADE');
    table.primary(['host'], 'tenant_hosts_host');
    table.index(['tenant_id'], 'tenant_hosts_tenant_id');
  });
  await knex.schema.createTable('tenant_secrets', (table) => {
    table.text('tenant_id').notNullable().references('tenants.id').onDelete('CASCADE');
    table.text('name').notNullable();
    table.text('sealed').notNullable();
    table.bigInteger('created_at').notNullable();
    table.primary(['tenant_id', 'name']);
  });
  await knex.schema.createTable('signing_keys', (table) => {
    table.text('tenant_id').notNullable().references('tenants.id').onDelete('CASCADE');
    table.text('kid').notNullable();
    table.text('alg').notNullable();
    table.text('state').notNullable(); // current, previous
    table.text('public_jwk').notNullable();
    table.text('sealed_private_jwk').notNullable();
    table.bigInteger('created_at').notNullable();
    table.bigInteger('replaced_at');
    table.primary(['tenant_id', 'kid']);
  });
  await knex.raw(
    `CREATE UNIQUE INDEX signing_keys_alg ON signing_keys (tenant_id, alg) WHERE state = 'current'`,
  );
}

export async function down(knex: Knex): Promise<void> {
  for (const table of ['signing_keys', 'tenant_secrets', 'tenant_hosts', 'tenants', 'meta'])
    await knex.schema.dropTable(table);
}
