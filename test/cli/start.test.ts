import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import dns from 'node:dns';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { syncBuiltinESMExports } from 'node:module';
import { connect, createServer, isIP, Server } from 'node:net';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { decodeJwt } from 'jose';
import { basic } from '../support/http.js';
import { environment, MASTER_KEY, STORES, temporaryFolder } from '../support/config.js';
import { needsFiles } from '../support/needs.js';
import { freePort } from '../support/ports.js';
import { cli, kill, serve, serveHere } from '../support/process.js';
import { Visitor } from '../support/visitor.js';

/** As a newcomer starts it: nothing is configured but where it may listen and write. */
async function bare(): Promise<Record<string, string>> {
  const { PORT, GATEHOUSE_DATA_DIR } = await environment('sqlite');
  return { PORT: PORT as string, GATEHOUSE_DATA_DIR: GATEHOUSE_DATA_DIR as string };
}

/** The same for a server in this process, whose log would stand among the results. */
const quiet = async (): Promise<Record<string, string>> => ({ ...(await bare()), LOG_LEVEL: 'silent' });

/** Takes a port between the check that it is free and the server that listens there. */
async function takenMeanwhile<T>(port: number, run: () => Promise<T>): Promise<T> {
  const { listen } = Server.prototype;
  const other = createServer();
  let asked = 0;
  Server.prototype.listen = function (this: Server, ...args: unknown[]) {
    if (args[0] === port && (asked += 1) === 2) listen.call(other, port);
    return Reflect.apply(listen, this, args) as Server;
  } as typeof listen;
  try {
    return await run();
  } finally {
    Server.prototype.listen = listen;
    other.close();
  }
}

/** How a connection to a port ends. */
const reached = (port: number): Promise<string> =>
  new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1', () => {
      resolve('connected');
      socket.destroy();
    });
    socket.on('error', ({ code }: NodeJS.ErrnoException) => resolve(code ?? ''));
  });

/** Runs, and connects to a port each time that a name is looked up, before its address is known. */
async function connectingAtLookups(port: number, run: () => Promise<unknown>): Promise<string[]> {
  const { lookup } = dns;
  const seen: Promise<string>[] = [];
  dns.lookup = ((name: string, ...rest: unknown[]) => {
    if (isIP(name) !== 0) return void Reflect.apply(lookup, dns, [name, ...rest]);
    const tried = reached(port);
    seen.push(tried);
    return void tried.then(() => void Reflect.apply(lookup, dns, [name, ...rest]));
  }) as typeof lookup;
  syncBuiltinESMExports();
  try {
    await run();
    return await Promise.all(seen);
  } finally {
    dns.lookup = lookup;
    syncBuiltinESMExports();
  }
}

describe('the first start', () => {
  it('prints the secrets once, with curl commands that work when pasted', async function () {
    needsFiles(this, ['/usr/bin/curl'], 'curl (apt-get install curl)');
    const env = await bare();
    const first = await serve(env);
    const banner = first.stderr();
    const commands = banner.split('\n').filter((line) => line.trim().startsWith('curl '));
    assert.equal(commands.length, 2);
    const tokens = await Promise.all(
      commands.map(
        async (command) =>
          JSON.parse((await promisify(execFile)('sh', ['-c', `${command} -s`])).stdout) as Record<
            string,
            string
          >,
      ),
    );
    assert.equal(decodeJwt(tokens[0]?.['access_token'] as string).sub, 'gatehouse-cli');
    assert.deepEqual(decodeJwt(tokens[1]?.['access_token'] as string)['role'], ['administrator', 'user']);
    for (const address of banner.match(/http:\/\/localhost:\d+\/\S+/g) ?? [])
      if (!address.endsWith('/connect/token'))
        assert.equal((await new Visitor(new URL(address).origin).go(address)).status, 200, address);
    const password = /password {11}(\S+)/.exec(banner)?.[1] as string;
    const secret = /client secret {6}(\S+)/.exec(banner)?.[1] as string;
    assert.match(password, /^[\w-]{16}$/);
    assert.match(secret, /^[\w-]{43}$/);
    assert.ok(!first.stdout().includes(password) && !first.stdout().includes(secret));
    await kill(first, 'SIGTERM');

    const second = await serve(env);
    assert.ok(!second.stderr().includes(password) && !second.stderr().includes('curl'));
    await kill(second, 'SIGTERM');
  });

  it('promises no link to messages where a proxy stands before it, and says where they are [SEC-R15]', async () => {
    const env = await quiet();
    const behind = { ...env, GATEHOUSE_ISSUER: 'https://localhost:8443', GATEHOUSE_TRUST_PROXY: '127.0.0.1' };
    const { stderr } = await cli(['serve'], behind);
    assert.match(stderr, /Messages {6}mail and SMS that were not sent are lines of the log/);
    assert.ok(!stderr.includes('/dev/outbox?key='));
    const json = await cli(['serve', '--json'], behind);
    assert.deepEqual(Object.keys(JSON.parse(json.stderr) as object), ['ready', 'issuer', 'port']);
  });

  it('says the same in one line of JSON, for scripts', async () => {
    const env = await quiet();
    const { code, stdout, stderr } = await cli(['serve', '--json'], env);
    assert.deepEqual([code, stdout], [0, '']);
    const [line, ...more] = stderr.trimEnd().split('\n');
    assert.deepEqual(more, []);
    const said = JSON.parse(line as string) as Record<string, string>;
    const { issuer, adminPassword, clientSecret, outbox } = said;
    assert.equal(issuer, `http://localhost:${env['PORT']}`);
    assert.ok(outbox?.startsWith(`${issuer}/dev/outbox?key=`));
    assert.match(adminPassword as string, /^[\w-]{16}$/);
    assert.match(clientSecret as string, /^[\w-]{43}$/);
  });

  for (const [how, args, password, secret] of [
    ['a person', [], /^ {4}password {11}(\S+)$/m, /^ {4}client secret {6}(\S+)$/m],
    ['a script', ['--json'], /^\{"ready":false,.*"adminPassword":"([^"]+)"/m, /"clientSecret":"([^"]+)"/],
  ] as const)
    it(`tells ${how} what it has made although it fails afterwards`, async () => {
      const env = await quiet();
      const metrics = await freePort();
      const both = { ...env, GATEHOUSE_METRICS_PORT: String(metrics) };
      const failed = await takenMeanwhile(metrics, () => cli(['serve', ...args], both));
      assert.equal(failed.code, 1);
      assert.match(failed.stderr, /GATEHOUSE_METRICS_PORT: \d+ is in use/);
      const told = (pattern: RegExp): string => pattern.exec(failed.stderr)?.[1] ?? '';
      const next = await serveHere(env);
      const answer = await fetch(`http://localhost:${env['PORT']}/connect/token`, {
        method: 'POST',
        headers: { authorization: basic('gatehouse-cli', told(secret)) },
        body: new URLSearchParams({ grant_type: 'password', username: 'admin', password: told(password) }),
      });
      assert.equal(answer.status, 200, failed.stderr);
      await kill(next, 'SIGTERM');
    });

  it('makes a master key and a store that only their owner can read', async () => {
    const env = await quiet();
    const server = await serveHere(env);
    const folder = env['GATEHOUSE_DATA_DIR'] as string;
    for (const file of ['master.key', 'gatehouse.sqlite', 'gatehouse.sqlite-wal'])
      assert.equal(statSync(join(folder, file)).mode & 0o777, 0o600, file);
    assert.equal(Buffer.from(readFileSync(join(folder, 'master.key'), 'utf8'), 'base64').length, 32);
    await kill(server, 'SIGTERM');
  });

  it('takes what others may do with the files of a restored backup', async function () {
    if (process.platform === 'win32') this.skip();
    const env = await quiet();
    const folder = env['GATEHOUSE_DATA_DIR'] as string;
    await cli(['serve'], env);
    const files = ['gatehouse.sqlite', 'gatehouse.sqlite-wal', 'gatehouse.sqlite-shm', 'master.key'];
    const crashed = await serveHere(env);
    for (const file of files) chmodSync(join(folder, file), 0o644);
    await cli(['tenant', 'list'], env);
    for (const file of files) assert.equal(statSync(join(folder, file)).mode & 0o777, 0o600, file);
    await kill(crashed, 'SIGTERM');
  });

  it('takes what the environment gives, and does not tell it', async () => {
    const env = await environment('sqlite', { GATEHOUSE_ADMIN_USER: 'root', LOG_LEVEL: 'info' });
    const server = await serve(env);
    const [password, secret] = [
      env['GATEHOUSE_ADMIN_PASSWORD'] as string,
      env['GATEHOUSE_CLIENT_SECRET'] as string,
    ];
    const form = { grant_type: 'password', username: 'root', password, scope: 'openid' };
    const headers = { authorization: basic('gatehouse-cli', secret) };
    const response = await fetch(`http://localhost:${env['PORT']}/connect/token`, {
      method: 'POST',
      body: new URLSearchParams(form),
      headers,
    });
    assert.equal(response.status, 200);
    const { stdout, stderr } = await kill(server, 'SIGTERM');
    for (const output of [stdout, stderr]) assert.ok(!output.includes(password) && !output.includes(secret));
  });

  it('makes one home when two processes start together', async () => {
    const env = await environment('postgres');
    const other = {
      ...env,
      PORT: (await environment('sqlite'))['PORT'] as string,
      GATEHOUSE_ISSUER: `http://localhost:${env['PORT']}`,
    };
    const servers = await Promise.all([
      serve({ ...env, GATEHOUSE_ISSUER: other.GATEHOUSE_ISSUER }),
      serve(other),
    ]);
    const { stdout } = await cli(['tenant', 'list', '--json'], env);
    assert.equal((JSON.parse(stdout) as unknown[]).length, 1);
    const keys = await Promise.all(
      [env, other].map(async ({ PORT }) => {
        const response = await fetch(`http://127.0.0.1:${PORT}/.well-known/jwks.json`, {
          headers: { host: `localhost:${env['PORT']}` },
        });
        return response.status;
      }),
    );
    assert.equal(keys[0], 200);
    await Promise.all(servers.map((server) => kill(server, 'SIGTERM')));
  });
});

describe('a start that can not be', () => {
  async function refused(
    env: Record<string, string>,
    key: string,
    advice: RegExp,
    args: string[] = [],
  ): Promise<void> {
    const { code, stderr } = await cli(['serve', ...args], env);
    const lines = stderr.split('\n').filter((line) => line.startsWith('gatehouse: '));
    assert.equal(code, 1, stderr);
    assert.equal(lines.length, 1, stderr);
    assert.ok(lines[0]?.startsWith(`gatehouse: ${key}: `), lines[0]);
    assert.match(lines[0] as string, advice);
  }

  /** The last step of the schema that a store has; 0 for an empty one. */
  async function schemaOf(env: Record<string, string>): Promise<number> {
    const { stdout } = await cli(['migrate', '--status', '--json'], env);
    return (JSON.parse(stdout) as { current: number }).current;
  }

  it('names an unknown key of the environment', async () =>
    refused(
      { ...(await quiet()), GATEHOUSE_MASTERKEY: 'x' },
      'GATEHOUSE_MASTERKEY',
      /not a key of Gatehouse/,
    ));

  it('names a value of the wrong type', async () => {
    await refused({ ...(await quiet()), PORT: 'http' }, 'PORT', /must be integer/);
    await refused({ ...(await quiet()), PORT: '70000' }, 'PORT', /must be <= 65535/);
    await refused(
      { ...(await quiet()), LOG_LEVEL: 'loud' },
      'LOG_LEVEL',
      /must be one of trace, debug, info/,
    );
    await refused(
      { ...(await quiet()), GATEHOUSE_ADMIN_PASSWORD: 'short' },
      'GATEHOUSE_ADMIN_PASSWORD',
      /fewer than 8/,
    );
    await refused(
      { ...(await quiet()), GATEHOUSE_TRUST_PROXY: '10.0.0.0/99' },
      'GATEHOUSE_TRUST_PROXY',
      /CIDR/,
    );
  });

  it('names an unknown key of a file, and the file', async () => {
    const cwd = temporaryFolder();
    mkdirSync(join(cwd, 'config'));
    writeFileSync(join(cwd, 'config', 'development.json'), '{ "store": { "durabilty": "full" } }');
    const { code, stderr } = await cli(['serve'], await quiet(), '', cwd);
    assert.equal(code, 1);
    assert.match(
      stderr,
      /^gatehouse: store\.durabilty \(in .*config\/development\.json\): is not a key of Gatehouse/m,
    );
  });

  it('names a port in use', async () => {
    const env = await quiet();
    const taken = createServer().listen(Number(env['PORT']), '127.0.0.1');
    await new Promise((resolve) => taken.once('listening', resolve));
    await refused(env, 'PORT', /is in use; stop what uses it, or set another/);
    await new Promise((resolve) => taken.close(resolve));
    // Nothing was made that this start could not tell.
    const next = await cli(['serve'], env);
    assert.match(next.stderr, /Made on this first start[^]* {4}password {11}[\w-]{16}$/m);
  });

  it('takes no connection while the name of another host is looked up', async () => {
    const env = await quiet();
    const metrics = { GATEHOUSE_METRICS_HOST: 'localhost', GATEHOUSE_METRICS_PORT: String(await freePort()) };
    const outcomes = await connectingAtLookups(Number(env['PORT']), () =>
      cli(['serve'], { ...env, ...metrics }),
    );
    // Once for the check that the ports are free, and once to listen there.
    assert.deepEqual(outcomes, ['ECONNREFUSED', 'ECONNREFUSED']);
  });

  it('names two ports that are one, and a host that has no address, before anything is made', async () => {
    const env = await quiet();
    const one = { ...env, GATEHOUSE_METRICS_PORT: env['PORT'] as string };
    await refused(one, 'GATEHOUSE_METRICS_PORT', /is in use/);
    const named = { ...env, GATEHOUSE_METRICS_PORT: '0', GATEHOUSE_METRICS_HOST: 'nothing.invalid' };
    await refused(named, 'GATEHOUSE_METRICS_HOST', /can not be listened at/);
    assert.deepEqual(readdirSync(env['GATEHOUSE_DATA_DIR'] as string), []);
  });

  it('names an issuer that is not https, but for this machine', async () => {
    await refused(
      { ...(await quiet()), GATEHOUSE_ISSUER: 'http://id.example.com' },
      'GATEHOUSE_ISSUER',
      /https/,
    );
    await refused(
      { ...(await quiet()), GATEHOUSE_ISSUER: 'https://id.example.com/path' },
      'GATEHOUSE_ISSUER',
      /origin/,
    );
    await refused({ ...(await quiet()), GATEHOUSE_ISSUER: 'localhost' }, 'GATEHOUSE_ISSUER', /origin/);
  });

  it('names a data folder that can not be written', async () => {
    const file = join(temporaryFolder(), 'file');
    writeFileSync(file, '');
    await refused(
      { ...(await quiet()), GATEHOUSE_DATA_DIR: join(file, 'data') },
      'GATEHOUSE_DATA_DIR',
      /can not be written/,
    );
    if (process.getuid?.() === 0) return; // root may write everywhere
    const folder = temporaryFolder();
    chmodSync(folder, 0o500);
    await refused(
      { ...(await quiet()), GATEHOUSE_DATA_DIR: folder },
      'GATEHOUSE_DATA_DIR',
      /can not be written/,
    );
  });

  it('names the master key when it is wrong, malformed, or gone', async () => {
    const env: Record<string, string> = { ...(await quiet()), GATEHOUSE_MASTER_KEY: MASTER_KEY };
    await cli(['serve'], env);
    await refused(
      { ...env, GATEHOUSE_MASTER_KEY: Buffer.alloc(32, 8).toString('base64') },
      'GATEHOUSE_MASTER_KEY',
      /not the key that this store was made with/,
    );
    await refused(
      { ...env, GATEHOUSE_MASTER_KEY: 'too short' },
      'GATEHOUSE_MASTER_KEY',
      /32 bytes in base64/,
    );
    const { GATEHOUSE_MASTER_KEY: _key, ...without } = env;
    await refused(without, 'GATEHOUSE_MASTER_KEY', /give it back/);
    assert.ok(!existsSync(join(env['GATEHOUSE_DATA_DIR'] as string, 'master.key')));
  });

  it('names the master key when PostgreSQL has none, and the database when it is not there', async () => {
    const { GATEHOUSE_MASTER_KEY: _key, ...without } = await environment('postgres');
    await refused(without, 'GATEHOUSE_MASTER_KEY', /required with PostgreSQL/);
    await refused(
      {
        ...(await quiet()),
        GATEHOUSE_MASTER_KEY: MASTER_KEY,
        DATABASE_URL: 'postgres://nobody@127.0.0.1:1/none',
      },
      'DATABASE_URL',
      /can not be reached/,
    );
    await refused({ ...(await quiet()), DATABASE_URL: 'mysql://x' }, 'DATABASE_URL', /postgres:\/\//);
  });

  it('writes nothing before a master key that cannot be one is refused', async () => {
    const malformed: Record<string, string> = { ...(await quiet()), GATEHOUSE_MASTER_KEY: 'too short' };
    await refused(malformed, 'GATEHOUSE_MASTER_KEY', /32 bytes in base64/);
    assert.ok(!existsSync(join(malformed['GATEHOUSE_DATA_DIR'] as string, 'gatehouse.sqlite')));

    const { GATEHOUSE_MASTER_KEY: _key, ...without } = await environment('postgres');
    await refused(without, 'GATEHOUSE_MASTER_KEY', /required with PostgreSQL/);
    assert.equal(await schemaOf(without), 0);
  });

  for (const kind of STORES) {
    it(`makes no table before a weak password of the first administrator is refused, on ${kind}`, async () => {
      const env = await environment(kind, { GATEHOUSE_ADMIN_PASSWORD: 'gatehouse2026' });
      await refused(env, 'GATEHOUSE_ADMIN_PASSWORD', /the password/);
      assert.equal(await schemaOf(env), 0);
    });

    it(`takes no step of the schema before the master key of another store is refused, on ${kind}`, async () => {
      const env = await environment(kind, {}, 'started');
      const latest = await schemaOf(env);
      await cli(['migrate', '--to', '34'], env);
      assert.equal(await schemaOf(env), 34);
      const other = { ...env, GATEHOUSE_MASTER_KEY: Buffer.alloc(32, 8).toString('base64') };
      await refused(other, 'GATEHOUSE_MASTER_KEY', /not the key that this store was made with/);
      assert.equal(await schemaOf(env), 34);
      await cli(['serve'], env);
      assert.equal(await schemaOf(env), latest);
    });
  }

  const WEAK = 'a'.repeat(48);
  /** A configuration that is of the right shape, and what it is refused for. */
  const WRONG: readonly [
    env: (port: string) => Record<string, string>,
    file: object | string,
    said: RegExp,
  ][] = [
    [() => ({ GATEHOUSE_ADMIN_PASSWORD: '12345678' }), {}, /^GATEHOUSE_ADMIN_PASSWORD: the password /],
    [
      () => ({ GATEHOUSE_CLIENT_SECRET: WEAK }),
      {},
      /^GATEHOUSE_CLIENT_SECRET: must be 32 to 200 .*different/,
    ],
    [() => ({ GATEHOUSE_MQTT_APP_SECRET: WEAK }), {}, /^GATEHOUSE_MQTT_APP_SECRET: must be 32 to 200 /],
    [
      () => ({ GATEHOUSE_CLIENT_ID: 'gatehouse-account' }),
      {},
      /^GATEHOUSE_CLIENT_ID: .*of the server itself/,
    ],
    [() => ({ GATEHOUSE_CLIENT_ID: 'isms' }), {}, /^GATEHOUSE_CLIENT_ID: .*the management API/],
    [() => ({ GATEHOUSE_CLIENT_ID: 'mqtt' }), {}, /^GATEHOUSE_CLIENT_ID: .*sign devices in/],
    [() => ({}), { client: { id: 'gatehouse-demo' } }, /^GATEHOUSE_CLIENT_ID: .*of the server itself/],
    [() => ({ GATEHOUSE_ADMIN_USER: 'gatehouse-docs' }), {}, /^GATEHOUSE_ADMIN_USER: .*client’s id/],
    [() => ({}), { admin: { user: 'gatehouse-cli' } }, /^GATEHOUSE_ADMIN_USER: .*client’s id/],
    [() => ({ GATEHOUSE_ADMIN_USER: 'a@example.com' }), {}, /^GATEHOUSE_ADMIN_USER: must not contain "@"/],
    [
      () => ({ GATEHOUSE_ADMIN_USER: '6f1c1a52-8f6e-4c39-9d0e-0d8d9b0f7a11' }),
      {},
      /^GATEHOUSE_ADMIN_USER: must not be a uuid/,
    ],
    [() => ({}), '{"__proto__":{"x":1}}', /^__proto__ \(in .*\): is not a key of Gatehouse/],
    [() => ({}), '{"limits":{"__proto__":{"enabled":false}}}', /^limits\.__proto__ \(in .*\): is not a key/],
    [() => ({ HOST: 'not..host' }), {}, /^HOST: "not..host" can not be listened at/],
    [(port) => ({ GATEHOUSE_METRICS_PORT: port }), {}, /^GATEHOUSE_METRICS_PORT: \d+ is in use/],
    [() => ({ GATEHOUSE_MAIL_FROM: 'nobody' }), {}, /^GATEHOUSE_MAIL_FROM: must have an address/],
    [() => ({}), { codes: { countries: ['XX'] } }, /^codes\.countries: "XX" is no country/],
    [
      () => ({ GATEHOUSE_NEW_MASTER_KEY: 'zzz' }),
      {},
      /^GATEHOUSE_NEW_MASTER_KEY: must be 32 bytes in base64/,
    ],
    [() => ({}), { mqtt: { audience: 'isms' } }, /^mqtt\.audience: .*the management API/],
    [() => ({}), { mqtt: { audience: 'gatehouse-docs' } }, /^mqtt\.audience: .*client’s id/],
    [() => ({}), { mqtt: { audience: 'gatehouse-cli' } }, /^GATEHOUSE_CLIENT_ID: .*sign devices in/],
    [
      () => ({ GATEHOUSE_ISSUER: 'https://id.example.com' }),
      { mqtt: { audience: 'https://id.example.com' } },
      /^mqtt\.audience: .*the issuer/,
    ],
  ];
  for (const kind of STORES)
    for (const [env, file, said] of WRONG)
      it(`writes nothing before it is refused: ${JSON.stringify(env('PORT'))} ${typeof file === 'string' ? file : JSON.stringify(file)}, on ${kind}`, async () => {
        const fresh = await environment(kind);
        const wrong = { ...fresh, ...env(fresh['PORT'] as string) };
        const cwd = temporaryFolder();
        mkdirSync(join(cwd, 'config'));
        const text = typeof file === 'string' ? file : JSON.stringify(file);
        writeFileSync(join(cwd, 'config', 'default.json'), text);
        const { code, stderr } = await cli(['serve'], wrong, '', cwd);
        const lines = stderr.split('\n').filter((line) => line.startsWith('gatehouse: '));
        assert.deepEqual([code, lines.length], [1, 1], stderr);
        assert.match(lines[0]?.replace('gatehouse: ', '') ?? '', said);
        assert.ok(!stderr.includes('first start'), stderr);
        assert.deepEqual(readdirSync(wrong['GATEHOUSE_DATA_DIR'] as string), []);
        if (kind === 'postgres') assert.equal(await schemaOf(fresh), 0);
      });

  for (const kind of STORES) {
    it(`refuses the same of a first start on a store that was migrated before, on ${kind}`, async () => {
      const { GATEHOUSE_MASTER_KEY: key, ...env } = await environment(kind);
      // SQLite's is made by the first start.
      const fresh = kind === 'postgres' ? { ...env, GATEHOUSE_MASTER_KEY: key as string } : env;
      await cli(['migrate'], fresh);
      const made = readdirSync(env['GATEHOUSE_DATA_DIR'] as string);
      for (const [wrong, value] of [
        ['GATEHOUSE_CLIENT_ID', 'isms'],
        ['GATEHOUSE_CLIENT_SECRET', WEAK],
        ['GATEHOUSE_MQTT_APP_SECRET', WEAK],
        ['GATEHOUSE_ADMIN_USER', 'a@b@c'],
        ['GATEHOUSE_ADMIN_PASSWORD', '12345678'],
      ] as const)
        await refused({ ...fresh, [wrong]: value }, wrong, /must|is the|password/, ['--no-migrate']);
      assert.deepEqual(readdirSync(env['GATEHOUSE_DATA_DIR'] as string), made);
      const { code, stderr } = await cli(['serve', '--no-migrate'], fresh);
      assert.deepEqual([code, /Made on this first start/.test(stderr)], [0, true], stderr);
    });

    it(`names an issuer that is another tenant’s, before the schema changes, on ${kind}`, async () => {
      const env = await environment(kind, {}, 'started');
      await cli(['tenant', 'create', 'Other', '--host', 'other.example.com'], env);
      const latest = await schemaOf(env);
      await cli(['migrate', '--to', String(latest - 1)], env);
      await refused(
        { ...env, GATEHOUSE_ISSUER: 'https://other.example.com' },
        'GATEHOUSE_ISSUER',
        /^gatehouse: GATEHOUSE_ISSUER: the tenant "Other" is at https:\/\/other\.example\.com; set another issuer, or delete that tenant first$/,
      );
      assert.equal(await schemaOf(env), latest - 1);
      assert.equal((await cli(['serve'], env)).code, 0);
      const moved = await cli(['serve'], { ...env, GATEHOUSE_ISSUER: 'https://free.example.com' });
      assert.equal(moved.code, 0, moved.stderr);
    });
  }

  it('refuses nothing of a first start where the store has a home', async () => {
    const env = await environment('sqlite');
    await cli(['serve'], env);
    const later = { ...env, GATEHOUSE_ADMIN_PASSWORD: '12345678', GATEHOUSE_CLIENT_SECRET: WEAK };
    assert.equal((await cli(['serve'], later)).code, 0);
  });

  it('leaves the schema alone when told to', async () => {
    const { code, stderr } = await cli(['serve', '--no-migrate'], await quiet());
    assert.equal(code, 1);
    assert.match(
      stderr,
      /^gatehouse: the store is at schema 0, this program needs \d+; run: npx gatehouse migrate$/m,
    );
  });
});
