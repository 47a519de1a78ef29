import assert from 'node:assert/strict';
import { spawn, type ChildProcess } from 'node:child_process';
import { request } from 'node:http';
import { fileURLToPath } from 'node:url';
import { start } from '../../../src/main.js';
import type { Config } from '../../../src/config.js';
import { caller, type Caller, type Data } from '../../support/area.js';
import { configFor, STORES } from '../../support/config.js';
import { documentOf, startBackend, type Backend } from '../../support/gateway.js';
import type { TestServer } from '../../support/server.js';
import { managementToken } from '../../support/process.js';
import { startVerdaccio, type Verdaccio } from '../../support/verdaccio.js';
import { newApi } from '../../gateway/subscribers/list.js';

const LOCAL = { GATEHOUSE_OUTBOUND_ALLOW: '127.0.0.0/8,::1/128,localhost' };
const NODE = fileURLToPath(new URL('./node.ts', import.meta.url));

/** Starts a server in a process of its own. */
async function startNode(config: Config): Promise<{ child: ChildProcess; kill(): Promise<void> }> {
  const child = spawn(process.execPath, ['--import', import.meta.resolve('tsx'), NODE], {
    env: { PATH: process.env['PATH'] ?? '', CONFIG: JSON.stringify(config) },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const ended = new Promise<void>((resolve) => child.on('close', () => resolve()));
  await new Promise<void>((resolve) => child.stdout.once('data', () => resolve()));
  return {
    child,
    async kill() {
      child.kill('SIGKILL');
      await ended;
    },
  };
}

for (const kind of STORES)
  describe(`a release whose server is killed, on ${kind}`, () => {
    let verdaccio: Verdaccio;
    let backend: Backend;
    let config: Config;
    /** Called with a publication before it is passed on, and after the registry has answered it. */
    let before_: () => Promise<void>;
    let after_: () => Promise<void>;
    let publications = 0;
    before(async () => {
      verdaccio = await startVerdaccio();
      backend = await startBackend((incoming, response) => {
        const { method = '', url = '', headers } = incoming;
        if (url === '/openapi.json')
          return void response.end(JSON.stringify(documentOf({ 'GET /items': null })));
        void (async () => {
          if (method === 'PUT') {
            publications += 1;
            await before_();
          }
          const target = new URL(url, verdaccio.url);
          const outgoing = request(
            target,
            { method, headers: { ...headers, host: target.host } },
            (answer) => {
              const pass = (): void => {
                response.writeHead(answer.statusCode ?? 500, answer.headers);
                answer.pipe(response);
              };
              if (method === 'PUT') void after_().then(pass);
              else pass();
            },
          );
          incoming.pipe(outgoing);
        })();
      });
      config = await configFor(
        kind,
        { ...LOCAL, LOG_LEVEL: 'silent' },
        { limits: { enabled: false } },
        'started',
      );
    });
    after(() => Promise.all([verdaccio.close(), backend.close()]));

    const never = (): Promise<void> => new Promise(() => undefined);
    const atOnce = async (): Promise<void> => undefined;

    /** Releases at a server that is killed when `reached` says so, and then at one that is started after it. */
    async function releasedThrough(
      reached: Promise<void>,
    ): Promise<{ sdkName: string; job: Data; admin: Caller; stop(): Promise<void>; api: string }> {
      const node = await startNode(config);
      const origin = { issuer: config.issuer } as TestServer;
      let admin = caller(origin, await managementToken(config.issuer));
      const api = await newApi(admin);
      const sdkName = `@example/killed-${kind}-${api.toLowerCase().replace(/[^a-z0-9]/g, '')}`;
      const options = { name: 'Orders', sdkName, registry: `${backend.url}/`, token: verdaccio.token };
      await admin.done('PUT', `/api/CodeGen/${api}/NpmOptions/typescript`, options);
      const started = await admin.ask(
        'POST',
        '/api/CodeGen/ReleaseSDK',
        { platform: 'npm', language: 'typescript', apiId: api, swaggerUrl: `${backend.url}/openapi.json` },
        { headers: { prefer: 'respond-async' } },
      );
      assert.equal(started.status, 202, JSON.stringify(started.body));
      await reached.finally(() => node.kill());
      before_ = atOnce;
      after_ = atOnce;
      const gatehouse = await start(config, { jobs: { times: { lease: 1500, renew: 200 } } });
      admin = caller(origin, await managementToken(config.issuer));
      return { sdkName, job: started.data, admin, api, stop: () => gatehouse.stop() };
    }

    async function ended(admin: Caller, id: string): Promise<Data> {
      for (;;) {
        const job = await admin.done('GET', `/api/Jobs/${id}`);
        if (job['endedAt'] !== undefined) return job;
        await new Promise((resolve) => setTimeout(resolve, 200));
      }
    }

    for (const [when, hold] of [
      ['before the registry has the package', 'before'],
      ['after the registry has the package', 'after'],
    ] as const)
      it(`${when} is published once, and recorded`, async () => {
        publications = 0;
        let heard: () => void = () => undefined;
        const reached = new Promise<void>((resolve) => (heard = resolve));
        const held = (): Promise<void> => {
          heard();
          return never();
        };
        before_ = hold === 'before' ? held : atOnce;
        after_ = hold === 'after' ? held : atOnce;
        const { sdkName, job, admin, api, stop } = await releasedThrough(reached);
        try {
          const { state, result } = await ended(admin, job['id'] as string);
          assert.equal(state, 'done');
          const packument = await verdaccio.packument(sdkName);
          assert.deepEqual(Object.keys(packument?.versions ?? {}), ['0.0.1']);
          assert.equal(packument?.versions['0.0.1']?.dist.integrity, (result as Data)['integrity']);
          assert.equal(publications, hold === 'before' ? 2 : 1);
          const history = (await admin.ask('GET', `/api/CodeGen/${api}/History`)).body['data'] as Data[];
          assert.deepEqual(
            history.map(({ version }) => version as string),
            ['0.0.1'],
          );
        } finally {
          await stop();
        }
      });
  });
