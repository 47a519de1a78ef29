import { isIPv6 } from 'node:net';

const TOKEN = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/;

/** A value of a `Forwarded` pair: quoted where it is no token (RFC 7239, 4). */
const valueOf = (text: string): string =>
  TOKEN.test(text) ? text : `"${text.replaceAll(/["\\]/g, (each) => `\\${each}`)}"`;

/** A node's name: IPv6 in brackets, which have to be quoted (RFC 7239, 6). */
const nodeOf = (address: string): string =>
  isIPv6(address) ? `"[${address}]"` : valueOf(address || 'unknown');

/** The end of each `Forwarded` of a tenant, by its issuer. */
const ends = new Map<string, string>();
const MOST_ENDS = 10_000;

function endOf(issuer: string): string {
  let end = ends.get(issuer);
  if (end === undefined) {
    if (ends.size >= MOST_ENDS) ends.clear();
    const { host, protocol } = new URL(issuer);
    end = `;host=${valueOf(host)};proto=${protocol.slice(0, -1)}`;
    ends.set(issuer, end);
  }
  return end;
}

/** A request's own part of `Forwarded`: who sent it, to which host, by which protocol, as the gateway knows them. */
export const forwardedFor = (address: string, issuer: string): string =>
  `for=${nodeOf(address)}${endOf(issuer)}`;
