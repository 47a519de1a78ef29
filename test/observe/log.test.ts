import assert from 'node:assert/strict';
import { openLog } from '../../src/observe/index.js';
import { configFor } from '../support/config.js';

describe('the log of a server', () => {
  it('has no timer where it has nothing to write', async () => {
    const { setInterval } = globalThis;
    let timers = 0;
    globalThis.setInterval = (...how: Parameters<typeof setInterval>) => {
      timers += 1;
      return setInterval(...how);
    };
    try {
      await openLog({ ...(await configFor('sqlite')), production: true });
    } finally {
      globalThis.setInterval = setInterval;
    }
    assert.equal(timers, 0);
  });
});
