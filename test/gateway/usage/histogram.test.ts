import assert from 'node:assert/strict';
import fc from 'fast-check';
import { BUCKETS, bucketOf, percentilesOf } from '../../../src/gateway/usage/histogram.js';

const histogramOf = (latencies: readonly number[]): number[] => {
  const histogram = new Array<number>(BUCKETS).fill(0);
  for (const latency of latencies) (histogram[bucketOf(latency)] as number) += 1;
  return histogram;
};

describe('the histogram of latencies', () => {
  it('has a bucket up to 1 ms, 32 that end at the square root of 2 times the one before, and one without end', () => {
    assert.deepEqual(
      [0, 0.2, 1, 1.01, 1.41, 1.42, 2, 2.1, 1000, 65_536, 65_537, Infinity].map(bucketOf),
      [0, 0, 0, 1, 1, 2, 2, 3, 20, 32, 33, 33],
    );
  });

  it('takes what is no latency for none', () => {
    assert.deepEqual([NaN, -5, -Infinity].map(bucketOf), [0, 0, 0]);
  });

  it('answers percentiles by nearest rank', () => {
    const latencies = [...Array<number>(98).fill(10), 300, 5000];
    assert.deepEqual(percentilesOf(histogramOf(latencies)), { p50: 9.51, p95: 9.51, p99: 304 });
  });

  it('answers no percentiles where it has no latency', () => {
    assert.deepEqual(percentilesOf(histogramOf([])), { p50: null, p95: null, p99: null });
  });

  it('answers percentiles that are at most 20 % off, or half a millisecond below 1 ms', () => {
    fc.assert(
      fc.property(
        fc.array(fc.double({ min: 0, max: 65_536, noNaN: true }), { minLength: 1, maxLength: 300 }),
        (latencies) => {
          const sorted = [...latencies].sort((one, other) => one - other);
          const answered = percentilesOf(histogramOf(latencies));
          for (const [share, value] of [
            [0.5, answered.p50],
            [0.95, answered.p95],
            [0.99, answered.p99],
          ] as const) {
            const exact = sorted[Math.ceil(share * sorted.length) - 1] as number;
            const off = Math.abs((value ?? NaN) - exact);
            assert.ok(exact <= 1 ? off <= 0.5 : off <= exact * 0.2, `${value} for ${exact}`);
          }
        },
      ),
    );
  });
});
