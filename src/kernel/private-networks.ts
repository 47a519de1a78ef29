import { BlockList, isIP } from 'node:net';
import { canonicalName, isOpenedBy, type Destination } from './outbound-entries.js';

type Subnet = readonly [network: string, bits: number];

/** IPv4 networks that are not part of the public Internet, or are for special use (RFC 6890 and IANA's registry). */
const SPECIAL_IPV4: readonly Subnet[] = [
  ['0.0.0.0', 8],
  ['10.0.0.0', 8],
  ['100.64.0.0', 10],
  ['127.0.0.0', 8],
  ['169.254.0.0', 16],
  ['172.16.0.0', 12],
  ['192.0.0.0', 24],
  ['192.0.2.0', 24],
  ['192.31.196.0', 24],
  ['192.52.193.0', 24],
  ['192.88.99.0', 24],
  ['192.168.0.0', 16],
  ['192.175.48.0', 24],
  ['198.18.0.0', 15],
  ['198.51.100.0', 24],
  ['203.0.113.0', 24],
  ['224.0.0.0', 4],
  ['240.0.0.0', 4],
];

/** The part of IPv6 that is routed on the Internet: everything else is local, reserved, multicast or a translation of IPv4. */
const GLOBAL_IPV6: Subnet = ['2000::', 3];

/** Special uses within that part: Teredo, ORCHID, benchmarks, documentation, 6to4, direct delegation. */
const SPECIAL_IPV6: readonly Subnet[] = [
  ['2001::', 23],
  ['2001:db8::', 32],
  ['2002::', 16],
  ['2620:4f:8000::', 48],
  ['3fff::', 20],
];

function listOf(subnets: readonly Subnet[]): BlockList {
  const list = new BlockList();
  for (const [network, bits] of subnets) list.addSubnet(network, bits, isIP(network) === 6 ? 'ipv6' : 'ipv4');
  return list;
}

const special4 = listOf(SPECIAL_IPV4);
const global6 = listOf([GLOBAL_IPV6]);
const special6 = listOf(SPECIAL_IPV6);

/** `::ffff:1.2.3.4` and `::ffff:102:304` are the IPv4 address 1.2.3.4 to a socket. */
const MAPPED = listOf([['::ffff:0:0', 96]]);

/** Whether an address is on the public Internet. False for everything that is not an address without a zone. */
export function isPublic(address: string): boolean {
  const family = address.includes('%') ? 0 : isIP(address);
  if (family === 4) return !special4.check(address, 'ipv4');
  if (family !== 6) return false;
  // A BlockList compares a mapped address with the rules for IPv4.
  if (MAPPED.check(address, 'ipv6')) return !special4.check(address, 'ipv6');
  return global6.check(address, 'ipv6') && !special6.check(address, 'ipv6');
}

/**
 * Where a request may go.
 * - `anywhere`: to every address, because the operator wrote where;
 * - a list: to the public Internet, and to what these entries open: `address|CIDR|name[:port]` (outbound-entries.ts).
 */
export type Reach = 'anywhere' | readonly string[];

/** The networks of this machine. */
export const LOOPBACK: readonly string[] = ['127.0.0.0/8', '::1/128'];

/** Whether the operator has opened an address for connections to a destination: public addresses are not opened by that alone. */
export const isOpened = (reach: Reach, address: string, to: Destination): boolean =>
  reach === 'anywhere' || isOpenedBy(reach, address, to);

/** Whether a connection to a destination may be made to this address, which is one of those that its name has. */
export const isWithin = (reach: Reach, address: string, to: Destination): boolean =>
  isPublic(address) || isOpened(reach, address, to);

/** `localhost` and the names below it, which are this machine's (RFC 6761, 6.3). */
const LOCAL_NAME = /(^|\.)localhost\.?$/i;
const LOCAL_ADDRESSES = ['127.0.0.1', '::1'];

/**
 * Whether a destination, as it is written, can only be an address that may not be connected to. Other names are not looked up:
 * what they lead to is checked at each connection.
 */
export function isOutOfReach(reach: Reach, to: Destination): boolean {
  const isAddress = isIP(to.host) !== 0;
  if (!isAddress && !LOCAL_NAME.test(to.host)) return false;
  return !(isAddress ? [to.host] : LOCAL_ADDRESSES).some((address) => isWithin(reach, address, to));
}

/** Where a URL leads. WHATWG URLs spell an IPv4 address in one way, whatever was written; IPv6 is in brackets there. */
export const destinationOf = ({ hostname, port, protocol }: URL): Destination => ({
  host: hostname.replace(/^\[|\]$/g, ''),
  port: Number(port) || (protocol === 'https:' ? 443 : 80),
});

/**
 * Whether packages, commits and keys may come from or go to a URL: by https, or by plain http where an entry opens the URL's
 * name, or its address if the host is one (or `localhost`). This decides the protocol only: connections are checked on their own.
 */
export function mayUsePlainHttp(reach: Reach, url: URL): boolean {
  if (url.protocol !== 'http:') return url.protocol === 'https:';
  const to = destinationOf(url);
  const addresses = canonicalName(to.host) === 'localhost' ? LOCAL_ADDRESSES : [to.host];
  return addresses.some((address) => isOpened(reach, address, to));
}
