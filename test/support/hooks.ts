import './rsa-keys.js'; // first: it is for modules that are loaded after it
import { appendFileSync } from 'node:fs';
import { setFlagsFromString } from 'node:v8';
import type { Context } from 'mocha';
import { stopBrowser } from './browser.js';
import { watchLeftOpen } from './left-open.js';
import { sharePostgres, stopPostgres } from './postgres.js';
import { stopProcesses } from './process.js';
import { filesInMemory } from './run-folder.js';

// Most of what a test calls it calls a few times: V8 spends a tenth of a run on code that it optimizes too soon. Later versions
// of V8 have no such flag.
if (process.versions.v8.startsWith('11.')) setFlagsFromString('--interrupt-budget=600000');

/** Where each file's seconds are written, one line for each, if they are asked for. */
const TIMES = process.env['GATEHOUSE_TEST_TIMES'];

let started = 0;
let nothingLeftOpen: () => Promise<void>;

/** In one process with all tests is also what the run shares. There, what is left open keeps the run from ending. */
const IN_WORKER = process.env['MOCHA_WORKER_ID'] !== undefined;

/** A test that failed may have left its server running, which is no fault of its own. */
let failed = false;

/** Around the tests of a file; around all of them where they run in one process. */
export const mochaHooks = {
  async beforeAll(): Promise<void> {
    started = performance.now();
    failed = false;
    await Promise.resolve(); // from here on mocha has its timer for this hook open, as in the other one
    nothingLeftOpen = watchLeftOpen();
  },
  afterEach(this: Context): void {
    failed ||= this.currentTest?.state === 'failed';
  },
  /** Ends what the tests share. */
  async afterAll(this: Context): Promise<void> {
    stopProcesses();
    await stopBrowser();
    await stopPostgres();
    if (TIMES !== undefined) {
      const file = this.test?.parent?.suites[0]?.file ?? '';
      appendFileSync(TIMES, `${((performance.now() - started) / 1000).toFixed(1)} ${file}\n`);
    }
    if (IN_WORKER && !failed) await nothingLeftOpen();
  },
};

let endRun: (() => Promise<void>) | undefined;

export function mochaGlobalSetup(): void {
  const removeFiles = filesInMemory();
  const stopShared = sharePostgres();
  endRun = async () => {
    await stopShared();
    removeFiles();
  };
}

export const mochaGlobalTeardown = (): Promise<void> | undefined => endRun?.();
