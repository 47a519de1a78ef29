import assert from 'node:assert/strict';
import { periodAt } from '../../../src/gateway/access/zoned-periods.js';
import type { Quota } from '../../../src/gateway/types.js';

/** A moment, a period and a zone; when the period begins and ends. */
const ROWS: [moment: string, period: Quota['period'], zone: string, start: string, end: string][] = [
  ['2026-05-06T10:20:30Z', 'hour', 'UTC', '2026-05-06T10:00:00Z', '2026-05-06T11:00:00Z'],
  ['2026-05-06T10:20:30Z', 'hour', 'Asia/Kolkata', '2026-05-06T09:30:00Z', '2026-05-06T10:30:00Z'],
  ['2026-05-06T23:59:59Z', 'day', 'UTC', '2026-05-06T00:00:00Z', '2026-05-07T00:00:00Z'],
  ['2026-05-06T15:59:59Z', 'day', 'Asia/Shanghai', '2026-05-05T16:00:00Z', '2026-05-06T16:00:00Z'],
  ['2026-05-06T16:00:00Z', 'day', 'Asia/Shanghai', '2026-05-06T16:00:00Z', '2026-05-07T16:00:00Z'],
  // Clocks go forward: the day has 23 hours. They go back: it has 25.
  ['2026-03-29T12:00:00Z', 'day', 'Europe/Berlin', '2026-03-28T23:00:00Z', '2026-03-29T22:00:00Z'],
  ['2026-10-25T12:00:00Z', 'day', 'Europe/Berlin', '2026-10-24T22:00:00Z', '2026-10-25T23:00:00Z'],
  // There is no midnight on this day.
  ['2026-04-24T12:00:00Z', 'day', 'Africa/Cairo', '2026-04-23T22:00:00Z', '2026-04-24T21:00:00Z'],
  ['2026-05-03T12:00:00Z', 'week', 'UTC', '2026-04-27T00:00:00Z', '2026-05-04T00:00:00Z'],
  ['2026-01-01T00:00:00Z', 'week', 'America/New_York', '2025-12-29T05:00:00Z', '2026-01-05T05:00:00Z'],
  ['2028-02-29T12:00:00Z', 'month', 'UTC', '2028-02-01T00:00:00Z', '2028-03-01T00:00:00Z'],
  ['2026-12-31T20:00:00Z', 'month', 'Asia/Tokyo', '2026-12-31T15:00:00Z', '2027-01-31T15:00:00Z'],
];

const textOf = (time: number): string => new Date(time).toISOString().replace('.000', '');

describe('the period of a quota', () => {
  for (const [moment, period, timeZone, start, end] of ROWS)
    it(`is the ${period} of ${timeZone} at ${moment}`, () => {
      const found = periodAt(Date.parse(moment), period, timeZone);
      assert.deepEqual([textOf(found.start), textOf(found.end)], [start, end]);
    });
});
