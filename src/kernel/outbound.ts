import { lookup as resolve, type LookupAddress, type LookupOptions } from 'node:dns';
import { request as plainRequest } from 'node:http';
import { request as secureRequest } from 'node:https';
import { BlockList, isIP, isIPv6, type LookupFunction } from 'node:net';

/** Networks that are nobody's on the Internet (RFC 6890), and this machine. */
const PRIVATE = new BlockList();
for (const [network, bits] of [
  ['0.0.0.0', 8],
  ['10.0.0.0', 8],
  ['100.64.0.0', 10],
  ['127.0.0.0', 8],
  ['169.254.0.0', 16],
  ['172.16.0.0', 12],
  ['192.0.0.0', 24],
  ['192.168.0.0', 16],
  ['198.18.0.0', 15],
  ['224.0.0.0', 4],
  ['240.0.0.0', 4],
] as const)
  PRIVATE.addSubnet(network, bits, 'ipv4');
for (const [network, bits] of [
  ['::', 128],
  ['::1', 128],
  ['64:ff9b::', 96],
  ['fc00::', 7],
  ['fe80::', 10],
  ['ff00::', 8],
] as const)
  PRIVATE.addSubnet(network, bits, 'ipv6');

const isPrivate = (address: string): boolean => PRIVATE.check(address, isIPv6(address) ? 'ipv6' : 'ipv4');

/** Whether an address may be connected to, by who may reach private networks (`anywhere`) or not. @throws Error */
export function mayReach(address: string, anywhere: boolean): void {
  if (!anywhere && isPrivate(address)) throw new Error('the address is in a private network');
}

/** Looks a name up, and refuses addresses of private networks; what is checked is what is connected to. */
export const lookupFor =
  (anywhere: boolean): LookupFunction =>
  (hostname, options, callback) => {
    const all: LookupOptions & { all: true } = { ...options, all: true };
    resolve(hostname, all, (error, addresses: LookupAddress[]) => {
      const allowed = error ? [] : addresses.filter(({ address }) => anywhere || !isPrivate(address));
      const [first] = allowed;
      if (error || !first) {
        callback(error ?? new Error('the address is in a private network'), '', 0);
      } else if (options.all) callback(null, allowed);
      else callback(null, first.address, first.family);
    });
  };

export interface Answered {
  status: number;
  /** The first 64 KiB. */
  body: string;
}

/** The request was sent, and no answer came: perhaps it was carried out. */
export class NoAnswer extends Error {
  override name = 'NoAnswer';
}

const TIMEOUT_MS = 10_000;
const LONGEST_ANSWER = 65_536;

/** A POST to somebody else's server; redirects are not followed. @throws NoAnswer; any other error means that nothing was sent */
export function post(
  address: string,
  { headers, body, anywhere }: { headers: Record<string, string>; body: string; anywhere: boolean },
): Promise<Answered> {
  const url = new URL(address);
  const host = url.hostname.replace(/^\[|\]$/g, '');
  if (isIP(host)) mayReach(host, anywhere);
  return new Promise((resolve, reject) => {
    let sent = false;
    const fail = (error: Error): void => reject(sent ? new NoAnswer(error.message) : error);
    const sending = (url.protocol === 'https:' ? secureRequest : plainRequest)(url, {
      method: 'POST',
      headers: { ...headers, 'content-length': Buffer.byteLength(body) },
      lookup: lookupFor(anywhere),
      agent: false,
    });
    const deadline = setTimeout(() => sending.destroy(new Error('no answer in time')), TIMEOUT_MS);
    sending.on('error', fail);
    sending.on('close', () => clearTimeout(deadline));
    sending.on('socket', (socket) => {
      const flush = (): void => {
        sent = true;
        sending.end(body);
      };
      // Nothing has left before the connection stands, so that what fails until then can be tried again.
      if (socket.connecting) socket.once(url.protocol === 'https:' ? 'secureConnect' : 'connect', flush);
      else flush();
    });
    sending.on('response', (response) => {
      let text = '';
      response.setEncoding('utf8');
      response.on('data', (chunk: string) => {
        if (text.length < LONGEST_ANSWER) text += chunk;
      });
      response.on('error', fail);
      response.on('aborted', () => fail(new Error('the answer broke off')));
      response.on('end', () => resolve({ status: response.statusCode ?? 0, body: text }));
    });
  });
}
