import { BlockList, isIP } from 'node:net';
import { readNetwork, type Network } from './addresses.js';

/**
 * Entries of the operator's list `outbound.allow`: `[tenant@]address|CIDR|name[:port]`. An IPv6 address or CIDR with a port
 * stands in brackets. Each entry opens a way for one tenant; without a tenant, for the home tenant.
 */

/** Where a connection goes. */
export interface Destination {
  /** A name or an address, without brackets. */
  host: string;
  port: number;
}

/** An entry without its tenant. */
interface Opening {
  /** Undefined: all ports. */
  port: number | undefined;
  /** @param name the host as the URL has it, in lower case and without a dot at its end */
  opens(address: string, name: string): boolean;
}

export interface AllowEntry {
  /** The tenant's name; undefined for the home tenant. */
  tenant: string | undefined;
  /** `address|CIDR|name[:port]` */
  opening: string;
}

/** Of a tenant's name, an `@`, a name of DNS in brackets, and a port. */
const LONGEST = 400;
const HOST_AND_PORT = /^(\[[^[\]]+\]|[^[\]:@]+)(?::([1-9][0-9]{0,4}))?$/;
const NAME = /^[a-z0-9_-]+(?:\.[a-z0-9_-]+)*$/;
const PLAIN = /^[^\s/?#%\\]+$/;

/** A name of DNS in the form that names are compared in: lower case, no dot at the end. */
export const canonicalName = (host: string): string => host.toLowerCase().replace(/\.$/, '');

/**
 * A name in punycode; undefined for what is none. A URL's host that reads as an IPv4 address (`0x7f.1`) is that address, so an
 * entry with such a name would open nothing.
 */
function nameIn(text: string): string | undefined {
  if (!PLAIN.test(text)) return undefined;
  const name = canonicalName(URL.parse(`http://${text}`)?.hostname ?? '');
  return NAME.test(name) && name.length <= 253 && isIP(name) === 0 ? name : undefined;
}

/** Whether addresses are in a network; an IPv4 address and the same one mapped into IPv6 are alike. */
function opensNetwork({ address, bits, family }: Network): Opening['opens'] {
  const list = new BlockList();
  list.addSubnet(address, bits, family);
  return (each) => isIP(each) !== 0 && list.check(each, isIP(each) === 6 ? 'ipv6' : 'ipv4');
}

function readOpening(text: string): Opening | undefined {
  if (text.length > LONGEST) return undefined;
  const whole = readNetwork(text);
  if (whole) return { port: undefined, opens: opensNetwork(whole) };
  const [, host = '', digits] = HOST_AND_PORT.exec(text) ?? [];
  const port = digits === undefined ? undefined : Number(digits);
  if (port !== undefined && port > 65_535) return undefined;
  const isBracketed = host.startsWith('[');
  const network = readNetwork(isBracketed ? host.slice(1, -1) : host);
  if (network)
    return isBracketed === (network.family === 'ipv6') ? { port, opens: opensNetwork(network) } : undefined;
  const name = nameIn(host);
  return name === undefined ? undefined : { port, opens: (_address, asked) => asked === name };
}

/** Each is read once. They are the operator's, so they are few. */
const read = new Map<string, Opening | undefined>();

function openingOf(text: string): Opening | undefined {
  if (!read.has(text)) read.set(text, readOpening(text));
  return read.get(text);
}

/** Reads an entry; undefined for what is none. A tenant's name may have an `@`, what follows the last one has none. */
export function readAllowEntry(text: string): AllowEntry | undefined {
  const at = text.lastIndexOf('@');
  const tenant = at === -1 ? undefined : text.slice(0, at);
  const opening = text.slice(at + 1);
  if (tenant?.trim() === '' || !openingOf(opening)) return undefined;
  return { tenant, opening };
}

/** Whether one of these entries (without tenants) opens an address for a connection to a destination. */
export function isOpenedBy(
  entries: readonly string[],
  address: string,
  { host, port }: Destination,
): boolean {
  const name = canonicalName(host);
  return entries.some((entry) => {
    const opening = openingOf(entry);
    return opening !== undefined && (opening.port ?? port) === port && opening.opens(address, name);
  });
}
