import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { packageRoot } from '../../src/kernel/root.js';
import { CLIENT_SECRET, STORES } from '../support/config.js';
import { startServer, type TestServer } from '../support/server.js';

const run = promisify(execFile);

/** The page's shell lines as one script, and what it says that they print. */
function page(): { script: string; printed: string } {
  const blocks = [
    ...readFileSync(join(packageRoot, 'docs', 'getting-started.md'), 'utf8').matchAll(
      /```(sh|text)\n([^]*?)```/g,
    ),
  ];
  const of = (kind: string): string =>
    blocks
      .filter(([, is]) => is === kind)
      .map(([, , text]) => text)
      .join('');
  return { script: of('sh'), printed: of('text') };
}

for (const kind of STORES)
  describe(`docs/getting-started.md, on ${kind}`, () => {
    let server: TestServer;
    before(async () => {
      server = await startServer(kind);
    });
    after(() => server.stop());

    it('prints what it says, run line by line as it stands', async () => {
      const { script, printed } = page();
      const { stdout } = await run('bash', ['-euo', 'pipefail', '-c', script], {
        env: { ...process.env, AT: `localhost:${server.port}`, SECRET: CLIENT_SECRET },
      });
      assert.equal(stdout, printed);
    });
  });
