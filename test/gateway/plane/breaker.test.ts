import { deepEqual } from 'node:assert/strict';
import { openBreakers } from '../../../src/gateway/plane/breaker.js';

describe('the trial of an open circuit', () => {
  let time: number;
  let enter: () => ReturnType<ReturnType<typeof openBreakers>['get']>;

  beforeEach(() => {
    time = 1_000_000;
    const breakers = openBreakers(() => time);
    enter = () => breakers.get('orders', { failures: 1, openSeconds: 10 });
    const first = enter();
    first.enter();
    first.failed();
    time += 10_000;
  });

  it('is one at a time, and another one where it takes as long as the circuit is open', () => {
    const waits: number[] = [];
    for (const after of [0, 9999, 1, 0]) {
      time += after;
      waits.push(enter().enter());
    }
    deepEqual(waits, [0, 1000, 0, 1000]);
  });

  it('closes the circuit, though it was slow', () => {
    const slow = enter();
    slow.enter();
    time += 10_000;
    enter().enter();
    slow.succeeded();
    deepEqual([enter().enter(), enter().enter()], [0, 0]);
  });

  it('is free again where it was given up', () => {
    const trial = enter();
    trial.enter();
    trial.abandoned();
    deepEqual([enter().enter(), enter().enter()], [0, 1000]);
  });
});
