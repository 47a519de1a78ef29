import type { Knex } from 'knex';

/** Who is told of the releases of an API, what they are told, and the packages by which an API is called. */
export async function up(knex: Knex): Promise<void> {
  await knex.schema.createTable('api_subscriptions', (table) => {
    table.text('tenant_id').notNullable().references('tenants.id').onDelete('CASCADE');
    table.text('id').notNullable();
    table.text('api_resource_id').notNullable();
    // As it was written, and as it is compared.
    table.text('email').notNullable();
    table.text('email_key').notNullable();
    table.text('locale').notNullable();
    // Set once it has ended. The row stays, because the link that ends it works for ever.
    table.bigInteger('ended_at');
    table.bigInteger('created_at').notNullable();
    table.bigInteger('updated_at').notNullable();
    table.primary(['tenant_id', 'id']);
    table.unique(['tenant_id', 'api_resource_id', 'email_key'], { indexName: 'api_subscriptions_email_key' });
    table.index(['tenant_id', 'api_resource_id', 'created_at', 'id'], 'api_subscriptions_created_at');
    table.index(['tenant_id', 'api_resource_id', 'id'], 'api_subscriptions_id');
    belongsToApi(table);
  });
  await knex.schema.createTable('api_subscription_requests', (table) => {
    table.text('tenant_id').notNullable().references('tenants.id').onDelete('CASCADE');
    table.text('api_resource_id').notNullable();
    table.text('email_key').notNullable();
    table.text('email').notNullable();
    table.text('locale').notNullable();
    // A keyed hash of the code, which has 256 bits.
    table.text('code_hash').notNullable();
    table.bigInteger('used_at');
    table.bigInteger('expires_at').notNullable();
    table.primary(['tenant_id', 'api_resource_id', 'email_key']);
    table.unique(['tenant_id', 'code_hash'], { indexName: 'api_subscription_requests_code_hash' });
    table.index(['expires_at'], 'api_subscription_requests_expires_at');
    belongsToApi(table);
  });
  await knex.schema.createTable('api_announcements', (table) => {
    table.text('tenant_id').notNullable().references('tenants.id').onDelete('CASCADE');
    // The event's own: an event is announced once.
    table.text('id').notNullable();
    table.text('api_resource_id').notNullable();
    table.text('kind').notNullable(); // publish or release
    table.text('api_name').notNullable();
    table.text('version_name').notNullable();
    table.text('notes').notNullable();
    table.text('path');
    // The last subscription, by id, whose mail is queued; mails are queued in that order.
    table.text('queued_to').notNullable().defaultTo('');
    // Set once the mails of all subscriptions are queued.
    table.bigInteger('queued_at');
    table.bigInteger('created_at').notNullable();
    table.primary(['tenant_id', 'id']);
    table.index(['tenant_id', 'api_resource_id'], 'api_announcements_api_resource');
    belongsToApi(table);
  });
  await knex.schema.createTable('api_packages', (table) => {
    table.text('tenant_id').notNullable().references('tenants.id').onDelete('CASCADE');
    table.text('id').notNullable();
    table.text('api_resource_id').notNullable();
    table.text('name').notNullable();
    table.text('publisher').notNullable();
    table.text('link').notNullable();
    table.text('icon');
    table.text('description');
    table.text('platform').notNullable();
    table.text('language').notNullable();
    table.integer('show_index').notNullable();
    table.text('tags').notNullable(); // a JSON list
    // The index in ten digits and then the name: what the list is in the order of.
    table.text('show_order').notNullable();
    table.bigInteger('created_at').notNullable();
    table.bigInteger('updated_at').notNullable();
    table.primary(['tenant_id', 'id']);
    table.unique(['tenant_id', 'api_resource_id', 'platform', 'language', 'name'], {
      indexName: 'api_packages_name',
    });
    table.index(['tenant_id', 'api_resource_id', 'show_order', 'id'], 'api_packages_show_order');
    belongsToApi(table);
  });
}

const belongsToApi = (table: Knex.CreateTableBuilder): void =>
  void table
    .foreign(['tenant_id', 'api_resource_id'])
    .references(['tenant_id', 'id'])
    .inTable('api_resources')
    .onDelete('CASCADE');

export async function down(knex: Knex): Promise<void> {
  for (const table of [
    'api_packages',
    'api_announcements',
    'api_subscription_requests',
    'api_subscriptions',
  ])
    await knex.schema.dropTable(table);
}
