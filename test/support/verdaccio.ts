import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { packageRoot } from '../../src/kernel/root.js';
import { temporaryFolder } from './config.js';
import { freePort } from './ports.js';

/** A real npm registry on this machine: Verdaccio, in a process of its own. */
export interface Verdaccio {
  /** `127.0.0.1:port`, as `outbound.allow` names it. */
  host: string;
  /** With a slash at its end. */
  url: string;
  /** Of a user that may publish. */
  token: string;
  /** What it has of a package; undefined where it has nothing. */
  packument(name: string): Promise<Packument | undefined>;
  close(): Promise<void>;
}

export interface Packument {
  /** What the page of the package shows. */
  readme: string;
  'dist-tags': Record<string, string>;
  versions: Record<string, Record<string, unknown> & { dist: { integrity: string; tarball: string } }>;
}

const CONFIG = `
storage: ./storage
auth:
  htpasswd: { file: ./htpasswd, max_users: 10 }
packages:
  '**': { access: $all, publish: $authenticated }
log: { type: stdout, format: json, level: fatal }
max_body_size: 50mb
security: { api: { jwt: { sign: { expiresIn: 1d } } } }
`;

const PROGRAM = join(packageRoot, 'node_modules', 'verdaccio', 'bin', 'verdaccio');
const STARTS_MS = 60_000;

async function untilItAnswers(url: string): Promise<void> {
  const deadline = Date.now() + STARTS_MS;
  for (;;) {
    const answered = await fetch(`${url}-/ping`).then(
      ({ ok }) => ok,
      () => false,
    );
    if (answered) return;
    assert.ok(Date.now() < deadline, 'Verdaccio does not answer');
    await wait(100);
  }
}

async function addUser(url: string): Promise<string> {
  const answer = await fetch(`${url}-/user/org.couchdb.user:publisher`, {
    method: 'PUT',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ name: 'publisher', password: 'a password of the tests' }),
  });
  return ((await answer.json()) as { token: string }).token;
}

export async function startVerdaccio(): Promise<Verdaccio> {
  const folder = temporaryFolder();
  writeFileSync(join(folder, 'config.yaml'), CONFIG);
  const host = `127.0.0.1:${await freePort()}`;
  const url = `http://${host}/`;
  const child = spawn(process.execPath, [PROGRAM, '--config', './config.yaml', '--listen', host], {
    cwd: folder,
    env: { PATH: process.env['PATH'] ?? '', HOME: folder, NODE_ENV: 'production' },
    stdio: 'ignore',
  });
  const ended = new Promise<void>((resolve) => child.on('close', () => resolve()));
  const close = async (): Promise<void> => {
    child.kill('SIGKILL');
    await ended;
  };
  try {
    await untilItAnswers(url);
    const token = await addUser(url);
    return {
      host,
      url,
      token,
      close,
      async packument(name) {
        const answer = await fetch(`${url}${name.replace('/', '%2f')}`);
        return answer.status === 404 ? undefined : ((await answer.json()) as Packument);
      },
    };
  } catch (error) {
    await close();
    throw error;
  }
}
