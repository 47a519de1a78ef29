import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer, type IncomingMessage, type RequestListener, type Server } from 'node:http';
import { connect, type AddressInfo } from 'node:net';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { temporaryFolder } from '../../support/config.js';

export const NGINX = '/usr/sbin/nginx';

const POLL_MS = 20;

/** Writes a whole nginx configuration around an exported file; answers its name and its folder. */
function written(exported: string): { file: string; folder: string } {
  const folder = temporaryFolder();
  mkdirSync(join(folder, 'tmp'));
  const paths = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi']
    .map((name) => `${name}_temp_path ${join(folder, 'tmp', name)};`)
    .join('\n');
  const file = join(folder, 'nginx.conf');
  writeFileSync(join(folder, 'exported.conf'), exported);
  writeFileSync(
    file,
    `daemon off; master_process off; pid ${join(folder, 'nginx.pid')}; error_log ${join(folder, 'error.log')} info;
     events {} http { access_log off; ${paths} include ${join(folder, 'exported.conf')}; }`,
  );
  return { file, folder };
}

/** What `nginx -t` says. */
export function checkedByNginx(exported: string): { code: number | null; said: string } {
  const { file, folder } = written(exported);
  const { status, stderr } = spawnSync(NGINX, ['-t', '-c', file, '-p', folder], { encoding: 'utf8' });
  return { code: status, said: stderr.trim() };
}

export interface RunningNginx {
  /** What it has logged. */
  errors(): string;
  stop(): Promise<void>;
}

const accepts = (port: number): Promise<boolean> =>
  new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1', () => {
      socket.destroy();
      resolve(true);
    }).on('error', () => resolve(false));
  });

export async function startNginx(exported: string, port: number): Promise<RunningNginx> {
  const { file, folder } = written(exported);
  const nginx: ChildProcess = spawn(NGINX, ['-c', file, '-p', folder], { stdio: 'ignore' });
  const ended = new Promise<void>((resolve) => nginx.on('exit', () => resolve()));
  const errors = (): string => readFileSync(join(folder, 'error.log'), 'utf8');
  while (!(await accepts(port))) {
    if (nginx.exitCode !== null) throw new Error(`nginx ended: ${errors()}`);
    await wait(POLL_MS);
  }
  return {
    errors,
    stop() {
      nginx.kill('SIGTERM');
      return ended;
    },
  };
}

/** A server at a port of the system's choice. */
export async function listening(listener: RequestListener): Promise<{ server: Server; port: number }> {
  const server = createServer(listener);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return { server, port: (server.address() as AddressInfo).port };
}

export const closed = (server: Server): Promise<void> =>
  new Promise((resolve) => {
    server.close(() => resolve());
    server.closeAllConnections();
  });

export async function bodyIn(request: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks);
}
