import assert from 'node:assert/strict';
import { existsSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import { text } from 'node:stream/consumers';
import { setTimeout as wait } from 'node:timers/promises';
import { insertApiResource, newApiResource } from '../../src/api-resources/index.js';
import { run } from '../../src/cli/run.js';
import { loadConfig } from '../../src/config.js';
import { insertDocument, packDocument } from '../../src/gateway/catalogue/documents.js';
import { newId } from '../../src/kernel/ids.js';
import { openStore, tenantTransaction, type Store } from '../../src/store/index.js';
import { environment, STORES, temporaryFolder } from '../support/config.js';
import { cli } from '../support/process.js';
import { operation } from '../gateway/export/apis.js';

const POLL_MS = 20;

/** Publishes an API with one revision, as far as an export reads it. */
async function publish(store: Store, tenantId: string, suffix: string, serviceUrl: string): Promise<void> {
  const packed = await packDocument({
    compiled: {
      type: 'openapi-3.0',
      title: suffix,
      firstSegments: [],
      operations: [operation('GET /items/{id}', { scopes: [['read']] })],
    },
    source: '{}',
    sourceFormat: 'json',
  });
  await tenantTransaction(store, tenantId, async (db) => {
    const id = await insertApiResource(db, newApiResource(suffix, []));
    const times = { created_at: 1, updated_at: 1 };
    const revisionId = newId();
    await db.insert('api_version_sets', {
      api_resource_id: id,
      suffix,
      suffix_key: suffix.toLowerCase(),
      scheme_in: 'path',
      last_publish: '{}',
      ...times,
    });
    await db.insert('api_versions', {
      id,
      api_resource_id: id,
      name: '',
      display_name: suffix,
      auth_server_id: 'self',
      pass_token: false,
      current_revision_id: revisionId,
      last_revision: 1,
      ...times,
    });
    const { documentId, documentType, operationCount } = await insertDocument(db, packed);
    await db.insert('api_revisions', {
      id: revisionId,
      version_id: id,
      number: 1,
      online: true,
      was_current: true,
      service_url: serviceUrl,
      document_id: documentId,
      document_type: documentType,
      operation_count: operationCount,
      author: 'test',
      ...times,
    });
  });
}

for (const kind of STORES)
  describe(`gatehouse gateway export, on ${kind}`, () => {
    let env: Record<string, string>;
    let store: Store;
    let tenantId: string;

    before(async () => {
      env = await environment(kind, { GATEHOUSE_OUTBOUND_ALLOW: '127.0.0.1:9001' }, 'started');
      store = await openStore(loadConfig(env, temporaryFolder()));
      const home = await store.knex('tenants').where({ home: true }).first<{ id: string }>('id');
      tenantId = home.id;
      await publish(store, tenantId, 'orders', 'http://127.0.0.1:9001/base');
      await publish(store, tenantId, 'private', 'http://127.0.0.1:9002');
    });
    after(() => store.close());

    it('writes each product’s document to standard output', async () => {
      for (const [product, expected] of [
        ['nginx', /location \^~ "\/gateway\/orders"/],
        ['kong', /_format_version: "3\.0"/],
        ['apisix', /#END\n$/],
        ['azure-apim', /"Microsoft\.ApiManagement\/service\/apis"/],
      ] as const) {
        const { code, stdout, stderr } = await cli(['gateway', 'export', product], env);
        assert.equal(code, 0, stderr);
        assert.match(stdout, expected);
      }
    });

    it('has nginx connect only to where the operator lets the tenant go [SEC-G8]', async () => {
      const { stdout } = await cli(['gateway', 'export', 'nginx', '--listen', '127.0.0.1:8081'], env);
      assert.match(stdout, /server 127\.0\.0\.1:9001 max_fails=0;/);
      assert.doesNotMatch(stdout, /9002/);
      assert.match(stdout, /its backend has no address now that Gatehouse may connect to/);
      assert.match(stdout, /listen 127\.0\.0\.1:8081;/);
    });

    it('takes one API', async () => {
      const { stdout } = await cli(['gateway', 'export', 'kong', '--api', 'private'], env);
      assert.match(stdout, /gatehouse-private/);
      assert.doesNotMatch(stdout, /gatehouse-orders/);
      const { code, stderr } = await cli(['gateway', 'export', 'kong', '--api', 'nobody'], env);
      assert.equal(code, 3);
      assert.match(stderr, /no API is published at "nobody"/);
    });

    it('refuses what only nginx is told for other products', async () => {
      for (const [product, option, value] of [
        ['kong', 'listen', '8081'],
        ['apisix', 'gatehouse', 'http://127.0.0.1:3000'],
        ['azure-apim', 'ca', '/etc/ssl/certs/ca.crt'],
      ] as const) {
        const { code, stderr } = await cli(['gateway', 'export', product, `--${option}`, value], env);
        assert.deepEqual([code, stderr], [5, `gatehouse: --${option}: is for nginx only; leave it out\n`]);
      }
    });

    it('says which folder is missing for the file, and ends with 5', async () => {
      const folder = join(temporaryFolder(), 'missing');
      const refused = await cli(['gateway', 'export', 'kong', '--out', join(folder, 'kong.yaml')], env);
      assert.equal(refused.code, 5);
      assert.equal(refused.stderr, `gatehouse: --out: there is no folder ${folder}; make it first\n`);
    });

    it('writes a file whole, and only where it changes', async () => {
      const folder = temporaryFolder();
      const file = join(folder, 'gatehouse.conf');
      const first = await cli(['gateway', 'export', 'nginx', '--out', file], env);
      assert.equal(first.stdout, `changed ${file}\n`);
      const { mtimeMs } = statSync(file);
      const second = await cli(['gateway', 'export', 'nginx', '--out', file], env);
      assert.equal(second.stdout, '');
      assert.equal(statSync(file).mtimeMs, mtimeMs);
    });

    it('watches: writes the file again after a change, and says so', async () => {
      const file = join(temporaryFolder(), 'gatehouse.conf');
      let stop: (signal: string) => void = () => undefined;
      const stopped = new Promise<string>((resolve) => (stop = resolve));
      const [stdout, stderr] = [new PassThrough(), new PassThrough()];
      const watching = run(['gateway', 'export', 'nginx', '--out', file, '--watch'], {
        env,
        cwd: temporaryFolder(),
        stdin: stdout,
        stdout,
        stderr,
        stopSignal: () => stopped,
        abandon: () => undefined,
      });
      while (!existsSync(file)) await wait(POLL_MS);
      await publish(store, tenantId, `later-${kind}`, 'http://127.0.0.1:9001');
      while (!readFileSync(file, 'utf8').includes(`/gateway/later-${kind}`)) await wait(POLL_MS);
      stop('SIGTERM');
      const code = await watching;
      stdout.end();
      stderr.end();
      assert.equal(code, 0, await text(stderr));
      assert.equal(await text(stdout), `changed ${file}\nchanged ${file}\n`);
    });

    it('refuses what would be read as configuration [SEC-G30]', async () => {
      for (const args of [
        ['--listen', '80; return 200'],
        ['--gatehouse', 'http://a:1;b'],
        ['--gatehouse', 'https://a:1'],
        ['--ca', '/etc/x";'],
      ])
        assert.equal((await cli(['gateway', 'export', 'nginx', ...args], env)).code, 2, args.join(' '));
      assert.equal((await cli(['gateway', 'export', 'traefik'], env)).code, 5);
      assert.equal((await cli(['gateway', 'export', 'nginx', '--watch'], env)).code, 5);
    });
  });
