import { createHash } from 'node:crypto';
import { Invalid } from '../kernel/errors.js';

/** A UTF-8 string of MQTT has its length in two bytes (MQTT 3.1.1 and 5, 1.5.3). */
const LONGEST_BYTES = 65_535;

/** A half of a pair, which is no character: UTF-8 has no form for it (MQTT-1.5.3-1). */
const LONE_SURROGATE = /\p{Surrogate}/u;

/**
 * A name or password as MQTT allows it: any text of 1 to 65,535 bytes in UTF-8 without NUL (MQTT-1.5.3-1, -2).
 * @throws Invalid naming the field
 */
export function mqttText(field: string, value: unknown): string {
  if (value === undefined) throw new Invalid(field, 'is missing');
  if (typeof value !== 'string') throw new Invalid(field, 'must be text');
  if (value === '') throw new Invalid(field, 'must not be empty');
  if (Buffer.byteLength(value) > LONGEST_BYTES)
    throw new Invalid(field, `may have ${LONGEST_BYTES} bytes of UTF-8`);
  if (value.includes('\u0000') || LONE_SURROGATE.test(value))
    throw new Invalid(field, 'has characters that MQTT does not allow');
  return value;
}

/** PostgreSQL's indexes take 2,700 bytes. */
const LONGEST_KEY = 1000;
const LOOKS_HASHED = /^sha256:[0-9a-f]{64}$/;

/** A name as it stands in keys: itself, or its hash where it is long (or could be taken for one). */
export const keyOf = (name: string): string =>
  (name.length > LONGEST_KEY / 4 && Buffer.byteLength(name) > LONGEST_KEY) || LOOKS_HASHED.test(name)
    ? `sha256:${createHash('sha256').update(name).digest('hex')}`
    : name;

/** The columns of a name. */
export function nameColumns(name: string): { name: string; long_name: string | null } {
  const key = keyOf(name);
  return { name: key, long_name: key === name ? null : name };
}

/** A row's name. */
export const nameOf = (row: { name?: unknown; long_name?: unknown }): string =>
  (row.long_name ?? row.name) as string;
