import assert from 'node:assert/strict';
import { environment, STORES } from '../support/config.js';
import { png } from '../support/files.js';
import { asForm } from '../support/management.js';
import { kill, managementToken, serve } from '../support/process.js';

const WORKERS = 8;
const ENOUGH = 40;

for (const kind of STORES)
  it(`kill -9 while files come in: each that was acknowledged is there whole, on ${kind}`, async function () {
    const env = await environment(kind, {}, 'started');
    const issuer = `http://localhost:${env['PORT']}`;
    const server = await serve(env);
    const token = await managementToken(issuer);
    const kept: { url: string; bytes: Buffer }[] = [];
    let dead = false;
    const uploader = async (worker: number): Promise<void> => {
      for (let n = 0; !dead; n++) {
        const bytes = png(100_000 + worker * 1000 + n);
        const { bytes: body, headers } = asForm({ value: bytes });
        const answer = await fetch(`${issuer}/api/Blob/Image`, {
          method: 'POST',
          headers: { ...headers, authorization: `Bearer ${token}` },
          body,
        });
        const { data } = (await answer.json()) as { data: string };
        assert.equal(answer.status, 200);
        kept.push({ url: data, bytes });
        if (kept.length >= ENOUGH) dead ||= server.child.kill('SIGKILL');
      }
    };
    await Promise.allSettled(Array.from({ length: WORKERS }, (_, worker) => uploader(worker)));
    await server.finished;
    assert.ok(kept.length >= ENOUGH);

    const again = await serve(env);
    for (const { url, bytes } of kept) {
      const answer = await fetch(url);
      assert.equal(answer.status, 200, url);
      assert.deepEqual(Buffer.from(await answer.arrayBuffer()), bytes);
    }
    await kill(again, 'SIGTERM');
  });
