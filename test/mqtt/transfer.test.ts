import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { readFileSync, readdirSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { environment, STORES, temporaryFolder } from '../support/config.js';
import { basic } from '../support/http.js';
import { cli, kill, serveHere, type Running } from '../support/process.js';

const SECRET = 'mqtt-secret-0123456789-0123456789';
const hashed = (password: string, salt: string): string =>
  createHash('sha256')
    .update(salt + password)
    .digest('hex');

for (const kind of STORES)
  describe(`gatehouse mqtt import and export, on ${kind}`, function () {
    const folder = temporaryFolder();
    let env: Record<string, string>;
    let server: Running;
    before(async () => {
      env = await environment(kind, { GATEHOUSE_MQTT_APP_ID: 'app', GATEHOUSE_MQTT_APP_SECRET: SECRET });
      server = await serveHere(env);
    });
    after(() => kill(server, 'SIGTERM'));

    const fileOf = (name: string, text: string): string => {
      writeFileSync(join(folder, name), text);
      return join(folder, name);
    };
    const run = async (...args: string[]): Promise<{ code: number | null; stdout: string; stderr: string }> =>
      cli(['mqtt', ...args], env);
    const signIn = async (names: Record<string, string>, password: string): Promise<unknown> => {
      const answer = await fetch(`http://localhost:${env['PORT']}/mqtt/auth`, {
        method: 'POST',
        headers: { authorization: basic('app', SECRET), 'content-type': 'application/json' },
        body: JSON.stringify({ ...names, password }),
      });
      return await answer.json();
    };
    const ALLOW = { result: 'allow', is_superuser: false };

    it('takes EMQX’s CSV with hashes, and the devices sign in', async () => {
      const file = fileOf(
        'emqx.csv',
        `user_id,password_hash,salt,is_superuser\nann,${hashed('secret', 's1')},s1,false\nboss,${hashed('secret', 's2')},s2,true\n`,
      );
      const { code, stdout } = await run('import', file);
      assert.deepEqual([code, stdout], [0, '2 imported, 0 were there already, 0 refused\n']);
      assert.deepEqual(await signIn({ username: 'ann' }, 'secret'), ALLOW);
      assert.deepEqual(await signIn({ username: 'boss' }, 'secret'), { result: 'allow', is_superuser: true });
    });

    it('takes EMQX’s JSON with plain passwords, for client identifiers', async () => {
      const file = fileOf('plain.json', '[{"user_id": "c/1", "password": "secret", "is_superuser": false}]');
      assert.equal((await run('import', file, '--kind', 'clientid')).code, 0);
      assert.deepEqual(await signIn({ clientid: 'c/1' }, 'secret'), ALLOW);
    });

    it('takes hashes whose salt stands last, as EMQX makes them by default', async () => {
      const hash = createHash('sha256').update('secretsalt').digest('hex');
      const file = fileOf(
        'suffix.json',
        JSON.stringify([{ user_id: 'suffix', password_hash: hash, salt: 'salt' }]),
      );
      assert.equal((await run('import', file, '--hash', 'sha256-suffix')).code, 0);
      assert.deepEqual(await signIn({ username: 'suffix' }, 'secret'), ALLOW);
    });

    it('leaves those that are there, says which entries it refuses and why, and takes the others', async () => {
      const file = fileOf(
        'mixed.csv',
        '\uFEFFuser_id,password\nann,another\n,x\nshort,\n"new, one",secret\n"new, one",again\n',
      );
      const { code, stdout } = await run('import', file, '--json');
      assert.equal(code, 5);
      assert.deepEqual(JSON.parse(stdout), {
        imported: 1,
        existed: 2,
        refused: 2,
        problems: [
          { at: 2, problem: 'user_id must not be empty' },
          { at: 3, problem: 'password is missing' },
        ],
      });
      assert.deepEqual(await signIn({ username: 'new, one' }, 'secret'), ALLOW);
      assert.deepEqual(await signIn({ username: 'ann' }, 'secret'), ALLOW);
    });

    for (const format of ['csv', 'json'])
      it(`writes ${format} that another can take as it is`, async () => {
        const [first, second] = [join(folder, `1.${format}`), join(folder, `2.${format}`)];
        assert.equal((await run('export', first, '--full')).code, 0);
        const other = await environment(kind, {}, 'started');
        const there = await serveHere(other);
        const { code, stdout } = await cli(['mqtt', 'import', first], other);
        assert.deepEqual([code, stdout], [0, '4 imported, 0 were there already, 0 refused\n']);
        await cli(['mqtt', 'export', second, '--full'], other);
        assert.equal(readFileSync(second, 'utf8'), readFileSync(first, 'utf8'));
        await kill(there, 'SIGTERM');
      });

    it('writes over no file unless it is told to, and then only its owner can read it', async () => {
      const file = join(folder, 'kept.csv');
      writeFileSync(file, 'kept', { mode: 0o644 });
      const { code, stderr } = await run('export', file);
      assert.deepEqual(
        [code, stderr],
        [4, `gatehouse: file: ${file} is there already; --force writes over it\n`],
      );
      assert.equal(readFileSync(file, 'utf8'), 'kept');
      assert.equal((await run('export', file, '--force')).code, 0);
      assert.match(readFileSync(file, 'utf8'), /^user_id,/);
      assert.equal(statSync(file).mode & 0o777, 0o600);
      assert.deepEqual(
        readdirSync(folder).filter((name) => name.endsWith('.part')),
        [],
      );
    });

    it('writes EMQX’s columns to standard output', async () => {
      const { stdout } = await run('export', '--kind', 'clientid');
      const [head, line = ''] = stdout.split('\n');
      assert.equal(head, 'user_id,password_hash,salt,is_superuser');
      assert.match(line, /^c\/1,[0-9a-f]{64},[0-9a-f]{32},false$/);
    });

    for (const [what, name, text] of [
      ['JSON that ends in the middle', 'cut.json', '[{"user_id": "cut", "password": "x"}'],
      ['JSON that is no list', 'object.json', '{}'],
      ['CSV with a broken quote', 'broken.csv', 'user_id,password\n"a,b\n'],
    ] as const)
      it(`refuses ${what}, by the file’s name of the field`, async () => {
        const { code, stderr } = await run('import', fileOf(name, text));
        assert.equal(code, 5);
        assert.match(stderr, /gatehouse: file: is not/);
      });

    it('refuses a file that is not there, and one of which nobody knows the format', async () => {
      assert.equal((await run('import', join(folder, 'nothing.csv'))).code, 3);
      assert.equal((await run('import', fileOf('devices.txt', ''))).code, 5);
    });
  });
