import assert from 'node:assert/strict';
import { atEndOfTurn, whenRead } from '../../src/kernel/turn-phases.js';

/** Counts the turns of the event loop until it is stopped. */
function turns(): { now(): number; stop(): void } {
  let count = 0;
  let next = setImmediate(function turn() {
    count += 1;
    next = setImmediate(turn);
  });
  return { now: () => count, stop: () => clearImmediate(next) };
}

describe('the end of a turn of the event loop', () => {
  it('does in the same turn what the work of its first phase leads to, promises between them included', async () => {
    const turn = turns();
    const read = await new Promise<number>((resolve) => whenRead(() => resolve(turn.now())));
    const between = await Promise.resolve(read);
    const end = await new Promise<number>((resolve) => atEndOfTurn(() => resolve(turn.now())));
    turn.stop();
    assert.deepEqual([between, end], [read, read]);
  });

  it('comes after all that was read in the turn, whichever was asked for first', async () => {
    const done: string[] = [];
    await new Promise<void>((resolve) => {
      atEndOfTurn(() => {
        done.push('end');
        resolve();
      });
      whenRead(() => done.push('read'));
    });
    assert.deepEqual(done, ['read', 'end']);
  });

  it('loses nothing that is asked for after its first phase, or by its last', async () => {
    const done: string[] = [];
    await new Promise<void>((resolve) => {
      whenRead(() => whenRead(() => done.push('read later')));
      atEndOfTurn(() => {
        done.push('end');
        atEndOfTurn(() => {
          done.push('end later');
          resolve();
        });
      });
    });
    assert.deepEqual(done, ['end', 'read later', 'end later']);
  });

  it('does the rest of its work where one piece throws', async () => {
    const done: string[] = [];
    const thrown = new Promise<unknown>((resolve) => {
      const others = process.listeners('uncaughtException');
      process.removeAllListeners('uncaughtException');
      process.once('uncaughtException', (error) => {
        for (const other of others) process.on('uncaughtException', other);
        resolve(error);
      });
    });
    atEndOfTurn(() => {
      throw new Error('one');
    });
    await new Promise<void>((resolve) => {
      atEndOfTurn(() => {
        done.push('another');
        resolve();
      });
    });
    assert.equal(((await thrown) as Error).message, 'one');
    assert.deepEqual(done, ['another']);
  });
});
