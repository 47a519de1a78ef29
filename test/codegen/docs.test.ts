import assert from 'node:assert/strict';
import { CLIENT_SECRET, STORES } from '../support/config.js';
import { pageOf, runPage } from '../support/docs-page.js';
import { needsGit, startGitServer, type GitServer } from '../support/git-server.js';
import { startServer, type TestServer } from '../support/server.js';
import { startVerdaccio, type Verdaccio } from '../support/verdaccio.js';

const GIT_TOKEN = 'token-of-the-repository';

for (const kind of STORES)
  describe(`docs/code-generation.md, on ${kind}`, () => {
    let server: TestServer;
    let verdaccio: Verdaccio;
    let repositories: GitServer;
    before(async function () {
      needsGit(this);
      [verdaccio, repositories] = await Promise.all([startVerdaccio(), startGitServer(GIT_TOKEN)]);
      repositories.create('orders');
      server = await startServer(kind, {
        GATEHOUSE_OUTBOUND_ALLOW: `${verdaccio.host},${repositories.host}`,
      });
    });
    after(async () => {
      await server.stop();
      await Promise.all([verdaccio.close(), repositories.close()]);
    });

    it('prints what it says, run line by line as it stands', async () => {
      const { script, printed } = pageOf('code-generation.md');
      const environment = {
        AT: `localhost:${server.port}`,
        SECRET: CLIENT_SECRET,
        REGISTRY: verdaccio.url,
        NPM_TOKEN: verdaccio.token,
        REPOSITORY: repositories.url('orders'),
        GIT_TOKEN,
      };
      assert.equal(await runPage(script, environment), printed);
    });
  });
