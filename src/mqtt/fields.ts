import { isIP } from 'node:net';
import type { Names } from './topics.js';

const NUL = '\u0000';

/** What a broker sends, whatever it calls the fields. */
export type Fields = Readonly<Record<string, unknown>>;

const text = (value: unknown): string | undefined =>
  typeof value === 'string' ? value : typeof value === 'number' ? String(value) : undefined;

/** A field as text; empty where there is none. */
export const textOf = (fields: Fields, name: string): string => text(fields[name]) ?? '';

/** A client's names, as EMQX, Mosquitto's plugin and RabbitMQ call them. */
export const namesOf = (fields: Fields): Names => ({
  username: text(fields['username'] ?? fields['variable_map.username']) ?? '',
  clientid: text(fields['clientid'] ?? fields['client_id'] ?? fields['variable_map.client_id']) ?? '',
});

/** NUL as it stands in a form, and as JSON and forms write it. */
const WRITTEN = [NUL, '\\u0000', '%00'];

/**
 * Whether a name or a topic has NUL: MQTT allows none there (MQTT-1.5.3-2), and PostgreSQL takes none.
 * @param body the text that the fields were read from: in most there is nothing to look for.
 */
export function hasNul(body: string, fields: Fields): boolean {
  if (!WRITTEN.some((nul) => body.includes(nul))) return false;
  const { username, clientid } = namesOf(fields);
  const topics = textOf(fields, 'topic') + textOf(fields, 'routing_key');
  return username.includes(NUL) || clientid.includes(NUL) || topics.includes(NUL);
}

/** The device's own address; empty where the broker does not tell it. */
export function addressOf(fields: Fields): string {
  const given = text(fields['peerhost'] ?? fields['ipaddr'] ?? fields['ip_address'] ?? fields['ip']) ?? '';
  return isIP(given) === 0 ? '' : given;
}
