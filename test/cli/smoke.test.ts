import assert from 'node:assert/strict';
import { execFile, spawn } from 'node:child_process';
import { openSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { packageRoot } from '../../src/kernel/root.js';
import { environment, STORES, temporaryFolder } from '../support/config.js';
import { needsFiles } from '../support/needs.js';
import { CLI, cli, cliProcess, kill, serve, spawnCli } from '../support/process.js';

/** What a process loads: its own modules by their paths below `src`, and its packages by their names. */
async function loadedBy(
  args: string[],
  env: Record<string, string>,
): Promise<{ own: string[]; packages: string[] }> {
  const folder = temporaryFolder();
  const counted = { ...env, NODE_V8_COVERAGE: folder };
  const { code } =
    args[0] === 'serve' ? await kill(await serve(counted), 'SIGTERM') : await cliProcess(args, counted);
  assert.equal(code, 0);
  const urls = readdirSync(folder).flatMap((file) => {
    const { result } = JSON.parse(readFileSync(join(folder, file), 'utf8')) as { result: { url: string }[] };
    return result.map(({ url }) => url);
  });
  const found = (pattern: RegExp): string[] => [
    ...new Set(urls.flatMap((url) => pattern.exec(url)?.[1] ?? [])),
  ];
  return {
    own: found(/\/dist\/src\/(.*)\.js$/),
    packages: found(/.*\/node_modules\/((?:@[^/]+\/)?[^/]+)\//),
  };
}

/** Libraries of the server. */
const SERVERS = [
  '@aws-sdk/client-s3',
  '@koa/multer',
  '@koa/router',
  '@node-rs/argon2',
  'eta',
  'koa',
  'libphonenumber-js',
  'nodemailer',
  'oidc-provider',
  'pino',
  'prom-client',
];

const among = (found: readonly string[], wanted: readonly string[]): string[] =>
  found.filter((name) => wanted.includes(name));

describe('a first start that makes the password of the administrator', () => {
  it('loads no lists of words to judge it with', async () => {
    const { GATEHOUSE_ADMIN_PASSWORD: _given, ...env } = await environment('sqlite');
    const { packages } = await loadedBy(['serve'], env);
    assert.ok(packages.includes('oidc-provider'));
    assert.deepEqual(among(packages, ['@zxcvbn-ts/core', '@zxcvbn-ts/language-common']), []);
  });
});

describe('gatehouse as a process', () => {
  it('says its version when npx starts it', async () => {
    const { version } = JSON.parse(readFileSync(join(packageRoot, 'package.json'), 'utf8')) as {
      version: string;
    };
    const { stdout } = await promisify(execFile)('npx', ['--no-install', 'gatehouse', '--version'], {
      cwd: packageRoot,
      // The first time, npx installs the package for itself and runs its scripts: that would build it under the other tests.
      env: { PATH: process.env['PATH'], HOME: temporaryFolder(), npm_config_ignore_scripts: 'true' },
    });
    assert.equal(stdout, `${version}\n`);
  });

  it('loads nothing of the product for --version', async () => {
    const { own, packages } = await loadedBy(['--version'], {});
    assert.deepEqual(packages, ['commander']);
    const constants = [
      'api/failure',
      'clients/grant-types',
      'kernel/algorithms',
      'kernel/ends-within',
      'kernel/errors',
      'kernel/root',
      'mqtt/schema',
      'tenants/secrets',
    ];
    assert.deepEqual(own.filter((name) => !/^cli(\/|$)/.test(name)).sort(), constants);
  });

  it('ends with 2 for what it does not know, and says so on standard error', async () => {
    const { code, stdout, stderr } = await cliProcess(['dance'], {});
    assert.deepEqual([code, stdout], [2, '']);
    assert.match(stderr, /^error: unknown command 'dance'$/m);
  });

  it('ends with 1 for a wrong configuration', async () => {
    const { code, stdout, stderr } = await cliProcess(['user', 'list'], { PORT: 'http' });
    assert.deepEqual([code, stdout], [1, '']);
    assert.equal(stderr, 'gatehouse: PORT: must be integer; correct it\n');
  });

  it('ends with 1, and without a stack, where nobody reads its standard output', async () => {
    const help = spawnCli(['--help'], {});
    help.child.stdout?.destroy();
    const { code, stderr } = await help.finished;
    assert.deepEqual([code, stderr], [1, '']);
  });

  it('ends with 1, and says why, where its standard output can not be written', async function () {
    needsFiles(this, ['/dev/full'], 'a device that is always full');
    const child = spawn(process.execPath, [CLI, '--help'], {
      stdio: ['ignore', openSync('/dev/full', 'w'), 'pipe'],
    });
    let stderr = '';
    child.stderr?.on('data', (chunk: Buffer) => (stderr += chunk.toString()));
    const code = await new Promise((resolve) => child.once('close', resolve));
    assert.deepEqual([code, stderr], [1, 'gatehouse: standard output can not be written (ENOSPC)\n']);
  });
});

for (const kind of STORES)
  describe(`gatehouse as a process, on ${kind}`, () => {
    let env: Record<string, string>;
    before(async () => {
      env = await environment(kind, {}, 'started');
    });

    it('reads a secret from a pipe, ends by itself, and has done what it was asked for', async () => {
      const made = await cliProcess(['user', 'create', 'ann', '--password-stdin'], env, 'from a long pipe\n');
      assert.deepEqual([made.code, made.stderr], [0, '']);
      assert.ok(!made.stdout.includes('from a long pipe'));
      assert.equal((await cli(['user', 'show', 'ann'], env)).code, 0);
    });

    it('ends by itself with the exit code of what it did not find', async () => {
      const { code, stdout, stderr } = await cliProcess(['user', 'show', 'nobody'], env);
      assert.deepEqual([code, stdout], [3, '']);
      assert.match(stderr, /^gatehouse: user: /);
    });

    it('loads one store and nothing of the server to read a row', async () => {
      const { own, packages } = await loadedBy(['user', 'list'], env);
      const other = kind === 'sqlite' ? 'pg' : 'better-sqlite3';
      assert.deepEqual(among(packages, [other, 'jose', ...SERVERS]), []);
      const server = /^(app|main|management|context)$|(operations|routes|import)$|^oidc\/|^messaging\//;
      const loaded = own.filter((name) => server.test(name));
      assert.deepEqual(loaded, []);
    });

    for (const command of [['doctor'], ['keys', 'rotate'], ['session', 'list', 'admin']])
      it(`loads nothing of the server for ${command.join(' ')}`, async () => {
        const { packages } = await loadedBy(command, env);
        assert.deepEqual(among(packages, SERVERS), []);
      });
  });
