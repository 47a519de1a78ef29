import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import {
  CODEGEN_SEALED_COLUMNS,
  commonOptionsOf,
  githubOptionsOf,
  npmOptionsOf,
  setReleasedVersion,
} from '../../../src/codegen/options/index.js';
import { MasterKey, rewrap, tenantDb } from '../../../src/store/index.js';
import { administrator, caller, type Caller, type Data } from '../../support/area.js';
import { STORES } from '../../support/config.js';
import { userToken } from '../../support/management.js';
import { startServer, type TestServer } from '../../support/server.js';
import { newApi } from '../../gateway/subscribers/list.js';

const NPM = { name: 'Orders', sdkName: '@example/orders' };
const GITHUB = { owner: 'example', repo: 'orders' };
const TOKEN = 'npm_0123456789abcdefghijWXYZ';
const OTHER = 'ghp_abcdefghij0123456789MNOP';

const npm = (api: string, language = 'typescript'): string => `/api/CodeGen/${api}/NpmOptions/${language}`;
const github = (api: string): string => `/api/CodeGen/${api}/GithubOptions`;
const common = (api: string): string => `/api/CodeGen/${api}/CommonOptions`;

/** Without the times of an answer. */
const untimed = ({ createdAt: _created, updatedAt: _updated, ...options }: Data): Data => options;

/** The text of every file below a folder. */
const filesBelow = (folder: string): string =>
  readdirSync(folder, { recursive: true })
    .map((name) => join(folder, String(name)))
    .filter((path) => statSync(path).isFile())
    .map((path) => readFileSync(path, 'latin1'))
    .join('\n');

for (const kind of STORES)
  describe(`options of the code generation, on ${kind}`, () => {
    let server: TestServer;
    let admin: Caller;
    before(async () => {
      server = await startServer(
        kind,
        { GATEHOUSE_OUTBOUND_ALLOW: '127.0.0.1:4873' },
        { limits: { enabled: false } },
      );
      admin = await administrator(server);
    });
    after(() => server.stop());

    const db = () => tenantDb(server.context.store.knex, server.home.tenant.id);
    const refusal = async (path: string, json: object): Promise<unknown[]> => {
      const { status, body } = await admin.ask('PUT', path, json);
      const [problem] = (body['data'] ?? []) as Data[];
      return [status, problem?.['field'], problem?.['rule']];
    };

    it('answer 404 with a code of their own where they are not set', async () => {
      const api = await newApi(admin);
      for (const [path, code] of [
        [npm(api), 200002],
        [github(api), 200003],
        [common(api), 200004],
      ] as const) {
        const { status, body } = await admin.ask('GET', path);
        assert.deepEqual([status, body['code']], [404, code]);
      }
      for (const path of [npm('none'), github('none'), common('none')])
        for (const method of ['GET', 'PUT'])
          assert.equal((await admin.ask(method, path, method === 'PUT' ? {} : undefined)).body['code'], 404);
    });

    it('have the defaults of the contract', async () => {
      const api = await newApi(admin);
      assert.deepEqual(untimed(await admin.done('PUT', npm(api), NPM)), {
        ...NPM,
        version: '0.0.0',
        homepage: null,
        author: null,
        keywords: [],
        description: null,
        license: 'Unlicense',
        README: null,
        registry: 'https://registry.npmjs.org/',
        tokenHint: null,
      });
      assert.deepEqual(untimed(await admin.done('PUT', github(api), GITHUB)), {
        ...GITHUB,
        branch: 'main',
        remoteUrl: 'https://github.com/example/orders.git',
        apiUrl: 'https://api.github.com',
        tokenHint: null,
        swaggerUrl: null,
        language: 'typescript',
        userAgent: 'Gatehouse',
        syncLabels: true,
        syncDocs: true,
      });
      const swaggerUrl = 'https://api.example.com/openapi.json';
      assert.deepEqual(untimed(await admin.done('PUT', common(api), { swaggerUrl })), { swaggerUrl });
    });

    it('keep what is left out, and clear what is null or empty', async () => {
      const api = await newApi(admin);
      const full = {
        version: '1.2.3-rc.1',
        homepage: 'https://example.com',
        author: 'Example',
        keywords: ['orders', '订单'],
        description: 'Orders.',
        license: 'MIT',
        README: '# Orders\n',
        registry: 'http://127.0.0.1:4873/npm',
      };
      const made = await admin.done('PUT', npm(api), { ...NPM, ...full });
      assert.deepEqual(untimed(made), { ...NPM, ...full, tokenHint: null });
      const kept = await admin.done('PUT', npm(api), { author: 'Another' });
      assert.deepEqual(untimed(kept), { ...NPM, ...full, author: 'Another', tokenHint: null });
      assert.equal(kept['createdAt'], made['createdAt']);
      const cleared = await admin.done('PUT', npm(api), {
        ...full,
        README: '',
        license: null,
        version: null,
      });
      assert.deepEqual(
        [cleared['README'], cleared['license'], cleared['version'], cleared['author']],
        [null, 'Unlicense', '0.0.0', 'Example'],
      );
      assert.deepEqual(await admin.done('GET', npm(api)), cleared);
    });

    it('are changed only where nobody else has (If-Match), and sent back as they were read', async () => {
      const api = await newApi(admin);
      const made = await admin.done('PUT', npm(api), NPM);
      const { headers } = await admin.ask('GET', npm(api));
      const match = { headers: { 'if-match': headers.get('etag') ?? '' } };
      const again = await admin.ask('PUT', npm(api), { ...made, author: 'A' }, match);
      assert.deepEqual([again.status, again.data['author']], [200, 'A']);
      assert.equal((await admin.ask('PUT', npm(api), { author: 'B' }, match)).status, 412);
      assert.equal((await admin.ask('PUT', npm(await newApi(admin)), NPM, match)).status, 412);
    });

    it('are by API and generator, of which older names are the same', async () => {
      const api = await newApi(admin);
      await admin.done('PUT', npm(api, 'typescript'), NPM);
      await admin.done('PUT', npm(api, 'angular2'), { ...NPM, sdkName: 'orders-angular' });
      assert.equal((await admin.done('GET', npm(api, 'hey-api-fetch')))['sdkName'], '@example/orders');
      assert.equal((await admin.done('GET', npm(api, 'hey-api-angular')))['sdkName'], 'orders-angular');
      assert.equal((await admin.ask('GET', npm(api, 'python'))).body['code'], 200002);
      assert.equal((await admin.ask('GET', npm(await newApi(admin)))).body['code'], 200002);
      assert.equal((await admin.ask('PUT', npm(api, '..%2Fx'), NPM)).status, 422);
    });

    it('need what is required at first, and take no field that they do not know', async () => {
      const api = await newApi(admin);
      for (const [path, body, field] of [
        [npm(api), { name: 'Orders' }, 'sdkName'],
        [npm(api), { sdkName: 'orders' }, 'name'],
        [github(api), { owner: 'example' }, 'repo'],
        [common(api), {}, 'swaggerUrl'],
      ] as const)
        assert.deepEqual(await refusal(path, body), [422, field, 'required']);
      for (const [path, body] of [
        [npm(api), { ...NPM, scripts: {} }],
        [npm(api), { ...NPM, name: null }],
        [github(api), { ...GITHUB, force: true }],
        [common(api), { swaggerUrl: null }],
      ] as const)
        assert.equal((await admin.ask('PUT', path, body)).status, 422, JSON.stringify(body));
      assert.equal((await admin.ask('GET', npm(api))).status, 404);
    });

    it('refuse names of packages, versions and licenses that are none', async () => {
      const api = await newApi(admin);
      for (const [field, value] of [
        ...[
          'Orders',
          'orders/x',
          '@/x',
          '@x/',
          '@a/b/c',
          '../x',
          '.x',
          '_x',
          '-x',
          'a b',
          'fs',
          'node_modules',
        ].map((name) => ['sdkName', name] as const),
        ...['1', '1.2', 'v1.2.3', '1.2.3.4', 'latest', '01.2.3'].map((text) => ['version', text] as const),
        ...['MIT License', 'mit', 'NotALicense'].map((text) => ['license', text] as const),
      ])
        assert.deepEqual(await refusal(npm(api), { ...NPM, [field]: value }), [422, field, 'format'], value);
      for (const sdkName of ['orders', '@example/orders.js', 'a-b_c', '0x', 'x'.repeat(214)])
        assert.equal((await admin.done('PUT', npm(api), { ...NPM, sdkName }))['sdkName'], sdkName);
    });

    it('refuse owners, repositories and branches that Git or GitHub do not have', async () => {
      const api = await newApi(admin);
      for (const [field, value] of [
        ...['-x', 'a/b', 'a.b', '..', 'a b'].map((text) => ['owner', text] as const),
        ...['..', '.', 'a/b', '-x', 'x.git', 'x.GIT', 'a b'].map((text) => ['repo', text] as const),
        ...[
          'a..b',
          '-x',
          '/a',
          'a/',
          'a//b',
          '.a',
          'a/.b',
          'a.lock',
          'a.lock/b',
          'a b',
          'a~1',
          'a^',
          'a:b',
        ].map((text) => ['branch', text] as const),
        ...['a?', 'a*', 'a[', 'a\\b', 'a.', '@', 'a@{b', 'HEAD', 'refs/heads/a', 'a'.repeat(40)].map(
          (text) => ['branch', text] as const,
        ),
      ])
        assert.deepEqual(
          await refusal(github(api), { ...GITHUB, [field]: value }),
          [422, field, 'format'],
          value,
        );
      for (const [field, value] of [
        ['owner', 'a\u0007'],
        ['branch', 'a\u0000b'],
        ['userAgent', 'a\r\nb'],
        ['userAgent', 'ü'],
        ['language', '../x'],
      ])
        assert.equal(
          (await admin.ask('PUT', github(api), { ...GITHUB, [field as string]: value })).status,
          422,
        );
      for (const branch of ['main', 'sdk/typescript', 'v1.2', 'übung'])
        assert.equal((await admin.done('PUT', github(api), { ...GITHUB, branch }))['branch'], branch);
    });

    it('refuse addresses with a user, out of reach, or without encryption [SEC-C3]', async () => {
      const api = await newApi(admin);
      for (const [field, value, rule] of [
        ['registry', 'http://registry.example.com', 'https'],
        ['registry', 'https://10.0.0.1/', 'private'],
        ['registry', 'http://127.0.0.1:4874/', 'private'],
        ['registry', 'http://[::ffff:127.0.0.1]/', 'private'],
        ['registry', 'https://localhost/', 'private'],
        ['registry', 'https://registry.example.com/?x', 'format'],
      ] as const)
        assert.deepEqual(await refusal(npm(api), { ...NPM, [field]: value }), [422, field, rule], value);
      for (const [field, value, rule] of [
        ['remoteUrl', 'http://git.example.com/x.git', 'https'],
        ['remoteUrl', 'https://169.254.169.254/x.git', 'private'],
        ['apiUrl', 'https://[::1]/', 'private'],
        ['apiUrl', 'https://api.example.com/#x', 'format'],
        ['swaggerUrl', 'http://192.168.0.1/x.json', 'private'],
      ] as const)
        assert.deepEqual(
          await refusal(github(api), { ...GITHUB, [field]: value }),
          [422, field, rule],
          value,
        );
      for (const value of [
        'https://user:pw@x.example',
        'ftp://x.example',
        'file:///etc/passwd',
        'javascript:x',
      ])
        for (const [path, body] of [
          [npm(api), { ...NPM, registry: value }],
          [github(api), { ...GITHUB, remoteUrl: value }],
          [common(api), { swaggerUrl: value }],
        ] as const)
          assert.equal((await admin.ask('PUT', path, body)).status, 422, value);
    });

    it('bound their texts', async () => {
      const api = await newApi(admin);
      for (const body of [
        { README: 'x'.repeat(65_537) },
        { name: 'x'.repeat(101) },
        { keywords: Array.from({ length: 51 }, String) },
        { keywords: ['a\nb'] },
        { description: 'x'.repeat(1001) },
        { token: 'a b' },
        { token: '' },
        { token: 'x'.repeat(1001) },
      ])
        assert.equal((await admin.ask('PUT', npm(api), { ...NPM, ...body })).status, 422);
      assert.deepEqual(await refusal(npm(api), { ...NPM, README: 'é'.repeat(40_000) }), [
        422,
        'README',
        'maxLength',
      ]);
      assert.equal(
        (await admin.done('PUT', npm(api), { ...NPM, README: 'x'.repeat(65_536) }))['name'],
        'Orders',
      );
    });

    it('refuse a README that gives a secret away, and do not repeat it [SEC-C9]', async () => {
      const api = await newApi(admin);
      const secret = 'ghp_' + 'a1'.repeat(18);
      for (const README of [
        `# Use\n\nexport TOKEN=${secret}`,
        `token ${TOKEN} here`,
        `Authorization: Basic ${Buffer.from(TOKEN).toString('base64')}`,
        '-----BEGIN OPENSSH PRIVATE KEY-----',
        '//registry.npmjs.org/:_authToken=0123456789',
      ]) {
        const { status, body } = await admin.ask('PUT', npm(api), { ...NPM, token: TOKEN, README });
        assert.equal(status, 422);
        assert.equal((body['data'] as Data[])[0]?.['rule'], 'secret');
        assert.ok(!JSON.stringify(body).includes(secret) && !JSON.stringify(body).includes(TOKEN));
      }
    });

    it('answer a token by its end only [SEC-C1]', async () => {
      const api = await newApi(admin);
      const set = await admin.done('PUT', npm(api), { ...NPM, token: TOKEN });
      assert.equal(set['tokenHint'], '…WXYZ');
      assert.equal((await admin.done('PUT', npm(api), { author: 'A' }))['tokenHint'], '…WXYZ');
      assert.equal((await admin.done('PUT', npm(api), { token: 'short' }))['tokenHint'], '…');
      const cleared = await admin.done('PUT', npm(api), { token: null });
      assert.equal(cleared['tokenHint'], null);
      assert.ok(!('token' in cleared));
    });

    it('clear a token when it would go to another address [SEC-C2]', async () => {
      for (const [more, hint] of [
        [{ registry: 'https://registry.example.com/' }, null],
        [{ registry: 'https://registry.example.com/', token: TOKEN }, '…WXYZ'],
        [{ registry: 'https://registry.npmjs.org' }, '…WXYZ'],
        [{ registry: null, sdkName: 'other' }, '…WXYZ'],
      ] as const) {
        const api = await newApi(admin);
        await admin.done('PUT', npm(api), { ...NPM, token: TOKEN });
        assert.equal((await admin.done('PUT', npm(api), more))['tokenHint'], hint, JSON.stringify(more));
      }
      for (const [more, hint] of [
        [{ remoteUrl: 'https://git.example.com/orders.git' }, null],
        [{ apiUrl: 'https://github.example.com/api/v3' }, null],
        [{ repo: 'other' }, null],
        [{ owner: 'other' }, null],
        [{ repo: 'other', token: OTHER }, '…MNOP'],
        [{ remoteUrl: 'https://github.com/example/orders.git', branch: 'sdk' }, '…MNOP'],
      ] as const) {
        const api = await newApi(admin);
        await admin.done('PUT', github(api), { ...GITHUB, token: OTHER });
        assert.equal((await admin.done('PUT', github(api), more))['tokenHint'], hint, JSON.stringify(more));
      }
    });

    it('keep tokens sealed, and out of the audit and of every table [SEC-C1]', async () => {
      const api = await newApi(admin);
      await admin.done('PUT', npm(api), { ...NPM, token: TOKEN });
      await admin.done('PUT', github(api), { ...GITHUB, token: OTHER });
      const { config, store } = server.context;
      const texts = [
        JSON.stringify(await store.knex('codegen_options').select()),
        JSON.stringify(await store.knex('audit').select()),
        kind === 'sqlite' ? filesBelow(config.dataDir) : '',
      ].join('\n');
      assert.ok(texts.includes('codegen.putnpmoptions'));
      assert.ok(!texts.includes(TOKEN) && !texts.includes(OTHER));
    });

    it('give the other modules opened tokens and the last released version', async () => {
      const api = await newApi(admin);
      const { vault } = server.context;
      assert.equal(await npmOptionsOf(db(), vault, api, 'typescript'), undefined);
      assert.equal(await githubOptionsOf(db(), vault, api), undefined);
      assert.equal(await commonOptionsOf(db(), api), undefined);
      await admin.done('PUT', npm(api), { ...NPM, token: TOKEN });
      await admin.done('PUT', github(api), { ...GITHUB, token: OTHER });
      await admin.done('PUT', common(api), { swaggerUrl: 'https://api.example.com/o.json' });
      await setReleasedVersion(db(), api, 'typescript', '2.0.0');
      await setReleasedVersion(db(), api, 'python', '3.0.0');
      const { token, version } = (await npmOptionsOf(db(), vault, api, 'hey-api-fetch')) ?? {};
      assert.deepEqual([token, version], [TOKEN, '2.0.0']);
      assert.equal(await npmOptionsOf(db(), vault, api, 'python'), undefined);
      assert.equal((await githubOptionsOf(db(), vault, api))?.token, OTHER);
      assert.equal((await commonOptionsOf(db(), api))?.swaggerUrl, 'https://api.example.com/o.json');
    });

    it('give a token to GitHub’s API only where it is for it [SEC-C2]', async () => {
      const { vault } = server.context;
      for (const [more, expected] of [
        [{}, true],
        [{ remoteUrl: 'https://git.example.com/orders.git' }, false],
        [{ remoteUrl: 'https://git.example.com/orders.git', apiUrl: 'https://git.example.com/api/v3' }, true],
        [{ remoteUrl: 'https://github.com.example.com/orders.git' }, false],
      ] as const) {
        const api = await newApi(admin);
        await admin.done('PUT', github(api), { ...GITHUB, ...more });
        assert.equal((await githubOptionsOf(db(), vault, api))?.hasGithubApi, expected, JSON.stringify(more));
      }
    });

    it('belong to an API: others who are confined to their own do not see them [SEC-C4]', async () => {
      const api = await newApi(admin);
      await admin.done('PUT', npm(api), NPM);
      const words = ['isms.apiresource.all', 'isms.codegen.all'];
      const stranger = caller(server, await userToken(server, words, words, undefined, ['developer']));
      const own = await newApi(stranger);
      for (const [path, body] of [
        [npm(api), NPM],
        [github(api), GITHUB],
        [common(api), { swaggerUrl: 'https://api.example.com/o.json' }],
      ] as const) {
        assert.equal((await stranger.ask('GET', path)).body['code'], 404);
        assert.equal((await stranger.ask('PUT', path, body)).body['code'], 404);
      }
      await stranger.done('PUT', npm(own), NPM);
      await admin.done('DELETE', `/api/ApiResource/${own}`);
      assert.deepEqual(await db().from('codegen_options').where({ api_resource_id: own }), []);
    });

    it('are sealed anew when the master key changes', async () => {
      const api = await newApi(admin);
      await admin.done('PUT', npm(api), { ...NPM, token: TOKEN });
      await admin.done('PUT', github(api), GITHUB);
      const { store, vault, master } = server.context;
      const { rows } = await rewrap(
        store,
        vault,
        master,
        new MasterKey(randomBytes(32)),
        CODEGEN_SEALED_COLUMNS,
        {
          settle: 0,
        },
      );
      assert.ok((rows['codegen_options'] ?? 0) > 0);
      assert.equal((await npmOptionsOf(db(), vault, api, 'typescript'))?.token, TOKEN);
    });
  });
