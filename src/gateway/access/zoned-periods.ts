import { DateTime } from 'luxon';
import type { Quota } from '../types.js';

/** A stretch of time, in epoch milliseconds: from `start` on, and before `end`. */
export interface Period {
  start: number;
  end: number;
}

/** Periods that are asked for all the time; there are as many zones as quotas name. */
const MOST_PERIODS = 2000;

const found = new Map<string, Period>();

/**
 * The hour, day, week (from Monday on, ISO 8601) or month that holds a moment, as clocks in a time zone show it. A day can have
 * 23 or 25 hours. Where midnight does not exist, it begins at the first moment that does.
 * @param timeZone a name of the IANA database, such as `Europe/Berlin`.
 */
export function periodAt(
  time: number,
  { period, timeZone = 'UTC' }: Pick<Quota, 'period' | 'timeZone'>,
): Period {
  const name = `${period} ${timeZone}`;
  const known = found.get(name);
  if (known && time >= known.start && time < known.end) return known;
  const start = DateTime.fromMillis(time, { zone: timeZone }).startOf(period);
  const end = start.plus({ [period]: 1 }).startOf(period);
  const made = { start: start.toMillis(), end: end.toMillis() };
  if (found.size >= MOST_PERIODS) found.clear();
  found.set(name, made);
  return made;
}
