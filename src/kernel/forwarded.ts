import { X509Certificate } from 'node:crypto';
import { BlockList, isIP } from 'node:net';
import type { IncomingMessage } from 'node:http';

/** Where a request comes from and whom it is for, as far as its headers can be believed. */
export interface Origin {
  address: string;
  host: string;
  /** The TLS certificate that the client showed to the proxy. */
  certificate?: X509Certificate | undefined;
}

const plain = (address: string): string => address.replace(/^::ffff:(?=\d+\.)/i, '');

/**
 * Reads who is asking. `X-Forwarded-For` and `X-Forwarded-Host` count only where the connection comes from a trusted
 * network, and in the first only up to the first address that is not trusted; from anybody else they are noise.
 * @param networks addresses and CIDRs of the proxies in front.
 * @param certificateHeader the header in which those pass the client's certificate on.
 */
export function originReader(
  networks: readonly string[],
  certificateHeader: string,
): (request: IncomingMessage) => Origin {
  const certificateKey = certificateHeader.toLowerCase();
  const trusted = new BlockList();
  for (const network of networks) {
    const [address = '', bits] = network.split('/');
    const family = isIP(address) === 6 ? 'ipv6' : 'ipv4';
    if (bits === undefined) trusted.addAddress(address, family);
    else trusted.addSubnet(address, Number(bits), family);
  }
  const isTrusted = (address: string): boolean => {
    const family = isIP(address);
    return family !== 0 && trusted.check(address, family === 6 ? 'ipv6' : 'ipv4');
  };
  return ({ headers, socket }) => {
    const peer = plain(socket.remoteAddress ?? '');
    const host = headers.host ?? '';
    const certificate = headers[certificateKey];
    // It is in the facts of the request from here on; nothing below may take a header for it.
    if (certificate !== undefined) delete headers[certificateKey];
    if (networks.length === 0 || !isTrusted(peer)) return { address: peer, host };
    const hops = String(headers['x-forwarded-for'] ?? '')
      .split(',')
      .map((hop) => plain(hop.trim()))
      .filter((hop) => isIP(hop) !== 0);
    const address = [...hops, peer].reverse().find((hop) => !isTrusted(hop)) ?? hops[0] ?? peer;
    const forwarded = String(headers['x-forwarded-host'] ?? '')
      .split(',')[0]
      ?.trim();
    return { address, host: forwarded || host, certificate: readCertificate(certificate) };
  };
}

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
