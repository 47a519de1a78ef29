import type { Knex } from 'knex';
import { isPostgres, nameIndexOn } from '../src/store/name-index.js';

const PROFILE = {
  description: 'text',
  stature: 'double',
  weight: 'double',
  referee_id: 'text',
  locked_until: 'bigInteger',
} as const;

export async function up(knex: Knex): Promise<void> {
  await knex.schema.alterTable('users', (table) => {
    for (const [column, type] of Object.entries(PROFILE)) table[type](column);
    table.text('properties').notNullable().defaultTo('{}');
    table.text('files').notNullable().defaultTo('[]');
    table.text('logins').notNullable().defaultTo('[]');
    // From the first referee to the last; the users' ids as JSON.
    table.text('lineage').notNullable().defaultTo('[]');
    // User name and nick name, folded: what a search compares.
    table.text('search_name').notNullable().defaultTo('');
  });
  await knex.raw(
    'CREATE INDEX users_referee_id ON users (tenant_id, referee_id) WHERE referee_id IS NOT NULL',
  );
  await knex.raw(
    'CREATE INDEX users_created_at ON users (tenant_id, created_at, id, search_name) WHERE deleted_at IS NULL',
  );
  for (const column of ['updated_at', 'user_name_key'])
    await knex.raw(
      `CREATE INDEX users_by_${column} ON users (tenant_id, ${column}, id) WHERE deleted_at IS NULL`,
    );
  await knex.raw('CREATE INDEX audit_actor ON audit (tenant_id, actor, id) WHERE actor IS NOT NULL');
  await (isPostgres(knex) ? searchOnPostgres : searchOnSqlite)(knex);
  await fill(knex);
}

async function searchOnPostgres(knex: Knex): Promise<void> {
  await knex.schema.createTable('user_search', (table) => {
    table.text('tenant_id').notNullable();
    table.text('user_id').notNullable();
    table.specificType('grams', 'integer[]').notNullable();
    table.primary(['tenant_id', 'user_id']);
    table
      .foreign(['tenant_id', 'user_id'])
      .references(['tenant_id', 'id'])
      .inTable('users')
      .onDelete('CASCADE');
  });
  await knex.raw('CREATE INDEX user_search_grams ON user_search USING gin (grams)');
}

async function searchOnSqlite(knex: Knex): Promise<void> {
  await knex.schema.createTable('user_search_ids', (table) => {
    table.increments('n');
    table.text('tenant_id').notNullable();
    table.text('user_id').notNullable();
    table.unique(['tenant_id', 'user_id'], { indexName: 'user_search_ids_user_id' });
    table
      .foreign(['tenant_id', 'user_id'])
      .references(['tenant_id', 'id'])
      .inTable('users')
      .onDelete('CASCADE');
  });
  await knex.raw(
    `CREATE VIRTUAL TABLE user_search USING fts5(grams, content='', contentless_delete=1, detail='none', tokenize='ascii')`,
  );
  await knex.raw(
    `CREATE TRIGGER user_search_gone AFTER DELETE ON user_search_ids
     BEGIN DELETE FROM user_search WHERE rowid = old.n; END`,
  );
}

/** Users that were there before can be found as well. */
async function fill(knex: Knex): Promise<void> {
  const users = await knex('users')
    .whereNull('deleted_at')
    .select<Record<string, string | null>[]>('tenant_id', 'id', 'user_name', 'nick_name');
  for (const { tenant_id: tenantId, id, user_name: userName, nick_name: nickName } of users) {
    const names = [userName, nickName].filter((name) => name != null);
    await knex('users')
      .where({ tenant_id: tenantId, id })
      .update({ search_name: names.join('\n').normalize('NFKC').toLowerCase() });
    await nameIndexOn(knex, tenantId as string).write(id as string, names);
  }
}

export async function down(knex: Knex): Promise<void> {
  await knex.schema.dropTable('user_search');
  if (!isPostgres(knex)) await knex.schema.dropTable('user_search_ids');
  for (const index of [
    'audit_actor',
    'users_referee_id',
    'users_created_at',
    'users_by_updated_at',
    'users_by_user_name_key',
  ])
    await knex.raw(`DROP INDEX ${index}`);
  await knex.schema.alterTable('users', (table) =>
    table.dropColumns(...Object.keys(PROFILE), 'properties', 'files', 'logins', 'lineage', 'search_name'),
  );
}
