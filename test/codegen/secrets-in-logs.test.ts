import assert from 'node:assert/strict';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { loadConfig } from '../../src/config.js';
import { openStore } from '../../src/store/index.js';
import { caller, type Data } from '../support/area.js';
import { environment, temporaryFolder } from '../support/config.js';
import { startBackend } from '../support/gateway.js';
import { kill, managementToken, serve } from '../support/process.js';
import type { TestServer } from '../support/server.js';
import { newApi } from '../gateway/subscribers/list.js';
import { answered, GENERATOR } from './steps/parts.js';

const NPM_TOKEN = 'unmistakable-npm-token-that-expired';
const GIT_TOKEN = 'unmistakable-git-token-that-expired';
const DOCUMENT_KEY = 'unmistakable-key-of-a-document';
const TABLES = ['tracked_jobs', 'sdk_drafts', 'sdk_documents', 'codegen_options', 'audit', 'outbox'];

// What a server logs does not depend on its store.
describe('a token of a registry or a repository that has expired', () => {
  it('is in no log, no table and no answer, though the other side sends it back [SEC-C1]', async () => {
    const backend = await startBackend((request, response) => {
      if (answered(request, response)) return;
      const { authorization = '' } = request.headers;
      response.writeHead(401, { 'content-type': 'application/json', 'www-authenticate': authorization });
      response.end(JSON.stringify({ error: `expired: ${authorization}` }));
    });
    const folder = temporaryFolder();
    mkdirSync(join(folder, 'config'));
    const file = { limits: { enabled: false }, codegen: { openapiGenerator: { url: backend.url } } };
    writeFileSync(join(folder, 'config', 'development.json'), JSON.stringify(file));
    const allowed = { LOG_LEVEL: 'trace', GATEHOUSE_OUTBOUND_ALLOW: backend.host };
    const env = await environment('sqlite', allowed, 'started');
    const issuer = `http://localhost:${env['PORT']}`;
    const server = await serve(env, [], folder);
    const admin = caller({ issuer } as TestServer, await managementToken(issuer));
    const api = await newApi(admin);
    const swaggerUrl = `${backend.url}/documents/orders/1`;
    const settings = [
      [
        `NpmOptions/${GENERATOR}`,
        { name: 'Orders', sdkName: 'orders', registry: backend.url, token: NPM_TOKEN },
      ],
      [
        'GithubOptions',
        {
          ...{ owner: 'example', repo: 'orders', language: GENERATOR, swaggerUrl },
          ...{ remoteUrl: `${backend.url}/orders.git`, apiUrl: backend.url, token: GIT_TOKEN },
        },
      ],
    ] as const;
    const heard: unknown[] = [];
    for (const [path, body] of settings)
      heard.push((await admin.ask('PUT', `/api/CodeGen/${api}/${path}`, body)).body);
    const order = {
      ...{ platform: 'npm', language: GENERATOR, apiId: api },
      swaggerUrl: `${swaggerUrl}?key=${DOCUMENT_KEY}`,
    };
    const answers = [
      await admin.ask('POST', '/api/CodeGen/ReleaseSDK', order),
      await admin.ask('PUT', `/api/CodeGen/${api}/SyncGithub`),
    ];
    assert.deepEqual(
      answers.map(({ status, body }) => [status, body['code'], (body['data'] as Data)['step']]),
      [
        [502, 200007, 'pack'],
        [502, 200008, 'clone'],
      ],
    );
    assert.match(String(answers[0]?.body['message']), /set a valid one .*401: expired: Bearer \*\*\*\)$/);
    heard.push(answers.map(({ body }) => body));
    const { stdout, stderr } = await kill(server, 'SIGTERM');
    await backend.close();

    const store = await openStore(loadConfig(env, folder));
    for (const table of TABLES) heard.push(await store.knex(table));
    await store.close();
    assert.match(stdout, /ReleaseSDK/);
    const all = stdout + stderr + JSON.stringify(heard);
    assert.ok(!all.includes(DOCUMENT_KEY));
    for (const token of [NPM_TOKEN, GIT_TOKEN])
      for (const spelled of [
        token,
        ...['', 'x-access-token:'].map((user) => Buffer.from(user + token).toString('base64')),
      ])
        assert.ok(!all.includes(spelled), spelled);
  });
});
