import { spawn } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Config } from '../../../src/config.js';
import { subscribe } from '../../../src/gateway/subscribers/store.js';
import type { Gatehouse } from '../../../src/main.js';
import { tenantTransaction } from '../../../src/store/index.js';
import { caller, type Caller, type Data } from '../../support/area.js';
import { freePort } from '../../support/ports.js';
import type { TestServer } from '../../support/server.js';
import { newApi } from '../../gateway/subscribers/list.js';
import { follow } from '../../jobs/tracked/streams.js';
import { GENERATOR, TOKEN, type Parts } from './parts.js';

/** An API of a test whose SDK is released, or whose repository is written. */
export interface Subject {
  api: string;
  /** Its package or its repository. */
  name: string;
  /** The number in the version of its document. */
  number: number;
  /** Starts its job, and does not wait for it. */
  start(more?: Data): Promise<Data>;
}

let made = 0;

/** APIs on one server, whose jobs any node of the store may run. */
export class Subjects {
  readonly admin: Caller;

  constructor(
    readonly server: Gatehouse,
    readonly token: string,
    readonly parts: Parts,
  ) {
    this.admin = caller({ issuer: server.home.tenant.issuer } as TestServer, token);
  }

  /** An API with the options of a package, and a subscriber `<name>@example.com`. */
  async release(name: string, generator: string = GENERATOR): Promise<Subject> {
    const [api, number] = [await newApi(this.admin, name), ++made];
    const options = { name, sdkName: name, registry: this.parts.registry, token: this.parts.verdaccio.token };
    await this.admin.done('PUT', `/api/CodeGen/${api}/NpmOptions/${generator}`, options);
    const email = `${name}@example.com`;
    await tenantTransaction(this.server.context.store, this.server.home.tenant.id, (db) =>
      subscribe(db, api, { email, locale: 'en', used: true, expiresAt: 0 }),
    );
    const order = { platform: 'npm', language: generator, apiId: api };
    const swaggerUrl = this.parts.document(name, number);
    const start = (more: Data = {}) => this.#start('POST', 'ReleaseSDK', { ...order, swaggerUrl, ...more });
    return { api, name, number, start };
  }

  /** An API with a repository and a server of GitHub's API. */
  async sync(name: string): Promise<Subject & { folder: string }> {
    const [api, number] = [await newApi(this.admin, name), ++made];
    const folder = this.parts.git.create(name);
    await this.admin.done('PUT', `/api/CodeGen/${api}/GithubOptions`, {
      ...{ owner: 'example', repo: 'orders', language: GENERATOR, token: TOKEN },
      ...{ remoteUrl: this.parts.git.url(name), apiUrl: this.parts.github.url },
      swaggerUrl: this.parts.document(name, number),
    });
    return { api, name, number, folder, start: () => this.#start('PUT', `${api}/SyncGithub`, {}) };
  }

  async #start(method: string, path: string, body: Data): Promise<Data> {
    const headers = { prefer: 'respond-async' };
    return (await this.admin.ask(method, `/api/CodeGen/${path}`, body, { headers })).data;
  }

  job(id: unknown): Promise<Data> {
    return this.admin.done('GET', `/api/Jobs/${String(id)}`);
  }

  /** A job as it ends, by its events. */
  async ended(id: unknown): Promise<Data> {
    const { issuer } = this.server.home.tenant;
    const stream = await follow({ issuer }, `/api/Jobs/${String(id)}`, this.token);
    await stream.ended;
    return stream.events.at(-1)?.data ?? {};
  }

  /** The versions of the history and the packages of the market. */
  async recorded(api: string): Promise<[versions: string[], packages: string[]]> {
    const rows = async (path: string): Promise<Data[]> =>
      (await this.admin.ask('GET', path)).body['data'] as Data[];
    const history = await rows(`/api/CodeGen/${api}/History`);
    const market = await rows(`/api/ApiResource/${api}/Packages`);
    return [history.map(({ version }) => String(version)), market.map(({ name }) => String(name))];
  }
}

/** The number of mails to the subscriber of a release. */
export const mailsTo = ({ mails }: Parts, name: string): number =>
  mails.mails.filter(({ to }) => [to ?? []].flat().some(({ text }) => text === `${name}@example.com`)).length;

const SELF = fileURLToPath(import.meta.url);
const NODE = join(dirname(SELF), `node.${basename(SELF).endsWith('.ts') ? 'ts' : 'js'}`);
const LOADER = NODE.endsWith('.ts') ? ['--import', import.meta.resolve('tsx')] : [];

/** A server in a process of its own. */
export interface Node {
  /** Resolves once each of its jobs is at its point. */
  held: Promise<void>;
  /** Lets jobs go on whose points end with a plus. */
  goOn(): void;
  kill(): Promise<void>;
}

/** Starts the node of node.ts, whose jobs stop at points by their API. */
export async function startNode(config: Config, points: Readonly<Record<string, string>>): Promise<Node> {
  const child = spawn(process.execPath, [...LOADER, NODE], {
    env: {
      PATH: process.env['PATH'] ?? '',
      CONFIG: JSON.stringify({ ...config, port: await freePort() }),
      POINTS: JSON.stringify(points),
    },
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  const ended = new Promise<void>((resolve) => child.on('close', () => resolve()));
  const held = new Promise<void>((resolve, reject) => {
    let text = '';
    child.stdout.on('data', (piece: Buffer) => {
      text += piece.toString();
      const reached = text.split('\n');
      if (Object.keys(points).every((api) => reached.includes(api))) resolve();
    });
    child.on('exit', (code) => reject(new Error(`the node ended with ${code}`)));
  });
  return {
    held,
    goOn: () => void child.stdin.write('go on\n'),
    async kill() {
      child.kill('SIGKILL');
      await ended;
    },
  };
}

export interface ToolProcess {
  pid: number;
  folder: string;
}

const OF_TOOLS = /\/gatehouse-(?:codegen|sdk)-[^/]+$/;

/** Processes that a process has started in a folder of code generation. */
export const toolsOf = (parent: number): ToolProcess[] =>
  readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .flatMap((name): ToolProcess[] => {
      try {
        const [, ppid] = /\) \S (\d+)/.exec(readFileSync(`/proc/${name}/stat`, 'utf8')) ?? [];
        if (Number(ppid) !== parent) return [];
        const folder = readlinkSync(`/proc/${name}/cwd`);
        return OF_TOOLS.test(folder) ? [{ pid: Number(name), folder }] : [];
      } catch {
        return []; // it has ended meanwhile
      }
    });

/** Whether nothing is left of a tool. */
export const isGone = ({ pid, folder }: ToolProcess): boolean =>
  !existsSync(`/proc/${pid}`) && !existsSync(folder);
