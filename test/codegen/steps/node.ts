import type { Config } from '../../../src/config.js';
import { start } from '../../../src/main.js';
import { holding } from './hold.js';

/**
 * A server in a process of its own, whose jobs stop at the points that its environment names by their API, and say so. A job at a
 * point such as `publish+` goes on when the input says so; the others stop for good.
 */
const config = JSON.parse(process.env['CONFIG'] ?? '') as Config;
const points = JSON.parse(process.env['POINTS'] ?? '') as Record<string, string>;
const told = new Promise<void>((resolve) => process.stdin.once('data', () => resolve()));

/** Steps that runs do one after the other: many compilers at once would take longer than each may. */
const turns: Record<string, Promise<void>> = { read: Promise.resolve(), check: Promise.resolve() };
const ends = new Map<string, () => void>();

async function turnOf(id: string, step: string): Promise<void> {
  const before = turns[step];
  if (before) turns[step] = new Promise((resolve) => ends.set(id, resolve));
  await before;
}

const kinds = holding(async ({ id, apiId }, point) => {
  ends.get(id)?.();
  if (points[apiId]?.replace('+', '') !== point) return turnOf(id, point);
  process.stdout.write(`${apiId}\n`);
  await (points[apiId].endsWith('+') ? told : new Promise(() => undefined));
});
await start(config, { jobs: { kinds, atOnce: 100, times: { look: 100, lease: 3000, renew: 300 } } });
