import { isIP } from 'node:net';
import type * as Undici from 'undici';
import type { buildConnector, Pool } from 'undici';
import { AddressRefused, lookupFor } from './checked-addresses.js';
import { canonicalName } from './outbound-entries.js';
import { settleEnd } from './outbound-socket.js';
import { destinationOf, isOutOfReach, isWithin, type Reach } from './private-networks.js';
import { whenNeeded } from './when-needed.js';

const undici = whenNeeded<typeof Undici>('undici');

/**
 * Pools of kept connections to somebody else's server, within a reach. Each connection goes to an address that was checked for
 * it. Errors of connections can name addresses of this network: never show their messages to a caller.
 */

export interface OutboundPoolOptions {
  /** Milliseconds for the look-up, the connection and TLS together. */
  connectTimeout?: number;
  /** Connections at a time; more requests wait for one. Without a limit where it is left out. */
  connections?: number;
  /** Milliseconds that an unused connection is kept, if the server's `Keep-Alive` names no other time. */
  keepAliveTimeout?: number;
  /** Milliseconds until the answer's headers are there; 0 for no limit. */
  headersTimeout?: number;
  /** Milliseconds between two pieces of the answer's body; 0 for no limit. */
  bodyTimeout?: number;
}

const CONNECT_MS = 5000;
/** Before the next address of a name is tried as well. */
const ATTEMPT_MS = 1000;

/**
 * Connects to what undici asks for, if it is within reach. The certificate is checked for the host of the URL, and the server
 * hears this name (SNI), whatever the request's `Host` says.
 */
export function connectorWithin(
  port: number,
  reach: Reach,
  timeout: number = CONNECT_MS,
): buildConnector.connector {
  const lookup = lookupFor(reach, port);
  const connect = undici().buildConnector({ lookup, timeout, autoSelectFamilyAttemptTimeout: ATTEMPT_MS });
  return ({ servername: _said, ...target }, given) => {
    const { hostname } = target;
    const callback: buildConnector.Callback = (...connected) => {
      if (connected[1]) settleEnd(connected[1]);
      given(...connected);
    };
    if (isIP(hostname) === 0)
      return connect({ ...target, port: String(port), servername: canonicalName(hostname) }, callback);
    // No lookup is made for an address.
    if (isWithin(reach, hostname, { host: hostname, port }))
      connect({ ...target, port: String(port) }, callback);
    else queueMicrotask(() => callback(new AddressRefused(), null));
  };
}

/**
 * Opens a pool of connections to an origin. Requests are never pipelined.
 * @throws AddressRefused where the host, as it is written, is out of reach. Requests fail with it where a name leads out of reach.
 */
export function openOutboundPool(origin: URL, reach: Reach, options: OutboundPoolOptions = {}): Pool {
  const { connectTimeout, ...others } = options;
  if (origin.protocol !== 'https:' && origin.protocol !== 'http:')
    throw new TypeError(`${origin.protocol} is not a protocol of the web`);
  const to = destinationOf(origin);
  if (isOutOfReach(reach, to)) throw new AddressRefused();
  const connect = connectorWithin(to.port, reach, connectTimeout);
  const { Pool } = undici();
  return new Pool(origin.origin, { ...others, pipelining: 1, connect });
}
