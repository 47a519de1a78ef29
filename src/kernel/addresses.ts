import { isIP, isIPv6 } from 'node:net';

/** Somebody who has one IPv6 address has all of its /64. */
export function networkOf(address: string): string {
  if (!isIPv6(address)) return address;
  const mapped = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(address);
  if (mapped) return mapped[1] as string;
  const [head = '', tail] = address.split('::');
  const groups = head.split(':').filter(Boolean);
  const rest = tail === undefined ? [] : tail.split(':').filter(Boolean);
  const full = [...groups, ...Array<string>(Math.max(0, 8 - groups.length - rest.length)).fill('0'), ...rest];
  return `${full
    .slice(0, 4)
    .map((group) => parseInt(group, 16).toString(16))
    .join(':')}::/64`;
}

/** Whether an address is this machine's own. */
export const isThisMachine = (address: string): boolean => /^(::ffff:)?127\.|^::1$/i.test(address);

/** A network as `BlockList` takes it. */
export interface Network {
  address: string;
  bits: number;
  family: 'ipv4' | 'ipv6';
}

const NETWORK = /^([^/%]+)(?:\/(0|[1-9][0-9]{0,2}))?$/;

/** Reads an address or a CIDR (`10.0.0.0/8`); undefined for what is none, which an address with a zone is as well. */
export function readNetwork(text: string): Network | undefined {
  const [, address = '', length] = NETWORK.exec(text) ?? [];
  const version = isIP(address);
  if (version === 0) return undefined;
  const longest = version === 6 ? 128 : 32;
  const bits = length === undefined ? longest : Number(length);
  return bits > longest ? undefined : { address, bits, family: version === 6 ? 'ipv6' : 'ipv4' };
}
