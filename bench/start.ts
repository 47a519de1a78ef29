import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { spawn } from 'node:child_process';
import { freePort } from '../test/support/ports.js';
import { median, residentMiB } from './measure.js';

/** How long from `npm start` to the first answer of discovery on an existing store, and what the idle server holds. */
const ROUNDS = 5;
const IDLE_MS = 5000;
const folder = mkdtempSync(join(tmpdir(), 'gatehouse-bench-'));
const port = await freePort();
const env = {
  PATH: process.env['PATH'],
  HOME: process.env['HOME'],
  PORT: String(port),
  GATEHOUSE_DATA_DIR: folder,
};

/** npm starts a shell, and that the server; the server is the one that listens. */
function serverPid(root: number): number {
  const children = readFileSync(`/proc/${root}/task/${root}/children`, 'utf8')
    .trim()
    .split(' ')
    .filter(Boolean)
    .map(Number);
  return children.length === 0 ? root : serverPid(children[0] as number);
}

async function answers(): Promise<boolean> {
  const url = `http://127.0.0.1:${port}/.well-known/openid-configuration`;
  return fetch(url).then(
    (response) => response.ok,
    () => false,
  );
}

async function run(): Promise<{ readyMs: number; idleMiB: number }> {
  const started = performance.now();
  const npm = spawn('npm', ['start', '--silent'], { env, stdio: 'ignore' });
  while (!(await answers())) await new Promise((resolve) => setTimeout(resolve, 10));
  const readyMs = performance.now() - started;
  await new Promise((resolve) => setTimeout(resolve, IDLE_MS));
  const pid = serverPid(npm.pid as number);
  const idleMiB = residentMiB(pid);
  const ended = new Promise((resolve) => npm.once('exit', resolve));
  process.kill(pid, 'SIGTERM');
  await ended;
  return { readyMs, idleMiB };
}

try {
  const first = await run();
  const rounds: Awaited<ReturnType<typeof run>>[] = [];
  for (let round = 0; round < ROUNDS; round++) rounds.push(await run());
  console.log(`first start (makes the store and its keys): ready after ${first.readyMs.toFixed(0)} ms`);
  console.log(
    `start on an existing store, median of ${ROUNDS}: ready after ${median(rounds.map(({ readyMs }) => readyMs)).toFixed(0)} ms`,
  );
  console.log(
    `idle, median of ${ROUNDS}: ${median(rounds.map(({ idleMiB }) => idleMiB)).toFixed(0)} MiB resident`,
  );
} finally {
  rmSync(folder, { recursive: true, force: true });
}
