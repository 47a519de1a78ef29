import { Invalid } from '../kernel/errors.js';
import { objectOf } from '../kernel/json.js';
import { mqttText } from './names.js';
import type { Kind } from './schema.js';

/** What can be said of a device beside its password; what is left out stays, or is as usual. */
export interface Flags {
  /** Everything is allowed to it. */
  superuser?: boolean;
  enabled?: boolean;
  /** Epoch milliseconds; null for no end. */
  expiresAt?: number | null;
}

/** A device as a body has it. */
export interface Entry extends Flags {
  name: string;
  password: string;
}

/** RFC 3339, with its offset. */
const DATE_TIME = /^\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d(\.\d+)?)?(Z|[+-]\d\d:\d\d)$/i;

function flag(field: string, value: unknown): boolean {
  if (typeof value !== 'boolean') throw new Invalid(field, 'must be true or false');
  return value;
}

/** @throws Invalid */
export function readTime(field: string, value: unknown): number | null {
  if (value === null) return null;
  const time = typeof value === 'string' && DATE_TIME.test(value) ? Date.parse(value) : NaN;
  if (Number.isNaN(time)) throw new Invalid(field, 'must be a time such as 2030-01-31T12:00:00Z, or null');
  return time;
}

function readFlags({ superuser, is_superuser: emqx, enabled, expiresAt }: Record<string, unknown>): Flags {
  const all = superuser ?? emqx;
  return {
    ...(all !== undefined && { superuser: flag('superuser', all) }),
    ...(enabled !== undefined && { enabled: flag('enabled', enabled) }),
    ...(expiresAt !== undefined && { expiresAt: readTime('expiresAt', expiresAt) }),
  };
}

/** What a body says of a new device. @throws Invalid */
export function readEntry(kind: Kind, value: unknown): Entry {
  const fields = objectOf(value);
  return {
    name: mqttText(kind, fields[kind]),
    password: mqttText('password', fields['password']),
    ...readFlags(fields),
  };
}

/** What a body changes of a device: its password, or what else is said of it. @throws Invalid */
export function readChange(value: unknown): Flags & { password?: string } {
  const fields = objectOf(value);
  const flags = readFlags(fields);
  if (fields['password'] === undefined && Object.keys(flags).length > 0) return flags;
  return { password: mqttText('password', fields['password']), ...flags };
}
