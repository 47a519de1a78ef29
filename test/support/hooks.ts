import { writeFileSync } from 'node:fs';
import type { Context } from 'mocha';
import { stopBrowser } from './browser.js';
import { stopPostgres } from './postgres.js';
import { stopProcesses } from './process.js';
import { RESULTS } from './results.js';

const passed: string[] = [];
const pending: string[] = [];

/** Ends what tests share, and writes down what passed, for the security checklist. */
export const mochaHooks = {
  afterEach(this: Context): void {
    const test = this.currentTest;
    if (test?.state === 'passed') passed.push(test.fullTitle());
    else if (test?.isPending()) pending.push(test.fullTitle());
  },
  async afterAll(): Promise<void> {
    writeFileSync(RESULTS, JSON.stringify({ passed, pending }));
    stopProcesses();
    await stopBrowser();
    await stopPostgres();
  },
};
