/**
 * How often, by whom and with what result and latency the gateway's APIs are called.
 *
 * `openUsage` counts calls (`CountedCall`) in memory and writes them every 5 s, as sums by minute, hour and day, by
 * operation, client, status and revision, which several nodes add up. `gatewayUsageOperations` answers them as a series.
 * Counting must never wait, fail a call, or keep more than a bounded number of names; a name of a caller's choice must
 * never become a label of a metric. A killed node loses what it has counted since it last wrote.
 */
export { openUsage, type Usage } from './usage.js';
export type { CountedCall } from './counts.js';
