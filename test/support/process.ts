import { spawn, type ChildProcess } from 'node:child_process';
import { join } from 'node:path';
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

const children = new Set<ChildProcess>();

/** Ends what a failed test has left running. */
export const stopProcesses = (): void => children.forEach((child) => child.kill('SIGKILL'));

/** A process of the built program, with nothing of this process's environment but PATH. */
export interface Running {
  child: ChildProcess;
  stdout(): string;
  stderr(): string;
  finished: Promise<Finished>;
}

export function spawnCli(
  args: string[],
  env: Record<string, string>,
  cwd: string = temporaryFolder(),
): Running {
  const child = spawn(process.execPath, [CLI, ...args], {
    cwd,
    env: { PATH: process.env['PATH'] ?? '', ...env },
    stdio: ['pipe', 'pipe', 'pipe'],
  });
  children.add(child);
  child.once('close', () => children.delete(child));
  let stdout = '';
  let stderr = '';
  child.stdout.on('data', (chunk: Buffer) => (stdout += chunk.toString()));
  child.stderr.on('data', (chunk: Buffer) => (stderr += chunk.toString()));
  const finished = new Promise<Finished>((resolve) =>
    child.on('close', (code, signal) => resolve({ code, signal, stdout, stderr })),
  );
  return { child, stdout: () => stdout, stderr: () => stderr, finished };
}

export async function cli(args: string[], env: Record<string, string>, input = ''): Promise<Finished> {
  const running = spawnCli(args, env);
  running.child.stdin?.end(input);
  return running.finished;
}

/** Resolves when the server says that it is ready; rejects with what it said when it ends instead. */
export async function serve(
  env: Record<string, string>,
  args: string[] = [],
  cwd: string = temporaryFolder(),
): Promise<Running> {
  const running = spawnCli(['serve', ...args], env, cwd);
  await new Promise<void>((resolve, reject) => {
    running.child.stderr?.on('data', () => running.stderr().includes('Gatehouse is ready') && resolve());
    void running.finished.then(({ code, stderr }) => reject(new Error(`ended with ${code}: ${stderr}`)));
  });
  return running;
}

export async function kill(running: Running, signal: NodeJS.Signals): Promise<Finished> {
  running.child.kill(signal);
  return running.finished;
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
