import { stopBrowser } from './browser.js';
import { sharePostgres, stopPostgres } from './postgres.js';
import { stopProcesses } from './process.js';

/** Ends what the tests of a file share. */
export const mochaHooks = {
  async afterAll(): Promise<void> {
    stopProcesses();
    await stopBrowser();
    await stopPostgres();
  },
};

let stopShared: (() => Promise<void>) | undefined;
export const mochaGlobalSetup = (): void => void (stopShared = sharePostgres());
export const mochaGlobalTeardown = (): Promise<void> | undefined => stopShared?.();
