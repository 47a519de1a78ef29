import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { createClient } from '@hey-api/openapi-ts';
import { packageRoot } from '../../src/kernel/root.js';
import { bodyOf, send } from '../support/http.js';
import { clientToken } from '../support/management.js';
import { startServer, type TestServer } from '../support/server.js';

const run = promisify(execFile);

/** What a developer writes over the client that was generated: a tenant, a client, a user; a token; a list. */
const SMOKE = `
import { clientGet, clientPost, tenantPost, userGet, userPost } from './generated/index.js';
import { createClient, createConfig } from './generated/client/index.js';

const [issuer = '', token = '', host = ''] = process.argv.slice(2);
const at = (baseUrl: string, auth: string) => ({ client: createClient(createConfig({ baseUrl })), auth, throwOnError: true as const });
const home = at(issuer, token);

const tenant = await tenantPost({ ...home, body: { name: 'Generated', hosts: [host] } });
const made = await clientPost({ ...home, body: { template: 'machine', clientName: 'Generated', scopes: ['isms.user.get'] } });
const user = await userPost({ ...home, body: { userName: 'generated', roles: ['user'] } });

const { clientId, newSecret } = made.data.data;
const answer = await fetch(issuer + '/connect/token', {
  method: 'POST',
  headers: { authorization: 'Basic ' + btoa(clientId + ':' + newSecret?.secret) },
  body: new URLSearchParams({ grant_type: 'client_credentials', scope: 'isms.user.get' }),
});
const { access_token } = (await answer.json()) as { access_token: string };
const users = await userGet({ ...at(issuer, access_token), query: { 'q.name': 'generated', take: 5 } });
const clients = await clientGet({ ...home, query: { orderby: 'clientName', asc: true } });
console.log(JSON.stringify([
  tenant.data.data.issuer,
  users.data.data.map(({ id }) => id === user.data.data.id),
  users.data.total,
  clients.data.data.some((client) => client.clientId === clientId),
]));
`;

describe('a client that @hey-api/openapi-ts generates of /openapi.json', () => {
  let server: TestServer;
  let folder: string;

  before(async () => {
    server = await startServer('sqlite');
    folder = mkdtempSync(join(tmpdir(), 'gatehouse-client-'));
  });
  after(async () => {
    rmSync(folder, { recursive: true });
    await server.stop();
  });

  it('compiles under strict rules, and makes, asks and lists', async function () {
    const document = join(folder, 'openapi.json');
    writeFileSync(document, JSON.stringify(bodyOf(await send(new URL('/openapi.json', server.issuer)))));
    await createClient({ input: document, output: join(folder, 'generated'), logs: { level: 'silent' } });
    writeFileSync(join(folder, 'smoke.ts'), SMOKE);
    writeFileSync(join(folder, 'package.json'), '{ "type": "module" }');
    const options = {
      strict: true,
      target: 'es2022',
      module: 'esnext',
      moduleResolution: 'bundler',
      lib: ['es2022', 'dom', 'dom.iterable'],
      types: ['node'],
      typeRoots: [join(packageRoot, 'node_modules', '@types')],
      outDir: 'out',
    };
    writeFileSync(
      join(folder, 'tsconfig.json'),
      JSON.stringify({ compilerOptions: options, include: ['.'] }),
    );
    const tsc = join(packageRoot, 'node_modules', 'typescript', 'bin', 'tsc');
    const compiled = await run(process.execPath, [tsc, '-p', folder]).catch(
      (error: { stdout: string }) => error,
    );
    assert.equal(compiled.stdout, '');
    const host = `generated.localhost:${server.port}`;
    const token = await clientToken(server, ['isms.all']);
    const tsx = ['--import', join(packageRoot, 'node_modules', 'tsx', 'dist', 'loader.mjs')];
    const { stdout } = await run(process.execPath, [
      ...tsx,
      join(folder, 'smoke.ts'),
      server.issuer,
      token,
      host,
    ]);
    assert.deepEqual(JSON.parse(stdout), [`http://${host}`, [true], 1, true]);
  });
});
