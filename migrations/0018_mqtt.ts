import type { Knex } from 'knex';

export async function up(knex: Knex): Promise<void> {
  // Programs that manage devices' credentials (HTTP Basic), and brokers that check them.
  await knex.schema.createTable('mqtt_apps', (table) => {
    table.text('tenant_id').notNullable().references('tenants.id').onDelete('CASCADE');
    table.text('app_id').notNullable();
    table.text('secret_hash').notNullable();
    table.text('rights').notNullable(); // JSON, an array of words
    table.boolean('enabled').notNullable().defaultTo(true);
    table.bigInteger('created_at').notNullable();
    table.bigInteger('updated_at').notNullable();
    table.primary(['tenant_id', 'app_id']);
  });
  // What a broker's own SQL authenticator may read as well, so its columns are plain (docs/mqtt.md).
  await knex.schema.createTable('mqtt_credentials', (table) => {
    table.text('tenant_id').notNullable().references('tenants.id').onDelete('CASCADE');
    table.text('kind').notNullable(); // username or clientid
    table.text('name').notNullable();
    table.bigInteger('seq').notNullable(); // the order in which they were made, without gaps when they are
    table.text('algorithm').notNullable();
    table.text('salt').notNullable();
    table.text('password_hash').notNullable();
    table.boolean('is_superuser').notNullable().defaultTo(false);
    table.boolean('enabled').notNullable().defaultTo(true);
    table.bigInteger('expires_at');
    table.bigInteger('created_at').notNullable();
    table.bigInteger('updated_at').notNullable();
    table.primary(['tenant_id', 'kind', 'name']);
    table.unique(['tenant_id', 'kind', 'seq'], { indexName: 'mqtt_credentials_seq' });
  });
  // How many there are, and in each run of a thousand: so that any page of a million is found without counting them.
  await knex.schema.createTable('mqtt_counters', (table) => {
    table.text('tenant_id').notNullable().references('tenants.id').onDelete('CASCADE');
    table.text('kind').notNullable();
    table.bigInteger('next_seq').notNullable();
    table.bigInteger('count').notNullable();
    table.primary(['tenant_id', 'kind']);
  });
  await knex.schema.createTable('mqtt_blocks', (table) => {
    table.text('tenant_id').notNullable().references('tenants.id').onDelete('CASCADE');
    table.text('kind').notNullable();
    table.bigInteger('block').notNullable();
    table.bigInteger('count').notNullable();
    table.primary(['tenant_id', 'kind', 'block']);
  });
}

export async function down(knex: Knex): Promise<void> {
  for (const table of ['mqtt_blocks', 'mqtt_counters', 'mqtt_credentials', 'mqtt_apps'])
    await knex.schema.dropTable(table);
}
