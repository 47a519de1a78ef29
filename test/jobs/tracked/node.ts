import type { Config } from '../../../src/config.js';
import { openStore } from '../../../src/store/index.js';
import type { RunningJob } from '../../../src/jobs/index.js';
import { openQueue } from './support.js';

/** A node in a process of its own: it runs a job up to its second step, says so, and gets no further. */
const store = await openStore(JSON.parse(process.env['CONFIG'] ?? '') as Config);
const run = async (job: RunningJob<unknown>): Promise<never> => {
  await job.step('pack', 10);
  await job.setNote({ version: '1.2.0' });
  await job.step('publish', 70);
  process.stdout.write('holding\n');
  return new Promise(() => setInterval(() => undefined, 1000));
};
openQueue(store, [{ name: 'steered', run }], { lease: 1500, renew: 200 }).wake();
