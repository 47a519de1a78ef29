import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { insertJob } from '../../src/jobs/tracked/store.js';
import { administrator, type Caller } from '../support/area.js';
import { environment, MASTER_KEY, STORES, temporaryFolder } from '../support/config.js';
import { documentOf } from '../support/gateway.js';
import { cli, cliUntilDone, type Finished } from '../support/process.js';
import { startServer, type TestServer } from '../support/server.js';
import { startVerdaccio, type Verdaccio } from '../support/verdaccio.js';

const LOCAL = { GATEHOUSE_OUTBOUND_ALLOW: '127.0.0.0/8,::1/128,localhost' };
const ORDERS = documentOf({ 'GET /items': null });

describe('gatehouse sdk preview', () => {
  let env: Record<string, string>;
  let cwd: string;
  before(async () => {
    env = await environment('sqlite', {}, 'started');
    cwd = temporaryFolder();
    writeFileSync(join(cwd, 'orders.json'), JSON.stringify(ORDERS));
    writeFileSync(join(cwd, 'bad.yaml'), 'openapi: 3.0.3\ninfo: { title: Orders }\npaths: {}\n');
  });
  const preview = (...args: readonly string[]): Promise<Finished> =>
    cli(['sdk', 'preview', ...args], env, '', cwd);

  it('writes the code that a client is made of into a new folder', async () => {
    const { code, stdout } = await preview('orders.json', '--out', 'client');
    assert.deepEqual([code, stdout], [0, `16 files in ${join(cwd, 'client')}\n`]);
    assert.match(readFileSync(join(cwd, 'client', 'sdk.gen.ts'), 'utf8'), /export const getItems = /);
  });

  it('writes a server', async () => {
    const { code } = await preview('orders.json', '--out', 'stub', '--generator', 'gatehouse-koa');
    assert.equal(code, 0);
    assert.deepEqual(readdirSync(join(cwd, 'stub')).sort(), [
      'README.md',
      'package.json',
      'src',
      'tsconfig.json',
    ]);
  });

  it('leaves a folder alone that has something in it', async () => {
    const { code, stderr } = await preview('orders.json', '--out', '.');
    assert.deepEqual([code, stderr], [4, `gatehouse: --out: ${cwd} is not empty; name a new folder\n`]);
  });

  for (const [what, args, code, message] of [
    [
      'a document that is neither a file nor an API',
      ['nothing'],
      3,
      /^gatehouse: document: there is no file and no API/,
    ],
    [
      'a document with a mistake, with its line',
      ['bad.yaml'],
      5,
      /^gatehouse: document, line 2: Add "version"\n {2}line 2:1 \/info Add "version"\.$/m,
    ],
    [
      'an unknown generator',
      ['orders.json', '--generator', 'x'],
      5,
      /^gatehouse: --generator: there is no generator "x"/,
    ],
    [
      'an option that is none',
      ['orders.json', '--option', 'x=1'],
      5,
      /^gatehouse: --option x: is not an option of hey-api-fetch/,
    ],
    ['an option without a value', ['orders.json', '--option', 'x'], 2, /say name=value/],
    [
      'an address out of reach',
      ['http://127.0.0.1:1/a.json'],
      5,
      /^gatehouse: document: the address is in a private[^]*^ {2}to allow it, name the address in GATEHOUSE_OUTBOUND_ALLOW/m,
    ],
  ] as const)
    it(`refuses ${what}, and writes nothing`, async () => {
      const finished = await preview(...args, '--out', 'refused');
      assert.equal(finished.code, code, finished.stderr);
      assert.match(finished.stderr, message);
      assert.equal(existsSync(join(cwd, 'refused')), false);
    });
});

describe('gatehouse sdk release', () => {
  let verdaccio: Verdaccio;
  before(async () => (verdaccio = await startVerdaccio()));
  after(() => verdaccio.close());

  for (const kind of STORES)
    describe(`on ${kind}`, () => {
      let server: TestServer;
      let admin: Caller;
      before(async () => {
        server = await startServer(kind, LOCAL);
        admin = await administrator(server);
      });
      after(() => server.stop());

      const newApi = async (name: string): Promise<string> =>
        String((await admin.done('POST', '/api/ApiResource', { name }))['id']);

      /** The command line of the server's operator. */
      const command = (...args: string[]): Promise<Finished> => operator(cliUntilDone, args);
      function operator(as: typeof cli, args: string[]): Promise<Finished> {
        const { dataDir, databaseUrl, port } = server.context.config;
        return as(['sdk', ...args], {
          PORT: String(port),
          GATEHOUSE_DATA_DIR: dataDir,
          GATEHOUSE_MASTER_KEY: MASTER_KEY,
          LOG_LEVEL: 'silent',
          ...(databaseUrl !== undefined && { DATABASE_URL: databaseUrl }),
          ...LOCAL,
        });
      }

      it('publishes a package by the running server, and says each step', async () => {
        const api = await newApi(`orders-${kind}`);
        await admin.done('PUT', `/api/ApiResource/${api}/Publish`, {
          suffix: 'orders',
          serviceUrl: 'https://backend.example',
          document: ORDERS,
        });
        const sdkName = `@example/orders-${kind}`;
        await admin.done('PUT', `/api/CodeGen/${api}/NpmOptions/typescript`, {
          ...{ name: 'Orders', sdkName, registry: verdaccio.url, token: verdaccio.token },
        });
        const { code, stdout, stderr } = await command('release', `orders-${kind}`);
        assert.equal(code, 0, stderr);
        assert.match(
          stdout,
          new RegExp(`^name +${sdkName}\nversion +0\\.0\\.1\nregistry +${verdaccio.url}\n`),
        );
        assert.match(stderr, /^job \S+\n(?:\w+ \d+%\n)*done 100%\n$/);
        assert.deepEqual(Object.keys((await verdaccio.packument(sdkName))?.versions ?? {}), ['0.0.1']);
      });

      it('follows a job until it is asked to stop, and leaves it running', async () => {
        const api = await newApi(`waiting-${kind}`);
        await admin.done('PUT', `/api/CodeGen/${api}/NpmOptions/typescript`, {
          ...{ name: 'Orders', sdkName: '@example/waiting', registry: 'http://127.0.0.1:1/' },
        });
        const { code, stdout, stderr } = await operator(cli, ['release', `waiting-${kind}`]);
        assert.deepEqual([code, stdout], [0, '']);
        const [, id = ''] = /^job (\S+)\n/.exec(stderr) ?? [];
        assert.match(stderr, new RegExp(`^job ${id} goes on$`, 'm'));
        assert.equal((await admin.done('GET', `/api/Jobs/${id}`))['id'], id);
      });

      it('says at once what a release needs', async () => {
        await newApi('without-options');
        const unset = await command('release', 'without-options');
        assert.deepEqual(
          [unset.code, unset.stderr],
          [
            5,
            'gatehouse: the npm options of this API and hey-api-fetch are not set: PUT /api/CodeGen/{id}/NpmOptions/hey-api-fetch first\n',
          ],
        );
        const unknown = await command('release', 'no-such-api');
        assert.deepEqual(
          [unknown.code, unknown.stderr],
          [3, 'gatehouse: api: there is no API resource "no-such-api"\n'],
        );
      });

      it('names the option that a refused field was typed as', async () => {
        await newApi('refused');
        for (const [option, value, message] of [
          ['--language', 'no-such', 'there is no generator "no-such"; see /api/CodeGen/Clients'],
          ['--platform', 'maven', 'must be npm'],
        ] as const) {
          const { code, stderr } = await command('release', 'refused', option, value);
          assert.deepEqual([code, stderr], [5, `gatehouse: ${option}: ${message}\n`]);
        }
      });

      it('ends a job by sdk cancel', async () => {
        const api = await newApi('cancelled');
        const job = await server.change((db) => insertJob(db, { kind: 'unknown', apiId: api, input: {} }));
        assert.match((await command('cancel', job.id)).stdout, /^job \S+: (?:is being )?cancelled\n$/);
        assert.equal((await command('cancel', 'nothing')).code, 3);
      });
    });
});
