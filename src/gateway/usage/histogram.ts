/**
 * Latencies as a histogram of fixed buckets, which adds up over minutes and nodes. The first bucket ends at 1 ms, and each
 * further one at the square root of 2 times the end of the one before, so that a percentile is off by less than a fifth.
 */

/** The last one has no end. */
export const BUCKETS = 34;

/** Where the last bucket begins, in milliseconds. */
const LONGEST = 2 ** ((BUCKETS - 2) / 2);

/** The bucket of a latency in milliseconds. */
export function bucketOf(milliseconds: number): number {
  if (!(milliseconds > 1)) return 0; // what is no number, too
  return milliseconds > LONGEST ? BUCKETS - 1 : Math.ceil(2 * Math.log2(milliseconds));
}

/** The middle of a bucket by factors: no latency in it is further away than the fourth root of 2. */
function middleOf(bucket: number): number {
  if (bucket === 0) return 0.5;
  return bucket === BUCKETS - 1 ? LONGEST : Number((2 ** ((bucket - 0.5) / 2)).toPrecision(3));
}

/** Null where no latency is known. */
export interface Percentiles {
  p50: number | null;
  p95: number | null;
  p99: number | null;
}

/**
 * Percentiles by nearest rank, in milliseconds: at most 20 % off between 1 ms and 65 s, at most 0.5 ms off below that. What is
 * above is answered as 65,536.
 */
export function percentilesOf(histogram: readonly number[]): Percentiles {
  const calls = histogram.reduce((sum, count) => sum + count, 0);
  if (calls === 0) return { p50: null, p95: null, p99: null };
  const at = (share: number): number => {
    const rank = Math.ceil(share * calls);
    let seen = 0;
    const bucket = histogram.findIndex((count) => (seen += count) >= rank);
    return middleOf(bucket);
  };
  return { p50: at(0.5), p95: at(0.95), p99: at(0.99) };
}
