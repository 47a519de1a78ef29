import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { checkPolicy } from '../../src/gateway/policies/index.js';
import { POLICY_SCHEMA } from '../../src/gateway/policies/schemas.js';
import { packageRoot } from '../../src/kernel/root.js';
import { CLIENT_SECRET, STORES } from '../support/config.js';
import { awayFromFullHour } from '../support/full-hours.js';
import { pageOf, runPage } from '../support/docs-page.js';
import { freePort } from '../support/ports.js';
import { startServer, type TestServer } from '../support/server.js';
import { ITEMS } from './policies/support.js';

describe('the table of policies in docs/gateway.md', () => {
  const page = readFileSync(join(packageRoot, 'docs', 'gateway.md'), 'utf8');
  const rows = [...page.matchAll(/^\| `(\w+)` \| `(\{.*?\})` \|/gm)].map(([, key = '', example = '']) => ({
    [key]: JSON.parse(example) as unknown,
  }));

  it('has an example of each key, which can be published', () => {
    const known = Object.keys(POLICY_SCHEMA.properties).filter((key) => key !== 'operations');
    assert.deepEqual(rows.flatMap(Object.keys).sort(), known.sort());
    for (const policy of rows) assert.deepEqual(checkPolicy(policy, ITEMS), [], JSON.stringify(policy));
  });
});

for (const kind of STORES)
  describe(`docs/gateway.md, on ${kind}`, () => {
    let server: TestServer;
    let backend: string;
    before(async () => {
      backend = `127.0.0.1:${await freePort()}`;
      server = await startServer(kind, { GATEHOUSE_OUTBOUND_ALLOW: backend });
    });
    after(() => server.stop());

    it('prints what it says, run line by line as it stands', async () => {
      await awayFromFullHour(50); // its product's limit has a window of an hour
      const { script, printed } = pageOf('gateway.md');
      const environment = { AT: `localhost:${server.port}`, SECRET: CLIENT_SECRET, BACKEND: backend };
      assert.equal(await runPage(script, environment), printed);
    });
  });
