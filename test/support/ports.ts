import { createServer } from 'node:net';

/** Each worker of a run has its own range, below the ports that the system gives to outgoing connections. */
const FIRST = 12_000;
const RANGE = 4_000;
const MOST_WORKERS = 5;
const worker = Number(process.env['MOCHA_WORKER_ID'] ?? MOST_WORKERS - 1) % MOST_WORKERS;

/** Runs that begin together have neighbouring process ids, and begin far from each other. */
const APART = 997;
let next = (process.pid * APART) % RANGE;

const isFree = (port: number): Promise<boolean> =>
  new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(false));
    server.listen(port, '127.0.0.1', () => server.close(() => resolve(true)));
  });

/** A port that nobody listens at just now, and that no other worker of this run takes. */
export async function freePort(): Promise<number> {
  for (;;) {
    next = (next + 1) % RANGE;
    const port = FIRST + worker * RANGE + next;
    if (await isFree(port)) return port;
  }
}
