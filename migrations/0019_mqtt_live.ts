import { createHash } from 'node:crypto';
import type { Knex } from 'knex';

const LONGEST_KEY = 1000;

export async function up(knex: Knex): Promise<void> {
  // PostgreSQL's indexes take no more than 2,700 bytes, MQTT's names have up to 65,535: of a long one `name` has the hash.
  await knex.schema.alterTable('mqtt_credentials', (table) => {
    table.text('long_name');
    // Where a device signed in last, and when it was first seen to be there.
    table.text('seen_address');
    table.bigInteger('seen_at');
  });
  const long = await knex('mqtt_credentials')
    .whereRaw('length(name) > ?', [LONGEST_KEY / 4])
    .select<{ tenant_id: string; kind: string; name: string }[]>('tenant_id', 'kind', 'name');
  for (const row of long) {
    if (Buffer.byteLength(row.name) <= LONGEST_KEY) continue;
    const name = `sha256:${createHash('sha256').update(row.name).digest('hex')}`;
    await knex('mqtt_credentials').where(row).update({ name, long_name: row.name });
  }
  // Counts the changes of a run of a thousand names: whoever holds them in memory sees whether they are still the same.
  await knex.schema.alterTable('mqtt_blocks', (table) =>
    table.bigInteger('version').notNullable().defaultTo(0),
  );
  // What a device may publish and subscribe to. The first rule that fits decides, in the order of their ids.
  await knex.schema.createTable('mqtt_acl', (table) => {
    table.text('tenant_id').notNullable().references('tenants.id').onDelete('CASCADE');
    table.text('kind').notNullable(); // username, clientid or $all
    table.text('name').notNullable(); // as in mqtt_credentials; empty for $all
    table.text('id').notNullable();
    table.text('long_name');
    table.text('topic').notNullable();
    table.text('action').notNullable(); // pub, sub or pubsub
    table.text('access').notNullable(); // allow or deny
    table.bigInteger('created_at').notNullable();
    table.primary(['tenant_id', 'kind', 'name', 'id']);
  });
  // What a token says that somebody signed in with, for brokers that ask again for each topic.
  await knex.schema.createTable('mqtt_token_sign_ins', (table) => {
    table.text('tenant_id').notNullable().references('tenants.id').onDelete('CASCADE');
    table.text('id').notNullable(); // of the pair of user name and client identifier
    table.text('token').notNullable(); // JSON: what its end depends on
    table.text('acl').notNullable(); // JSON: the rules of its `acl` claim
    table.bigInteger('expires_at').notNullable();
    table.primary(['tenant_id', 'id']);
    table.index(['expires_at'], 'mqtt_token_sign_ins_expires_at');
  });
}

export async function down(knex: Knex): Promise<void> {
  for (const table of ['mqtt_token_sign_ins', 'mqtt_acl']) await knex.schema.dropTable(table);
  await knex.schema.alterTable('mqtt_blocks', (table) => table.dropColumn('version'));
  await knex('mqtt_credentials')
    .whereNotNull('long_name')
    .update({ name: knex.ref('long_name') });
  await knex.schema.alterTable('mqtt_credentials', (table) =>
    table.dropColumns('long_name', 'seen_address', 'seen_at'),
  );
}
