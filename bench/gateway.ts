import { request as ask } from 'node:http';
import { Readable } from 'node:stream';
import { fileURLToPath } from 'node:url';
import {
  calm,
  compare,
  bytesOf,
  load,
  median,
  pinLoad,
  residentMiB,
  said,
  startOnFirstCore,
  startServer,
} from './measure.js';
import type { Repeated, Waited } from './measure.js';

/**
 * The data plane next to a bare proxy on undici's `Pool.dispatch`, in turns: CPU of a request, waits, 1 GB each way with what it
 * does to memory, and 1,000 APIs of 50 operations next to one. The whole server checks a token as well.
 */
const SERVER = fileURLToPath(new URL('gateway-server.js', import.meta.url));
const APIS = 1000;
const ROUNDS = 5;
const AMOUNT = 6000;
const GIGABYTE = 1_000_000_000;
const LOOK_MS = 20;

interface Started {
  pid: number;
  port: number;
  /** What the API asks for; empty where it asks for nothing. */
  token: string;
  stop(): void;
}

async function start(how: typeof startServer, ...args: string[]): Promise<Started> {
  let [port, token] = [0, ''];
  const child = await how([SERVER, ...args], { NODE_ENV: 'production' }, '.\n', process.cwd(), (output) => {
    port = Number(/listens at (\d+)\./.exec(output)?.[1]);
    token = /takes (\S+) /.exec(output)?.[1] ?? '';
  });
  return { pid: child.pid ?? 0, port, token, stop: () => child.kill() };
}

const requestOf = ({ port, token }: Started, api = 0): Repeated => ({
  url: `http://localhost:${port}/gateway/api-${api}/resources-7/a1/parts/b2`,
  method: 'GET',
  headers: {
    Accept: 'text/plain',
    'User-Agent': 'bench',
    ...(token && { Authorization: `Bearer ${token}` }),
  },
  body: '',
});

/** Sends and takes a gigabyte; the most that the process held above what it held before, in MiB. */
async function growth({ pid, port }: Started, upload: boolean): Promise<[mib: number, seconds: number]> {
  const before = residentMiB(pid);
  let most = before;
  const look = setInterval(() => (most = Math.max(most, residentMiB(pid))), LOOK_MS);
  const started = performance.now();
  await new Promise<void>((resolve, reject) => {
    const path = `/gateway/api-0/resources-7/a1/parts/b2${upload ? '' : `?bytes=${GIGABYTE}`}`;
    const sending = ask({ port, path, method: upload ? 'POST' : 'GET', agent: false }, (response) => {
      let got = 0;
      response.on('data', (chunk: Buffer) => (got += chunk.length));
      response.on('error', reject).on('end', () => {
        if (response.statusCode !== 200) reject(new Error(`answered ${response.statusCode}`));
        else if (!upload && got < GIGABYTE) reject(new Error(`${got} bytes`));
        else resolve();
      });
    });
    sending.on('error', reject);
    const piece = Buffer.alloc(64 * 1024);
    let left = upload ? GIGABYTE : 0;
    const body = new Readable({
      read() {
        left -= piece.length;
        this.push(left > -piece.length && upload ? piece : null);
      },
    });
    if (upload) body.pipe(sending);
    else sending.end();
  });
  clearInterval(look);
  return [most - before, (performance.now() - started) / 1000];
}

async function measureWaits(plane: Started, bare: Started): Promise<void> {
  const waits: { plane: Waited[]; bare: Waited[] } = { plane: [], bare: [] };
  for (let round = 0; round < ROUNDS; round += 1)
    for (const [name, server] of [
      ['bare', bare],
      ['plane', plane],
    ] as const)
      waits[name].push(await calm(server.port, [bytesOf(requestOf(server))], 1000, 4));
  console.log('\nwaits of four callers, one request after the other');
  console.log(`  bare         ${said(waits.bare)}`);
  console.log(`  plane        ${said(waits.plane)}`);
}

async function measureMany(one: Started, many: Started): Promise<void> {
  const spread = Array.from({ length: APIS }, (_, api) => requestOf(many, api));
  const single = requestOf(one);
  await load(many.pid, spread, APIS * 4);
  const samples = { one: [] as number[], many: [] as number[] };
  for (let round = 0; round < ROUNDS; round += 1) {
    samples.one.push((await load(one.pid, single, AMOUNT)).cpuMicros);
    samples.many.push((await load(many.pid, spread, AMOUNT)).cpuMicros);
  }
  const [ofOne, ofMany] = [median(samples.one), median(samples.many)];
  console.log(`\n${APIS} APIs of 50 operations next to one`);
  console.log(`  one          ${ofOne.toFixed(0)} µs CPU a request`);
  console.log(
    `  all in turn  ${ofMany.toFixed(0)} µs CPU a request, ${(ofMany / ofOne).toFixed(2)} of one's (aim 1.1)`,
  );
  console.log(`  resident     ${residentMiB(many.pid).toFixed(0)} MiB (aim 190, which is 200 MB)`);
}

const backend = await start(startServer, 'backend');
const url = `http://127.0.0.1:${backend.port}`;
const bare = await start(startOnFirstCore, 'bare', url);
const plane = await start(startOnFirstCore, 'plane', url);
const many = await start(startOnFirstCore, 'plane', url, String(APIS));
const open = { ...(await start(startOnFirstCore, 'open', url)), token: '' };
const product = await start(startOnFirstCore, 'product', url);
pinLoad();
try {
  for (const [title, name, server] of [
    ['a GET of 1 KB through the data plane alone', 'plane', plane],
    ['a GET of 1 KB of the whole server, without a token', 'server', open],
    ['a GET of 1 KB of the whole server, with a token (aim 0.7)', 'server', product],
  ] as const)
    await compare(
      title,
      { name, pid: server.pid, request: requestOf(server) },
      { name: 'bare', pid: bare.pid, request: requestOf(bare) },
      { rounds: ROUNDS, amount: AMOUNT },
    );
  await measureWaits(plane, bare);
  await measureMany(plane, many);
  console.log('\n1 GB through the plane (aim: 29 MiB of growth, which is 30 MB)');
  for (const upload of [false, true])
    for (const [name, server] of [
      ['plane', plane],
      ['bare', bare],
    ] as const) {
      const [mib, seconds] = await growth(server, upload);
      console.log(
        `  ${upload ? 'up  ' : 'down'}  ${name.padEnd(6)} ${mib.toFixed(0)} MiB more, ${seconds.toFixed(1)} s`,
      );
    }
} finally {
  for (const each of [bare, plane, many, open, product, backend]) each.stop();
}
