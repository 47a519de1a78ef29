import { connect } from 'node:net';
import { startWithTenants } from './many-tenants.js';
import { bytesOf, median, pinLoad, residentMiB } from './measure.js';

/**
 * How long one tenant waits for a token while another is asked for more than it may have, or more than the process can
 * answer; next to the same without that, in turns. And what it does to memory.
 */
const ROUNDS = 5;
const UNLIMITED = 1_000_000_000;
/** What each tenant may have a minute: more than the calm one asks, a hundredth of what the flood does. */
const TENANT_QUOTA = 6000;
const SCENARIOS = [
  { title: 'beyond its limit', connections: 64, quota: TENANT_QUOTA, asked: 300 },
  // Sixty requests at a time keep the process busy; this is ten times as many, and every one is allowed.
  { title: 'beyond what can be answered', connections: 640, quota: UNLIMITED, asked: 40 },
];

/** Asks on one connection for as long as `next` says so; tells how long each answer took, in milliseconds, and its status. */
function ask(
  port: number,
  bytes: Buffer,
  next: () => boolean,
  heard: (ms: number, status: number) => void,
): Promise<void> {
  return new Promise((done, failed) => {
    const socket = connect(port, '127.0.0.1');
    socket.setNoDelay(true);
    let sent = 0;
    let answer = '';
    const go = (): void => {
      if (!next()) {
        socket.destroy();
        return done();
      }
      sent = performance.now();
      socket.write(bytes);
    };
    socket.once('connect', go).once('error', failed);
    socket.on('data', (chunk) => {
      answer += chunk.toString('latin1');
      // Chunked or not, an answer of the protocol is one JSON object.
      if (!/\r\n\r\n[\s\S]*\}/.test(answer)) return;
      heard(performance.now() - sent, Number(answer.slice(9, 12)));
      answer = '';
      go();
    });
  });
}

interface Waited {
  p50: number;
  p99: number;
}

async function calm(port: number, bytes: Buffer, asked: number): Promise<Waited> {
  const times: number[] = [];
  await ask(
    port,
    bytes,
    () => times.length < asked,
    (ms, status) => {
      if (status !== 200) throw new Error(`the calm tenant was answered ${status}`);
      times.push(ms);
    },
  );
  times.sort((a, b) => a - b);
  return { p50: median(times), p99: times[Math.floor(times.length * 0.99)] as number };
}

const said = (list: Waited[]): string =>
  (['p50', 'p99'] as const)
    .map((which) => `${which} ${median(list.map((each) => each[which])).toFixed(2)} ms`)
    .join(', ');

pinLoad();
for (const { title, connections, quota, asked } of SCENARIOS) {
  const server = await startWithTenants(['calm', 'flooded'], {
    limits: { token: { tenant: quota, client: UNLIMITED, address: UNLIMITED } },
  });
  const { pid, port, request, stop } = server;
  try {
    const [calmBytes, floodBytes] = [bytesOf(request('calm')), bytesOf(request('flooded'))];
    await calm(port, calmBytes, asked);
    const [alone, beside, resident]: [Waited[], Waited[], number[]] = [[], [], []];
    const statuses = new Map<number, number>();
    for (let round = 0; round < ROUNDS; round++) {
      alone.push(await calm(port, calmBytes, asked));
      let flooding = true;
      const count = (_ms: number, status: number): void =>
        void statuses.set(status, (statuses.get(status) ?? 0) + 1);
      const flood = Array.from({ length: connections }, () => ask(port, floodBytes, () => flooding, count));
      beside.push(await calm(port, calmBytes, asked));
      resident.push(residentMiB(pid));
      flooding = false;
      await Promise.all(flood);
    }
    console.log(`\none tenant's tokens, one after the other, while another is asked ${title}`);
    console.log(`  alone               ${said(alone)}`);
    console.log(`  beside the flood    ${said(beside)}`);
    console.log(
      `  the flood           ${connections} connections; answered ${[...statuses].map(([status, n]) => `${status}: ${n}`).join(', ')}`,
    );
    console.log(`  resident            ${resident.map((mib) => mib.toFixed(0)).join(', ')} MiB in turn`);
  } finally {
    stop();
  }
}
