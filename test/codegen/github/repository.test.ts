import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  GitProblem,
  openRepository,
  type Folders,
  type RepositoryAddress,
} from '../../../src/codegen/github/git/index.js';
import { Repository } from '../../../src/codegen/github/git/repository.js';
import { startBackend, type Backend } from '../../support/gateway.js';
import {
  cloneInto,
  commitTo,
  git,
  headOf,
  needsGit,
  startGitServer,
  treeOf,
  type GitServer,
} from '../../support/git-server.js';

const TOKEN = 'ghp_0123456789abcdefWXYZ';
const SDK: Folders = [
  [
    'sdk/hey-api-fetch',
    [
      ['src/client.ts', 'export {};\n'],
      ['index.ts', 'export * from "./src/client.js";\n'],
    ],
  ],
  ['docs/reference', [['README.md', '# Orders\n']]],
];
const ORDER = {
  folders: SDK,
  message: 'Update the SDK of Orders\n',
  author: { name: 'Gatehouse', email: 'gatehouse@example.com' },
  time: 1_700_000_000,
};
const PATHS = ['docs/reference/README.md', 'sdk/hey-api-fetch/index.ts', 'sdk/hey-api-fetch/src/client.ts'];
const filesOf = (folder: string, branch = 'main'): string[] =>
  treeOf(folder, branch).map((line) => line.replace(/^\d+ /, ''));

describe('a branch of a remote repository', () => {
  let server: GitServer;
  let opened: { close(): Promise<void> }[] = [];
  let names = 0;
  let folder: string;
  let name: string;

  before(async function () {
    needsGit(this);
    server = await startGitServer(TOKEN);
  });
  beforeEach(() => {
    name = `orders-${++names}`;
    folder = server.create(name);
    server.before = undefined;
  });
  afterEach(async () => {
    for (const repository of opened) await repository.close();
    opened = [];
  });
  after(() => server?.close());

  const address = (more: Partial<RepositoryAddress> = {}) => ({
    ...{ remoteUrl: server.url(name), branch: 'main', token: TOKEN, reach: ['127.0.0.0/8'] },
    ...{ timeout: 10_000, largest: 10_000_000 },
    ...more,
  });
  /** In this thread. */
  const open = (more: Partial<RepositoryAddress> = {}): Repository => {
    const repository = new Repository(address(more));
    opened.push(repository);
    return repository;
  };
  const sync = async (more: Partial<RepositoryAddress> = {}, order = ORDER) => {
    const repository = open(more);
    await repository.clone();
    const { commit, changed } = await repository.write(order);
    const outcome = changed ? (await repository.push()).outcome : 'unchanged';
    return { commit, outcome };
  };
  const problem = async (work: Promise<unknown>): Promise<[kind: string, message: string]> => {
    const error = await work.then(
      () => undefined,
      (thrown: unknown) => thrown,
    );
    assert.ok(error instanceof GitProblem, String(error));
    return [error.kind, error.message];
  };

  it('gets its first commit where the repository is empty', async () => {
    const { commit, outcome } = await sync();
    assert.deepEqual([outcome, headOf(folder, 'main')], ['pushed', commit]);
    assert.deepEqual(filesOf(folder), PATHS);
    assert.equal(
      git(folder, ['log', '--format=%an <%ae> %cn %ct %P|%B', 'main']),
      'Gatehouse <gatehouse@example.com> Gatehouse 1700000000 |Update the SDK of Orders',
    );
    git(folder, ['fsck', '--strict']);
  });

  it('is what a real clone shows', async () => {
    await sync({ branch: 'sdk/typescript' });
    const clone = mkdtempSync(join(tmpdir(), 'gatehouse-clone-'));
    await cloneInto(clone, server.url(name), 'sdk/typescript', TOKEN);
    assert.equal(readFileSync(join(clone, 'sdk/hey-api-fetch/src/client.ts'), 'utf8'), 'export {};\n');
    rmSync(clone, { recursive: true });
  });

  it('keeps what is outside of the folders, and loses what is in them no more', async () => {
    const parent = commitTo(
      folder,
      'main',
      {
        'README.md': '# Mine\n',
        'sdk/python/x.py': 'x\n',
        'sdk/hey-api-fetch/old.ts': 'old\n',
        'docs/reference/old.md': 'old\n',
        'docs/guide.md': 'guide\n',
        'sdk-x/y': 'y\n',
        run: '#!/bin/sh\n',
        link: '/etc/passwd',
      },
      { run: '100755', link: '120000' },
    );
    const { commit } = await sync();
    assert.deepEqual(treeOf(folder, 'main'), [
      '100644 README.md',
      '100644 docs/guide.md',
      '100644 docs/reference/README.md',
      '120000 link',
      '100755 run',
      '100644 sdk-x/y',
      '100644 sdk/hey-api-fetch/index.ts',
      '100644 sdk/hey-api-fetch/src/client.ts',
      '100644 sdk/python/x.py',
    ]);
    assert.equal(git(folder, ['rev-parse', 'main^']), parent);
    assert.equal(headOf(folder, 'main'), commit);
    git(folder, ['fsck', '--strict']);
  });

  it('gets no commit where nothing has changed', async () => {
    const first = await sync();
    assert.deepEqual(await sync(), { commit: first.commit, outcome: 'unchanged' });
    assert.equal(headOf(folder, 'main'), first.commit);
  });

  it('is read without files where the server leaves them out, and with them where it does not', async () => {
    for (const filter of ['true', 'false']) {
      git(folder, ['config', 'uploadpack.allowFilter', filter]);
      commitTo(folder, 'main', { [`large-${filter}`]: randomBytes(16_384).toString('latin1'), empty: '' });
      const { outcome } = await sync({}, { ...ORDER, folders: [['sdk/x', [['a', filter]]]] });
      assert.equal(outcome, 'pushed', filter);
    }
    assert.deepEqual(filesOf(folder), ['empty', 'large-false', 'large-true', 'sdk/x/a']);
  });

  it('says that it has moved on, and takes the commit on the new head', async () => {
    commitTo(folder, 'main', { a: '1' });
    const repository = open();
    await repository.clone();
    await repository.write(ORDER);
    const theirs = commitTo(folder, 'main', { b: '2' });
    assert.equal((await repository.push()).outcome, 'moved');
    await repository.clone();
    const { commit } = await repository.write(ORDER);
    assert.equal((await repository.push()).outcome, 'pushed');
    assert.equal(git(folder, ['rev-parse', 'main^']), theirs);
    assert.equal(headOf(folder, 'main'), commit);
    assert.deepEqual(filesOf(folder), ['a', 'b', ...PATHS]);
  });

  it('says so as well where somebody is faster within the push itself', async () => {
    commitTo(folder, 'main', { a: '1' });
    const repository = open();
    await repository.clone();
    await repository.write(ORDER);
    server.before = (request) => {
      if (request.method === 'POST') commitTo(folder, 'main', { b: '2' });
    };
    assert.equal((await repository.push()).outcome, 'moved');
    assert.deepEqual(filesOf(folder), ['a', 'b']);
  });

  it('finds a commit that an earlier run has pushed, and that others have built on', async () => {
    const { commit } = await sync();
    assert.deepEqual(await open().clone(commit), { hasNoted: true });
    commitTo(folder, 'main', { b: '2' });
    assert.deepEqual(await open().clone(commit), { hasNoted: true });
    assert.deepEqual(await open().clone('0'.repeat(39) + '1'), { hasNoted: false });
    assert.deepEqual(await open({ branch: 'other' }).clone(commit), { hasNoted: false });
  });

  it('says what a hook says that refuses a push', async () => {
    server.hook(name, 'pre-receive', 'echo "only on Mondays" >&2; exit 1');
    const [kind, message] = await problem(sync());
    assert.deepEqual(
      [kind, message],
      ['rejected', 'the Git server refuses the push: refs/heads/main pre-receive hook declined'],
    );
    assert.equal(headOf(folder, 'main'), undefined);
  });

  it('says what to change where the token is wrong or the repository is missing', async () => {
    const [refused, message] = await problem(open({ token: 'ghp_wrong' }).clone());
    assert.deepEqual([refused, message.slice(0, 27)], ['refused', 'the Git server answers 401;']);
    assert.equal((await problem(open({ token: null }).clone()))[0], 'refused');
    assert.equal((await problem(open({ remoteUrl: server.url('none') }).clone()))[0], 'missing');
  });

  it('leaves out what a repository has that could do harm', async () => {
    commitTo(folder, 'main', { safe: 'x\n' });
    const blob = git(folder, ['hash-object', '-w', '--stdin'], 'evil\n');
    const link = git(folder, ['hash-object', '-w', '--stdin'], '../../outside');
    const raw = (entries: [mode: string, name: string, oid: string][]): string => {
      const bytes = entries.flatMap(([mode, entry, oid]) => [
        Buffer.from(`${mode} ${entry}\0`),
        Buffer.from(oid, 'hex'),
      ]);
      return git(folder, ['hash-object', '-w', '-t', 'tree', '--literally', '--stdin'], Buffer.concat(bytes));
    };
    const inner = raw([['100644', 'config', blob]]);
    const tree = raw([
      ['40000', '..', inner],
      ['100644', '../x', blob],
      ['40000', '.git', inner],
      ['120000', 'link', link],
      ['100644', 'wi\\ndows', blob],
    ]);
    const commit = git(folder, ['commit-tree', tree, '-m', 'Harm']);
    git(folder, ['update-ref', 'refs/heads/main', commit]);
    git(folder, ['update-ref', 'refs/heads/other', commit]);
    const { outcome } = await sync();
    assert.equal(outcome, 'pushed');
    assert.equal(git(folder, ['rev-parse', 'main^']), commit);
    assert.ok(!existsSync('x') && !existsSync(join(tmpdir(), 'x')));
    assert.equal(git(folder, ['cat-file', '-p', 'main:link']), '../../outside');
  });

  it('refuses to replace something that is no folder', async () => {
    commitTo(folder, 'main', { sdk: '/etc' }, { sdk: '120000' });
    assert.deepEqual(await problem(sync()), [
      'tree',
      '"sdk" is no folder in the repository; move what is there',
    ]);
    const other = server.create(`${name}-other`);
    commitTo(other, 'main', { 'docs/reference': 'text' });
    assert.equal((await problem(sync({ remoteUrl: server.url(`${name}-other`) })))[0], 'tree');
  });

  it('goes nowhere out of reach [SEC-C3]', async () => {
    for (const [remoteUrl, reach] of [
      [server.url(name), []],
      [server.url(name), ['127.0.0.1:1']],
      ['http://[::ffff:127.0.0.1]/x.git', []],
      ['http://0x7f.1/x.git', []],
    ] as const)
      assert.equal((await problem(open({ remoteUrl, reach }).clone()))[0], 'private', remoteUrl);
  });

  it('is worked on in a thread, which ends at once when it is aborted', async () => {
    const controller = new AbortController();
    const repository = openRepository(address(), controller.signal);
    opened.push(repository);
    await repository.clone();
    const { commit } = await repository.write(ORDER);
    assert.equal((await repository.push()).outcome, 'pushed');
    assert.equal(headOf(folder, 'main'), commit);
    server.before = () => {
      controller.abort(new Error('cancelled'));
      return new Promise((resolve) => setImmediate(resolve));
    };
    await assert.rejects(repository.clone(), { message: 'cancelled' });
    await assert.rejects(repository.write(ORDER), { message: 'cancelled' });
  });
});

describe('a server that is no good Git server', () => {
  let backend: Backend | undefined;
  let repository: Repository | undefined;
  afterEach(async () => {
    await repository?.close();
    await backend?.close();
  });

  const packet = (text: string): string => (text.length + 4).toString(16).padStart(4, '0') + text;
  const oid = 'a'.repeat(40);
  const refs = `${packet('# service=git-upload-pack\n')}0000${packet(`${oid} refs/heads/main\0side-band-64k shallow\n`)}0000`;
  const cloneFrom = async (
    answer: Parameters<typeof startBackend>[0],
    more: Partial<RepositoryAddress> = {},
  ): Promise<[string, string]> => {
    backend = await startBackend(answer);
    const address = {
      remoteUrl: `${backend.url}/x.git`,
      branch: 'main',
      token: TOKEN,
      reach: ['127.0.0.0/8'],
    };
    repository = new Repository({ ...address, timeout: 10_000, largest: 10_000_000, ...more });
    const error = await repository.clone().then(
      () => undefined,
      (thrown: unknown) => thrown,
    );
    assert.ok(error instanceof GitProblem, String(error));
    assert.ok(!error.message.includes(TOKEN));
    return [error.kind, error.message];
  };
  /** Names the branch, and then answers the fetch so. */
  const afterRefs =
    (body: Buffer | string): Parameters<typeof startBackend>[0] =>
    (request, response) =>
      void (request.method === 'GET'
        ? response.writeHead(200, { 'content-type': 'application/x-git-upload-pack-advertisement' }).end(refs)
        : response.end(body));
  const band = (pack: Buffer): Buffer =>
    Buffer.concat([
      Buffer.from(`0000${packet('NAK\n')}`),
      Buffer.from((pack.length + 5).toString(16).padStart(4, '0')),
      Buffer.from([1]),
      pack,
      Buffer.from('0000'),
    ]);

  for (const [what, answer, kind] of [
    ['a page', '<html>Sign in</html>', 'answer'],
    ['nothing', '', 'answer'],
    ['half of a packet', 'ffff', 'answer'],
  ] as const)
    it(`answers ${what}: a problem that says so`, async () => {
      assert.equal((await cloneFrom((_request, response) => void response.end(answer)))[0], kind);
    });

  for (const [what, body, kind] of [
    ['no packets', '<html>', 'answer'],
    ['an error', `0000${packet('ERR no\u001b[31m such thing\n')}`, 'rejected'],
    ['an empty pack', band(Buffer.from('PACK\0\0\0\x02\0\0\0\0' + 'x'.repeat(20))), 'answer'],
    ['a pack that is none', band(Buffer.from('PICK'.repeat(20))), 'answer'],
    [
      'a pack with more objects than it has',
      band(Buffer.from('PACK\0\0\0\x02\0\0\0\x09' + 'x'.repeat(20))),
      'answer',
    ],
    [
      'a pack of too many objects',
      band(Buffer.from([...Buffer.from('PACK\0\0\0\x02'), 255, 255, 255, 255, ...Buffer.alloc(20)])),
      'tooLarge',
    ],
    [
      'an object of a terabyte',
      band(
        Buffer.from([
          ...Buffer.from('PACK\0\0\0\x02\0\0\0\x01'),
          0xbf,
          0xff,
          0xff,
          0xff,
          0xff,
          0x7f,
          ...Buffer.alloc(30),
        ]),
      ),
      'tooLarge',
    ],
  ] as const)
    it(`sends ${what}: a problem that says so`, async () => {
      assert.equal((await cloneFrom(afterRefs(body)))[0], kind);
    });

  it('redirects: the token is not sent elsewhere [SEC-C2]', async () => {
    const other = await startBackend();
    const [kind] = await cloneFrom(
      (_request, response) => void response.writeHead(302, { location: `${other.url}/x.git` }).end(),
    );
    assert.deepEqual([kind, other.asked], ['redirect', []]);
    await other.close();
  });

  it('hangs: the time of a request ends it [SEC-C10]', async () => {
    assert.equal((await cloneFrom(() => undefined, { timeout: 200 }))[0], 'timeout');
  });

  it('sends on and on: the bytes of an answer end it [SEC-C10]', async () => {
    const [kind] = await cloneFrom(
      (request, response) => {
        if (request.method === 'GET') return void response.end(refs);
        const piece = Buffer.alloc(65_536);
        const more = (): void => {
          while (!response.destroyed && response.write(piece));
          response.once('drain', more);
        };
        more();
      },
      { largest: 1_000_000 },
    );
    assert.equal(kind, 'tooLarge');
  });

  it('goes away in the middle', async () => {
    const [kind] = await cloneFrom((request, response) => {
      response.writeHead(200, { 'content-length': '1000' });
      response.write('001e');
      request.socket.destroySoon();
    });
    assert.equal(kind, 'unreachable');
  });
});
