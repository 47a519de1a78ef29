import type { LookupAddress } from 'node:dns';
import { isIP, type LookupFunction } from 'node:net';
import { addressesOf } from './host-addresses.js';
import type { Destination } from './outbound-entries.js';
import { isWithin, type Reach } from './private-networks.js';

/** Finds the addresses that a connection may be made to. A connection uses only what this answers, so no second look-up changes it. */

/** No address of the destination may be connected to. The message names none: it may come to the caller. */
export class AddressRefused extends Error {
  override name = 'AddressRefused';
  constructor() {
    super('the address is in a private network');
  }
}

/** Of a name that has thousands, thousands would be tried. */
const MOST_ADDRESSES = 16;

/** The addresses of a name that may be connected to: one at least. @throws AddressRefused, Error where the name has none */
async function addressesWithin(to: Destination, reach: Reach): Promise<[LookupAddress, ...LookupAddress[]]> {
  const found = await addressesOf(to.host, reach);
  const [first, ...others] = found
    .filter(({ address }) => isWithin(reach, address, to))
    .slice(0, MOST_ADDRESSES);
  if (!first) throw new AddressRefused();
  return [first, ...others];
}

/** For `net.connect`, which calls it for names only: use `checkLiteral` as well. */
export const lookupFor =
  (reach: Reach, port: number): LookupFunction =>
  (host, { all }, callback) => {
    addressesWithin({ host, port }, reach).then(
      (found) => (all ? callback(null, found) : callback(null, found[0].address, found[0].family)),
      (error: Error) => callback(error, '', 0),
    );
  };

/** Checks a host that is an address, for which `net.connect` calls no lookup. @throws AddressRefused */
export function checkLiteral(to: Destination, reach: Reach): void {
  if (isIP(to.host) !== 0 && !isWithin(reach, to.host, to)) throw new AddressRefused();
}

/** An address of a host to connect to, checked. @throws AddressRefused, Error where the name has none */
export async function addressWithin(to: Destination, reach: Reach): Promise<string> {
  checkLiteral(to, reach);
  return isIP(to.host) ? to.host : (await addressesWithin(to, reach))[0].address;
}
