import { isIP } from 'node:net';
import type { Names } from './topics.js';

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

/** The device's own address; empty where the broker does not tell it. */
export function addressOf(fields: Fields): string {
  const given = text(fields['peerhost'] ?? fields['ipaddr'] ?? fields['ip_address'] ?? fields['ip']) ?? '';
  return isIP(given) === 0 ? '' : given;
}
