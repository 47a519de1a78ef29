import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { freePort } from '../test/support/ports.js';
import { median, startServer } from './measure.js';

/**
 * What a command costs: CPU (user and system) of its process, next to that of `node -e 0`. Arguments name other builds to
 * measure in the same rounds: `npm run bench:cli -- ../other/dist/src/cli.js`.
 */
const ROUNDS = 15;
const GIVEN = process.argv.slice(2).map((path) => resolve(path));
const BUILDS = [...GIVEN, resolve('dist/src/cli.js')];
const COMMANDS = [['--version'], ['--help'], ['user', 'list']];

const folder = mkdtempSync(join(tmpdir(), 'gatehouse-bench-'));

const ONE = /(\d+)m([\d.]+)s/g;

/** Milliseconds of CPU that a process takes: `times` says in its second line what the shell's children took. */
function cpuOf(args: string[], env: Record<string, string>): number {
  const { stdout, stderr, status } = spawnSync(
    'bash',
    ['-c', '"$0" "$@" > /dev/null && times', process.execPath, ...args],
    // A bash whose standard input is a socket would run ~/.bashrc first.
    { cwd: folder, env, encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] },
  );
  if (status !== 0) throw new Error(`${args.join(' ')} ended with ${status}: ${stderr}`);
  const parts = [...(stdout.split('\n')[1] ?? '').matchAll(ONE)];
  return parts.reduce(
    (sum, [, minutes, seconds]) => sum + Number(minutes) * 60_000 + Number(seconds) * 1000,
    0,
  );
}

/** A store that has been started once. */
async function storeFor(build: string, name: string): Promise<Record<string, string>> {
  const env = {
    PATH: process.env['PATH'] ?? '',
    PORT: String(await freePort()),
    GATEHOUSE_DATA_DIR: join(folder, name),
  };
  const server = await startServer([build, 'serve'], env, 'Gatehouse is ready', folder);
  const ended = new Promise((done) => server.once('exit', done));
  server.kill('SIGTERM');
  await ended;
  return env;
}

for (const build of BUILDS)
  if (!existsSync(build)) throw new Error(`there is no ${build}; run: npm run build`);
try {
  const stores = await Promise.all(BUILDS.map((build, at) => storeFor(build, String(at))));
  const lines = [
    { name: 'node -e 0', args: ['-e', '0'], env: stores[0] ?? {} },
    ...BUILDS.flatMap((build, at) =>
      COMMANDS.map((command) => ({
        name: `gatehouse ${command.join(' ')}${GIVEN.length > 0 ? ` (${build})` : ''}`,
        args: [build, ...command],
        env: stores[at] ?? {},
      })),
    ),
  ];
  const costs = lines.map((): number[] => []);
  // In turns, so that what else the machine does meets all alike.
  for (let round = 0; round < ROUNDS; round++)
    lines.forEach(({ args, env }, at) => costs[at]?.push(cpuOf(args, env)));
  const [bare = 1] = costs.map(median);
  costs.forEach((cost, at) => {
    const times = (median(cost) / bare).toFixed(1);
    console.log(
      `${median(cost).toFixed(0).padStart(6)} ms  ${times.padStart(5)} x  ${lines[at]?.name ?? ''}`,
    );
  });
} finally {
  rmSync(folder, { recursive: true, force: true });
}
