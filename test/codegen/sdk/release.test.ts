import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { insertJob } from '../../../src/jobs/tracked/store.js';
import { tenantTransaction } from '../../../src/store/index.js';
import { setTenantEnabled } from '../../../src/tenants/index.js';
import { jobWhen, newApi as newApiOf } from '../../jobs/tracked/support.js';
import { administrator, type Caller, type Data } from '../../support/area.js';
import { STORES, temporaryFolder } from '../../support/config.js';
import { ApiTeam, documentOf, startBackend, type Backend } from '../../support/gateway.js';
import { clientToken, type ApiAnswer } from '../../support/management.js';
import { startServer, type TestServer } from '../../support/server.js';
import { createTenantAt } from '../../support/tenants.js';
import { startVerdaccio, type Verdaccio } from '../../support/verdaccio.js';
import { newApi, mailsTo, subscribed } from '../../gateway/subscribers/list.js';
import { answered, GENERATOR } from '../steps/parts.js';

const run = promisify(execFile);
const LOCAL = { GATEHOUSE_OUTBOUND_ALLOW: '127.0.0.0/8,::1/128,localhost' };
const ORDERS = documentOf({ 'GET /items': null, 'GET /items/{id}': null });
const WITHOUT_ONE = documentOf({ 'GET /items': null });

/** An API with options, whose document is served by a backend. */
interface Team {
  api: string;
  sdkName: string;
  release(more?: Data): Promise<ApiAnswer>;
}

let made = 0;

async function newTeam(
  admin: Caller,
  options: Data,
  swaggerUrl?: string,
  language = 'typescript',
): Promise<Team> {
  const api = await newApi(admin);
  const sdkName = `@example/sdk-${++made}`;
  await admin.done('PUT', `/api/CodeGen/${api}/NpmOptions/${language}`, {
    name: 'Orders',
    sdkName,
    ...options,
  });
  return {
    api,
    sdkName,
    release: (more = {}) =>
      admin.ask('POST', '/api/CodeGen/ReleaseSDK', {
        ...{ platform: 'npm', language, apiId: api, swaggerUrl },
        ...more,
      }),
  };
}

describe('releases of SDKs', () => {
  let verdaccio: Verdaccio;
  /** Has the document of all teams, a service of generators, and a registry that takes nothing. */
  let backend: Backend;
  let document: unknown;
  let options: Data;
  before(async () => {
    [verdaccio, backend] = await Promise.all([
      startVerdaccio(),
      startBackend((request, response) => {
        if (answered(request, response)) return;
        if (request.method === 'GET' && request.url?.startsWith('/openapi.json'))
          return void response.end(JSON.stringify(document));
        if (request.url === '/base/items') {
          response.writeHead(200, { 'content-type': 'application/json' });
          return void response.end('{"id":"a1"}');
        }
        response.writeHead(401, { 'content-type': 'application/json' });
        response.end(JSON.stringify({ error: `no: ${request.headers.authorization ?? ''}` }));
      }),
    ]);
    options = { registry: verdaccio.url, token: verdaccio.token };
  });
  after(() => Promise.all([verdaccio.close(), backend.close()]));

  for (const kind of STORES)
    describe(`on ${kind}`, () => {
      let server: TestServer;
      let admin: Caller;
      before(async () => {
        const codegen = { openapiGenerator: { url: backend.url } };
        server = await startServer(kind, LOCAL, { limits: { enabled: false }, codegen });
        admin = await administrator(server);
      });
      after(() => server.stop());

      const teamOf = (more: Data = {}, language?: string): Promise<Team> =>
        newTeam(admin, { ...options, ...more }, `${backend.url}/openapi.json?key=secret`, language);
      const historyOf = async ({ api }: Team): Promise<Data[]> =>
        (await admin.ask('GET', `/api/CodeGen/${api}/History`)).body['data'] as Data[];

      it('publish a package, and record it: history, market, mail, and the version of the options', async () => {
        document = ORDERS;
        const team = await teamOf({ author: 'Example', license: 'MIT', keywords: ['orders'] });
        await subscribed(server, admin, team.api, `user-of-${team.api}@example.com`);
        const { status, data } = await team.release({ tags: 'stable' });
        assert.equal(status, 200, JSON.stringify(data));
        const { integrity, ...result } = (data as Data)['result'] as Data;
        assert.deepEqual(result, { name: team.sdkName, version: '0.0.1', registry: verdaccio.url });
        const packument = await verdaccio.packument(team.sdkName);
        assert.deepEqual(packument?.['dist-tags'], { latest: '0.0.1' });
        const { dist, scripts, license, type, sideEffects, keywords } =
          packument?.versions['0.0.1'] ?? assert.fail();
        assert.equal(dist.integrity, integrity);
        assert.deepEqual(
          [scripts, license, type, sideEffects, keywords],
          [undefined, 'MIT', 'module', false, ['orders']],
        );

        assert.match(packument?.readme ?? '', /^# Orders\n/);
        const [entry] = await historyOf(team);
        assert.deepEqual(
          [
            entry?.['sdkName'],
            entry?.['language'],
            entry?.['version'],
            entry?.['swaggerUrl'],
            entry?.['tags'],
          ],
          [team.sdkName, 'hey-api-fetch', '0.0.1', `${backend.url}/openapi.json`, ['stable']],
        );
        const market = (await admin.ask('GET', `/api/ApiResource/${team.api}/Packages`)).body[
          'data'
        ] as Data[];
        assert.deepEqual(
          market.map(({ name, publisher, link, packagePlatform, language, tags }) => [
            ...[name, publisher, link, packagePlatform, language, tags],
          ]),
          [[team.sdkName, 'Example', `${verdaccio.url}${team.sdkName}`, 'npm', 'typescript', ['stable']]],
        );
        const [mail] = await mailsTo(server, `user-of-${team.api}@example.com`);
        assert.match(mail?.text ?? '', new RegExp(`${team.sdkName} 0.0.1`));
        const shown = await admin.done('GET', `/api/CodeGen/${team.api}/NpmOptions/typescript`);
        assert.equal(shown['version'], '0.0.1');
      });

      it('count the version by what has changed', async () => {
        document = ORDERS;
        const team = await teamOf({ version: '1.0.0' }, GENERATOR);
        const first = await team.release();
        assert.equal(((first.data as Data)['result'] as Data)['version'], '1.0.1');
        document = WITHOUT_ONE;
        const { data } = await team.release();
        assert.equal(((data as Data)['result'] as Data)['version'], '2.0.0');
        const { dist } = (await verdaccio.packument(team.sdkName))?.versions['2.0.0'] ?? assert.fail();
        const folder = temporaryFolder();
        writeFileSync(join(folder, 'a.tgz'), Buffer.from(await (await fetch(dist.tarball)).arrayBuffer()));
        await run('tar', ['xzf', 'a.tgz'], { cwd: folder });
        const changelog = readFileSync(join(folder, 'package', 'CHANGELOG.md'), 'utf8');
        assert.match(changelog, /## 2\.0\.0\n\n### Breaking\n\n- GET \\\/items\\\/\\\{id\\\} removed\n/);
        assert.deepEqual((await historyOf(team)).length, 2);
      });

      it('fail with the registry’s words, without its token, and publish nothing [SEC-C1]', async () => {
        document = WITHOUT_ONE;
        const token = 'npm_a-token-that-expired';
        const team = await teamOf({ token, registry: `${backend.url}/npm/` }, GENERATOR);
        const { status, body } = await team.release();
        assert.deepEqual(
          [status, body['code'], body['codeName']],
          [502, 200007, 'ReleaseSDK_RegistryFailed'],
        );
        assert.match(String(body['message']), /401: no: Bearer \*\*\*/);
        for (const table of ['tracked_jobs', 'sdk_drafts', 'audit'])
          assert.ok(!JSON.stringify(await server.context.store.knex(table)).includes(token), table);
        assert.deepEqual(await historyOf(team), []);
      });

      it('fail for a tenant that was disabled since they were asked for, and publish nothing', async () => {
        const { store } = server.context;
        const tenant = await store.transaction((trx) => createTenantAt(trx, 'closed', 'closed.example.com'));
        const apiId = await newApiOf(store, tenant.id);
        await store.transaction((trx) => setTenantEnabled(trx, 'closed', false));
        const input = { language: 'hey-api-fetch', swaggerUrl: null, tags: [] };
        const { id } = await tenantTransaction(store, tenant.id, (db) =>
          insertJob(db, { kind: 'releaseSdk', apiId, input }),
        );
        const { failure } = await jobWhen(store, tenant.id, id);
        assert.deepEqual([failure?.status, failure?.message], [409, 'The tenant is disabled.']);
      });

      it('are refused at once for what cannot be published, naming it', async () => {
        const team = await teamOf();
        const field = (answer: ApiAnswer): unknown[] => [
          ...[answer.status, answer.body['code']],
          (answer.body['data'] as Data[] | null)?.[0]?.['field'],
        ];
        for (const platform of ['nuget', 'gradle', 'pypi', 'spm', 'constructor'])
          assert.deepEqual(field(await team.release({ platform })), [422, 422, 'platform'], platform);
        for (const language of ['no-such', 'gatehouse-koa'])
          assert.deepEqual(field(await team.release({ language })), [422, 422, 'language'], language);
        const other = await newApi(admin);
        assert.deepEqual(field(await team.release({ apiId: other })).slice(0, 2), [422, 200002]);
        assert.equal((await team.release({ apiId: 'none' })).status, 404);
      });

      it('fail for a document that cannot be read: 200001 with the reason', async () => {
        document = { openapi: '3.0.3', info: { title: 'x', version: '1' } };
        const team = await teamOf();
        const { status, body } = await team.release();
        assert.deepEqual([status, body['code']], [422, 200001]);
        assert.equal((body['data'] as Data[])[0]?.['field'], 'swaggerUrl');
        const unpublished = await newTeam(admin, options);
        const answer = await unpublished.release();
        assert.deepEqual([answer.status, answer.body['code']], [422, 200001]);
      });

      if (kind === 'sqlite')
        it('fail for a document whose client does not compile: 200006 with the operation to change', async () => {
          const style = { style: 'pipeDelimited', explode: false, schema: { type: 'object' } };
          const parameters = [{ name: 'filter', in: 'query', ...style }];
          const get = { parameters, responses: { 200: { description: '' } } };
          document = { ...WITHOUT_ONE, paths: { '/orders': { get } } };
          const team = await teamOf();
          const { status, body } = await team.release();
          assert.deepEqual([status, body['code']], [422, 200006]);
          assert.match(
            String(body['message']),
            /^swaggerUrl, \/paths\/~1orders\/get: change GET \/orders: give /,
          );
          assert.deepEqual(await historyOf(team), []);
        });

      if (kind === 'sqlite')
        it('of an API that is published at the gateway have a README whose first call works there', async () => {
          const team = await ApiTeam.begin(server, 'called', ['read']);
          const published = { suffix: 'called', serviceUrl: `${backend.url}/base` };
          await team.publish({ ...published, document: documentOf({ 'GET /items': ['called.read'] }) });
          const { data: product } = await team.gateway('POST', '/Products', { name: 'P', apiIds: [team.id] });
          const { data: key } = await team.gateway('POST', `/Products/${String(product['id'])}/Keys`, {
            name: 'first',
          });
          const sdkName = '@example/called';
          await admin.done('PUT', `/api/CodeGen/${team.id}/NpmOptions/typescript`, {
            ...{ name: 'Called', sdkName },
            ...options,
          });
          const asked = { platform: 'npm', language: 'typescript', apiId: team.id };
          const { status, data } = await admin.ask('POST', '/api/CodeGen/ReleaseSDK', asked);
          assert.equal(status, 200, JSON.stringify(data));

          const folder = join(temporaryFolder(), 'node_modules', '@example');
          mkdirSync(folder, { recursive: true });
          const { dist } = (await verdaccio.packument(sdkName))?.versions['0.0.1'] ?? assert.fail();
          writeFileSync(join(folder, 'a.tgz'), Buffer.from(await (await fetch(dist.tarball)).arrayBuffer()));
          await run('tar', ['xzf', 'a.tgz'], { cwd: folder });
          renameSync(join(folder, 'package'), join(folder, 'called'));
          const readme = readFileSync(join(folder, 'called', 'README.md'), 'utf8');
          const [, program = ''] = /```ts\n([\s\S]*?)```/.exec(readme) ?? assert.fail(readme);
          assert.match(program, new RegExp(`baseUrl: '${server.issuer}/gateway/called'`));
          writeFileSync(
            join(folder, 'first.mjs'),
            program
              .replace('YOUR_ACCESS_TOKEN', await clientToken(server, ['called.read']))
              .replace('YOUR_SUBSCRIPTION_KEY', String(key['primaryKey'])),
          );
          const { stdout } = await run(process.execPath, ['first.mjs'], { cwd: folder });
          assert.match(stdout, /id: 'a1'/);
        });

      if (kind === 'sqlite')
        it('of this server’s own API install from the registry, compile, and make the first call of the README', async () => {
          const team = await newTeam(admin, options, `${server.issuer}/openapi.json`);
          const { status, data } = await team.release();
          assert.equal(status, 200, JSON.stringify(data));
          const folder = temporaryFolder();
          mkdirSync(join(folder, 'cache'));
          writeFileSync(join(folder, 'package.json'), '{"type":"module","private":true}');
          const env = { PATH: process.env['PATH'], HOME: folder, npm_config_cache: join(folder, 'cache') };
          const { readme = '' } = (await verdaccio.packument(team.sdkName)) ?? assert.fail();
          const install = `npm install ${team.sdkName} --@example:registry=${verdaccio.url}`;
          assert.ok(readme.includes(`\`\`\`sh\n${install}\n\`\`\``), readme);
          await run('sh', ['-c', `${install} --no-audit --no-fund`], { cwd: folder, env });
          const [, program = ''] = /```ts\n([\s\S]*?)```/.exec(readme) ?? assert.fail(readme);
          assert.match(program, new RegExp(`baseUrl: '${server.issuer}'`));
          writeFileSync(
            join(folder, 'first.ts'),
            program.replace('YOUR_ACCESS_TOKEN', await clientToken(server, ['isms.all'])),
          );
          const tsc = join(process.cwd(), 'node_modules', 'typescript', 'bin', 'tsc');
          const compilerOptions = { strict: true, target: 'es2022', module: 'nodenext', types: [] };
          writeFileSync(
            join(folder, 'tsconfig.json'),
            JSON.stringify({ compilerOptions, files: ['first.ts'] }),
          );
          const compile = [tsc, '-p', '.'];
          await run(process.execPath, compile, { cwd: folder }).catch((error: { stdout: string }) =>
            assert.fail(error.stdout),
          );
          const { stdout } = await run(process.execPath, ['first.js'], { cwd: folder });
          assert.match(stdout, /code: 200/);
        });
    });
});
