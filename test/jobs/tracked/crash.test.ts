import assert from 'node:assert/strict';
import { spawn, type ChildProcess } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import type { Config } from '../../../src/config.js';
import { openStore, type Store } from '../../../src/store/index.js';
import { configFor, STORES } from '../../support/config.js';
import { createTenantAt } from '../../support/tenants.js';
import { add, jobOf, newApi, openQueue, Steered } from './support.js';

const SELF = fileURLToPath(import.meta.url);
const NODE = SELF.replace(/crash\.test\.(\w+)$/, 'node.$1');

/** Starts the node of node.ts, and resolves once it holds the job. */
async function nodeThatHolds(config: Config): Promise<ChildProcess> {
  const child = spawn(process.execPath, [...(NODE.endsWith('.ts') ? ['--import', 'tsx'] : []), NODE], {
    env: { PATH: process.env['PATH'], CONFIG: JSON.stringify(config) },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  await new Promise<void>((resolve, reject) => {
    child.stdout?.on('data', (said: Buffer) => said.includes('holding') && resolve());
    child.on('exit', (code) => reject(new Error(`the node ended with ${code}`)));
  });
  return child;
}

for (const kind of STORES)
  describe(`a node with a job that is killed, on ${kind}`, () => {
    let config: Config;
    let store: Store;
    before(async () => {
      config = await configFor(kind, {}, {}, 'migrated');
      store = await openStore(config);
    });
    after(() => store.close());

    it('leaves the job to another node, which finds the note and ends it once', async () => {
      const tenant = (await store.transaction((trx) => createTenantAt(trx, 'red', 'red.example.com'))).id;
      const steered = new Steered();
      const queue = openQueue(store, [steered.kind], { look: 1e6 });
      const { id } = await add(store, queue, tenant, await newApi(store, tenant), 'a');
      const killed = await nodeThatHolds(config);
      const { state, step, percent } = await jobOf(store, tenant, id);
      assert.deepEqual([state, step, percent], ['running', 'publish', 70]);
      const gone = new Promise((resolve) => killed.on('close', resolve));
      killed.kill('SIGKILL');
      await gone;
      const other = openQueue(store, [steered.kind]);
      const ended = other.wait({ tenantId: tenant, id }, new AbortController().signal);
      assert.deepEqual((await steered.running('a')).note, { version: '1.2.0' });
      await steered.end('a');
      assert.equal((await ended).state, 'done');
      assert.deepEqual(steered.began, ['a']);
      await Promise.all([queue.close(), other.close()]);
    });
  });
