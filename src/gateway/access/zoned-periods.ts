import type { Quota } from '../types.js';

export interface Period {
  /** Epoch milliseconds: the first instant of the period, and the first after it. */
  start: number;
  end: number;
}

type DateOnly = [year: number, month: number, day: number];

const HOUR_MS = 3_600_000;
/** Local time is at most 14 hours ahead of UTC, and 12 behind it. */
const FURTHEST_OFFSET_MS = 15 * HOUR_MS;

const formats = new Map<string, Intl.DateTimeFormat>();

function formatOf(timeZone: string): Intl.DateTimeFormat {
  let format = formats.get(timeZone);
  if (!format) {
    format = new Intl.DateTimeFormat('en-US-u-ca-iso8601-nu-latn', {
      ...{ timeZone, hourCycle: 'h23', year: 'numeric', month: 'numeric', day: 'numeric' },
      ...{ hour: 'numeric', minute: 'numeric', second: 'numeric' },
    });
    formats.set(timeZone, format);
  }
  return format;
}

/** What clocks of the zone show, as if it were UTC. */
function localTime(timeZone: string, instant: number): number {
  const parts: Partial<Record<Intl.DateTimeFormatPartTypes, number>> = {};
  for (const { type, value } of formatOf(timeZone).formatToParts(instant)) parts[type] = Number(value);
  const { year = 0, month = 1, day = 1, hour = 0, minute = 0, second = 0 } = parts;
  return Date.UTC(year, month - 1, day, hour, minute, second) + (((instant % 1000) + 1000) % 1000);
}

/** The first instant at which clocks of the zone show this date, or a later one where the zone has skipped it. */
function beginOf(timeZone: string, [year, month, day]: DateOnly): number {
  const midnight = Date.UTC(year, month, day);
  let [before, after] = [midnight - FURTHEST_OFFSET_MS, midnight + FURTHEST_OFFSET_MS];
  while (after - before > 1) {
    const middle = Math.floor((before + after) / 2);
    if (localTime(timeZone, middle) >= midnight) after = middle;
    else before = middle;
  }
  return after;
}

/**
 * The period of a quota that an instant is in, by the clocks of a time zone: hours and days as they show them, weeks from
 * Monday on (ISO 8601), months of the calendar. A day in which clocks change has 23 or 25 hours.
 * @param now epoch milliseconds
 */
export function periodAt(now: number, period: Quota['period'], timeZone: string): Period {
  const local = localTime(timeZone, now);
  if (period === 'hour') {
    const start = now - (((local % HOUR_MS) + HOUR_MS) % HOUR_MS);
    return { start, end: start + HOUR_MS };
  }
  const date = new Date(local);
  const [year, month, day] = [date.getUTCFullYear(), date.getUTCMonth(), date.getUTCDate()];
  const weekday = (date.getUTCDay() + 6) % 7; // 0 is Monday
  const [first, next]: [DateOnly, DateOnly] =
    period === 'month'
      ? [
          [year, month, 1],
          [year, month + 1, 1],
        ]
      : period === 'week'
        ? [
            [year, month, day - weekday],
            [year, month, day - weekday + 7],
          ]
        : [
            [year, month, day],
            [year, month, day + 1],
          ];
  return { start: beginOf(timeZone, first), end: beginOf(timeZone, next) };
}

/** Computing a period takes some hundred microseconds, so the one that lasts is kept. */
export class CurrentPeriods {
  readonly #known = new Map<string, Period>();

  at(now: number, period: Quota['period'], timeZone: string): Period {
    const key = `${period} ${timeZone}`;
    let known = this.#known.get(key);
    if (!known || now < known.start || now >= known.end)
      this.#known.set(key, (known = periodAt(now, period, timeZone)));
    return known;
  }
}
