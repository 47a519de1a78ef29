import { strToU8, zipSync } from 'fflate';
import { request, type IncomingMessage, type ServerResponse } from 'node:http';
import { documentOf, startBackend, type Backend } from '../../support/gateway.js';
import { startGitServer, type GitServer } from '../../support/git-server.js';
import { startGithub, type GithubServer } from '../../support/github-server.js';
import { startMailServer, type MailServer } from '../../support/mail.js';
import { startVerdaccio, type Verdaccio } from '../../support/verdaccio.js';

/** What jobs of code generation call, with a hold of the test on each of it. */

/** A generator of TypeScript that a service has. It costs nothing, unlike a process of hey-api. */
export const GENERATOR = 'typescript-fetch';
export const TOKEN = 'ghp_0123456789abcdefWXYZ';

/** What comes before and after something that a server does. A promise delays it. */
export interface Around {
  before?: (() => void | Promise<void>) | undefined;
  /** It may answer in place of the server. */
  after?: ((response: ServerResponse) => void | Promise<void>) | undefined;
  /** How often it was asked. */
  count: number;
}

export interface Parts {
  verdaccio: Verdaccio;
  git: GitServer;
  github: GithubServer;
  mails: MailServer;
  /** The service of generators. */
  service: string;
  /** Verdaccio, through the test. */
  registry: string;
  /** Files that the service generates, by their paths. */
  code: Readonly<Record<string, string>>;
  /** The address of a document, whose tag and version are of this name and number. */
  document(name: string, number: number, more?: { operations?: number; description?: string }): string;
  /** What a registry does with publications of a package. */
  publishing: Map<string, Around>;
  /** What a Git server does with pushes to a repository. */
  pushing: Map<string, Around>;
  close(): Promise<void>;
}

export const CODE: Readonly<Record<string, string>> = {
  'index.ts': 'export const listItems = (): string[] => [];\n',
};

const SERVICE: Readonly<Record<string, unknown>> = {
  'GET /api/gen/clients': [GENERATOR],
  'GET /api/gen/servers': [],
  [`GET /api/gen/clients/${GENERATOR}`]: {},
  [`POST /api/gen/clients/${GENERATOR}`]: { code: 'c0de' },
};

function documentAt(url: URL): unknown {
  const [, name, number] = /^\/documents\/([^/]+)\/(\d+)$/.exec(url.pathname) ?? [];
  if (name === undefined) return undefined;
  const { operations, description } = Object.fromEntries(url.searchParams);
  const paths = Array.from({ length: Number(operations ?? 1) }, (_, n) => [`GET /items${n}`, null]);
  const document = documentOf(Object.fromEntries(paths) as Record<string, null>);
  return { ...document, info: { title: 'Orders', version: `1.${number}.0`, description }, tags: [{ name }] };
}

/** Answers as the address of documents and the service of generators do. @returns whether it was one of them */
export function answered(
  { method, url = '/' }: IncomingMessage,
  response: ServerResponse,
  code = CODE,
): boolean {
  const said = documentAt(new URL(url, 'http://localhost')) ?? SERVICE[`${method} ${url}`];
  if (said !== undefined) return (response.end(JSON.stringify(said)), true);
  if (url !== '/api/gen/download/c0de') return false;
  const files = Object.entries(code).map(([path, text]) => [`client/${path}`, strToU8(text)] as const);
  response.end(Buffer.from(zipSync(Object.fromEntries(files))));
  return true;
}

/** Passes a request on to a server, and its answer back once `until` has resolved. */
function pass(incoming: IncomingMessage, response: ServerResponse, to: string, until: Around['after']): void {
  const target = new URL(incoming.url ?? '/', to);
  const headers = { ...incoming.headers, host: target.host };
  const outgoing = request(target, { method: incoming.method, headers, agent: false }, (answer) => {
    void Promise.resolve(until?.(response)).then(() => {
      if (response.destroyed || response.writableEnded) return void answer.resume();
      response.writeHead(answer.statusCode ?? 500, answer.headers);
      answer.pipe(response);
    });
  });
  outgoing.on('error', () => response.destroy());
  incoming.pipe(outgoing);
}

export async function startParts(): Promise<Parts> {
  const [verdaccio, git, github, mails] = await Promise.all([
    startVerdaccio(),
    startGitServer(TOKEN),
    startGithub(TOKEN),
    startMailServer(),
  ]);
  const [publishing, pushing]: [Parts['publishing'], Parts['pushing']] = [new Map(), new Map()];
  const backend: Backend = await startBackend((incoming, response) => {
    if (answered(incoming, response, parts.code)) return;
    const { method, url = '' } = incoming;
    if (method !== 'PUT') return pass(incoming, response, verdaccio.url, undefined);
    const name = decodeURIComponent(url.slice(1));
    const around = publishing.get(name) ?? { count: 0 };
    publishing.set(name, around);
    around.count += 1;
    void Promise.resolve(around.before?.()).then(() =>
      pass(incoming, response, verdaccio.url, (answer) => around.after?.(answer)),
    );
  });
  const pushTo = ({ method, url = '' }: IncomingMessage): Around | undefined =>
    method === 'POST' ? pushing.get(/^\/([^/]+)\.git\/git-receive-pack/.exec(url)?.[1] ?? '') : undefined;
  git.before = (incoming) => {
    const around = pushTo(incoming);
    if (around) around.count += 1;
    return around?.before?.();
  };
  git.after = (incoming, response) => pushTo(incoming)?.after?.(response);
  const parts: Parts = {
    ...{ verdaccio, git, github, mails, publishing, pushing, code: CODE },
    service: backend.url,
    registry: `${backend.url}/`,
    document(name, number, more = {}) {
      const query = new URLSearchParams(
        Object.entries(more).map(([key, value]): [string, string] => [key, String(value)]),
      );
      return `${backend.url}/documents/${name}/${number}?${query.toString()}`;
    },
    close: async () =>
      void (await Promise.all([backend, verdaccio, git, github, mails].map((part) => part.close()))),
  };
  return parts;
}
