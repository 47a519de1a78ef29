import type { Knex } from 'knex';

const BUCKETS = 34;

/** How often the gateway's APIs are called: sums by minute, hour and day, each with its own rows and its own end. */
export async function up(knex: Knex): Promise<void> {
  await knex.schema.createTable('gateway_usage', (table) => {
    table.text('tenant_id').notNullable().references('tenants.id').onDelete('CASCADE');
    // A version's id, without a foreign key: what was counted of a version outlives it until it expires.
    table.text('api_id').notNullable();
    // Seconds: 60, 3600 or 86400.
    table.integer('step').notNullable();
    // `none`, `operation`, `client`, `status` or `revision`: what `key` is. Each call is counted once in each of them.
    table.text('dimension').notNullable();
    // Epoch milliseconds of the step's beginning, in UTC.
    table.bigInteger('started_at').notNullable();
    table.text('key').notNullable();
    table.bigInteger('expires_at').notNullable();
    table.bigInteger('calls').notNullable();
    table.bigInteger('errors').notNullable();
    // Calls by latency: the upper bound of h0 is 1 ms, each further one is the one before times the square root of 2.
    for (let bucket = 0; bucket < BUCKETS; bucket += 1) table.bigInteger(`h${bucket}`).notNullable();
    table.primary(['tenant_id', 'api_id', 'step', 'dimension', 'started_at', 'key']);
    table.index(['expires_at'], 'gateway_usage_expires_at');
  });
}

export async function down(knex: Knex): Promise<void> {
  await knex.schema.dropTable('gateway_usage');
}
