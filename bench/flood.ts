import { startWithTenants } from './many-tenants.js';
import { ask, bytesOf, calm, pinLoad, residentMiB, said, type Waited } from './measure.js';

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

pinLoad();
for (const { title, connections, quota, asked } of SCENARIOS) {
  const server = await startWithTenants(['calm', 'flooded'], {
    limits: { token: { tenant: quota, client: UNLIMITED, address: UNLIMITED } },
  });
  const { pid, port, request, stop } = server;
  try {
    const calmRequests = [bytesOf(request('calm'))];
    const floodBytes = bytesOf(request('flooded'));
    await calm(port, calmRequests, asked);
    const [alone, beside, resident]: [Waited[], Waited[], number[]] = [[], [], []];
    const statuses = new Map<number, number>();
    for (let round = 0; round < ROUNDS; round++) {
      alone.push(await calm(port, calmRequests, asked));
      let flooding = true;
      const count = (_ms: number, status: number): void =>
        void statuses.set(status, (statuses.get(status) ?? 0) + 1);
      const flood = Array.from({ length: connections }, () =>
        ask(port, () => (flooding ? floodBytes : undefined), count),
      );
      beside.push(await calm(port, calmRequests, asked));
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
