import { isIP } from 'node:net';
import { addressesOf } from '../../kernel/host-addresses.js';
import type { Destination } from '../../kernel/outbound-entries.js';
import { destinationOf, isWithin, type Reach } from '../../kernel/private-networks.js';

/** How long an address is taken without another look. */
const KEPT_MS = 60_000;

/** Those of a destination that may be connected to, IPv4 first; none where the name has none. */
async function allowed(to: Destination, reach: Reach): Promise<string[]> {
  const found =
    isIP(to.host) === 0 ? (await addressesOf(to.host, reach)).map(({ address }) => address) : [to.host];
  return found
    .filter((address) => isWithin(reach, address, to))
    .sort((one, other) => isIP(one) - isIP(other) || (one < other ? -1 : 1));
}

/**
 * Finds the address of a backend for a configuration that has to name it. It stays as long as the name has it, whatever the order
 * of a name server's answers, so that a configuration changes only where it must.
 * @param reach where the tenant's calls may go.
 */
export function addressBook(reach: Reach): (serviceUrl: URL) => Promise<string | undefined> {
  const known = new Map<string, { address: string | undefined; until: number }>();
  return async (serviceUrl) => {
    const to = destinationOf(serviceUrl);
    const key = `${to.host} ${to.port}`;
    const before = known.get(key);
    if (before && before.until > Date.now()) return before.address;
    // A name server that does not answer takes no address away.
    const found = await allowed(to, reach).catch(() =>
      before?.address === undefined ? [] : [before.address],
    );
    const address =
      before?.address !== undefined && found.includes(before.address) ? before.address : found[0];
    known.set(key, { address, until: Date.now() + KEPT_MS });
    return address;
  };
}
