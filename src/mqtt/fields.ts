import { isIP } from 'node:net';
import type { Names } from './topics.js';

/** What a broker sends, whatever it calls the fields. */
export type Fields = Readonly<Record<string, unknown>>;

/** The first of the fields that is there, as text. */
export function textOf(fields: Fields, ...names: string[]): string {
  for (const name of names) {
    const value = fields[name];
    if (typeof value === 'string') return value;
    if (typeof value === 'number') return String(value);
  }
  return '';
}

/** A client's names, as EMQX, Mosquitto's plugin and RabbitMQ call them. */
export const namesOf = (fields: Fields): Names => ({
  username: textOf(fields, 'username', 'variable_map.username'),
  clientid: textOf(fields, 'clientid', 'client_id', 'variable_map.client_id'),
});

/** The device's own address; empty where the broker does not tell it. */
export function addressOf(fields: Fields): string {
  const given = textOf(fields, 'peerhost', 'ipaddr', 'ip_address', 'ip');
  return isIP(given) === 0 ? '' : given;
}
