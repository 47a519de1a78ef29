import assert from 'node:assert/strict';
import { administrator, caller, type Caller } from '../../support/area.js';
import { STORES } from '../../support/config.js';
import { documentOf, startGateway } from '../../support/gateway.js';
import { git, headOf, needsGit, startGitServer, treeOf, type GitServer } from '../../support/git-server.js';
import { startGithub, type GithubServer } from '../../support/github-server.js';
import { userToken } from '../../support/management.js';
import type { TestServer } from '../../support/server.js';
import { newApi } from '../../gateway/subscribers/list.js';

const TOKEN = 'ghp_0123456789abcdefWXYZ';

for (const kind of STORES)
  describe(`SyncGithub, on ${kind}`, () => {
    let repositories: GitServer;
    let github: GithubServer;
    let server: TestServer;
    let admin: Caller;

    before(async function () {
      needsGit(this);
      repositories = await startGitServer(TOKEN);
      github = await startGithub(TOKEN);
      server = await startGateway(kind, [repositories, github], {}, { limits: { enabled: false } });
      admin = await administrator(server);
    });
    after(async () => {
      await server?.stop();
      await github?.close();
      await repositories?.close();
    });

    const at = (api: string, what: string): string => `/api/CodeGen/${api}/${what}`;
    /** An API with a document and a repository. */
    async function published(name: string, token = TOKEN): Promise<string> {
      const api = await newApi(admin, 'Orders');
      await admin.done('PUT', `/api/ApiResource/${api}/Publish`, {
        suffix: name,
        document: documentOf({ 'GET /orders/{id}': null }),
        serviceUrl: 'https://backend.example.com',
      });
      await admin.done('PUT', at(api, 'GithubOptions'), {
        ...{ owner: 'example', repo: 'orders', token },
        ...{ remoteUrl: repositories.url(name), apiUrl: github.url },
      });
      return api;
    }

    it('pushes what the API’s current document makes, and answers the job', async () => {
      const folder = repositories.create('orders');
      const api = await published('orders');
      const job = await admin.done('PUT', at(api, 'SyncGithub'));
      assert.deepEqual(
        [job['kind'], job['state'], job['step'], job['percent']],
        ['syncGithub', 'done', 'release', 100],
      );
      const paths = treeOf(folder, 'main').map((line) => line.slice(7));
      assert.ok(paths.includes('sdk/hey-api-fetch/index.ts') && paths.includes('docs/reference/README.md'));
      assert.ok(paths.every((path) => /^(?:sdk\/hey-api-fetch|docs\/reference)\//.test(path)));
      assert.deepEqual(job['result'], {
        branch: 'main',
        commit: headOf(folder, 'main'),
        files: paths.length,
        labels: 0,
      });
      assert.equal(git(folder, ['log', '--format=%s', 'main']), 'Update hey-api-fetch SDK of Orders');
      assert.equal(github.releases[0]?.tag_name, 'sdk-hey-api-fetch-v1');
      const again = await admin.done('PUT', at(api, 'SyncGithub'), {});
      assert.deepEqual(again['result'], job['result']);
    });

    it('answers a failure of Git with the job in it, and the token nowhere', async () => {
      const wrong = 'ghp_wrong_0123456789abcdef';
      repositories.create('refused');
      const api = await published('refused', wrong);
      const { status, body } = await admin.ask('PUT', at(api, 'SyncGithub'));
      assert.deepEqual([status, body['code']], [502, 200008]);
      const { id, state, step } = body['data'] as Record<string, unknown>;
      assert.deepEqual([state, step], ['failed', 'clone']);
      const rows = JSON.stringify(await server.context.store.knex('tracked_jobs').where({ id: String(id) }));
      assert.ok(rows.includes('syncGithub'));
      for (const text of [JSON.stringify(body), rows]) assert.ok(!text.includes(wrong));
    });

    it('needs its options, and an API of the caller’s own', async () => {
      const api = await newApi(admin);
      const { status, body } = await admin.ask('PUT', at(api, 'SyncGithub'));
      assert.deepEqual([status, body['code']], [422, 200003]);
      assert.equal((await admin.ask('PUT', at(api, 'SyncGithub'), { force: true })).status, 422);
      const words = ['isms.apiresource.all', 'isms.codegen.putgithuboptions'];
      const stranger = caller(server, await userToken(server, words, words, undefined, ['developer']));
      assert.equal((await stranger.ask('PUT', at(api, 'SyncGithub'))).status, 404);
      await admin.done('PUT', at(api, 'GithubOptions'), { owner: 'example', repo: 'orders' });
      const missing = await admin.ask('PUT', at(api, 'SyncGithub'));
      assert.deepEqual([missing.status, missing.body['code']], [422, 200001]);
    });
  });
