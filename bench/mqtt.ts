import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { request } from 'node:http';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { basic } from '../test/support/http.js';
import { environment, STORES, type StoreKind } from '../test/support/config.js';
import { freePort } from '../test/support/ports.js';
import {
  compare,
  median,
  pinLoad,
  residentMiB,
  startOnFirstCore,
  startServer,
  type Repeated,
} from './measure.js';

/**
 * Devices: how fast a list of 100,000 is taken and what memory it needs, live checks a second next to a bare server that does
 * the same hash from a Map, with few devices and with a million, and lists over a million.
 */
const MANY = Number(process.env['DEVICES'] ?? 1_000_000);
const FEW = 10_000;
const LIST = 100_000;
const CHECKED = 10_000;
const ROUNDS = 31;
const LOOK_MS = 5;
const APP = 'bench';
const SECRET = 'bench-secret-0123456789-0123456789';
const AUTHORIZATION = basic(APP, SECRET);

const folders: string[] = [];
process.once('exit', () => folders.forEach((folder) => rmSync(folder, { recursive: true, force: true })));

const nameOf = (n: number): string => `device-${String(n).padStart(7, '0')}`;

function send(port: number, method: string, path: string, body = ''): Promise<{ text: string; ms: number }> {
  return new Promise((done, failed) => {
    const started = performance.now();
    const sending = request(
      {
        host: '127.0.0.1',
        port,
        path,
        method,
        headers: {
          host: `localhost:${port}`,
          authorization: AUTHORIZATION,
          'content-length': Buffer.byteLength(body),
        },
      },
      (response) => {
        let text = '';
        response.on('data', (chunk: Buffer) => (text += chunk.toString()));
        response.on('end', () =>
          response.statusCode === 200
            ? done({ text, ms: performance.now() - started })
            : failed(new Error(text)),
        );
      },
    );
    sending.once('error', failed);
    sending.end(body);
  });
}

/** Adds a list of devices; tells how long it took and how much more memory the server needed meanwhile. */
async function bulk(
  port: number,
  pid: number,
  from: number,
  many: number,
): Promise<{ ms: number; mib: number }> {
  const list = Array.from({ length: many }, (_, n) => ({
    username: nameOf(from + n),
    password: `password-${from + n}`,
  }));
  const body = JSON.stringify(list);
  const before = residentMiB(pid);
  let most = before;
  const look = setInterval(() => (most = Math.max(most, residentMiB(pid))), LOOK_MS);
  const { ms, text } = await send(port, 'POST', '/api/v4/auth_username', body);
  clearInterval(look);
  if (!text.includes(`"${nameOf(from + many - 1)}":"ok"`)) throw new Error(text.slice(0, 500));
  return { ms, mib: most - before };
}

const checks = (port: number, devices: number): Repeated[] =>
  Array.from({ length: CHECKED }, (_, at) => {
    const n = Math.floor((at * devices) / CHECKED);
    return {
      url: `http://localhost:${port}/mqtt/auth`,
      method: 'POST',
      headers: { authorization: AUTHORIZATION, 'content-type': 'application/json' },
      body: JSON.stringify({
        username: nameOf(n),
        clientid: nameOf(n),
        password: `password-${n}`,
        peerhost: '203.0.113.9',
      }),
    };
  });

async function lists(port: number): Promise<void> {
  const last = Math.floor(MANY / 10);
  const LOOKS: [string, string][] = [
    ['page 1', '_page=1&_limit=10'],
    [`page ${last}`, `_page=${last}&_limit=10`],
    ['_like, one', `_like_username=${nameOf(MANY - 77)}`],
    ['_like, a hundred', '_like_username=-00055'],
    ['_like, all', '_like_username=device'],
    ['_like, nobody', '_like_username=nothere'],
  ];
  for (const [what, query] of LOOKS) {
    const times: number[] = [];
    for (let round = 0; round < ROUNDS; round++)
      times.push((await send(port, 'GET', `/api/v4/auth_username?${query}`)).ms);
    const { text } = await send(port, 'GET', `/api/v4/auth_username?${query}`);
    const { meta } = JSON.parse(text) as { meta: { count: number } };
    console.log(
      `  ${what.padEnd(18)} ${median(times).toFixed(1).padStart(6)} ms, the slowest ${Math.max(...times).toFixed(1)} (count ${meta.count})`,
    );
  }
}

async function open(store: StoreKind, onFirstCore: boolean): Promise<{ port: number; pid: number }> {
  const folder = mkdtempSync(join(tmpdir(), 'gatehouse-mqtt-'));
  folders.push(folder);
  mkdirSync(join(folder, 'config'));
  writeFileSync(join(folder, 'config', 'production.json'), JSON.stringify({ limits: { enabled: false } }));
  const env: Record<string, string> = {
    ...(await environment(store, { GATEHOUSE_MQTT_APP_ID: APP, GATEHOUSE_MQTT_APP_SECRET: SECRET })),
    NODE_ENV: 'production',
    LOG_LEVEL: 'info',
    GATEHOUSE_DATA_DIR: folder,
  };
  const start = onFirstCore ? startOnFirstCore : startServer;
  const { pid = 0 } = await start([resolve('dist/src/cli.js'), 'serve'], env, 'Gatehouse is ready', folder);
  return { port: Number(env['PORT']), pid };
}

async function measure(store: StoreKind): Promise<void> {
  console.log(`\n${store}: lists of ${LIST} devices`);
  const few = await open(store, true);
  const many = await open(store, true);
  await bulk(few.port, few.pid, 0, FEW);
  const taken: { ms: number; mib: number }[] = [];
  for (let from = 0; from < MANY; from += LIST)
    taken.push(await bulk(many.port, many.pid, from, Math.min(LIST, MANY - from)));
  for (const [what, list] of [
    ['the first', taken.slice(0, 1)],
    ['all, median', taken],
  ] as const) {
    const ms = median(list.map((each) => each.ms));
    const mib = Math.max(...list.map((each) => each.mib));
    console.log(
      `  ${what.padEnd(14)} ${(ms / 1000).toFixed(2)} s, ${Math.round((LIST / ms) * 1000)} a second, ${mib.toFixed(0)} MiB more at the most`,
    );
  }
  const peerPort = await freePort();
  const { pid: peerPid = 0 } = await startOnFirstCore(
    ['--import', 'tsx', 'bench/bare-mqtt.ts'],
    { PORT: String(peerPort), DEVICES: String(FEW) },
    'ready',
  );
  const peer = { name: 'bare', pid: peerPid, request: checks(peerPort, FEW) };
  const withFew = { name: `${FEW}`, pid: few.pid, request: checks(few.port, FEW) };
  const withMany = { name: `${MANY}`, pid: many.pid, request: checks(many.port, MANY) };
  const shape = { rounds: 7, amount: 20_000, warmUp: 20_000 };
  await compare(
    `${store}: checks of a password (${FEW} devices), next to a bare server`,
    withFew,
    peer,
    shape,
  );
  await compare(`${store}: the same with ${MANY} devices, next to ${FEW}`, withMany, withFew, shape);
  console.log(`\n${store}: lists over ${MANY} devices`);
  await lists(many.port);
  for (const pid of [few.pid, many.pid, peerPid]) process.kill(pid, 'SIGTERM');
}

pinLoad();
for (const store of STORES) if ((process.env['STORE'] ?? store) === store) await measure(store);
process.exit(0);
