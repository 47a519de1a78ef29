import { setTimeout as wait } from 'node:timers/promises';

const HOUR_MS = 3_600_000;
/** What the clock of this process and that of a child may be apart. */
const APART_MS = 250;

/**
 * Waits over the next full hour where less than these seconds are left to it. Windows of an hour and periods of the calendar end
 * at full hours: counts of a test that goes on over one begin again in the middle of it.
 */
export async function awayFromFullHour(seconds: number): Promise<void> {
  const left = HOUR_MS - (Date.now() % HOUR_MS);
  if (left < seconds * 1000) await wait(left + APART_MS);
}
