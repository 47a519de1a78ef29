import assert from 'node:assert/strict';
import { Failure } from '../../../src/api/index.js';
import { SYNC_STEPS, syncKind, type SyncResult, type SyncSubject } from '../../../src/codegen/github/sync.js';
import { openGithub } from '../../../src/codegen/github/rest/client.js';
import type { Files } from '../../../src/codegen/types.js';
import type { RunningJob } from '../../../src/jobs/index.js';
import {
  commitTo,
  git,
  headOf,
  needsGit,
  startGitServer,
  treeOf,
  type GitServer,
} from '../../support/git-server.js';
import { startBackend } from '../../support/gateway.js';
import { startGithub, type GithubServer } from '../../support/github-server.js';

const TOKEN = 'ghp_0123456789abcdefWXYZ';
const STEPS = Object.keys(SYNC_STEPS);
const CODE: Files = new Map([
  ['index.ts', 'export * from "./src/client.js";\n'],
  ['src/client.ts', 'export {};\n'],
]);
const DOCUMENT = {
  openapi: '3.0.3',
  info: { title: 'Orders', version: '1.2.0' },
  tags: [{ name: 'orders', description: 'What was ordered' }],
  paths: {
    '/orders': { get: { tags: ['orders'], summary: 'List orders', responses: {} } },
    '/stock': { get: { tags: ['Stock'], responses: {} } },
  },
};
const GENERATOR = {
  name: 'hey-api-fetch',
  title: 'TypeScript',
  language: 'typescript',
  engine: 'hey-api',
  available: true,
  options: {},
} as const;

interface TestJob extends RunningJob<Record<string, never>> {
  steps: string[];
  lines: string[];
  noted: unknown;
}

describe('the synchronization of a repository', () => {
  let server: GitServer;
  let github: GithubServer;
  let name: string;
  let folder: string;
  let names = 0;

  before(async function () {
    needsGit(this);
    server = await startGitServer(TOKEN);
    github = await startGithub(TOKEN);
  });
  beforeEach(() => {
    name = `orders-${++names}`;
    folder = server.create(name);
    server.before = undefined;
    github.instead = undefined;
    github.labels = [];
    github.releases = [];
    github.asked = [];
  });
  after(async () => {
    await server?.close();
    await github?.close();
  });

  const subject = (options: object = {}, more: Partial<SyncSubject> = {}): SyncSubject => ({
    options: {
      owner: 'example',
      repo: 'orders',
      branch: 'main',
      remoteUrl: server.url(name),
      apiUrl: github.url,
      token: TOKEN,
      swaggerUrl: null,
      language: 'typescript',
      userAgent: 'Gatehouse',
      syncLabels: true,
      syncDocs: true,
      hasGithubApi: true,
      ...options,
    },
    document: DOCUMENT,
    origin: { field: 'document', text: async () => undefined },
    title: 'Orders\n<API>',
    reach: ['127.0.0.0/8'],
    ...more,
  });

  /** A job whose `at` is called at each step. */
  function jobOf(note?: unknown, at: (step: string, job: TestJob) => void = () => undefined) {
    const controller = new AbortController();
    const job: TestJob = {
      id: 'j1',
      tenantId: 't1',
      apiId: 'a1',
      input: {},
      signal: controller.signal,
      note,
      noted: note,
      steps: [],
      lines: [],
      async step(step) {
        job.steps.push(step);
        at(step, job);
        controller.signal.throwIfAborted();
      },
      line: (text) => void job.lines.push(text),
      async setNote(value) {
        controller.signal.throwIfAborted();
        job.noted = value;
      },
      commit: async () => undefined,
      published: async () => undefined,
    };
    return { job, cancel: () => controller.abort(new Error('cancelled')) };
  }
  const run = (of: SyncSubject, job: TestJob = jobOf().job, code: Files = CODE): Promise<SyncResult> =>
    syncKind({
      generators: {
        find: async (language) => (language === 'typescript' ? { ...GENERATOR } : undefined),
        generate: async () => code,
      },
      documents: { locate: async () => [] },
      subjectOf: async () => of,
    }).run(job);
  const failure = async (
    work: Promise<unknown>,
  ): Promise<[status: number, code: number, message: string]> => {
    const error = await work.then(
      () => undefined,
      (thrown: unknown) => thrown,
    );
    assert.ok(error instanceof Failure, String(error));
    assert.ok(!JSON.stringify([error.message, error.data]).includes(TOKEN));
    return [error.status, error.code.code, error.message];
  };
  const commits = (branch = 'main'): number => Number(git(folder, ['rev-list', '--count', branch]));

  it('writes code and reference, a label for each tag and a release', async () => {
    github.labels = [{ name: 'STOCK', color: '000000', description: 'mine' }];
    const { job } = jobOf();
    const result = await run(subject(), job);
    assert.deepEqual(result, { branch: 'main', commit: headOf(folder, 'main'), files: 5, labels: 2 });
    assert.deepEqual(job.steps, STEPS);
    assert.deepEqual(treeOf(folder, 'main'), [
      '100644 docs/reference/README.md',
      '100644 docs/reference/orders.md',
      '100644 docs/reference/stock.md',
      '100644 sdk/hey-api-fetch/index.ts',
      '100644 sdk/hey-api-fetch/src/client.ts',
    ]);
    assert.equal(
      git(folder, ['log', '--format=%an: %B', 'main']),
      'Gatehouse: Update hey-api-fetch SDK of Orders API',
    );
    assert.deepEqual(github.labels, [
      { name: 'STOCK', color: '000000', description: 'mine' },
      { name: 'orders', description: 'What was ordered', color: '1c168a' },
    ]);
    assert.deepEqual(github.releases, [
      {
        tag_name: 'sdk-hey-api-fetch-v1.2.0',
        target_commitish: result.commit,
        name: 'Orders API 1.2.0 (hey-api-fetch)',
        body: 'The hey-api-fetch SDK of Orders API, made by Gatehouse of version 1.2.0 of its document.',
      },
    ]);
    const headers = github.asked[0]?.headers ?? {};
    assert.deepEqual(
      [headers['user-agent'], headers['x-github-api-version'], headers['accept']],
      ['Gatehouse', '2022-11-28', 'application/vnd.github+json'],
    );
  });

  it('makes no commit, label or release a second time', async () => {
    const first = await run(subject());
    assert.deepEqual(await run(subject()), first);
    assert.deepEqual([commits(), github.labels.length, github.releases.length], [1, 2, 1]);
  });

  it('leaves labels and the reference out where the options say so', async () => {
    const result = await run(subject({ syncLabels: false, syncDocs: false, branch: 'sdk' }));
    assert.deepEqual([result.files, result.labels, github.labels.length], [2, 0, 0]);
    assert.deepEqual(treeOf(folder, 'sdk').length, 2);
  });

  it('sends no token to GitHub’s API where the repository is elsewhere [SEC-C2]', async () => {
    const { job } = jobOf();
    assert.equal((await run(subject({ hasGithubApi: false }), job)).labels, 0);
    assert.deepEqual(github.asked, []);
    assert.deepEqual(job.lines, [
      'No labels and no release: remoteUrl is not on github.com, and apiUrl is not set.',
    ]);
  });

  it('takes a branch that has moved on once, and gives up where it moves on twice', async () => {
    commitTo(folder, 'main', { a: '1' });
    let moves = 0;
    const moving = (most: number) =>
      jobOf(undefined, (step) => {
        if (step === 'push' && moves < most) commitTo(folder, 'main', { b: String(++moves) });
      }).job;
    const { commit } = await run(subject(), moving(1));
    assert.equal(headOf(folder, 'main'), commit);
    assert.deepEqual([commits(), treeOf(folder, 'main').length], [3, 7]);
    const [status, code, message] = await failure(
      run(subject(), moving(3), new Map([['index.ts', 'export const changed = true;\n']])),
    );
    assert.deepEqual(
      [status, code, message],
      [
        502,
        200008,
        'the branch "main" moved on while it was written, and again after it was read once more; try again',
      ],
    );
  });

  it('shows what a server says of a push, without the token [SEC-C1]', async () => {
    server.hook(name, 'pre-receive', `echo "no ${TOKEN} on Mondays" >&2; exit 1`);
    const { job } = jobOf();
    assert.deepEqual(await failure(run(subject(), job)), [
      502,
      200008,
      'the Git server refuses the push: refs/heads/main pre-receive hook declined',
    ]);
    assert.ok(!JSON.stringify([job.lines, job.noted]).includes(TOKEN));
  });

  it('is refused where the document has a secret in it, and does not say it [SEC-C9]', async () => {
    const github = `ghp_${'a1'.repeat(18)}`;
    for (const description of [TOKEN, `Use ${github}`]) {
      const document = { ...DOCUMENT, info: { ...DOCUMENT.info, description } };
      const [status, code, message] = await failure(run(subject({}, { document })));
      assert.deepEqual([status, code, message.includes(github)], [422, 200001, false]);
    }
    assert.equal(headOf(folder, 'main'), undefined);
  });

  it('shows no part of the token where what a server says is cut [SEC-C1]', async () => {
    const line = `ERR ${'x'.repeat(290)}${TOKEN}`;
    const bad = await startBackend((request, response) => {
      response.writeHead(200, { 'content-type': 'application/x-git-upload-pack-advertisement' });
      const named = `${'a'.repeat(40)} refs/heads/main\0side-band-64k`;
      const packets = ['# service=git-upload-pack', '', named, ''];
      if (request.method === 'POST') packets.splice(0, 4, line);
      response.end(
        packets
          .map((text) => (text && (text.length + 5).toString(16).padStart(4, '0') + text + '\n') || '0000')
          .join(''),
      );
    });
    const [status, , message] = await failure(run(subject({ remoteUrl: `${bad.url}/x.git` })));
    await bad.close();
    assert.deepEqual([status, message.slice(0, 24)], [502, 'the Git server says: xxx']);
    assert.match(message, /x\*{3}$/);
  });

  it('says what is wrong with a generator, its files, or a token', async () => {
    const [status, , message] = await failure(run(subject({ language: 'cobol' })));
    assert.deepEqual([status, message.slice(0, 8)], [422, 'genName:']);
    for (const path of [
      '../x',
      '/x',
      'a/../x',
      '.git/config',
      'a/.GIT/hooks/x',
      'a\\b',
      'a//b',
      'a\u0000',
      'x.',
      '',
    ])
      assert.deepEqual(
        (await failure(run(subject(), jobOf().job, new Map([[path, 'x']])))).slice(0, 2),
        [422, 200006],
        path,
      );
    const both = new Map([
      ['a', 'x'],
      ['a/b', 'x'],
    ]);
    assert.deepEqual((await failure(run(subject(), jobOf().job, both))).slice(0, 2), [422, 200006]);
    assert.equal(headOf(folder, 'main'), undefined);
    assert.deepEqual((await failure(run(subject({ token: 'ghp_wrong' })))).slice(0, 2), [502, 200008]);
  });

  describe('at GitHub', () => {
    const failing = async (instead: GithubServer['instead']): Promise<string> => {
      github.instead = instead;
      const [status, code, message] = await failure(
        run(subject({}, { document: { ...DOCUMENT, tags: [] } })),
      );
      assert.deepEqual([status, code], [502, 200008]);
      return message;
    };

    it('reads all pages of labels', async () => {
      github.labels = Array.from({ length: 250 }, (_, n) => ({
        name: `l${n}`,
        color: '000000',
        description: '',
      }));
      github.labels.push({ name: 'orders', color: '000000', description: '' });
      await run(subject());
      assert.equal(github.labels.length, 252);
      assert.equal(github.asked.filter(({ url }) => url.includes('/labels?')).length, 3);
    });

    it('ends where all requests together take too long, though each answers in time', async () => {
      const { signal } = new AbortController();
      const address = { apiUrl: github.url, token: TOKEN, userAgent: 'Gatehouse', reach: ['127.0.0.0/8'] };
      github.instead = (_request, response) => {
        setTimeout(() => response.writeHead(200, { link: `<${github.url}/next>; rel="next"` }).end('[]'), 50);
        return true;
      };
      const client = openGithub({ ...address, signal, total: 300 });
      await assert.rejects(client.list('/labels'), { message: 'GitHub did not answer in time; try again' });
      assert.ok(github.asked.length < 20, String(github.asked.length));
      await client.close();
    });

    it('says what GitHub says, and what to change', async () => {
      for (const [status, headers, body, message] of [
        [
          401,
          {},
          { message: 'Bad credentials' },
          'GitHub answers 401: Bad credentials; set a token in GithubOptions that has not expired',
        ],
        [
          403,
          {},
          { message: 'Resource not accessible' },
          'GitHub answers 403: Resource not accessible; the token needs permission to write issues and contents of the repository',
        ],
        [
          403,
          { 'retry-after': '42' },
          { message: 'secondary rate limit' },
          'GitHub answers 403: secondary rate limit; its limit of requests is reached; try again in 42 s',
        ],
        [
          429,
          { 'x-ratelimit-remaining': '0', 'x-ratelimit-reset': '1' },
          {},
          'GitHub answers 429; its limit of requests is reached; try again in 0 s',
        ],
        [
          404,
          {},
          { message: 'Not Found' },
          'GitHub answers 404: Not Found; there is no such repository, or the token does not show it; correct owner, repo or the token',
        ],
        [422, {}, { message: `a\u001b[31m${TOKEN}` }, 'GitHub answers 422: a [31m***'],
        // No part of the token either, where the message is cut.
        [422, {}, { message: 'x'.repeat(290) + TOKEN }, `GitHub answers 422: ${'x'.repeat(290)}***`],
        [500, {}, '<html>', 'GitHub answers 500'],
        [302, { location: 'http://169.254.169.254/' }, {}, 'GitHub answers 302'],
        [200, {}, { not: 'a list' }, 'GitHub does not answer a list; see that apiUrl is right'],
        [
          200,
          { link: '<http://127.0.0.1:1/labels?page=2>; rel="next"' },
          [],
          'GitHub names a next page elsewhere',
        ],
      ] as const)
        assert.equal(
          await failing((_request, response) => {
            response.writeHead(status, { ...headers }).end(JSON.stringify(body));
            return true;
          }),
          message,
        );
    });
  });

  for (const step of STEPS)
    it(`ends where it is cancelled in the step ${step}`, async () => {
      const { job, cancel } = jobOf(undefined, (now) => {
        if (now === step) cancel();
      });
      await assert.rejects(run(subject(), job), { message: 'cancelled' });
      assert.equal(job.steps.at(-1), step);
      assert.equal(headOf(folder, 'main') !== undefined, STEPS.indexOf(step) > STEPS.indexOf('push'));
      assert.equal(github.releases.length, 0);
    });

  it('ends where it is cancelled while the server does not answer', async () => {
    const { job, cancel } = jobOf();
    server.before = () => {
      cancel();
      return new Promise((resolve) => setImmediate(resolve));
    };
    await assert.rejects(run(subject(), job), { message: 'cancelled' });
  });

  it('knows a commit that an earlier run has pushed, though others have built on it', async () => {
    const earlier = jobOf().job;
    await run(subject(), earlier);
    const theirs = commitTo(folder, 'main', { 'sdk/hey-api-fetch/index.ts': 'mine\n' });
    const { commit } = await run(subject(), jobOf(earlier.noted).job);
    assert.deepEqual([commit, headOf(folder, 'main')], [git(folder, ['rev-parse', 'main^']), theirs]);
  });
});
