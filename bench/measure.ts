import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { connect } from 'node:net';
import { basic } from '../test/support/http.js';

const TICKS_PER_SECOND = 100; // USER_HZ of /proc on Linux
export const CONNECTIONS = 16;

export const median = (values: number[]): number =>
  [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)] as number;

const hasTaskset = spawnSync('taskset', ['--version']).status === 0;

/** Pins this process, the load, to the second core; the server gets the first. */
export function pinLoad(): void {
  if (hasTaskset) spawnSync('taskset', ['-a', '-p', '-c', '1', String(process.pid)]);
  else console.log('taskset is missing: server and load share the cores, and the figures are worth less');
}

type StartArgs = [
  args: string[],
  env: Record<string, string>,
  ready: string,
  cwd?: string,
  said?: (output: string) => void,
];

/** Starts a server on the first core; resolves when its output says `ready`. */
export const startOnFirstCore = (...args: StartArgs): Promise<ChildProcess> =>
  startBy(hasTaskset ? ['taskset', '-c', '0', process.execPath] : [process.execPath], ...args);

/** The same on all cores. */
export const startServer = (...args: StartArgs): Promise<ChildProcess> =>
  startBy([process.execPath], ...args);

async function startBy(
  by: string[],
  ...[args, env, ready, cwd = process.cwd(), said = () => undefined]: StartArgs
): Promise<ChildProcess> {
  const command = [...by, ...args];
  const child = spawn(command[0] as string, command.slice(1), {
    env: { PATH: process.env['PATH'], ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
    cwd,
  });
  let output = '';
  await new Promise<void>((resolve, reject) => {
    const look = (chunk: Buffer): void => {
      if (output.includes(ready)) return;
      output += chunk.toString();
      if (!output.includes(ready)) return;
      said(output);
      resolve();
    };
    child.stdout?.on('data', look);
    child.stderr?.on('data', look);
    child.once('exit', (code) => reject(new Error(`${args.join(' ')} ended with ${code}: ${output}`)));
  });
  return child;
}

/** User and system time of a process so far, in milliseconds. */
/** The fields of `/proc/<pid>/stat` behind the name, which may have spaces (proc_pid_stat(5): the first one is 3, `state`). */
function statOf(pid: number): string[] {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
  return stat.slice(stat.lastIndexOf(')') + 2).split(' ');
}

function cpuMs(pid: number): number {
  const fields = statOf(pid);
  return ((Number(fields[11]) + Number(fields[12])) / TICKS_PER_SECOND) * 1000;
}

/** What this process and the children that have ended have used of the CPU. */
export const cpuSeconds = (): number =>
  statOf(process.pid)
    .slice(11, 15)
    .reduce((sum, ticks) => sum + Number(ticks) / TICKS_PER_SECOND, 0);

/** What a process holds in memory now. */
export const residentMiB = (pid: number): number =>
  Number(/^VmRSS:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]) / 1024;

export interface Sample {
  cpuMicros: number;
  perSecond: number;
}

/** One request, again and again. */
export interface Repeated {
  url: string;
  method: string;
  headers: Record<string, string>;
  body: string;
}

/** One request again and again, several in turn, or a chain. */
export type Load = Repeated | Repeated[] | Chained;

/** Requests of which each follows from the answer before it, on its own connection (`lane`, from 0). */
export interface Chained extends Omit<Repeated, 'body'> {
  /** @param answer the body of the answer before; undefined at the beginning of a load. */
  body(lane: number, answer: string | undefined): string;
}

/** A client credentials request of the client `bench` of a tenant at `<tenant>.localhost`. */
export const tokenRequest = (port: number, tenant: string, secret: string, form: string): Repeated => ({
  url: `http://${tenant}.localhost:${port}/connect/token`,
  method: 'POST',
  headers: {
    authorization: basic('bench', secret),
    'content-type': 'application/x-www-form-urlencoded',
  },
  body: form,
});

/** The request as bytes, made once: a light load, so that it is the server that is measured. */
export function bytesOf({ url, method, headers, body }: Repeated): Buffer {
  const { pathname, host } = new URL(url);
  const lines = [
    `${method} ${pathname} HTTP/1.1`,
    `Host: ${host}`,
    `Content-Length: ${Buffer.byteLength(body)}`,
  ];
  for (const [name, value] of Object.entries(headers)) lines.push(`${name}: ${value}`);
  return Buffer.from(`${lines.join('\r\n')}\r\n\r\n${body}`);
}

/** Sends what `next` gives on one connection, one request after the other, until it gives nothing. */
function repeat(port: number, next: (answer?: string) => Buffer | undefined): Promise<void> {
  return new Promise((resolve, reject) => {
    const socket = connect(port, '127.0.0.1');
    socket.setNoDelay(true);
    let answer = '';
    const go = (body?: string): void => {
      const bytes = next(body);
      if (bytes) return void socket.write(bytes);
      socket.destroy();
      resolve();
    };
    socket.once('connect', () => go());
    socket.once('error', reject);
    socket.on('data', (chunk) => {
      answer += chunk.toString('latin1');
      const end = answer.indexOf('\r\n\r\n');
      if (end === -1) return;
      const length = Number(/content-length: (\d+)/i.exec(answer)?.[1]);
      if (answer.length < end + 4 + length) return;
      if (!answer.startsWith('HTTP/1.1 200')) return reject(new Error(answer));
      const body = answer.slice(end + 4);
      answer = '';
      go(body);
    });
  });
}

/** Sends a fixed number of requests; answers the server's CPU time for one, and how many went through in a second. */
export async function load(pid: number, request: Load, amount: number): Promise<Sample> {
  const requests = Array.isArray(request) ? request : [request];
  const port = Number(new URL((requests[0] as Repeated).url).port);
  const fixed = requests.map((each) =>
    typeof each.body === 'string' ? bytesOf(each as Repeated) : undefined,
  );
  const chained = fixed[0] === undefined ? (requests[0] as Chained) : undefined;
  let turn = 0;
  const bytesFor = (lane: number, answer?: string): Buffer =>
    chained
      ? bytesOf({ ...chained, body: chained.body(lane, answer) })
      : (fixed[turn++ % fixed.length] as Buffer);
  let left = amount;
  const before = cpuMs(pid);
  const started = process.hrtime.bigint();
  await Promise.all(
    Array.from({ length: CONNECTIONS }, (_, lane) =>
      repeat(port, (answer) => {
        if (left-- > 0) return bytesFor(lane, answer);
        if (answer !== undefined && chained) bytesFor(lane, answer); // the last answer of a chain is where it goes on
        return undefined;
      }),
    ),
  );
  const seconds = Number(process.hrtime.bigint() - started) / 1e9;
  return { cpuMicros: ((cpuMs(pid) - before) * 1000) / amount, perSecond: amount / seconds };
}

export interface Contender {
  name: string;
  pid: number;
  request: Load;
}

/** Warms both up, then lets them take turns; prints the medians and the ratio to the peer. */
export async function compare(
  title: string,
  ours: Contender,
  peer: Contender,
  { rounds = 5, amount = 6000, warmUp = 4000 } = {},
): Promise<void> {
  const samples = new Map<Contender, Sample[]>([
    [ours, []],
    [peer, []],
  ]);
  for (const contender of samples.keys()) await load(contender.pid, contender.request, warmUp);
  for (let round = 0; round < rounds; round++)
    for (const [contender, list] of samples) list.push(await load(contender.pid, contender.request, amount));
  const figures = [...samples].map(([{ name }, list]) => ({
    name,
    cpu: median(list.map(({ cpuMicros }) => cpuMicros)),
    rate: median(list.map(({ perSecond }) => perSecond)),
  }));
  const [mine, theirs] = figures as [(typeof figures)[0], (typeof figures)[0]];
  console.log(`\n${title}`);
  for (const { name, cpu, rate } of figures)
    console.log(
      `  ${name.padEnd(12)} ${cpu.toFixed(0).padStart(6)} µs CPU a request   ${rate.toFixed(0).padStart(6)} requests a second`,
    );
  console.log(
    `  work per CPU second, next to ${theirs.name}: ${(theirs.cpu / mine.cpu).toFixed(2)}   (requests a second: ${(mine.rate / theirs.rate).toFixed(2)})`,
  );
}

/** Sends what `next` gives on one connection, until it gives nothing; tells how long each answer took, in milliseconds, and its status. */
export function ask(
  port: number,
  next: () => Buffer | undefined,
  heard: (ms: number, status: number) => void,
): Promise<void> {
  return new Promise((done, failed) => {
    const socket = connect(port, '127.0.0.1');
    socket.setNoDelay(true);
    let sent = 0;
    let answer = '';
    const go = (): void => {
      const bytes = next();
      if (!bytes) {
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

/** Milliseconds. */
export interface Waited {
  p50: number;
  p99: number;
}

/** What so many requests wait for their answers, each of several in turn, `lanes` of them at a time. */
export async function calm(port: number, requests: Buffer[], asked: number, lanes = 1): Promise<Waited> {
  let sent = 0;
  const times: number[] = [];
  await Promise.all(
    Array.from({ length: lanes }, () =>
      ask(
        port,
        () => (sent < asked ? requests[sent++ % requests.length] : undefined),
        (ms, status) => {
          if (status !== 200) throw new Error(`it was answered ${status}`);
          times.push(ms);
        },
      ),
    ),
  );
  times.sort((a, b) => a - b);
  return { p50: median(times), p99: times[Math.floor(times.length * 0.99)] as number };
}

/** The medians of several rounds, in words. */
export const said = (list: Waited[]): string =>
  (['p50', 'p99'] as const)
    .map((which) => `${which} ${median(list.map((each) => each[which])).toFixed(2)} ms`)
    .join(', ');
