import { BlockList, isIP } from 'node:net';
import { LRUCache } from 'lru-cache';
import { readNetwork, type Network } from '../../kernel/addresses.js';
import type { Problem } from '../plane/problem.js';
import type { PolicySteps } from '../types.js';

/** Networks by family: a `BlockList` takes an IPv4 address for part of `::/0`, which means all of IPv6. */
type Networks = Record<Network['family'], BlockList>;

/** Which addresses may call. */
export interface IpFilter {
  /** Undefined where all may that are not denied. */
  allow: Networks | undefined;
  deny: Networks | undefined;
  /** What was decided of the addresses that called last: to look one up in the lists takes some microseconds. */
  known: LRUCache<string, boolean>;
}

const MOST_KNOWN = 1000;

/** Sockets that listen on IPv6 write an IPv4 caller so. */
const MAPPED = /^::ffff:([0-9.]+)$/i;
const MAPPED_BITS = 96;

/** The same address as `URL` writes it. */
const MAPPED_HEX = /^::ffff:([0-9a-f]{1,4}):([0-9a-f]{1,4})$/i;

/** An IPv4-mapped address as the IPv4 address that it is (RFC 4291, 2.5.5.2); others as they are. */
function unmapped(address: string): string {
  const dotted = MAPPED.exec(address)?.[1];
  if (dotted !== undefined) return dotted;
  const [, high, low] = MAPPED_HEX.exec(address) ?? [];
  if (high === undefined || low === undefined) return address;
  const [upper, lower] = [parseInt(high, 16), parseInt(low, 16)];
  return [upper >> 8, upper & 255, lower >> 8, lower & 255].join('.');
}

function listOf(networks: readonly string[] | undefined): Networks | undefined {
  if (!networks) return undefined;
  const list = { ipv4: new BlockList(), ipv6: new BlockList() };
  for (const text of networks) {
    const network = readNetwork(text);
    if (network) add(list, network);
  }
  return list;
}

function add(list: Networks, { address, bits, family }: Network): void {
  const plain = unmapped(address);
  if (family === 'ipv6' && plain !== address && bits >= MAPPED_BITS)
    list.ipv4.addSubnet(plain, bits - MAPPED_BITS, 'ipv4');
  else list[family].addSubnet(address, bits, family);
}

export const compileIpFilter = ({ allow, deny }: NonNullable<PolicySteps['ipFilter']>): IpFilter => ({
  allow: listOf(allow),
  deny: listOf(deny),
  known: new LRUCache({ max: MOST_KNOWN }),
});

const REFUSED: Problem = { word: 'address', detail: 'This API does not answer calls from your address.' };

/**
 * Whether an address may call; `deny` wins over `allow`. What is no address, or has a zone, may not.
 * @param address the caller's, after trusted proxies
 */
export function ipFilter(filter: IpFilter | undefined, address: string): Problem | undefined {
  if (!filter) return undefined;
  let may = filter.known.get(address);
  if (may === undefined) filter.known.set(address, (may = mayCall(filter, address)));
  return may ? undefined : REFUSED;
}

function mayCall({ allow, deny }: IpFilter, address: string): boolean {
  const plain = unmapped(address);
  const version = plain.includes('%') ? 0 : isIP(plain);
  if (version === 0) return false;
  const family = version === 6 ? 'ipv6' : 'ipv4';
  if (deny?.[family].check(plain, family)) return false;
  return !allow || allow[family].check(plain, family);
}
