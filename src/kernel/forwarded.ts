import { X509Certificate } from 'node:crypto';
import { BlockList, isIP } from 'node:net';
import type { IncomingMessage } from 'node:http';
import { readNetwork, type Network } from './addresses.js';

/** Where a request comes from and whom it is for, as far as its headers can be believed. */
export interface Origin {
  address: string;
  /** What names the tenant: the Host header, or what a trusted proxy forwards in its place. */
  host: string;
  /** The TLS certificate that the client showed to the proxy. */
  certificate?: X509Certificate | undefined;
}

/** An IPv4 address as it is written, also where the system maps it into IPv6. */
export const plain = (address: string): string => address.replace(/^::ffff:(?=\d+\.)/i, '');

const BRACKETED = /^\[([^\]]+)\](?::\d{1,5})?$/;
const WITH_PORT = /^([\d.]+):\d{1,5}$/;

/** The address of a hop, which may have a port or brackets (RFC 7239, 6). Undefined where it cannot be read. */
function addressIn(hop: string): string | undefined {
  const address = plain((BRACKETED.exec(hop) ?? WITH_PORT.exec(hop))?.[1] ?? hop);
  return isIP(address) === 0 ? undefined : address;
}

/** The last value of a list. The nearest proxy adds its own at the end; what stands before is what it was sent. */
const lastOf = (list: string): string => list.slice(list.lastIndexOf(',') + 1).trim();

/**
 * Whether an address is one of the proxies in front.
 * @param networks their addresses and CIDRs.
 */
export function proxiesIn(networks: readonly string[]): (address: string) => boolean {
  const trusted = new BlockList();
  for (const network of networks) {
    const { address, bits, family } = readNetwork(network) as Network;
    trusted.addSubnet(address, bits, family);
  }
  return (address) => {
    const family = isIP(address);
    return family !== 0 && trusted.check(address, family === 6 ? 'ipv6' : 'ipv4');
  };
}

/**
 * Reads who is asking. `X-Forwarded-For` and `X-Forwarded-Host` count only where the connection comes from a trusted
 * network; from anybody else they are noise. The walk through the hops of `X-Forwarded-For` begins at the nearest. It ends
 * at the first address that is not trusted, and before the first hop that cannot be read: nobody vouches for what stands
 * further away. Of `X-Forwarded-Host` the last value counts, which the trusted proxy wrote.
 * @param networks addresses and CIDRs of the proxies in front.
 * @param certificateHeader the header in which those pass the client's certificate on.
 */
export function originReader(
  networks: readonly string[],
  certificateHeader: string,
): (request: IncomingMessage) => Origin {
  const certificateKey = certificateHeader.toLowerCase();
  const isTrusted = proxiesIn(networks);
  function callerOf(forwardedFor: string, peer: string): string {
    let address = peer;
    for (const hop of forwardedFor.split(',').reverse()) {
      const next = isTrusted(address) ? addressIn(hop.trim()) : undefined;
      if (next === undefined) break;
      address = next;
    }
    return address;
  }
  return ({ headers, socket }) => {
    const peer = plain(socket.remoteAddress ?? '');
    const host = headers.host ?? '';
    const certificate = headers[certificateKey];
    // It is in the facts of the request from here on; nothing below may take a header for it.
    if (certificate !== undefined) delete headers[certificateKey];
    if (networks.length === 0 || !isTrusted(peer)) return { address: peer, host };
    const forwarded = lastOf(String(headers['x-forwarded-host'] ?? ''));
    const address = callerOf(String(headers['x-forwarded-for'] ?? ''), peer);
    return { address, host: forwarded || host, certificate: readCertificate(certificate) };
  };
}

/** Headers of requests that HTTP, proxies, browsers or this program use. */
const IN_USE = new RegExp(
  `^(?:${[
    ...['accept(?:-.*)?', 'access-control-.*', 'authorization', 'cache-control', 'connection', 'content-.*'],
    ...['cookie', 'date', 'dnt', 'dpop', 'early-data', 'expect', 'forwarded', 'from', 'host', 'if-.*'],
    ...[
      'keep-alive',
      'max-forwards',
      'origin',
      'pragma',
      'prefer',
      'priority',
      'proxy-.*',
      'range',
      'referer',
    ],
    ...[
      'sec-.*',
      'set-cookie',
      'te',
      'traceparent',
      'tracestate',
      'trailer',
      'transfer-encoding',
      'upgrade.*',
    ],
    ...['user-agent', 'via', 'warning', 'x-forwarded-(?:for|host|port|proto)', 'x-real-ip', 'x-request-id'],
  ].join('|')})$`,
  'i',
);

/** Whether a header can be the one of certificates: `originReader` takes it out of each request. */
export const isFreeHeader = (name: string): boolean => !IN_USE.test(name);

/** A certificate as RFC 9440 writes it (`:base64 of DER:`), or as PEM, URL-encoded (nginx's `$ssl_client_escaped_cert`). */
function readCertificate(header: string | string[] | undefined): X509Certificate | undefined {
  if (typeof header !== 'string' || header === '') return undefined;
  try {
    const der = /^:([A-Za-z0-9+/=]+):$/.exec(header)?.[1];
    return new X509Certificate(der === undefined ? decodeURIComponent(header) : Buffer.from(der, 'base64'));
  } catch {
    return undefined; // what is no certificate is none
  }
}

/**
 * Leaves in the headers only what the app has checked. Whatever is built from them below (links, cookies, the
 * caller's address) follows the tenant's own origin, not what somebody sent.
 */
export function settleHeaders(
  request: IncomingMessage,
  origin: URL,
  address: string,
  requestId: string,
): void {
  for (const name of Object.keys(request.headers))
    if (name.startsWith('x-forwarded-')) delete request.headers[name];
  delete request.headers['forwarded'];
  request.headers.host = origin.host;
  request.headers['x-forwarded-host'] = origin.host;
  request.headers['x-forwarded-proto'] = origin.protocol.slice(0, -1);
  request.headers['x-forwarded-for'] = address;
  request.headers['x-request-id'] = requestId;
}
