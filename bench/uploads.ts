import { request } from 'node:http';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { basic } from '../test/support/http.js';
import { addClientSecret, clientSettings, insertClient, reservedAudiences } from '../src/clients/index.js';
import { loadConfig } from '../src/config.js';
import { openContext } from '../src/context.js';
import { ensureHome } from '../src/first-start.js';
import { tenantTransaction } from '../src/store/index.js';
import { mp4 } from '../test/support/files.js';
import { asForm } from '../test/support/management.js';
import { freePort } from '../test/support/ports.js';
import { residentMiB, startOnFirstCore } from './measure.js';

/** What 50 uploads of 19 MB at the same time do to the server's memory. */
const UPLOADS = 50;
const SIZE = 19_000_000;
const LOOK_MS = 10;
const ROUNDS = 3;
const SECRET = 'bench-secret-0123456789-0123456789-0123456789';

const folder = mkdtempSync(join(tmpdir(), 'gatehouse-uploads-'));
const port = await freePort();
const env = { PORT: String(port), GATEHOUSE_DATA_DIR: folder, NODE_ENV: 'production', LOG_LEVEL: 'info' };
const context = await openContext({ ...loadConfig(env, folder), log: { level: 'silent' } });
const { tenant } = await ensureHome(context);
await tenantTransaction(context.store, tenant.id, async (db) => {
  const settings = clientSettings({ grantTypes: ['client_credentials'], scopes: ['isms.blob.post'] });
  await insertClient(
    db,
    { clientId: 'bench', clientName: 'bench', settings },
    reservedAudiences(() => 'mqtt'),
  );
  await addClientSecret(db, context.vault, 'bench', { secret: SECRET });
});
await context.close();
const { pid = 0 } = await startOnFirstCore(
  [resolve('dist/src/cli.js'), 'serve'],
  env,
  'Gatehouse is ready',
  folder,
);
const answer = await fetch(`http://localhost:${port}/connect/token`, {
  method: 'POST',
  headers: { authorization: basic('bench', SECRET) },
  body: new URLSearchParams({ grant_type: 'client_credentials', scope: 'isms.blob.post' }),
});
const { access_token: token } = (await answer.json()) as { access_token: string };

function upload({ bytes, headers }: { bytes: Buffer; headers: Record<string, string> }): Promise<number> {
  return new Promise((done, failed) => {
    const sending = request(
      {
        host: '127.0.0.1',
        port,
        path: '/api/Blob/File',
        method: 'POST',
        headers: {
          ...headers,
          host: `localhost:${port}`,
          authorization: `Bearer ${token}`,
          'content-length': bytes.length,
        },
      },
      (response) => response.resume().once('end', () => done(response.statusCode ?? 0)),
    );
    sending.once('error', failed);
    sending.end(bytes);
  });
}

try {
  await upload(asForm({ value: mp4(1000) }));
  for (let round = 0; round < ROUNDS; round++) {
    const before = residentMiB(pid);
    let most = before;
    const looking = setInterval(() => (most = Math.max(most, residentMiB(pid))), LOOK_MS);
    const form = asForm({ value: mp4(SIZE) });
    const started = performance.now();
    const statuses = await Promise.all(Array.from({ length: UPLOADS }, () => upload(form)));
    clearInterval(looking);
    const refused = statuses.filter((status) => status !== 200).length;
    console.log(
      `${UPLOADS} uploads of ${SIZE / 1e6} MB at once: ${before.toFixed(0)} MiB before, ${(most - before).toFixed(0)} MiB more at the most, ` +
        `${((performance.now() - started) / 1000).toFixed(1)} s, ${refused} refused`,
    );
  }
} finally {
  process.kill(pid, 'SIGTERM');
  rmSync(folder, { recursive: true, force: true });
}
