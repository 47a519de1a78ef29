import type { Knex } from 'knex';

/** Work that takes long, with what is known of it: its state, its progress, its result, and which node runs it. */
export async function up(knex: Knex): Promise<void> {
  await knex.schema.createTable('tracked_jobs', (table) => {
    table.text('tenant_id').notNullable().references('tenants.id').onDelete('CASCADE');
    table.text('id').notNullable();
    table.text('api_resource_id').notNullable();
    table.text('kind').notNullable();
    table.text('input').notNullable(); // JSON, without secrets
    // The order of the jobs of one API: each has the highest number before it, plus one.
    table.bigInteger('place').notNullable();
    table.text('state').notNullable(); // queued, running, done, failed or cancelled
    table.text('step');
    table.integer('percent').notNullable();
    table.text('last_lines').notNullable(); // a JSON list
    table.text('note'); // JSON, which a later run of a job that was broken off finds
    table.text('result'); // JSON
    table.text('failure'); // JSON
    table.integer('cancel_requested').notNullable().defaultTo(0);
    // Set once a cancellation comes too late.
    table.integer('committed').notNullable().defaultTo(0);
    // Of the run that holds the job; both are null where none does.
    table.text('lease_token');
    table.bigInteger('lease_until');
    // How often a run ended without a word, and another began.
    table.integer('reruns').notNullable().defaultTo(0);
    // Grows with each change that readers see.
    table.bigInteger('version').notNullable();
    table.bigInteger('created_at').notNullable();
    table.bigInteger('updated_at').notNullable();
    table.bigInteger('ended_at');
    table.bigInteger('expires_at');
    table.primary(['tenant_id', 'id']);
    table.index(['tenant_id', 'api_resource_id', 'place'], 'tracked_jobs_place');
    table.index(['tenant_id', 'api_resource_id', 'place'], 'tracked_jobs_open', {
      predicate: knex.whereNull('ended_at'),
    });
    table.index(['expires_at'], 'tracked_jobs_expires_at');
    table
      .foreign(['tenant_id', 'api_resource_id'])
      .references(['tenant_id', 'id'])
      .inTable('api_resources')
      .onDelete('CASCADE');
  });
}

export async function down(knex: Knex): Promise<void> {
  await knex.schema.dropTable('tracked_jobs');
}
