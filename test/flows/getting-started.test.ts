import assert from 'node:assert/strict';
import { CLIENT_SECRET, STORES } from '../support/config.js';
import { pageOf, runPage } from '../support/docs-page.js';
import { startServer, type TestServer } from '../support/server.js';

for (const kind of STORES)
  describe(`docs/getting-started.md, on ${kind}`, () => {
    let server: TestServer;
    before(async () => {
      server = await startServer(kind);
    });
    after(() => server.stop());

    it('prints what it says, run line by line as it stands', async () => {
      const { script, printed } = pageOf('getting-started.md');
      const environment = { AT: `localhost:${server.port}`, SECRET: CLIENT_SECRET };
      assert.equal(await runPage(script, environment), printed);
    });
  });
