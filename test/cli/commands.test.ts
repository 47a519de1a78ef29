import assert from 'node:assert/strict';
import { loadConfig } from '../../src/config.js';
import { openStore } from '../../src/store/index.js';
import { environment, STORES, temporaryFolder } from '../support/config.js';
import { cli, type Finished } from '../support/process.js';

type Json = Record<string, unknown>;

describe('the help', () => {
  it('teaches every command', async () => {
    const { stdout, code } = await cli(['--help'], {});
    assert.equal(code, 0);
    for (const command of [
      'serve',
      'migrate',
      'tenant',
      'user',
      'client',
      'session',
      'grant',
      'keys',
      'doctor',
    ])
      assert.match(stdout, new RegExp(`^  ${command}`, 'm'));
    assert.match(stdout, /Exit codes: 0 done/);
    assert.match((await cli(['client', 'create', '--help'], {})).stdout, /Examples:/);
  });

  it('ends with 2 for what it does not know', async () => {
    assert.equal((await cli(['dance'], {})).code, 2);
    assert.equal((await cli(['client', 'create', 'x', '--grant', 'magic'], {})).code, 2);
    assert.equal((await cli(['migrate', '--to', 'yesterday'], {})).code, 2);
  });
});

for (const kind of STORES)
  describe(`the commands, on ${kind}`, () => {
    let env: Record<string, string>;
    const run = (...args: string[]): Promise<Finished> => cli(args, env);
    const json = async (...args: string[]): Promise<Json> => {
      const { stdout, stderr, code } = await cli([...args, '--json'], env);
      assert.equal(code, 0, stderr);
      return JSON.parse(stdout) as Json;
    };

    before(async () => {
      env = await environment(kind, {}, 'started');
    });

    it('make, show, list, disable and enable tenants', async () => {
      assert.equal(
        (await json('tenant', 'create', 'Acme', '--host', 'id.acme.example'))['issuer'],
        'https://id.acme.example',
      );
      assert.deepEqual((await json('tenant', 'show', 'Acme'))['hosts'], ['id.acme.example']);
      assert.equal((await json('tenant', 'disable', 'Acme'))['enabled'], false);
      assert.equal((await json('tenant', 'enable', 'Acme'))['enabled'], true);
      assert.match((await run('tenant', 'list')).stdout, /^Acme +https:\/\/id\.acme\.example +enabled$/m);
    });

    it('leave making accounts to the administrators of a tenant, and give it back to people', async () => {
      await json('tenant', 'create', 'Closed', '--host', 'id.closed.example');
      const closed = await json('tenant', 'registration', 'Closed', 'closed');
      assert.equal(closed['registrationOpen'], false);
      assert.match((await run('tenant', 'show', 'Closed')).stdout, /^registration +closed$/m);
      assert.equal((await json('tenant', 'registration', 'Closed', 'open'))['registrationOpen'], true);
      assert.notEqual((await run('tenant', 'registration', 'Closed', 'ajar')).code, 0);
      assert.equal((await run('tenant', 'registration', 'nobody', 'open')).code, 3);
    });

    it('say in one line on standard error what they have ended, and what goes on', async () => {
      await json('tenant', 'create', 'Short', '--host', 'id.short.example');
      await json('user', 'create', 'eve');
      await json('client', 'create', 'ending', '--grant', 'clientCredentials');
      await json('mqtt-app', 'create', 'ending');
      const { secret } = await json('client', 'secret', 'ending');
      assert.equal(typeof secret, 'string');
      const { secrets } = await json('client', 'show', 'ending');
      const [{ id }] = secrets as [{ id: string }];
      for (const [command, words] of [
        [['session', 'end', 'eve'], /offline_access.*"gatehouse grant end".*"gatehouse user password"/],
        [['user', 'password', 'eve'], /every session and token of the user, offline access included/],
        [['user', 'disable', 'eve'], /every session and token of the user, offline access included/],
        [['client', 'secret', 'ending', '--revoke', id], /tokens that the client was given; --end-tokens/],
        [['client', 'secret', 'ending', '--replace'], /tokens that the client was given; --end-tokens/],
        [['client', 'secret', 'ending', '--end-tokens'], /the secrets of the client/],
        [['client', 'disable', 'ending'], /every token that it was given/],
        [['mqtt-app', 'secret', 'ending'], /devices that are connected/],
        [['mqtt-app', 'disable', 'ending'], /devices that are connected/],
        [['registration', 'end', '--all'], /"gatehouse client disable"/],
        [['tenant', 'disable', 'Short'], /403/],
      ] as const) {
        const { code, stderr } = await run(...command);
        assert.equal(code, 0, stderr);
        assert.match(stderr, /^(Ended: .*\. )?Goes on: .*\.\n$/);
        assert.match(stderr, words);
      }
    });

    it('refuse a second tenant of the same name or host, and disabling the home', async () => {
      assert.equal((await run('tenant', 'create', 'Acme', '--host', 'other.example')).code, 4);
      const { code, stderr } = await run('tenant', 'create', 'Other', '--host', 'id.acme.example');
      assert.equal(code, 4);
      assert.match(stderr, /^gatehouse: --host: another tenant has one of the hosts id\.acme\.example/);
      assert.equal((await run('tenant', 'create', 'Other', '--host', 'not a host')).code, 5);
      assert.equal((await run('tenant', 'disable', 'Gatehouse')).code, 4);
      assert.equal((await run('tenant', 'show', 'nobody')).code, 3);
    });

    it('make, show, list and disable users, in the tenant named', async () => {
      const made = await json(
        'user',
        'create',
        'carol',
        '--email',
        'carol@example.com',
        '--phone',
        '13800000009',
        '--country-code',
        '86',
        '--tenant',
        'Acme',
      );
      assert.match(String(made['password']), /^[\w-]{16}$/);
      assert.equal(made['phoneNumber'], '+8613800000009');
      assert.equal((await run('user', 'show', 'carol')).code, 3);
      const shown = await json('user', 'show', 'carol', '--tenant', 'Acme');
      assert.equal(shown['passwordHash'], undefined);
      assert.equal((await json('user', 'disable', 'carol', '--tenant', 'Acme'))['enabled'], false);
      assert.match(
        (await run('user', 'list', '--tenant', 'Acme')).stdout,
        /^carol +carol@example\.com +disabled/m,
      );
    });

    it('leave a tenant its last administrator, and make one where there is none [SEC-R3]', async () => {
      const last = await run('user', 'disable', 'admin');
      assert.equal(last.code, 4);
      assert.match(
        last.stderr,
        /^gatehouse: this would remove the last user who holds isms\.all.*gatehouse user create --administrator/m,
      );
      await json('tenant', 'create', 'Lost', '--host', 'id.lost.example');
      const make = (name: string): Promise<Json> =>
        json('user', 'create', name, '--administrator', '--tenant', 'Lost');
      assert.match(String((await make('first'))['password']), /^[\w-]{16}$/);
      assert.equal((await run('user', 'disable', 'first', '--tenant', 'Lost')).code, 4);
      await make('second');
      assert.equal((await json('user', 'disable', 'first', '--tenant', 'Lost'))['enabled'], false);
      assert.equal((await run('user', 'disable', 'second', '--tenant', 'Lost')).code, 4);
      const store = await openStore(loadConfig(env, temporaryFolder()));
      await store
        .knex('roles')
        .update({ claims: '[]' })
        .where({ name: 'administrator' })
        .whereIn('tenant_id', store.knex('tenants').where({ name: 'Lost' }).select('id'));
      await store.close();
      await make('third');
      assert.equal((await run('user', 'disable', 'third', '--tenant', 'Lost')).code, 4);
    });

    it('leave a tenant that a client alone manages that client', async () => {
      const grant = ['--grant', 'clientCredentials', '--scope', 'isms.all'];
      await json('tenant', 'create', 'Headless', '--host', 'id.headless.example');
      await json('client', 'create', 'robot', ...grant, '--tenant', 'Headless');
      const { code, stderr } = await run('client', 'disable', 'robot', '--tenant', 'Headless');
      assert.equal(code, 4);
      assert.match(stderr, /^gatehouse: this would remove the last client that can manage the tenant/m);
      await json('client', 'create', 'other', ...grant, '--tenant', 'Headless');
      assert.equal((await json('client', 'disable', 'robot', '--tenant', 'Headless'))['enabled'], false);
    });

    it('refuse users that can not be', async () => {
      assert.equal((await run('user', 'create', 'CAROL', '--tenant', 'Acme')).code, 4);
      assert.equal(
        (await run('user', 'create', 'dave', '--email', 'Carol@Example.com', '--tenant', 'Acme')).code,
        4,
      );
      for (const bad of [
        ['a@b'],
        ['+8613800000000'],
        ['dave', '--email', 'nowhere'],
        ['dave', '--phone', '138'],
        ['dave', '--phone', '13800000008'],
        ['dave', '--role', 'emperor'],
      ])
        assert.equal((await run('user', 'create', ...bad)).code, 5, bad.join(' '));
      assert.equal((await cli(['user', 'create', 'dave', '--password-stdin'], env, 'short\n')).code, 5);
    });

    it('set a password', async () => {
      assert.match(String((await json('user', 'password', 'admin'))['password']), /^[\w-]{16}$/);
      assert.equal(
        (await cli(['user', 'password', 'admin', '--password-stdin'], env, 'from standard input\n')).code,
        0,
      );
    });

    it('list and end sessions and grants', async () => {
      assert.deepEqual(await json('session', 'list', 'admin'), []);
      assert.deepEqual(await json('grant', 'list', 'admin'), []);
      assert.deepEqual(await json('session', 'end', 'admin'), { ended: 0 });
      const unknown = await run('session', 'end', 'admin', 'no-such-session');
      assert.equal(unknown.code, 3);
      assert.match(
        unknown.stderr,
        /session: "admin" has no session "no-such-session"; gatehouse session list/,
      );
      assert.equal((await run('grant', 'end', 'admin', 'gatehouse-demo')).code, 3);
      assert.equal((await run('session', 'list', 'nobody')).code, 3);
    });

    it('make, show, list and disable clients, and give them secrets', async () => {
      const made = await json(
        'client',
        'create',
        'job',
        '--grant',
        'clientCredentials',
        '--scope',
        'isms.user.get',
      );
      assert.match(String(made['secret']), /^[\w-]{43}$/);
      const second = await json('client', 'secret', 'job');
      assert.notEqual(second['secret'], made['secret']);
      await json('client', 'secret', 'job', '--replace');
      const shown = await json('client', 'show', 'job');
      assert.equal((shown['secrets'] as Json[]).length, 1);
      assert.ok(!('hash' in (shown['secrets'] as Json[])[0]!));
      assert.equal((await json('client', 'disable', 'job'))['enabled'], false);
      assert.match((await run('client', 'list')).stdout, /^job +job +disabled +client_credentials$/m);
    });

    it('refuse clients that could not work or not be safe, with the way out', async () => {
      const code = ['--grant', 'code'];
      const cases: [string[], RegExp][] = [
        [code, /^gatehouse: --redirect-uri: authorization_code needs at least one redirect URI/],
        [[...code, '--redirect-uri', 'http://app.example.com/cb'], /must be https/],
        [[...code, '--redirect-uri', 'https://*.example.com/cb'], /wildcard/],
        [[...code, '--redirect-uri', 'https://app.example.com/cb#x'], /fragment/],
        [[...code, '--redirect-uri', 'myapp:/cb', '--native'], /com\.example\.app/],
        [['--grant', 'clientCredentials', '--public'], /tokenEndpointAuthMethod/],
        [['--grant', 'refresh'], /needs a grant that signs a user in/],
      ];
      for (const [args, advice] of cases) {
        const { code, stderr } = await run('client', 'create', 'bad', ...args);
        assert.equal(code, 5, args.join(' '));
        assert.match(stderr, advice);
      }
      assert.equal((await run('client', 'create', 'job', '--grant', 'clientCredentials')).code, 4);
      assert.equal((await run('client', 'create', 'no spaces', '--grant', 'clientCredentials')).code, 5);
    });

    const keys = async (...args: string[]): Promise<string[]> =>
      ((await json('keys', ...args)) as unknown as Json[])
        .map(({ alg, state }) => `${String(alg)} ${String(state)}`)
        .sort();

    it('publish the next keys a day before they sign, and rotate at once where that is asked for', async () => {
      assert.deepEqual(await keys('list'), ['ES256 current', 'RS256 current']);
      const rotated = (await json('keys', 'rotate')) as unknown as Json[];
      const next = rotated.filter(({ state }) => state === 'next');
      assert.equal(next.length, 2);
      for (const { activatesAt, createdAt } of next)
        assert.ok(Math.abs(Number(activatesAt) - Number(createdAt) - 86_400_000) < 5000);
      assert.deepEqual(await keys('rotate'), ['ES256 current', 'ES256 next', 'RS256 current', 'RS256 next']);
      assert.deepEqual(await keys('rotate', '--now'), [
        'ES256 current',
        'ES256 previous',
        'RS256 current',
        'RS256 previous',
      ]);
    });

    it('refuse a client that is to get what the tenant has no key to sign with, until there is one', async () => {
      await json('tenant', 'create', 'Keyless', '--host', 'id.keyless.example');
      for (const name of ['idTokenSignedResponseAlg', 'introspectionSignedResponseAlg']) {
        const create = ['client', 'create', `for-${name}`, '--grant', 'clientCredentials'];
        const settings = ['--settings', JSON.stringify({ [name]: 'PS256' }), '--tenant', 'Keyless'];
        const { code, stderr } = await run(...create, ...settings);
        assert.equal(
          stderr,
          `gatehouse: ${name}: the tenant has no key for PS256; run: npx gatehouse keys add PS256\n`,
        );
        assert.equal(code, 5);
      }
      await json('keys', 'add', 'PS256', '--tenant', 'Keyless');
      await json(
        ...['client', 'create', 'signed', '--grant', 'clientCredentials', '--tenant', 'Keyless'],
        ...['--settings', JSON.stringify({ idTokenSignedResponseAlg: 'PS256' })],
      );
    });

    it('add a key of another algorithm', async () => {
      assert.ok((await keys('add', 'EdDSA')).includes('EdDSA current'));
      assert.equal((await run('keys', 'add', 'HS256')).code, 2);
    });

    it('find nothing wrong, and hide every secret', async () => {
      const { stdout, code } = await run('doctor', '--json');
      assert.equal(code, 0, stdout);
      const { checks } = JSON.parse(stdout) as { checks: { check: string; ok: boolean }[] };
      assert.deepEqual(
        checks.map(({ check }) => check),
        [
          'store',
          'schema',
          'master key',
          'keys',
          'audiences',
          'API names',
          'client ids',
          'user names',
          'clock',
        ],
      );
      for (const secret of [
        'GATEHOUSE_MASTER_KEY',
        'GATEHOUSE_ADMIN_PASSWORD',
        'GATEHOUSE_CLIENT_SECRET',
        'DATABASE_URL',
      ])
        if (env[secret]) assert.ok(!stdout.includes(env[secret]), secret);
    });

    it('say what is wrong, and end with 1', async () => {
      const { stdout, code } = await cli(['doctor'], {
        ...env,
        GATEHOUSE_MASTER_KEY: Buffer.alloc(32, 9).toString('base64'),
      });
      assert.equal(code, 1);
      assert.match(stdout, /WRONG +master key +GATEHOUSE_MASTER_KEY: is not the key/);
      await run('migrate', '--to', '4');
      const behind = await run('doctor');
      assert.equal(behind.code, 1);
      assert.match(behind.stdout, /WRONG +schema +at 4 of \d+; run: npx gatehouse migrate/);
      assert.equal(((await json('migrate'))['steps'] as string[])[0], '0005_audit');
      const { current, latest } = await json('migrate', '--status');
      assert.equal(current, latest);
    });
  });
