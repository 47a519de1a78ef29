import { stopBrowser } from './browser.js';
import { stopPostgres } from './postgres.js';
import { stopProcesses } from './process.js';

/** Ends what tests share. */
export const mochaHooks = {
  async afterAll(): Promise<void> {
    stopProcesses();
    await stopBrowser();
    await stopPostgres();
  },
};
