import assert from 'node:assert/strict';
import { existsSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import {
  ADMIN_PASSWORD,
  CLIENT_SECRET,
  environment,
  MASTER_KEY,
  STORES,
  temporaryFolder,
} from '../support/config.js';
import { send } from '../support/http.js';
import { cli, kill, serveHere } from '../support/process.js';

const NEW_KEY = Buffer.alloc(32, 8).toString('base64');
const MOST_SIGN_INS = 60;

/** A file that holds a key. */
function keyFile(key: string): string {
  const file = join(temporaryFolder(), 'new.key');
  writeFileSync(file, `${key}\n`);
  return file;
}

for (const kind of STORES)
  describe(`gatehouse keys rewrap, on ${kind}`, () => {
    it('moves everything to a new master key while the server runs, and the old one opens nothing more [SEC-51]', async () => {
      const env = await environment(kind, {}, 'started');
      const running = await serveHere(env);
      const issuer = `http://localhost:${env['PORT']}`;
      const ask = async (path: string, form: Record<string, string>): Promise<Record<string, unknown>> => {
        const basic = Buffer.from(`gatehouse-cli:${CLIENT_SECRET}`).toString('base64');
        const heard = await send(new URL(path, issuer), {
          form,
          headers: { authorization: `Basic ${basic}` },
        });
        assert.equal(heard.status, 200, heard.text);
        return JSON.parse(heard.text) as Record<string, unknown>;
      };
      const signIn = (): Promise<Record<string, unknown>> =>
        ask('/connect/token', {
          grant_type: 'password',
          username: 'admin',
          password: ADMIN_PASSWORD,
          scope: 'openid offline_access isms.user.get',
        });
      const { refresh_token: refreshToken } = await signIn();
      const tv = ['client', 'create', 'tv', '--public', '--grant', 'device', '--scope', 'openid'];
      assert.equal((await cli(tv, env)).code, 0);
      const device = await send(new URL('/connect/deviceauthorization', issuer), {
        form: { client_id: 'tv', scope: 'openid' },
      });
      const { user_code: userCode } = JSON.parse(device.text) as { user_code: string };

      const file = keyFile(NEW_KEY);
      const command = cli(['keys', 'rewrap', '--settle', '2', '--json', '--new-key-file', file], env);
      let over = false;
      void command.then(() => (over = true));
      let asked = 0;
      while (!over) {
        // Sign-ins of one address are limited; tokens of a client are signed by the same keys.
        if (asked < MOST_SIGN_INS) await signIn();
        else await ask('/connect/token', { grant_type: 'client_credentials', scope: 'isms.user.get' });
        asked += 1;
      }
      const { code, stdout, stderr } = await command;
      assert.equal(code, 0, stderr);
      assert.ok(asked > 10);
      const { rows } = JSON.parse(stdout) as { rows: Record<string, number> };
      assert.equal(rows['signing_keys'], 2);
      assert.ok((rows['oidc_artifacts'] ?? 0) >= 1);
      assert.ok((rows['tenant_secrets'] ?? 0) >= 1);
      await signIn();
      await kill(running, 'SIGTERM');

      const old = await cli(['serve'], env);
      assert.equal(old.code, 1);
      assert.match(old.stderr, /^gatehouse: GATEHOUSE_MASTER_KEY: is not the key/m);

      const next = await serveHere({ ...env, GATEHOUSE_MASTER_KEY: NEW_KEY });
      await signIn();
      await ask('/connect/token', { grant_type: 'refresh_token', refresh_token: String(refreshToken) });
      const page = await send(new URL(`/device?user_code=${userCode}`, issuer));
      assert.equal(page.status, 200);
      await kill(next, 'SIGTERM');
    });

    it('says what is missing, and changes nothing', async () => {
      const env = await environment(kind, {}, 'started');
      for (const [args, more, problem] of [
        [[], {}, /GATEHOUSE_NEW_MASTER_KEY: is not set; give --new-key-file <path>/],
        [[], { GATEHOUSE_NEW_MASTER_KEY: 'short' }, /GATEHOUSE_NEW_MASTER_KEY: must be 32 bytes/],
        [[], { GATEHOUSE_NEW_MASTER_KEY: MASTER_KEY }, /is the key that is in use/],
        [['--new-key-file', keyFile('short')], {}, /--new-key-file: must be 32 bytes/],
        [['--new-key-file', keyFile(MASTER_KEY)], {}, /--new-key-file: is the key that is in use/],
        [['--new-key-file', temporaryFolder()], {}, /--new-key-file: .* is no file/],
        [['--new-key-file', '/dev/null'], {}, /--new-key-file: .* is no file/],
        [['--new-key-file', join(temporaryFolder(), 'none', 'key')], {}, /--new-key-file: .*ENOENT/],
        [['--new-key-file', keyFile(NEW_KEY)], { GATEHOUSE_NEW_MASTER_KEY: NEW_KEY }, /not both/],
      ] as const) {
        const { code, stderr } = await cli(['keys', 'rewrap', '--settle', '0', ...args], { ...env, ...more });
        assert.notEqual(code, 0);
        assert.match(stderr, problem);
      }
      await cli(['serve'], env);
    });

    for (const more of [[], ['--compromised']])
      it(`takes no key that nobody keeps: ${['rewrap', ...more].join(' ')}`, async () => {
        const env = await environment(kind, {}, 'started');
        const { code, stderr } = await cli(['keys', 'rewrap', '--settle', '0', ...more], {
          ...env,
          GATEHOUSE_NEW_MASTER_KEY: NEW_KEY,
        });
        assert.equal(code, 2);
        assert.match(stderr, /kept nowhere.*--new-key-file <path>/);
        const { code: asBefore } = await cli(['user', 'list'], env);
        assert.equal(asBefore, 0);
      });

    it('makes the new key in a file that only its owner can read, and goes on with it when repeated', async () => {
      const env = await environment(kind, {}, 'started');
      const file = join(temporaryFolder(), 'new.key');
      const args = ['keys', 'rewrap', '--settle', '0', '--new-key-file', file];
      const { code, stdout, stderr } = await cli(args, env);
      assert.equal(code, 0, stderr);
      assert.equal(statSync(file).mode & 0o777, 0o600);
      assert.ok(stdout.includes(`The new key is in ${file}.`));
      const key = readFileSync(file, 'utf8').trim();
      assert.ok(!stdout.includes(key));
      const renewed = { ...env, GATEHOUSE_MASTER_KEY: key };
      assert.equal((await cli(['user', 'list'], renewed)).code, 0);
      const again = await cli([...args, '--compromised'], renewed);
      assert.equal(again.code, 0);
      assert.match(again.stdout, /was under this master key already.*run the command again with another/);
      assert.ok(!again.stdout.includes('Set GATEHOUSE_MASTER_KEY'));
      assert.equal(readFileSync(file, 'utf8').trim(), key);
    });
  });

describe('gatehouse keys rewrap, with the key in the data folder', () => {
  it('puts the new key there, and leaves nothing under the old one', async () => {
    const { GATEHOUSE_MASTER_KEY: _given, ...env } = await environment('sqlite');
    await cli(['serve'], env);
    const file = join(env['GATEHOUSE_DATA_DIR'] as string, 'master.key');
    assert.ok(existsSync(file));
    const { code } = await cli(['keys', 'rewrap', '--settle', '0'], {
      ...env,
      GATEHOUSE_NEW_MASTER_KEY: NEW_KEY,
    });
    assert.equal(code, 0);
    assert.equal(readFileSync(file, 'utf8').trim(), NEW_KEY);
    const store = new Database(join(env['GATEHOUSE_DATA_DIR'] as string, 'gatehouse.sqlite'));
    const count = (sql: string): unknown => store.prepare(sql).pluck().get();
    assert.equal(count("SELECT COUNT(*) FROM signing_keys WHERE sealed_private_jwk LIKE 'v1.data-1.%'"), 0);
    assert.equal(count("SELECT COUNT(*) FROM meta WHERE key LIKE 'key:%'"), 2);
    store.close();
    await cli(['serve'], env);
  });
});
