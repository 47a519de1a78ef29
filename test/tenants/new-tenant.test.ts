import assert from 'node:assert/strict';
import { loadConfig } from '../../src/config.js';
import { openStore, type Store } from '../../src/store/index.js';
import { environment, STORES, temporaryFolder } from '../support/config.js';
import { send } from '../support/http.js';
import { cliProcess, kill, managementToken, serveHere, type Running } from '../support/process.js';

type Row = Record<string, unknown>;

/** What differs from one tenant to the next, or tells who made it. */
const OWN = /^(tenant_id|id|.*_id|kid|host|hash|hint|name_key|public_jwk|sealed.*|.*_at|version)$/;

for (const kind of STORES)
  describe(`a new tenant, on ${kind}`, () => {
    let env: Record<string, string>;
    let running: Running;
    let store: Store;

    before(async () => {
      env = await environment(kind, {}, 'started');
      running = await serveHere(env);
      store = await openStore(loadConfig(env, temporaryFolder()));
    });
    after(async () => {
      await store.close();
      await kill(running, 'SIGTERM');
    });

    const byRest = async (name: string): Promise<string> => {
      const issuer = `http://localhost:${env['PORT']}`;
      const answer = await send(new URL('/api/Tenant', issuer), {
        method: 'POST',
        body: JSON.stringify({ name, hosts: [`${name}.example`], managementClient: 'manager' }),
        headers: {
          'content-type': 'application/json',
          authorization: `Bearer ${await managementToken(issuer)}`,
        },
      });
      assert.equal(answer.status, 200, answer.text);
      return (JSON.parse(answer.text) as { data: { id: string } }).data.id;
    };
    // In a process of its own, which knows of operations only what the command loads.
    const byCommand = async (name: string): Promise<string> => {
      const command = [
        'tenant',
        'create',
        name,
        '--host',
        `${name}.example`,
        '--management-client',
        'manager',
      ];
      const { code, stdout, stderr } = await cliProcess([...command, '--json'], env);
      assert.equal(code, 0, stderr);
      const made = JSON.parse(stdout) as {
        id: string;
        managementClient: { clientId: string; secret: string };
      };
      assert.equal(made.managementClient.clientId, 'manager');
      assert.match(made.managementClient.secret, /^[\w-]{43}$/);
      return made.id;
    };
    const tables = async (): Promise<string[]> => {
      const sql =
        kind === 'sqlite'
          ? `SELECT m.name AS name FROM sqlite_master m, pragma_table_info(m.name) c
             WHERE m.type = 'table' AND c.name = 'tenant_id' ORDER BY m.name`
          : `SELECT table_name AS name FROM information_schema.columns
             WHERE table_schema = 'public' AND column_name = 'tenant_id' ORDER BY table_name`;
      return (await store.prepare(sql).all()).map(({ name }) => String(name));
    };
    /** All that a tenant has, as text without what is its own, by table. */
    const allOf = async (tenantId: string): Promise<Record<string, string[]>> => {
      const found: Record<string, string[]> = {};
      for (const table of await tables()) {
        if (table === 'audit') continue;
        const rows = await store.knex<Row>(table).where({ tenant_id: tenantId });
        found[table] = rows
          .map((row) => JSON.stringify(Object.entries(row).filter(([column]) => !OWN.test(column))))
          .sort();
      }
      return found;
    };

    it('has its signing keys before anybody asks it anything, made by REST as by the command line [SEC-R13]', async () => {
      for (const [make, name] of [
        [byRest, 'keys-by-rest'],
        [byCommand, 'keys-by-command'],
      ] as const) {
        const keys = await store
          .knex('signing_keys')
          .where({ tenant_id: await make(name) })
          .orderBy('alg')
          .select<Row[]>('alg', 'state');
        assert.deepEqual(
          keys.map(({ alg, state }) => [alg, state]),
          [
            ['ES256', 'current'],
            ['RS256', 'current'],
          ],
        );
      }
    });

    it('has the same in every table, whichever way it was made [SEC-R13]', async () => {
      const [rest, command] = [
        await allOf(await byRest('all-by-rest')),
        await allOf(await byCommand('all-by-command')),
      ];
      assert.deepEqual(command, rest);
      assert.equal(rest['signing_keys']?.length, 2);
      assert.equal(rest['clients']?.length, 1);
    });
  });
