import type { Knex } from 'knex';

export async function up(knex: Knex): Promise<void> {
  await knex.schema.createTable('roles', (table) => {
    table.text('tenant_id').notNullable().references('tenants.id').onDelete('CASCADE');
    table.text('id').notNullable();
    table.text('name').notNullable();
    table.text('display_name');
    table.text('description');
    table.text('claims').notNullable().defaultTo('[]');
    table.bigInteger('created_at').notNullable();
    table.bigInteger('updated_at').notNullable();
    table.primary(['tenant_id', 'id']);
    table.unique(['tenant_id', 'name'], { indexName: 'roles_name' });
  });
  await knex.schema.createTable('users', (table) => {
    table.text('tenant_id').notNullable().references('tenants.id').onDelete('CASCADE');
    table.text('id').notNullable();
    table.text('user_key').notNullable(); // uuid; the `sub` of tokens
    table.text('user_name').notNullable();
    table.text('user_name_key').notNullable(); // case-folded, what is compared
    table.text('nick_name');
    table.text('email');
    table.text('email_key');
    table.boolean('email_verified').notNullable().defaultTo(false);
    table.text('country_code');
    table.text('phone_number'); // E.164
    table.text('phone_national'); // the same without the country code, as people type it
    table.boolean('phone_number_verified').notNullable().defaultTo(false);
    table.text('password_hash');
    table.text('gender');
    table.text('birthdate');
    table.text('address');
    table.text('avatar');
    table.text('claims').notNullable().defaultTo('[]');
    table.boolean('enabled').notNullable().defaultTo(true);
    table.bigInteger('created_at').notNullable();
    table.bigInteger('updated_at').notNullable();
    table.bigInteger('last_login_at');
    table.bigInteger('deleted_at');
    table.primary(['tenant_id', 'id']);
    table.unique(['tenant_id', 'user_key'], { indexName: 'users_user_key' });
  });
  // A deleted user frees its names for somebody else.
  for (const column of ['user_name_key', 'email_key', 'phone_number'])
    await knex.raw(
      `CREATE UNIQUE INDEX users_${column} ON users (tenant_id, ${column}) WHERE deleted_at IS NULL`,
    );
  await knex.raw(
    'CREATE INDEX users_phone_national ON users (tenant_id, phone_national) WHERE phone_national IS NOT NULL',
  );
  await knex.schema.createTable('user_roles', (table) => {
    table.text('tenant_id').notNullable();
    table.text('user_id').notNullable();
    table.text('role_id').notNullable();
    table.primary(['tenant_id', 'user_id', 'role_id']);
    table
      .foreign(['tenant_id', 'user_id'])
      .references(['tenant_id', 'id'])
      .inTable('users')
      .onDelete('CASCADE');
    table
      .foreign(['tenant_id', 'role_id'])
      .references(['tenant_id', 'id'])
      .inTable('roles')
      .onDelete('RESTRICT');
    table.index(['tenant_id', 'role_id'], 'user_roles_role_id');
  });
  // Wrong passwords, by account and address; the account is a user id, or a keyed hash of a name that nobody has.
  await knex.schema.createTable('sign_in_failures', (table) => {
    table.text('tenant_id').notNullable().references('tenants.id').onDelete('CASCADE');
    table.text('account').notNullable();
    table.text('address').notNullable();
    table.integer('failures').notNullable();
    table.bigInteger('locked_until').notNullable();
    table.bigInteger('expires_at').notNullable();
    table.primary(['tenant_id', 'account', 'address']);
    table.index(['expires_at'], 'sign_in_failures_expires_at');
  });
  // Where an account has signed in from: a flood of failures elsewhere never shuts these out.
  await knex.schema.createTable('known_addresses', (table) => {
    table.text('tenant_id').notNullable().references('tenants.id').onDelete('CASCADE');
    table.text('account').notNullable();
    table.text('address').notNullable();
    table.bigInteger('expires_at').notNullable();
    table.primary(['tenant_id', 'account', 'address']);
    table.index(['expires_at'], 'known_addresses_expires_at');
  });
}

export async function down(knex: Knex): Promise<void> {
  for (const table of ['known_addresses', 'sign_in_failures', 'user_roles', 'users', 'roles'])
    await knex.schema.dropTable(table);
}
