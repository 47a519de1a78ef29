import type { Knex } from 'knex';

/** Which SDKs were released of an API, and what the next release starts from. */
export async function up(knex: Knex): Promise<void> {
  await knex.schema.createTable('sdk_history', (table) => {
    ofApi(table);
    table.text('id').notNullable();
    table.text('sdk_name').notNullable();
    table.text('language').notNullable();
    table.text('version').notNullable();
    table.text('swagger_url');
    table.text('tags').notNullable(); // a JSON list
    table.bigInteger('release_date').notNullable();
    table.bigInteger('created_at').notNullable();
    table.bigInteger('updated_at').notNullable();
    table.primary(['tenant_id', 'id']);
    table.unique(['tenant_id', 'api_resource_id', 'sdk_name', 'language', 'version'], {
      indexName: 'sdk_history_version',
    });
    table.index(['tenant_id', 'api_resource_id', 'created_at', 'id'], 'sdk_history_created_at');
    table.index(['tenant_id', 'api_resource_id', 'release_date', 'id'], 'sdk_history_release_date');
  });
  // The document of the last release: the next one's version depends on what has changed since.
  await knex.schema.createTable('sdk_documents', (table) => {
    ofApi(table);
    table.text('language').notNullable();
    table.text('document').notNullable(); // JSON, gzip, base64
    table.bigInteger('updated_at').notNullable();
    table.primary(['tenant_id', 'api_resource_id', 'language']);
  });
  // A package from before it is sent to the registry until its release is recorded. A job that was broken off sends the same
  // bytes again, and finds out whether the registry has them already.
  await knex.schema.createTable('sdk_drafts', (table) => {
    ofApi(table);
    table.text('language').notNullable();
    table.text('job_id').notNullable();
    table.text('details').notNullable(); // JSON: what is recorded of the release
    table.text('tarball').notNullable(); // base64
    table.text('document').notNullable(); // as in sdk_documents
    table.bigInteger('created_at').notNullable();
    table.bigInteger('expires_at').notNullable();
    table.primary(['tenant_id', 'api_resource_id', 'language']);
    table.index(['expires_at'], 'sdk_drafts_expires_at');
  });
}

function ofApi(table: Knex.CreateTableBuilder): void {
  table.text('tenant_id').notNullable().references('tenants.id').onDelete('CASCADE');
  table.text('api_resource_id').notNullable();
  table
    .foreign(['tenant_id', 'api_resource_id'])
    .references(['tenant_id', 'id'])
    .inTable('api_resources')
    .onDelete('CASCADE');
}

export async function down(knex: Knex): Promise<void> {
  for (const table of ['sdk_drafts', 'sdk_documents', 'sdk_history']) await knex.schema.dropTable(table);
}
