import type { Knex } from 'knex';

const isPostgres = (knex: Knex): boolean => (knex.client as { dialect: string }).dialect === 'postgresql';

/**
 * The gateway's catalogue: an API resource has one version set, a set has versions, a version has revisions, of which one is
 * current. Documents are stored apart, because revisions of several versions can share one.
 */
export async function up(knex: Knex): Promise<void> {
  await versions(knex);
  await products(knex);
  // One row for each tenant. Each change to the catalogue raises the number, and every node reads the catalogue again. It
  // never falls behind the store's time in milliseconds, so that nodes find what was raised lately by an index.
  await knex.schema.createTable('gateway_changes', (table) => {
    table.text('tenant_id').notNullable().primary().references('tenants.id').onDelete('CASCADE');
    table.bigInteger('version').notNullable();
    table.index('version', 'gateway_changes_version');
  });
  await (isPostgres(knex) ? createPostgresTrigger(knex) : createSqliteTriggers(knex));
}

const own = (table: Knex.CreateTableBuilder): void => {
  table.text('tenant_id').notNullable().references('tenants.id').onDelete('CASCADE');
  table.text('id').notNullable();
  table.bigInteger('created_at').notNullable();
  table.bigInteger('updated_at').notNullable();
  table.primary(['tenant_id', 'id']);
};

const belongsTo = (table: Knex.CreateTableBuilder, column: string, parent: string): void =>
  void table
    .foreign(['tenant_id', column])
    .references(['tenant_id', 'id'])
    .inTable(parent)
    .onDelete('CASCADE');

async function versions(knex: Knex): Promise<void> {
  await knex.schema.createTable('authorization_servers', (table) => {
    own(table);
    table.text('name').notNullable();
    table.text('issuer').notNullable();
    table.text('audience').notNullable();
    table.text('jwks_uri').notNullable();
    table.text('authorization_endpoint');
    table.text('token_endpoint');
    table.text('default_scope');
    table.unique(['tenant_id', 'name'], { indexName: 'authorization_servers_name' });
  });
  await knex.schema.createTable('api_version_sets', (table) => {
    table.text('tenant_id').notNullable().references('tenants.id').onDelete('CASCADE');
    table.text('api_resource_id').notNullable();
    table.text('suffix').notNullable();
    // In lower case: a suffix is unique in any case, and matched as it is written.
    table.text('suffix_key').notNullable();
    table.text('scheme_in').notNullable();
    table.text('scheme_name');
    // What the last Publish sent, without its document.
    table.text('last_publish').notNullable();
    table.bigInteger('created_at').notNullable();
    table.bigInteger('updated_at').notNullable();
    table.primary(['tenant_id', 'api_resource_id']);
    table.unique(['tenant_id', 'suffix_key'], { indexName: 'api_version_sets_suffix_key' });
    belongsTo(table, 'api_resource_id', 'api_resources');
  });
  await knex.schema.createTable('api_versions', (table) => {
    own(table);
    table.text('api_resource_id').notNullable();
    // Empty for the first version, whose id is the API resource's.
    table.text('name').notNullable();
    table.text('display_name').notNullable();
    table.text('description');
    table.text('scope');
    // `self`, `none`, or the id of one of authorization_servers.
    table.text('auth_server_id').notNullable();
    table.boolean('pass_token').notNullable().defaultTo(false);
    table.text('current_revision_id').notNullable();
    table.integer('last_revision').notNullable();
    table.unique(['tenant_id', 'api_resource_id', 'name'], { indexName: 'api_versions_name' });
    belongsTo(table, 'api_resource_id', 'api_resources');
  });
  await knex.schema.createTable('api_documents', (table) => {
    own(table);
    table.text('type').notNullable();
    // gzip in base64: as it was sent, and as OpenAPI 3 in JSON where that differs.
    table.text('source').notNullable();
    table.text('source_format').notNullable();
    table.text('openapi');
    // As JSON: what no version may be named like.
    table.text('first_segments').notNullable();
    // What requests are matched by (CompiledDocument), as gzip in base64.
    table.text('compiled').notNullable();
  });
  await knex.schema.createTable('api_revisions', (table) => {
    own(table);
    table.text('version_id').notNullable();
    table.integer('number').notNullable();
    table.boolean('online').notNullable().defaultTo(true);
    // Whether it has been current before: only the first time does its own description become the notes of a release.
    table.boolean('was_current').notNullable().defaultTo(false);
    table.text('description');
    table.text('service_url').notNullable();
    table.text('document_id').notNullable();
    table.text('document_type').notNullable();
    table.integer('operation_count').notNullable();
    table.text('policy');
    table.text('author').notNullable();
    table.unique(['tenant_id', 'version_id', 'number'], { indexName: 'api_revisions_number' });
    table.index(['tenant_id', 'document_id'], 'api_revisions_document');
    belongsTo(table, 'version_id', 'api_versions');
  });
  await knex.schema.createTable('api_releases', (table) => {
    own(table);
    table.text('api_resource_id').notNullable();
    table.text('version_id').notNullable();
    table.text('revision_id').notNullable();
    table.text('notes').notNullable();
    table.index(['tenant_id', 'api_resource_id'], 'api_releases_api_resource');
    table.index(['tenant_id', 'version_id'], 'api_releases_version');
    belongsTo(table, 'version_id', 'api_versions');
  });
}

async function products(knex: Knex): Promise<void> {
  await knex.schema.createTable('api_products', (table) => {
    own(table);
    table.text('name').notNullable();
    table.text('description');
    table.text('state').notNullable();
    table.boolean('subscription_required').notNullable().defaultTo(true);
    table.text('rate_limit');
    table.text('quota');
    table.unique(['tenant_id', 'name'], { indexName: 'api_products_name' });
  });
  await knex.schema.createTable('api_product_versions', (table) => {
    table.text('tenant_id').notNullable().references('tenants.id').onDelete('CASCADE');
    table.text('product_id').notNullable();
    table.text('version_id').notNullable();
    table.primary(['tenant_id', 'product_id', 'version_id']);
    table.index(['tenant_id', 'version_id'], 'api_product_versions_version');
    belongsTo(table, 'product_id', 'api_products');
    belongsTo(table, 'version_id', 'api_versions');
  });
  await knex.schema.createTable('api_product_keys', (table) => {
    own(table);
    table.text('product_id').notNullable();
    table.text('name').notNullable();
    table.text('client_id');
    table.text('state').notNullable();
    table.bigInteger('expires_at');
    // SHA-256 of the keys in base64url: they are random, 256 bits of each.
    table.text('primary_hash').notNullable();
    table.text('primary_hint').notNullable();
    table.text('secondary_hash').notNullable();
    table.text('secondary_hint').notNullable();
    table.unique(['tenant_id', 'primary_hash'], { indexName: 'api_product_keys_primary_hash' });
    table.unique(['tenant_id', 'secondary_hash'], { indexName: 'api_product_keys_secondary_hash' });
    belongsTo(table, 'product_id', 'api_products');
  });
}

/**
 * A document goes with the last revision that refers to it, whatever takes the revision away: a change, or the deletion of the
 * API or of the tenant.
 */
const DELETE_DOCUMENT = `DELETE FROM api_documents
  WHERE tenant_id = OLD.tenant_id AND id = OLD.document_id AND NOT EXISTS (
    SELECT 1 FROM api_revisions r WHERE r.tenant_id = OLD.tenant_id AND r.document_id = OLD.document_id
  )`;

async function createPostgresTrigger(knex: Knex): Promise<void> {
  await knex.raw(`
    CREATE FUNCTION delete_unused_document() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
      ${DELETE_DOCUMENT};
      RETURN NULL;
    END $$`);
  await knex.raw(`
    CREATE TRIGGER api_revisions_document AFTER DELETE OR UPDATE OF document_id ON api_revisions
    FOR EACH ROW EXECUTE FUNCTION delete_unused_document()`);
}

async function createSqliteTriggers(knex: Knex): Promise<void> {
  for (const [name, event] of [
    ['api_revisions_document_deleted', 'DELETE'],
    ['api_revisions_document_replaced', 'UPDATE OF document_id'],
  ] as const)
    await knex.raw(`
      CREATE TRIGGER ${name} AFTER ${event} ON api_revisions
      BEGIN
        ${DELETE_DOCUMENT};
      END`);
}

export async function down(knex: Knex): Promise<void> {
  // SQLite drops triggers with their table.
  if (isPostgres(knex)) {
    await knex.raw('DROP TRIGGER api_revisions_document ON api_revisions');
    await knex.raw('DROP FUNCTION delete_unused_document()');
  }
  for (const table of [
    'gateway_changes',
    'api_product_keys',
    'api_product_versions',
    'api_products',
    'api_releases',
    'api_revisions',
    'api_documents',
    'api_versions',
    'api_version_sets',
    'authorization_servers',
  ])
    await knex.schema.dropTable(table);
}
