import assert from 'node:assert/strict';
import { spawn, type ChildProcess } from 'node:child_process';
import { join } from 'node:path';
import { Readable, Writable } from 'node:stream';
import { run } from '../../src/cli/run.js';
import { packageRoot } from '../../src/kernel/root.js';
import { CLIENT_SECRET, temporaryFolder } from './config.js';

export const CLI = join(packageRoot, 'dist', 'src', 'cli.js');

export interface Finished {
  code: number | null;
  /** What ended it, where it did not end itself. */
  signal: NodeJS.Signals | null;
  stdout: string;
  stderr: string;
}

/** A command that runs, in a process of its own or in this one. */
export interface Running {
  stdout(): string;
  stderr(): string;
  finished: Promise<Finished>;
  signal(name: NodeJS.Signals): void;
}

/** A process of the built program, with nothing of this process's environment but PATH. */
export interface RunningProcess extends Running {
  child: ChildProcess;
}

const running = new Set<Running>();

/** Ends what a failed test has left running. */
export const stopProcesses = (): void => running.forEach((command) => command.signal('SIGKILL'));

function keep<R extends Running>(command: R): R {
  running.add(command);
  void command.finished.then(() => running.delete(command));
  return command;
}

/** A process that ends itself by `process.exit` has left something open: such an end has an exit code of its own. */
const NO_EXIT = `data:text/javascript,process.exit = () => process.reallyExit(99)`;

export function spawnCli(
  args: string[],
  env: Record<string, string>,
  cwd: string = temporaryFolder(),
): RunningProcess {
  const child = spawn(process.execPath, ['--import', NO_EXIT, CLI, ...args], {
    cwd,
    env: { PATH: process.env['PATH'] ?? '', ...env },
    stdio: ['pipe', 'pipe', 'pipe'],
  });
  let stdout = '';
  let stderr = '';
  child.stdout.on('data', (chunk: Buffer) => (stdout += chunk.toString()));
  child.stderr.on('data', (chunk: Buffer) => (stderr += chunk.toString()));
  const finished = new Promise<Finished>((resolve) =>
    child.on('close', (code, signal) => resolve({ code, signal, stdout, stderr })),
  );
  const signal = (name: NodeJS.Signals): void => void child.kill(name);
  return keep({ child, stdout: () => stdout, stderr: () => stderr, finished, signal });
}

/** Runs a command in a process of the built program. */
export async function cliProcess(args: string[], env: Record<string, string>, input = ''): Promise<Finished> {
  const command = spawnCli(args, env);
  command.child.stdin?.end(input);
  return command.finished;
}

/** Keeps what is written to it; `heard` is called with all of it each time. */
class Kept extends Writable {
  text = '';
  constructor(readonly heard: (text: string) => void = () => undefined) {
    super();
  }
  override _write(chunk: Buffer | string, _encoding: string, done: () => void): void {
    this.text += chunk.toString();
    this.heard(this.text);
    done();
  }
}

interface Here {
  input?: string;
  cwd?: string;
  /** What the server waits for before it stops; it stops as soon as it is ready where nothing is said. */
  stop?: Promise<string>;
}

async function runHere(
  args: string[],
  env: Record<string, string>,
  how: Here,
  io: [Kept, Kept],
): Promise<Finished> {
  const [stdout, stderr] = io;
  const code = await run(args, {
    env,
    cwd: how.cwd ?? temporaryFolder(),
    stdin: Readable.from([how.input ?? '']),
    stdout,
    stderr,
    stopSignal: () => how.stop ?? Promise.resolve('SIGTERM'),
    abandon: () => assert.fail('the log was not written in time'),
  });
  return { code, signal: null, stdout: stdout.text, stderr: stderr.text };
}

/**
 * Runs a command in this process, with nothing of its environment. A server stops as soon as it is ready, so that
 * `cli(['serve'], env)` makes a store.
 */
export const cli = (
  args: string[],
  env: Record<string, string>,
  input = '',
  cwd: string = temporaryFolder(),
): Promise<Finished> => runHere(args, env, { input, cwd }, [new Kept(), new Kept()]);

/** The same for a command that goes on until it is done or asked to stop: nobody asks. */
export const cliUntilDone = (args: string[], env: Record<string, string>): Promise<Finished> =>
  runHere(args, env, { stop: new Promise(() => undefined) }, [new Kept(), new Kept()]);

/** Resolves when the server says that it is ready; rejects with what it said when it ends instead. */
async function ready<R extends Running>(server: R, said: Promise<void>): Promise<R> {
  const ended = server.finished.then(({ code, stderr }) => {
    throw new Error(`ended with ${code}: ${stderr}`);
  });
  await Promise.race([said, ended]);
  return server;
}

const READY = 'Gatehouse is ready';

/** Starts a server in a process of its own: for what is about signals, sudden ends, logs and clocks of processes. */
export function serve(
  env: Record<string, string>,
  args: string[] = [],
  cwd: string = temporaryFolder(),
): Promise<RunningProcess> {
  const server = spawnCli(['serve', ...args], env, cwd);
  const said = new Promise<void>((resolve) =>
    server.child.stderr?.on('data', () => server.stderr().includes(READY) && resolve()),
  );
  return ready(server, said);
}

/** Starts a server in this process; SIGTERM lets it end in order. Its log goes where this process's goes: silence it. */
export function serveHere(env: Record<string, string>): Promise<Running> {
  let stop: (signal: string) => void = () => undefined;
  let heard: () => void = () => undefined;
  const said = new Promise<void>((resolve) => (heard = resolve));
  const io: [Kept, Kept] = [new Kept(), new Kept((text) => text.includes(READY) && heard())];
  const stopped = new Promise<string>((resolve) => (stop = resolve));
  const finished = runHere(['serve'], env, { stop: stopped }, io);
  const server = { stdout: () => io[0].text, stderr: () => io[1].text, finished, signal: stop };
  return ready(keep(server), said);
}

export async function kill(command: Running, signal: NodeJS.Signals): Promise<Finished> {
  command.signal(signal);
  return command.finished;
}

/** A token for the management API of a process, as its first start made the client. */
export async function managementToken(issuer: string): Promise<string> {
  const basic = Buffer.from(`gatehouse-cli:${CLIENT_SECRET}`).toString('base64');
  const answer = await fetch(`${issuer}/connect/token`, {
    method: 'POST',
    headers: { authorization: `Basic ${basic}` },
    body: new URLSearchParams({ grant_type: 'client_credentials', scope: 'isms.all' }),
  });
  return ((await answer.json()) as { access_token: string }).access_token;
}
