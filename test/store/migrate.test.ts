import assert from 'node:assert/strict';
import {
  migrate,
  openStore,
  requireSchema,
  schemaStatus,
  SchemaMismatch,
  type Store,
} from '../../src/store/index.js';
import { loadConfig } from '../../src/config.js';
import { environment, STORES, temporaryFolder } from '../support/config.js';
import { cli } from '../support/process.js';

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
  '0034_outbox_lanes',
];
const LATEST = Number(STEPS.at(-1)?.slice(0, 4));

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

    it('are each taken once when several processes start together', async () => {
      const finished = await Promise.all([1, 2, 3].map(() => cli(['migrate', '--json'], env)));
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
