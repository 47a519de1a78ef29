import type * as Luxon from 'luxon';
import { whenNeeded } from '../../kernel/when-needed.js';
import type { Quota } from '../types.js';

const luxon = whenNeeded<typeof Luxon>('luxon');

export interface Period {
  /** Epoch milliseconds: the first instant of the period, and the first after it. */
  start: number;
  end: number;
}

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;

/** Where clocks go back over midnight, it comes twice: a day begins with the first. */
const firstInstant = (time: Luxon.DateTime): number =>
  Math.min(...time.getPossibleOffsets().map((each) => each.toMillis()));

/**
 * The period of a quota that an instant is in, by the clocks of a time zone: hours and days as they show them, weeks from
 * Monday on (ISO 8601), months of the calendar. A day in which clocks change has 23 or 25 hours.
 * @param now epoch milliseconds
 * @param timeZone a name of the IANA database, such as `Europe/Berlin`
 */
export function periodAt(now: number, period: Quota['period'], timeZone: string): Period {
  const time = luxon().DateTime.fromMillis(now, { zone: timeZone });
  if (period === 'hour') {
    // By the offset of this instant: some clocks go back by half an hour.
    const start = now - ((now + time.offset * MINUTE_MS) % HOUR_MS);
    return { start, end: start + HOUR_MS };
  }
  const start = time.startOf(period);
  const end = start.plus({ [period]: 1 }).startOf(period);
  return { start: firstInstant(start), end: firstInstant(end) };
}

/** Computing a period takes some microseconds, so the one that lasts is kept. */
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
