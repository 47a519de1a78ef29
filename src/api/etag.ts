import { createHash } from 'node:crypto';
import { BASIC } from './codes.js';
import { Failure } from './failure.js';

/** @throws Failure where the thing is not any more what the caller has seen */
export function sameAs(wanted: string, actual: string): void {
  if (!wanted.split(/\s*,\s*/).includes(actual))
    throw new Failure(412, BASIC.preconditionFailed, {
      message: 'it was changed since you read it; read it again, and send the ETag of that',
      headers: { ETag: actual },
    });
}

/** @throws Failure naming the fields that nobody can change, and that are not sent as they are */
export function refuseChanges(echoed: Record<string, unknown>, now: Record<string, unknown>): void {
  const data = Object.keys(echoed)
    .filter((name) => etagOf(echoed[name]) !== etagOf(now[name]))
    .map((field) => ({ field, rule: 'readOnly', message: 'can not be changed; leave it out' }));
  if (data[0])
    throw new Failure(422, BASIC.unprocessable, { message: `${data[0].field}: ${data[0].message}`, data });
}

/** Whether a thing has these fields already, as they are said. */
export const has = (now: Record<string, unknown>, fields: Record<string, unknown>): boolean =>
  Object.entries(fields).every(([name, value]) => etagOf(value) === etagOf(now[name]));

/** The same data has the same ETag, in whichever order a handler has written it. */
export const etagOf = (data: unknown): string =>
  `"${createHash('sha256')
    .update(JSON.stringify(data ?? null, inOrder))
    .digest('base64url')
    .slice(0, 22)}"`;

const inOrder = (_key: string, value: unknown): unknown =>
  value !== null && typeof value === 'object' && !Array.isArray(value)
    ? Object.fromEntries(Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1)))
    : value;
