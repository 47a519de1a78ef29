import { startWithTenants } from './many-tenants.js';
import { load, median, pinLoad, residentMiB } from './measure.js';

/**
 * Tokens spread over a thousand tenants in one process next to tokens of one of them, taking turns, and the memory that
 * it takes.
 */
const TENANTS = Number(process.env['TENANTS'] ?? 1000);
const ROUNDS = 5;
const AMOUNT = 6000;
const UNLIMITED = 1_000_000_000;

const names = Array.from({ length: TENANTS }, (_, n) => `t${n}`);
const { pid, request, stop } = await startWithTenants(names, {
  tenants: { cached: TENANTS + 10 },
  limits: { token: { tenant: UNLIMITED, client: UNLIMITED, address: UNLIMITED } },
});
pinLoad();
try {
  const spread = names.map(request);
  const single = request('t0');
  await load(pid, spread, TENANTS * 2); // makes every tenant's provider
  await load(pid, single, 4000);
  const samples = { one: [] as number[], all: [] as number[] };
  for (let round = 0; round < ROUNDS; round++) {
    samples.one.push((await load(pid, single, AMOUNT)).cpuMicros);
    samples.all.push((await load(pid, spread, AMOUNT)).cpuMicros);
  }
  const [one, all] = [median(samples.one), median(samples.all)];
  console.log(`client credentials, JWT ES256, ${TENANTS} tenants in one process`);
  console.log(`  one tenant       ${one.toFixed(0)} µs CPU a request`);
  console.log(
    `  spread over all  ${all.toFixed(0)} µs CPU a request, ${(all / one).toFixed(2)} of one's (aim 1.5)`,
  );
  console.log(`  resident         ${residentMiB(pid).toFixed(0)} MiB (aim 286, which is 300 MB)`);
} finally {
  stop();
}
