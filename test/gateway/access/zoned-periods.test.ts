import assert from 'node:assert/strict';
import { periodAt } from '../../../src/gateway/access/zoned-periods.js';
import type { Quota } from '../../../src/gateway/types.js';

type Row = [now: string, period: Quota['period'], zone: string, start: string, end: string];

const ROWS: [title: string, rows: Row[]][] = [
  [
    'begins at the zone’s midnight',
    [
      [
        '2026-03-10T15:59:59.999Z',
        'day',
        'Asia/Shanghai',
        '2026-03-09T16:00:00.000Z',
        '2026-03-10T16:00:00.000Z',
      ],
      [
        '2026-03-10T16:00:00.000Z',
        'day',
        'Asia/Shanghai',
        '2026-03-10T16:00:00.000Z',
        '2026-03-11T16:00:00.000Z',
      ],
      ['2026-03-10T00:00:00.000Z', 'day', 'UTC', '2026-03-10T00:00:00.000Z', '2026-03-11T00:00:00.000Z'],
      [
        '2026-06-01T12:00:00.000Z',
        'day',
        'Asia/Kathmandu',
        '2026-05-31T18:15:00.000Z',
        '2026-06-01T18:15:00.000Z',
      ],
    ],
  ],
  [
    'has 23 hours where clocks go forward, and 25 where they go back',
    [
      [
        '2026-03-29T12:00:00.000Z',
        'day',
        'Europe/Berlin',
        '2026-03-28T23:00:00.000Z',
        '2026-03-29T22:00:00.000Z',
      ],
      [
        '2026-10-25T12:00:00.000Z',
        'day',
        'Europe/Berlin',
        '2026-10-24T22:00:00.000Z',
        '2026-10-25T23:00:00.000Z',
      ],
    ],
  ],
  [
    'begins later where clocks skip midnight',
    [
      [
        '2026-09-06T12:00:00.000Z',
        'day',
        'America/Santiago',
        '2026-09-06T04:00:00.000Z',
        '2026-09-07T03:00:00.000Z',
      ],
    ],
  ],
  [
    'is one day from the first midnight on where clocks go back over midnight',
    [
      [
        '2026-11-01T03:30:00.000Z',
        'day',
        'America/Havana',
        '2026-10-31T04:00:00.000Z',
        '2026-11-01T04:00:00.000Z',
      ],
      ...['2026-11-01T04:30:00.000Z', '2026-11-01T05:30:00.000Z', '2026-11-01T12:00:00.000Z'].map(
        (now): Row => [now, 'day', 'America/Havana', '2026-11-01T04:00:00.000Z', '2026-11-02T05:00:00.000Z'],
      ),
      [
        '2026-11-01T12:00:00.000Z',
        'month',
        'America/Havana',
        '2026-11-01T04:00:00.000Z',
        '2026-12-01T05:00:00.000Z',
      ],
    ],
  ],
  [
    'is an hour that has the instant in it where clocks go back by half an hour',
    [
      [
        '2026-04-04T14:45:00.000Z',
        'hour',
        'Australia/Lord_Howe',
        '2026-04-04T14:00:00.000Z',
        '2026-04-04T15:00:00.000Z',
      ],
      [
        '2026-04-04T15:15:00.000Z',
        'hour',
        'Australia/Lord_Howe',
        '2026-04-04T14:30:00.000Z',
        '2026-04-04T15:30:00.000Z',
      ],
    ],
  ],
  [
    'is an hour as the zone’s clocks show it, each of two that show the same',
    [
      [
        '2026-06-01T12:10:00.000Z',
        'hour',
        'Asia/Kolkata',
        '2026-06-01T11:30:00.000Z',
        '2026-06-01T12:30:00.000Z',
      ],
      [
        '2026-10-25T00:30:00.000Z',
        'hour',
        'Europe/Berlin',
        '2026-10-25T00:00:00.000Z',
        '2026-10-25T01:00:00.000Z',
      ],
      [
        '2026-10-25T01:30:00.000Z',
        'hour',
        'Europe/Berlin',
        '2026-10-25T01:00:00.000Z',
        '2026-10-25T02:00:00.000Z',
      ],
    ],
  ],
  [
    'is a month of the calendar, however long',
    [
      ['2028-02-29T23:00:00.000Z', 'month', 'UTC', '2028-02-01T00:00:00.000Z', '2028-03-01T00:00:00.000Z'],
      [
        '2026-12-31T23:30:00.000Z',
        'month',
        'Asia/Tokyo',
        '2026-12-31T15:00:00.000Z',
        '2027-01-31T15:00:00.000Z',
      ],
      [
        '2026-03-31T12:00:00.000Z',
        'month',
        'America/New_York',
        '2026-03-01T05:00:00.000Z',
        '2026-04-01T04:00:00.000Z',
      ],
    ],
  ],
  [
    'is a week from Monday on',
    [
      ['2026-11-29T23:59:59.000Z', 'week', 'UTC', '2026-11-23T00:00:00.000Z', '2026-11-30T00:00:00.000Z'],
      ['2026-11-30T00:00:00.000Z', 'week', 'UTC', '2026-11-30T00:00:00.000Z', '2026-12-07T00:00:00.000Z'],
      [
        '2027-01-01T12:00:00.000Z',
        'week',
        'Europe/Berlin',
        '2026-12-27T23:00:00.000Z',
        '2027-01-03T23:00:00.000Z',
      ],
    ],
  ],
];

describe('a period of a quota', () => {
  for (const [title, rows] of ROWS)
    it(title, () => {
      for (const [now, period, zone, start, end] of rows) {
        const found = periodAt(Date.parse(now), period, zone);
        assert.deepEqual(
          [new Date(found.start).toISOString(), new Date(found.end).toISOString()],
          [start, end],
          `${now} ${period} ${zone}`,
        );
      }
    });
});
