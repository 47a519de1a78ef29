import assert from 'node:assert/strict';
import { migrate, openStore, requireSchema, schemaStatus, type Store } from '../../src/store/index.js';
import { SchemaMismatch } from '../../src/kernel/errors.js';
import { loadConfig } from '../../src/config.js';
import { environment, STORES, temporaryFolder } from '../support/config.js';
import { cliProcess } from '../support/process.js';

const STEPS = [
  '0001_tenants',
  '0002_people',
  '0003_clients_and_resources',
  '0004_oidc_artifacts',
  '0005_audit',
  '0006_revocations',
  '0007_key_states',
  '0008_outbox',
  '0009_rate_counts',
  '0010_identity_resource_properties',
  '0011_owners_and_secrets',
  '0012_issued_tokens',
  '0013_profiles',
  '0014_tenant_settings',
  '0015_client_registration',
  '0016_codes_and_messages',
  '0017_blobs',
  '0018_mqtt',
  '0019_mqtt_live',
  '0020_newest_grant',
  '0021_mqtt_devices_of_tenants',
  '0022_tenant_registration',
  '0023_built_in_roles',
  '0024_registration_owners',
  '0025_unique_audiences',
  '0027_revocation_generations',
  '0028_mqtt_sign_ins_by_credential',
  '0029_demo_client',
  '0030_implied_grants',
  '0031_revoked_keys',
  '0034_outbox_lanes',
  '0037_mqtt_password_sign_ins',
  '0038_grants_of_clients',
  '0039_owners_of_roles',
  '0040_gateway',
  '0041_subscribers_and_packages',
  '0042_gateway_usage',
  '0043_announcements_expire',
  '0045_tracked_jobs',
  '0046_sdk_releases',
  '0047_codegen_options',
];
const LATEST = Number(STEPS.at(-1)?.slice(0, 4));

/** A tenant's row as every step so far takes it. */
const TENANT = { name: 'T', issuer: 'https://t.example', version: 1, created_at: 1, updated_at: 1 };

for (const kind of STORES)
  describe(`migrations, on ${kind}`, () => {
    let env: Record<string, string>;
    let open: () => Promise<Store>;
    const opened: Store[] = [];

    beforeEach(async () => {
      env = await environment(kind);
      const config = loadConfig(env, temporaryFolder());
      open = async () => {
        const store = await openStore(config);
        opened.push(store);
        return store;
      };
    });

    afterEach(async () => {
      for (const store of opened.splice(0)) await store.close();
    });

    const tables = async (store: Store): Promise<number> => {
      const sql =
        kind === 'sqlite'
          ? "SELECT COUNT(*) AS n FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'"
          : "SELECT COUNT(*) AS n FROM information_schema.tables WHERE table_schema = 'public'";
      return Number((await store.prepare(sql).first())?.['n']);
    };

    it('take an empty store to the newest schema, and then have nothing to do', async () => {
      const store = await open();
      assert.deepEqual(await migrate(store), STEPS);
      assert.deepEqual(await migrate(store), []);
      assert.deepEqual(await schemaStatus(store), { current: LATEST, latest: LATEST });
    });

    it('go down to nothing, and up again', async () => {
      const store = await open();
      await migrate(store);
      assert.equal((await migrate(store, 0)).length, STEPS.length);
      assert.equal(await tables(store), 1);
      assert.deepEqual(await migrate(store), STEPS);
    });

    it('go to a step by its number', async () => {
      const store = await open();
      assert.deepEqual(await migrate(store, 2), STEPS.slice(0, 2));
      assert.deepEqual(await schemaStatus(store), { current: 2, latest: LATEST });
    });

    it('flag the seeded roles of a store that has them, and add those that the program needs [SEC-R2]', async () => {
      const store = await open();
      await migrate(store, 22);
      await store.knex('tenants').insert({ ...TENANT, id: 't' });
      for (const name of ['user', 'developer', 'Developer', 'auditor'])
        await store
          .knex('roles')
          .insert({ tenant_id: 't', id: `of-${name}`, name, created_at: 1, updated_at: 1 });
      await migrate(store, 23);
      const rows = await store.knex('roles').orderBy('id').select<{ name: string }[]>('name', 'built_in');
      assert.deepEqual(
        rows.map((row) => ({ ...row })).sort((a, b) => (a.name < b.name ? -1 : 1)),
        [
          { name: 'Developer', built_in: null },
          { name: 'administrator', built_in: 'administrator' },
          { name: 'auditor', built_in: null },
          { name: 'developer', built_in: 'developer' },
          { name: 'user', built_in: 'user' },
        ],
      );
    });

    it('go down from the flags of roles while users have roles', async () => {
      const store = await open();
      await migrate(store, 24);
      const db = store.knex;
      await db('tenants').insert({ ...TENANT, id: 't' });
      await db('roles').insert({ tenant_id: 't', id: 'r', name: 'user', created_at: 1, updated_at: 1 });
      await db('users').insert({
        tenant_id: 't',
        id: 'u',
        user_key: 'k',
        user_name: 'u',
        user_name_key: 'u',
        created_at: 1,
        updated_at: 1,
      });
      await db('user_roles').insert({ tenant_id: 't', user_id: 'u', role_id: 'r' });
      assert.deepEqual(await migrate(store, 22), [
        '0024_registration_owners (undone)',
        '0023_built_in_roles (undone)',
      ]);
      const rows = await db('user_roles').select<{ role_id: string }[]>('role_id');
      assert.deepEqual(
        rows.map((row) => row.role_id),
        ['r'],
      );
    });

    it('keep the scopes of clients that have changed since they registered', async () => {
      const store = await open();
      await migrate(store, 23);
      await store.knex('tenants').insert({ ...TENANT, id: 't' });
      for (const [id, updatedAt] of [
        ['untouched', 1],
        ['changed', 2],
      ] as const) {
        await store.knex('clients').insert({
          tenant_id: 't',
          id,
          client_id: id,
          client_name: id,
          settings: '{}',
          created_at: 1,
          updated_at: updatedAt,
        });
        await store
          .knex('client_registrations')
          .insert({ tenant_id: 't', client_row_id: id, hash: id, scopes: '[]' });
      }
      await migrate(store, 24);
      const rows = await store
        .knex('client_registrations')
        .orderBy('client_row_id')
        .select<Record<string, string>[]>('client_row_id', 'settled');
      assert.deepEqual(
        rows.map((row) => ({ ...row })),
        [
          { client_row_id: 'changed', settled: '["scopes"]' },
          { client_row_id: 'untouched', settled: '[]' },
        ],
      );
    });

    it('are each taken once when several processes start together', async () => {
      const finished = await Promise.all([1, 2, 3].map(() => cliProcess(['migrate', '--json'], env)));
      const taken = finished.map(({ stdout }) => (JSON.parse(stdout) as { steps: string[] }).steps);
      assert.deepEqual(taken.flat().sort(), STEPS);
    });

    it('leave a whole step or none when one fails', async () => {
      const store = await open();
      await migrate(store, 1);
      await store.knex.schema.createTable('user_roles', (table) => table.text('in_the_way'));
      await assert.rejects(migrate(store));
      assert.deepEqual(await schemaStatus(store), { current: 1, latest: LATEST });
      assert.equal(await store.knex.schema.hasTable('roles'), false);
      await store.knex.schema.dropTable('user_roles');
      assert.deepEqual(await migrate(store), STEPS.slice(1));
    });

    it('give each API an audience of its own, the oldest keeps what several had, and go back [SEC-R6]', async () => {
      const store = await open();
      await migrate(store, 22);
      const { knex } = store;
      const tenant = {
        name: 'One',
        issuer: 'https://one.example',
        version: 1,
        claims: '[]',
        properties: '{}',
      };
      await knex('tenants').insert({ ...tenant, id: 't', home: false, created_at: 1, updated_at: 1 });
      const add = (id: string, createdAt: number, audience: string, indicator = `urn:resource:${id}`) =>
        knex('api_resources').insert({
          tenant_id: 't',
          id,
          name: id,
          indicator,
          audience,
          created_at: createdAt,
          updated_at: createdAt,
        });
      await add('newer', 20, 'orders');
      await add('oldest', 10, 'orders');
      await add('third', 30, 'orders', 'urn:taken');
      await add('other', 40, 'urn:taken');
      await add('copy', 5, 'isms');
      await add('isms', 50, 'isms');
      const audiences = async (): Promise<Record<string, string>> =>
        Object.fromEntries(
          (await knex<{ id: string; audience: string }>('api_resources').select()).map((row) => [
            row.id,
            row.audience,
          ]),
        );
      const before = await audiences();
      await migrate(store, 25);
      assert.deepEqual(await audiences(), {
        newer: 'urn:resource:newer',
        oldest: 'orders',
        third: 'urn:gatehouse:api:third',
        other: 'urn:taken',
        copy: 'urn:resource:copy',
        isms: 'isms',
      });
      assert.deepEqual(
        await knex('replaced_audiences').orderBy('resource_id').select('resource_id', 'audience'),
        [
          { resource_id: 'copy', audience: 'isms' },
          { resource_id: 'newer', audience: 'orders' },
          { resource_id: 'third', audience: 'orders' },
        ],
      );
      await assert.rejects(add('late', 60, 'orders'));
      await migrate(store, 22);
      assert.deepEqual(await audiences(), before);
    });

    it('refuse a store that is newer than the program, with the command that helps', async () => {
      const store = await open();
      await migrate(store);
      await store.knex('schema_steps').insert({ version: 99, name: '0099_tomorrow', applied_at: 0 });
      for (const attempt of [migrate(store), requireSchema(store)])
        await assert.rejects(
          attempt,
          (error: Error) =>
            error instanceof SchemaMismatch && error.message.endsWith(`npx gatehouse migrate --to ${LATEST}`),
        );
    });

    it('are demanded by a server that may not take them', async () => {
      const store = await open();
      await assert.rejects(
        requireSchema(store),
        (error: Error) => error instanceof SchemaMismatch && /npx gatehouse migrate$/.test(error.message),
      );
    });
  });
