import assert from 'node:assert/strict';
import { spawn, type ChildProcess } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { Agent, request } from 'node:http';
import { connect } from 'node:net';
import { join } from 'node:path';
import { CLIENT_SECRET, environment, temporaryFolder } from '../support/config.js';
import { basic } from '../support/http.js';
import { needsFiles } from '../support/needs.js';
import { freePort } from '../support/ports.js';
import { CLI, kill, serve } from '../support/process.js';
import { often } from '../support/profile.js';

const NGINX = '/usr/sbin/nginx';
const REQUESTS = often({ short: 500, long: 1000 });
/** Of a log that nobody reads: a pipe holds some hundreds. */
const LINES = often({ short: 1000, long: 4000 });
const TOKEN_BODY = 'grant_type=client_credentials&scope=isms.user.get';
const TOKEN_HEADERS = {
  authorization: basic('gatehouse-cli', CLIENT_SECRET),
  'content-type': 'application/x-www-form-urlencoded',
};

/** A folder whose configuration says how long the port stays open. */
function folderWith(shutdownDelaySeconds: number): string {
  const folder = temporaryFolder();
  mkdirSync(join(folder, 'config'));
  writeFileSync(
    join(folder, 'config', 'development.json'),
    JSON.stringify({ server: { shutdownDelaySeconds } }),
  );
  return folder;
}

interface Heard {
  status: number;
  connection: string | undefined;
  text: string;
}

function ask(
  port: string | number,
  path: string,
  { agent, body }: { agent?: Agent; body?: string } = {},
): Promise<Heard> {
  return new Promise((resolve, reject) => {
    const sent = request(
      {
        port,
        path,
        host: '127.0.0.1',
        method: body === undefined ? 'GET' : 'POST',
        headers: { host: `localhost:${port}`, ...(body !== undefined && TOKEN_HEADERS) },
        agent: agent ?? new Agent(),
      },
      (response) => {
        let text = '';
        response.on('data', (chunk: Buffer) => (text += chunk.toString()));
        response.on('error', reject);
        response.on('end', () =>
          resolve({ status: response.statusCode ?? 0, connection: response.headers.connection, text }),
        );
      },
    );
    sent.on('error', reject);
    sent.end(body);
  });
}

/** Resolves when the process has begun to stop. */
async function stopping(port: string): Promise<Heard> {
  for (;;) {
    const answer = await ask(port, '/readyz');
    if (answer.status === 503) return answer;
  }
}

describe('the end of a server', () => {
  it('is told by /readyz while requests are served on, each with Connection: close [SEC-R36]', async () => {
    const env = await environment('sqlite', {}, 'started');
    const port = env['PORT'] as string;
    const server = await serve(env, [], folderWith(3));
    const agent = new Agent({ keepAlive: true });
    assert.equal((await ask(port, '/livez', { agent })).connection, 'keep-alive');
    server.child.kill('SIGTERM');
    assert.deepEqual(await stopping(port), {
      status: 503,
      connection: 'close',
      text: '{"status":"unavailable","reason":"stopping"}',
    });
    // The connection from before, and a new one.
    for (const through of [agent, new Agent()]) {
      const { status, connection } = await ask(port, '/connect/token', { agent: through, body: TOKEN_BODY });
      assert.deepEqual({ status, connection }, { status: 200, connection: 'close' });
    }
    assert.equal((await server.finished).code, 0);
  });

  it('lets a request that has begun end, with Connection: close', async () => {
    const env = await environment('sqlite', {}, 'started');
    const port = env['PORT'] as string;
    const server = await serve(env, [], folderWith(3));
    const socket = connect(Number(port), '127.0.0.1');
    let answer = '';
    socket.on('data', (chunk) => (answer += chunk.toString()));
    const ended = new Promise((resolve) => socket.on('close', resolve));
    const head = [
      'POST /connect/token HTTP/1.1',
      `Host: localhost:${port}`,
      `Content-Length: ${TOKEN_BODY.length}`,
      ...Object.entries(TOKEN_HEADERS).map(([name, value]) => `${name}: ${value}`),
    ].join('\r\n');
    socket.write(`${head}\r\n\r\n${TOKEN_BODY.slice(0, 10)}`);
    await ask(port, '/livez');
    server.child.kill('SIGTERM');
    await stopping(port);
    socket.write(TOKEN_BODY.slice(10));
    await ended;
    assert.match(answer, /^HTTP\/1\.1 200 OK\r\n/);
    assert.match(answer, /\r\nConnection: close\r\n/);
    await server.finished;
  });

  it('resets none of 300 connections in use where the port has no time to stay open [SEC-R36]', async () => {
    const env = await environment('sqlite', {}, 'started');
    const port = env['PORT'] as string;
    const server = await serve(env, [], folderWith(0));
    const endings: Record<string, number> = {};
    let answered = 0;
    /** Asks on one connection until an answer closes it. */
    const lane = async (): Promise<string> => {
      const agent = new Agent({ keepAlive: true, maxSockets: 1 });
      for (;;) {
        const { status, connection } = await ask(port, '/livez', { agent });
        answered += 1;
        if (answered === often({ short: 1000, long: 3000 })) server.child.kill('SIGTERM');
        if (connection === 'close') return `${status} ${connection}`;
      }
    };
    await Promise.all(
      Array.from({ length: 300 }, async () => {
        const ending = await lane().catch((error: NodeJS.ErrnoException) => error.code ?? error.message);
        endings[ending] = (endings[ending] ?? 0) + 1;
      }),
    );
    assert.deepEqual(endings, { '200 close': 300 });
    assert.equal((await server.finished).code, 0);
  });

  it('resets none of 100 clients that connect for each request and name no balancer [SEC-R36]', async () => {
    const env = await environment('sqlite', {}, 'started');
    const port = env['PORT'] as string;
    const server = await serve(env, [], folderWith(0));
    let answered = 0;
    /** Asks, on a new connection each time, until the port is closed. */
    const lane = async (): Promise<string> => {
      for (;;) {
        const { status } = await ask(port, '/connect/token', { body: TOKEN_BODY });
        answered += 1;
        if (answered === 500) server.child.kill('SIGTERM');
        if (status !== 200) return String(status);
      }
    };
    const endings = await Promise.all(
      Array.from({ length: 100 }, () =>
        lane().catch((error: NodeJS.ErrnoException) => error.code ?? error.message),
      ),
    );
    assert.deepEqual(endings, Array(100).fill('ECONNREFUSED'));
    assert.equal((await server.finished).code, 0);
  });

  it('answers each request that it carries out of those that 20 connections send ahead [SEC-R36]', async () => {
    const env = await environment('sqlite', { LOG_LEVEL: 'info' }, 'started');
    const port = env['PORT'] as string;
    const server = await serve(env, [], folderWith(2));
    const one = [
      'POST /connect/token HTTP/1.1',
      `Host: localhost:${port}`,
      `Content-Length: ${TOKEN_BODY.length}`,
      ...Object.entries(TOKEN_HEADERS).map(([name, value]) => `${name}: ${value}`),
      '',
      TOKEN_BODY,
    ].join('\r\n');
    let [answered, asked] = [0, 0];
    /** Keeps 150 requests on their way until the connection is closed. */
    const lane = (): Promise<string> =>
      new Promise((resolve) => {
        const socket = connect(Number(port), '127.0.0.1');
        let [mine, last] = [0, ''];
        socket.on('connect', () => socket.write(one.repeat(150)));
        socket.on('data', (chunk) => {
          const heard = chunk.toString().match(/HTTP\/1\.1 200/g)?.length ?? 0;
          mine += heard;
          answered += heard;
          last = (last + chunk.toString()).slice(-3000);
          if (answered >= 1000 && asked === 0) {
            asked = 1;
            server.child.kill('SIGTERM');
          }
          if (socket.writable) socket.write(one.repeat(heard));
        });
        let ending = 'closed';
        socket.on('error', (error: NodeJS.ErrnoException) => (ending = error.code ?? error.message));
        socket.on('close', () =>
          resolve(/\r\nConnection: close\r\n/.test(last) ? ending : `${ending} ${mine}`),
        );
      });
    const endings = await Promise.all(Array.from({ length: 20 }, lane));
    assert.deepEqual(endings, Array(20).fill('closed'));
    const { stdout } = await server.finished;
    assert.equal(stdout.match(/"path":"\/connect\/token"/g)?.length, answered);
  });

  it('comes at once with a second signal [SEC-R36]', async () => {
    const env = await environment('sqlite', {}, 'started');
    const server = await serve(env, [], folderWith(300));
    server.child.kill('SIGTERM');
    await stopping(env['PORT'] as string);
    assert.equal((await kill(server, 'SIGTERM')).signal, 'SIGTERM');
  });

  it('does not wait for a reader of the log that does not read [SEC-R36]', async () => {
    const env = await environment('sqlite', { LOG_LEVEL: 'info' }, 'started');
    const port = env['PORT'] as string;
    const child = spawn(process.execPath, [CLI, 'serve'], {
      cwd: temporaryFolder(),
      env: { PATH: process.env['PATH'] ?? '', ...env },
      stdio: ['ignore', 'pipe', 'pipe'], // nothing reads its standard output
    });
    const ended = new Promise<number | string | null>((resolve) =>
      child.once('exit', (code, signal) => resolve(code ?? signal)),
    );
    await new Promise<void>((resolve) =>
      child.stderr.on('data', (chunk: Buffer) => chunk.toString().includes('is ready') && resolve()),
    );
    const agent = new Agent({ keepAlive: true, maxSockets: 16 });
    const path = `/${'not-there/'.repeat(18)}`;
    await Promise.all(Array.from({ length: LINES }, () => ask(port, path, { agent })));
    child.kill('SIGTERM');
    assert.equal(await ended, 'SIGKILL');
  });
});

describe('a rolling restart behind nginx', () => {
  let nginx: ChildProcess | undefined;
  after(() => nginx?.kill('SIGKILL'));

  /** nginx with kept-alive connections to two servers, as its documentation shows it. */
  async function startNginx(port: number, servers: readonly number[]): Promise<ChildProcess> {
    const folder = temporaryFolder();
    const file = join(folder, 'nginx.conf');
    writeFileSync(
      file,
      `daemon off; master_process off; pid ${folder}/pid; error_log stderr crit;
events { worker_connections 1024; }
http {
  access_log off;
  client_body_temp_path ${folder}/b; proxy_temp_path ${folder}/p; fastcgi_temp_path ${folder}/f;
  uwsgi_temp_path ${folder}/u; scgi_temp_path ${folder}/s;
  upstream gatehouse { ${servers.map((at) => `server 127.0.0.1:${at};`).join(' ')} keepalive 16; }
  server {
    listen 127.0.0.1:${port};
    location / {
      proxy_pass http://gatehouse;
      proxy_http_version 1.1;
      proxy_set_header Connection "";
      proxy_set_header Host $http_host;
    }
  }
}`,
    );
    const child = spawn(NGINX, ['-p', folder, '-c', file], { stdio: 'ignore' });
    while ((await ask(port, '/livez').catch(() => undefined))?.status !== 200)
      assert.equal(child.exitCode, null, 'nginx ended');
    return child;
  }

  it(`resets none of ${REQUESTS} requests [SEC-R36]`, async function () {
    needsFiles(this, [NGINX], 'nginx (apt-get install nginx-light)');
    const port = await freePort();
    const first = await environment('postgres', { GATEHOUSE_ISSUER: `http://localhost:${port}` }, 'started');
    const second = { ...first, PORT: String(await freePort()) };
    const leaving = await serve(first, [], folderWith(2));
    const staying = await serve(second);
    nginx = await startNginx(port, [Number(first['PORT']), Number(second['PORT'])]);
    const agent = new Agent({ keepAlive: true });
    const statuses: Record<string, number> = {};
    let [sent, answered] = [0, 0];
    const lane = async (): Promise<void> => {
      while (sent < REQUESTS) {
        sent += 1;
        const status = await ask(port, '/connect/token', { agent, body: TOKEN_BODY }).then(
          (answer) => String(answer.status),
          (error: NodeJS.ErrnoException) => error.code ?? error.message,
        );
        statuses[status] = (statuses[status] ?? 0) + 1;
        answered += 1;
        if (answered === 200) leaving.child.kill('SIGTERM');
      }
    };
    await Promise.all(Array.from({ length: 20 }, lane));
    assert.deepEqual(statuses, { '200': REQUESTS });
    assert.equal((await leaving.finished).code, 0);
    await kill(staying, 'SIGTERM');
  });
});
