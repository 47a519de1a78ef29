import assert from 'node:assert/strict';
import { CLIENT_SECRET, STORES } from '../support/config.js';
import { awayFromFullHour } from '../support/full-hours.js';
import { pageOf, runPage } from '../support/docs-page.js';
import { freePort } from '../support/ports.js';
import { startServer, type TestServer } from '../support/server.js';

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
