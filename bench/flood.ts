import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { addClientSecret, clientSettings, insertClient } from '../src/clients/index.js';
import { loadConfig } from '../src/config.js';
import { openContext } from '../src/context.js';
import { ensureHome } from '../src/first-start.js';
import { tenantDb } from '../src/store/index.js';
import { createTenantAt } from '../src/tenants/index.js';
import { freePort } from '../test/support/ports.js';
import { bytesOf, median, pinLoad, startOnFirstCore, tokenRequest } from './measure.js';

/**
 * How long one tenant waits for a token while another is asked for as many as 64 connections can ask, nearly all of
 * which are more than its limit allows; next to the same without the flood, in turns.
 */
const SECRET = 'bench-secret-0123456789-0123456789-0123456789';
const FLOOD_CONNECTIONS = 64;
const ASKED = 300;
const ROUNDS = 5;
/** What each tenant may have a minute: more than the calm one asks, a hundredth of what the flood does. */
const TENANT_QUOTA = 6000;

const folder = mkdtempSync(join(tmpdir(), 'gatehouse-flood-'));
mkdirSync(join(folder, 'config'));
writeFileSync(
  join(folder, 'config', 'production.json'),
  JSON.stringify({ limits: { token: { tenant: TENANT_QUOTA, client: 1e9, address: 1e9 } } }),
);
const port = await freePort();
const env = { PORT: String(port), GATEHOUSE_DATA_DIR: folder, NODE_ENV: 'production', LOG_LEVEL: 'info' };
const context = await openContext({ ...loadConfig(env, folder), log: { level: 'silent' } });
await ensureHome(context);
for (const name of ['calm', 'flooded'])
  await context.store.transaction(async (trx) => {
    const db = tenantDb(trx, (await createTenantAt(trx, name, `${name}.localhost:${port}`)).id);
    const settings = clientSettings({ grantTypes: ['client_credentials'], scopes: ['isms.user.get'] });
    await insertClient(db, { clientId: 'bench', clientName: 'bench', settings });
    await addClientSecret(db, context.vault, 'bench', { secret: SECRET });
  });
await context.close();

const bytesFor = (tenant: string): Buffer =>
  bytesOf(tokenRequest(port, tenant, SECRET, 'grant_type=client_credentials'));

/** Asks on one connection for as long as `next` says so; tells how long each answer took, in milliseconds, and its status. */
function ask(
  tenant: string,
  next: () => boolean,
  heard: (ms: number, status: number) => void,
): Promise<void> {
  return new Promise((done, failed) => {
    const socket = connect(port, '127.0.0.1');
    socket.setNoDelay(true);
    let sent = 0;
    let answer = '';
    const go = (): void => {
      if (!next()) {
        socket.destroy();
        return done();
      }
      sent = performance.now();
      socket.write(bytesFor(tenant));
    };
    socket.once('connect', go).once('error', failed);
    socket.on('data', (chunk) => {
      answer += chunk.toString('latin1');
      // Chunked or not, an answer of the protocol is one JSON object.
      if (!/\r\n\r\n[\s\S]*\}/.test(answer)) return;
      heard(performance.now() - sent, Number(answer.slice(9, 12)));
      answer = '';
      go();
    });
  });
}

async function calm(): Promise<{ p50: number; p99: number }> {
  const times: number[] = [];
  await ask(
    'calm',
    () => times.length < ASKED,
    (ms, status) => {
      if (status !== 200) throw new Error(`the calm tenant was answered ${status}`);
      times.push(ms);
    },
  );
  times.sort((a, b) => a - b);
  return { p50: median(times), p99: times[Math.floor(times.length * 0.99)] as number };
}

pinLoad();
const { pid = 0 } = await startOnFirstCore(
  [resolve('dist/src/cli.js'), 'serve'],
  env,
  'Gatehouse is ready',
  folder,
);
try {
  await calm();
  const alone: { p50: number; p99: number }[] = [];
  const beside: { p50: number; p99: number }[] = [];
  let refused = 0;
  let served = 0;
  for (let round = 0; round < ROUNDS; round++) {
    alone.push(await calm());
    let flooding = true;
    const flood = Array.from({ length: FLOOD_CONNECTIONS }, () =>
      ask(
        'flooded',
        () => flooding,
        (_ms, status) => void (status === 429 ? (refused += 1) : (served += 1)),
      ),
    );
    beside.push(await calm());
    flooding = false;
    await Promise.all(flood);
  }
  const of = (list: { p50: number; p99: number }[], which: 'p50' | 'p99'): string =>
    `${median(list.map((each) => each[which])).toFixed(2)} ms`;
  console.log('a tenant’s tokens, one after the other');
  console.log(`  alone               median ${of(alone, 'p50')}, 99th of a hundred ${of(alone, 'p99')}`);
  console.log(`  beside the flood    median ${of(beside, 'p50')}, 99th of a hundred ${of(beside, 'p99')}`);
  console.log(
    `  the flood           ${served} served, ${refused} refused, over ${FLOOD_CONNECTIONS} connections`,
  );
} finally {
  process.kill(pid, 'SIGTERM');
  rmSync(folder, { recursive: true, force: true });
}
