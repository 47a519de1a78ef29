import assert from 'node:assert/strict';
import { existsSync, mkdirSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { environment } from '../support/config.js';
import { cli } from '../support/process.js';

const COMMANDS = [
  ['user', 'list'],
  ['tenant', 'list'],
  ['client', 'create', 'job', '--grant', 'clientCredentials'],
  ['keys', 'list'],
  ['mqtt', 'export'],
  ['doctor'],
];

describe('a command where there is no store', () => {
  for (const command of COMMANDS)
    it(`makes none, and says where it looked: ${command.join(' ')}`, async () => {
      const env = await environment('sqlite');
      const { code, stdout, stderr } = await cli(command, env);
      const folder = env['GATEHOUSE_DATA_DIR'] as string;
      const said = `GATEHOUSE_DATA_DIR: there is no store at ${join(folder, 'gatehouse.sqlite')};`;
      assert.ok((stdout + stderr).includes(said), stdout + stderr);
      assert.equal(code, 1);
      assert.deepEqual(readdirSync(folder), []);
    });

  it('makes one for migrate', async () => {
    const env = await environment('sqlite');
    assert.equal((await cli(['migrate'], env)).code, 0);
    assert.ok(existsSync(join(env['GATEHOUSE_DATA_DIR'] as string, 'gatehouse.sqlite')));
  });
});

describe('a master.key that can not be read', () => {
  it('stops a command with the key and what to do', async () => {
    const { GATEHOUSE_MASTER_KEY: _given, ...env } = await environment('sqlite');
    assert.equal((await cli(['serve'], env)).code, 0);
    const file = join(env['GATEHOUSE_DATA_DIR'] as string, 'master.key');
    // The superuser, under whom tests may run, reads every file, but no folder.
    rmSync(file);
    mkdirSync(file);
    const { code, stderr } = await cli(['user', 'list'], env);
    assert.equal(code, 1);
    assert.equal(
      stderr,
      `gatehouse: GATEHOUSE_MASTER_KEY: ${file} can not be read (EISDIR); run the command as the user that the server runs as, or give that user the file\n`,
    );
  });
});
