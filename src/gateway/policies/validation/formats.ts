import { isIPv4, isIPv6 } from 'node:net';
import type { Format } from 'ajv';

const DATE = /^(\d{4})-(\d\d)-(\d\d)$/;
const DATE_TIME =
  /^(\d{4}-\d\d-\d\d)[Tt ]([01]\d|2[0-3]):[0-5]\d:(?:[0-5]\d|60)(?:\.\d{1,20})?(?:[Zz]|[+-](?:[01]\d|2[0-3]):[0-5]\d)$/;
const UUID = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;

/** Whether a date is there in the calendar (RFC 3339, 5.7). */
function isDate(text: string): boolean {
  const [, year, month, day] = (DATE.exec(text) ?? []).map(Number);
  if (year === undefined || month === undefined || day === undefined) return false;
  const days = [
    31,
    year % 4 === 0 && (year % 100 !== 0 || year % 400 === 0) ? 29 : 28,
    31,
    30,
    31,
    30,
    31,
    31,
    30,
    31,
    30,
    31,
  ];
  return month >= 1 && month <= 12 && day >= 1 && day <= (days[month - 1] as number);
}

const integerBelow =
  (limit: number) =>
  (value: number): boolean =>
    Number.isInteger(value) && value >= -limit && value < limit;

/**
 * Formats that are checked: those about which nobody disagrees. Others are notes for readers, as JSON Schema has them
 * (Validation, 7.2.1): an e-mail address that a backend takes must not fail here.
 */
export const FORMATS: Record<string, Format> = {
  date: isDate,
  'date-time': (text: string) => isDate(DATE_TIME.exec(text)?.[1] ?? ''),
  uuid: UUID,
  ipv4: isIPv4,
  ipv6: isIPv6,
  int32: { type: 'number', validate: integerBelow(2 ** 31) },
  int64: { type: 'number', validate: integerBelow(2 ** 63) },
};
