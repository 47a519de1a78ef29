import { stopBrowser } from './browser.js';
import { stopPostgres } from './postgres.js';

/** Ends what tests share. */
export const mochaHooks = {
  async afterAll(): Promise<void> {
    await stopBrowser();
    await stopPostgres();
  },
};
