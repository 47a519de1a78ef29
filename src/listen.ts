// eslint-disable-next-line no-restricted-syntax -- the operator's names, found as Server.listen finds them
import { lookup } from 'node:dns';
import { createServer, type Server } from 'node:net';
import type { Config } from './config.js';
import { ConfigError } from './kernel/errors.js';

/** Where a server listens, and how the environment's names of its host and port begin. */
interface Place {
  host: string;
  port: number;
  prefix: '' | 'GATEHOUSE_METRICS_';
}

/** Where the metrics are; undefined where they are off. */
export const metricsPlace = ({ metrics: { host, port } }: Config): Place | undefined =>
  port === undefined ? undefined : { host, port, prefix: 'GATEHOUSE_METRICS_' };

export const mainPlace = ({ host, port }: Config): Place => ({ host, port, prefix: '' });

/** What is said of a place that cannot be listened at. */
function refusal({ code, message }: NodeJS.ErrnoException, { host, port, prefix }: Place): ConfigError {
  if (code === 'EADDRINUSE')
    return new ConfigError(`${prefix}PORT`, `${port} is in use; stop what uses it, or set another`);
  if (code === 'EACCES')
    return new ConfigError(`${prefix}PORT`, `${port} may not be used by this account; set one above 1023`);
  return new ConfigError(
    `${prefix}HOST`,
    `"${host}" can not be listened at (${code ?? message}); set an address of this machine`,
  );
}

/** @throws ConfigError where the place cannot be listened at */
export const listen = (server: Server, place: Place, address = place.host): Promise<void> =>
  new Promise((resolve, reject) => {
    server.once('error', (error) => reject(refusal(error, place)));
    server.listen(place.port, address, () => resolve());
  });

/** The address that a server at the place listens at. @throws ConfigError */
const addressOf = (place: Place): Promise<string> =>
  new Promise((resolve, reject) =>
    lookup(place.host, (error, address) => (error ? reject(refusal(error, place)) : resolve(address))),
  );

/**
 * Finds out whether the ports of the server and of the metrics can be listened at, and leaves them closed. Names are looked up
 * first: to listen at addresses and to close again is one turn of the event loop, in which no connection is accepted.
 * @throws ConfigError
 */
export async function checkPorts(config: Config): Promise<void> {
  const places = [mainPlace(config), metricsPlace(config)].filter((place) => place !== undefined);
  const addresses = await Promise.all(places.map(addressOf));
  // A connection would be closed: nothing waits for one that is kept.
  const probes = places.map(() => createServer((socket) => socket.destroy()));
  try {
    for (const [at, probe] of probes.entries()) await listen(probe, places[at] as Place, addresses[at]);
  } finally {
    for (const probe of probes) probe.close();
  }
}
