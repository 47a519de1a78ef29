import assert from 'node:assert/strict';
import { CLIENT_SECRET } from '../support/config.js';
import { pageOf, runPage } from '../support/docs-page.js';
import { startServer, type TestServer } from '../support/server.js';

describe('docs/code-generation.md', () => {
  let server: TestServer;
  before(async () => (server = await startServer('sqlite')));
  after(() => server.stop());

  it('prints what it says, run line by line as it stands', async () => {
    const { script, printed } = pageOf('code-generation.md');
    const environment = { AT: `localhost:${server.port}`, SECRET: CLIENT_SECRET };
    assert.equal(await runPage(script, environment), printed);
  });
});
