import { execFile, execFileSync, spawn } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { Context } from 'mocha';
import { needsFiles } from './needs.js';

/** The real Git's server, behind node:http as CGI. */

const BACKEND =
  ['/usr/libexec/git-core/git-http-backend'].find((path) => existsSync(path)) ??
  '/usr/lib/git-core/git-http-backend';

/** Skips the test where Git is missing. */
export const needsGit = (test: Context): void => needsFiles(test, [BACKEND], 'git');

/** Nothing of the settings of who runs the tests. */
const GIT_ENV = {
  PATH: process.env['PATH'] ?? '',
  HOME: '/nonexistent',
  GIT_CONFIG_NOSYSTEM: '1',
  GIT_TERMINAL_PROMPT: '0',
  GIT_AUTHOR_NAME: 'Somebody',
  GIT_AUTHOR_EMAIL: 'somebody@example.com',
  GIT_COMMITTER_NAME: 'Somebody',
  GIT_COMMITTER_EMAIL: 'somebody@example.com',
};

/** Runs the real Git, and answers what it prints. */
export const git = (folder: string, args: readonly string[], input?: string | Buffer): string =>
  execFileSync('git', args, {
    cwd: folder,
    env: GIT_ENV,
    input: input ?? '',
    stdio: ['pipe', 'pipe', 'pipe'],
    maxBuffer: 64 * 1024 * 1024,
  })
    .toString()
    .trim();

/** Clones a branch over HTTP by the real Git, while the server of this process answers. */
export const cloneInto = async (folder: string, url: string, branch: string, token: string): Promise<void> =>
  void (await promisify(execFile)(
    'git',
    [
      'clone',
      '--quiet',
      '--branch',
      branch,
      url.replace('http://', `http://x-access-token:${token}@`),
      folder,
    ],
    { env: GIT_ENV },
  ));

export interface GitServer {
  /** `127.0.0.1:port` */
  host: string;
  /** The address of a repository. */
  url(name: string): string;
  /** Makes an empty repository, and answers its folder. */
  create(name: string): string;
  /** Runs a program of the shell at each push, before it is taken. */
  hook(name: string, kind: 'pre-receive' | 'update', script: string): void;
  /** What was asked, oldest first: `POST /orders.git/git-receive-pack`. */
  asked: string[];
  /** Called before each request is answered. */
  before: ((request: IncomingMessage) => void | Promise<void>) | undefined;
  /** Called once Git has done what was asked, before its answer is sent. */
  after: ((request: IncomingMessage, response: ServerResponse) => void | Promise<void>) | undefined;
  close(): Promise<void>;
}

/** Starts a server of repositories, which takes pushes of those who send the token. */
export async function startGitServer(token: string): Promise<GitServer> {
  const root = mkdtempSync(join(tmpdir(), 'gatehouse-git-'));
  const authorization = `Basic ${Buffer.from(`x-access-token:${token}`).toString('base64')}`;
  const server = createServer((request, response) => void answer(request, response));

  async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const url = new URL(request.url ?? '/', 'http://git');
    made.asked.push(`${request.method} ${url.pathname}`);
    await made.before?.(request);
    if (request.headers.authorization !== authorization) {
      response.writeHead(401, { 'www-authenticate': 'Basic realm="git"' }).end('no such token');
      return;
    }
    const cgi = spawn(BACKEND, [], {
      env: {
        ...GIT_ENV,
        GIT_PROJECT_ROOT: root,
        GIT_HTTP_EXPORT_ALL: '1',
        REMOTE_USER: 'x-access-token',
        PATH_INFO: url.pathname,
        QUERY_STRING: url.search.slice(1),
        REQUEST_METHOD: request.method,
        CONTENT_TYPE: request.headers['content-type'] ?? '',
        ...(request.headers['content-length'] && { CONTENT_LENGTH: request.headers['content-length'] }),
      },
      stdio: ['pipe', 'pipe', 'ignore'],
    });
    cgi.stdin.on('error', () => undefined);
    request.pipe(cgi.stdin);
    const pieces: Buffer[] = [];
    for await (const piece of cgi.stdout as AsyncIterable<Buffer>) pieces.push(piece);
    const whole = Buffer.concat(pieces);
    const end = whole.indexOf('\r\n\r\n');
    let status = 200;
    for (const line of whole.toString('latin1', 0, end).split('\r\n')) {
      const [name = '', value = ''] = line.split(': ');
      if (name.toLowerCase() === 'status') status = Number.parseInt(value, 10);
      else response.setHeader(name, value);
    }
    await made.after?.(request, response);
    response.writeHead(status).end(whole.subarray(end + 4));
  }

  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const host = `127.0.0.1:${(server.address() as AddressInfo).port}`;
  const made: GitServer = {
    host,
    asked: [],
    before: undefined,
    after: undefined,
    url: (name) => `http://${host}/${name}.git`,
    create(name) {
      const folder = join(root, `${name}.git`);
      mkdirSync(folder);
      git(folder, ['init', '--quiet', '--bare']);
      git(folder, ['config', 'http.receivepack', 'true']);
      return folder;
    },
    hook(name, kind, script) {
      const path = join(root, `${name}.git`, 'hooks', kind);
      writeFileSync(path, `#!/bin/sh\n${script}\n`);
      chmodSync(path, 0o755);
    },
    async close() {
      await new Promise<void>((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      });
      rmSync(root, { recursive: true, force: true });
    },
  };
  return made;
}

/** Commits files to a bare repository past its server, as somebody else would. Answers the commit. */
export function commitTo(
  folder: string,
  branch: string,
  files: Readonly<Record<string, string>>,
  modes: Readonly<Record<string, string>> = {},
): string {
  const parent = headOf(folder, branch);
  const index = join(folder, 'index-of-test');
  const run = (args: readonly string[], input?: string): string =>
    execFileSync('git', args, { cwd: folder, env: { ...GIT_ENV, GIT_INDEX_FILE: index }, input: input ?? '' })
      .toString()
      .trim();
  rmSync(index, { force: true });
  if (parent !== undefined) run(['read-tree', parent]);
  for (const [path, text] of Object.entries(files)) {
    const oid = run(['hash-object', '-w', '--stdin'], text);
    run(['update-index', '--add', '--cacheinfo', `${modes[path] ?? '100644'},${oid},${path}`]);
  }
  const commit = run([
    'commit-tree',
    run(['write-tree']),
    ...(parent === undefined ? [] : ['-p', parent]),
    ...['-m', 'Work of somebody else'],
  ]);
  run(['update-ref', `refs/heads/${branch}`, commit]);
  return commit;
}

/** The commit of a branch; undefined where there is none. */
export function headOf(folder: string, branch: string): string | undefined {
  const listed = git(folder, ['for-each-ref', '--format=%(objectname)', `refs/heads/${branch}`]);
  return listed === '' ? undefined : listed;
}

/** The paths of a branch with their modes, as `git ls-tree` says them. */
export const treeOf = (folder: string, branch: string): string[] =>
  git(folder, ['ls-tree', '-r', '--format=%(objectmode) %(path)', `refs/heads/${branch}`]).split('\n');
