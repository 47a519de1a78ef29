import type { Tenant } from '../tenants/index.js';
import type { Admission, Devices } from './devices.js';
import { namesOf, textOf, type Fields } from './fields.js';
import type { AccessTokens } from './tokens.js';

/** What `rabbitmq_auth_backend_http` asks, by the paths that it is given. */
export type RabbitCall = 'user' | 'vhost' | 'resource' | 'topic';

interface RabbitBase {
  devices: Devices;
  exchange: string;
  signIn(tenant: Tenant, fields: Fields): Promise<Admission>;
  tokensOf(tenant: Tenant): AccessTokens;
}

interface RabbitAnswer {
  words: string;
  /** Why not, for the log. */
  reason?: string | undefined;
}

const ALLOW: RabbitAnswer = { words: 'allow' };
export const refused = (reason: string): RabbitAnswer => ({ words: 'deny', reason });

/** The queues that RabbitMQ's MQTT plugin makes for a client; any other is another client's, or none of MQTT's. */
const isOwnQueue = (queue: string, clientid: string): boolean =>
  clientid !== '' &&
  [`mqtt-subscription-${clientid}qos0`, `mqtt-subscription-${clientid}qos1`].includes(queue);

/** AMQP's spelling of a topic, as MQTT has it. */
const topicOf = (routingKey: string): string => routingKey.replaceAll('.', '/').replaceAll('*', '+');

/**
 * Answers RabbitMQ: `allow`, with the tag `administrator` for a superuser, or `deny`. A device may have its own queues and use
 * the exchange of the MQTT plugin; what it publishes and subscribes to there is decided by topic.
 */
export async function rabbitAnswer(
  { devices, exchange, signIn, tokensOf }: RabbitBase,
  tenant: Tenant,
  call: RabbitCall,
  fields: Fields,
): Promise<RabbitAnswer> {
  if (call === 'user') {
    const { result, superuser, reason } = await signIn(tenant, fields);
    if (result !== 'allow') return refused(reason ?? result);
    return superuser ? { words: 'allow administrator' } : ALLOW;
  }
  const names = namesOf(fields);
  const permission = textOf(fields, 'permission');
  if (call === 'topic') {
    const action = { read: 'sub', write: 'pub' }[permission] as 'sub' | 'pub' | undefined;
    if (action === undefined) return refused('acl');
    const topic = topicOf(textOf(fields, 'routing_key'));
    const result = await devices.mayUse(tenant.id, names, action, topic, tokensOf(tenant));
    return result === 'allow' ? ALLOW : refused('acl');
  }
  const { result, superuser } = await devices.standing(tenant.id, names, tokensOf(tenant));
  if (result !== 'allow') return refused(result);
  if (superuser || call === 'vhost') return ALLOW;
  const name = textOf(fields, 'name');
  const own =
    textOf(fields, 'resource') === 'queue'
      ? isOwnQueue(name, names.clientid)
      : textOf(fields, 'resource') === 'exchange' && name === exchange && permission !== 'configure';
  return own ? ALLOW : refused('resource');
}
