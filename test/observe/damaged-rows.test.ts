import assert from 'node:assert/strict';
import type { Knex } from 'knex';
import { loadConfig } from '../../src/config.js';
import { openStore } from '../../src/store/index.js';
import { ADMIN_PASSWORD, CLIENT_SECRET, environment, STORES } from '../support/config.js';
import { basic } from '../support/http.js';
import { kill, serve } from '../support/process.js';

const MARK = 'unmistakable-value@example.com';

function isJson(value: unknown): boolean {
  if (typeof value !== 'string' || !/^[[{]/.test(value)) return false;
  try {
    JSON.parse(value);
    return true;
  } catch {
    return false;
  }
}

/** Every column that holds JSON in some row. */
async function jsonColumns(knex: Knex, kind: string): Promise<[table: string, column: string][]> {
  const tables = await (kind === 'sqlite'
    ? knex('sqlite_master').where({ type: 'table' }).pluck<string[]>('name')
    : knex('information_schema.tables').where({ table_schema: 'public' }).pluck<string[]>('table_name'));
  const columns: [string, string][] = [];
  for (const table of tables.filter((name) => !name.startsWith('sqlite_'))) {
    const rows = await knex(table).select<Record<string, unknown>[]>();
    for (const column of Object.keys(rows[0] ?? {}))
      if (rows.some((row) => isJson(row[column]))) columns.push([table, column]);
  }
  return columns;
}

describe('the log of a server whose rows are damaged', () => {
  for (const kind of STORES)
    it(`has nothing of what stands in them, on ${kind} [SEC-R30]`, async function () {
      const more = { LOG_LEVEL: 'trace', GATEHOUSE_MQTT_APP_SECRET: CLIENT_SECRET };
      const env = await environment(kind, more, 'started');
      const issuer = `http://localhost:${env['PORT']}`;
      const server = await serve(env);
      const store = await openStore(loadConfig(env));
      const { knex } = store;
      const ask = async (path: string, form?: Record<string, string>, authorization?: string) =>
        (
          await fetch(issuer + path, {
            redirect: 'manual',
            ...(form && { method: 'POST', body: new URLSearchParams(form) }),
            headers: { authorization: authorization ?? basic('gatehouse-cli', CLIENT_SECRET) },
          })
        ).text();
      const answer = await ask('/connect/token', { grant_type: 'client_credentials', scope: 'isms.all' });
      const { access_token: token } = JSON.parse(answer) as { access_token: string };
      const person = { grant_type: 'password', username: 'admin', password: ADMIN_PASSWORD, scope: 'openid' };
      await ask('/connect/deviceauthorization', { client_id: 'gatehouse-demo', scope: 'openid' }, '');
      await ask('/api/User/EmailCode', { email: 'somebody@example.com' }, '');

      const columns = await jsonColumns(knex, kind);
      assert.ok(columns.length > 12, JSON.stringify(columns));
      for (const [table, column] of columns) {
        const rows = await knex(table).select<Record<string, unknown>[]>();
        const where = (row: Record<string, unknown>) =>
          Object.fromEntries(
            Object.entries(row).filter(([name, value]) => name !== column && typeof value === 'string'),
          );
        await knex(table).update({ [column]: `${MARK}{` });
        for (const area of ['User', 'Role', 'Client', 'ApiResource', 'IdentityResource', 'Tenant', 'Key'])
          await ask(`/api/${area}`, undefined, `Bearer ${token}`);
        await ask('/connect/token', person);
        await ask('/connect/token', { grant_type: 'client_credentials' });
        await ask('/mqtt/auth', { username: 'nobody' }, basic('mqtt', CLIENT_SECRET));
        for (const row of rows)
          await knex(table)
            .where(where(row))
            .update({ [column]: row[column] });
      }
      const { stdout, stderr } = await kill(server, 'SIGTERM');
      await store.close();
      const said = stdout + stderr;
      assert.match(said, /a JSON column cannot be read/);
      const found = said.indexOf(MARK.slice(0, 8));
      assert.equal(found, -1, said.slice(found - 200, found + 100));
    });
});
