import assert from 'node:assert/strict';
import pg from 'pg';
import { environment } from '../support/config.js';
import { asOtherRole, newDatabase } from '../support/postgres.js';
import { cli } from '../support/process.js';

async function tablesOf(database: string): Promise<number> {
  const client = new pg.Client({ connectionString: database });
  await client.connect();
  const { rows } = await client.query("SELECT 1 FROM pg_tables WHERE schemaname = 'public'");
  await client.end();
  return rows.length;
}

describe('a PostgreSQL role that lacks a right', () => {
  for (const command of ['serve', 'migrate'])
    it(`may not create tables: one line with the statement that helps, and nothing is written (${command})`, async () => {
      const database = await newDatabase();
      const url = await asOtherRole(database, () => []);
      const env = await environment('sqlite', { DATABASE_URL: url });
      const { code, stderr } = await cli([command], env);
      const [role] = /role_[0-9_]+/.exec(url) ?? [];
      assert.equal(
        stderr,
        `gatehouse: DATABASE_URL: the role may not create tables; GRANT CREATE, USAGE ON SCHEMA public TO "${role}"\n`,
      );
      assert.equal(code, 1);
      assert.equal(await tablesOf(database), 0);
    });

  it('works with the rights that the line names', async () => {
    const database = await newDatabase();
    const url = await asOtherRole(database, (role) => [`GRANT CREATE, USAGE ON SCHEMA public TO ${role}`]);
    const { code, stderr } = await cli(['serve'], await environment('sqlite', { DATABASE_URL: url }));
    assert.equal(code, 0, stderr);
  });

  it('may not use tables of another role: one line with what PostgreSQL says', async () => {
    const database = await newDatabase();
    assert.equal((await cli(['migrate'], await environment('sqlite', { DATABASE_URL: database }))).code, 0);
    const url = await asOtherRole(database, (role) => [`GRANT CREATE, USAGE ON SCHEMA public TO ${role}`]);
    const { code, stderr } = await cli(['serve'], await environment('sqlite', { DATABASE_URL: url }));
    assert.match(
      stderr,
      /^gatehouse: DATABASE_URL: the role lacks a right \(relation "schema_steps" already exists\); use the role that owns the tables, .*\n$/,
    );
    assert.equal(code, 1);
  });

  it('serves with rights on rows alone once the schema is there', async () => {
    const database = await newDatabase();
    assert.equal((await cli(['migrate'], await environment('sqlite', { DATABASE_URL: database }))).code, 0);
    const url = await asOtherRole(database, (role) => [
      `GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO ${role}`,
      `GRANT USAGE ON ALL SEQUENCES IN SCHEMA public TO ${role}`,
    ]);
    const { code, stderr } = await cli(
      ['serve', '--no-migrate'],
      await environment('sqlite', { DATABASE_URL: url }),
    );
    assert.equal(code, 0, stderr);
  });
});
