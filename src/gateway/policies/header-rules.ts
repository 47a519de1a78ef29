import { isIdentity, NOT_SENT } from '../plane/headers.js';

/** Headers of one connection, not of the message (RFC 9110, 7.6.1), and those that frame it (RFC 9112, 6). */
const CONNECTION: ReadonlySet<string> = new Set([
  ...['connection', 'keep-alive', 'proxy-connection', 'proxy-authenticate', 'proxy-authorization'],
  ...['proxy-authentication-info', 'te', 'trailer', 'transfer-encoding', 'upgrade', 'http2-settings'],
  ...['content-length', 'expect'],
]);

/** What the gateway says to the backend of the call and of the caller. */
const OF_GATEWAY: ReadonlySet<string> = new Set([
  ...['host', 'forwarded', 'via', 'x-real-ip', 'x-request-id', 'traceparent', 'tracestate'],
]);

/**
 * Answers come from the issuer's own origin. These headers would let one API sign people out of it, weaken its pages, or
 * change what browsers remember of the whole origin.
 */
const OF_ORIGIN: ReadonlySet<string> = new Set([
  ...['set-cookie', 'set-cookie2', 'clear-site-data', 'service-worker-allowed', 'strict-transport-security'],
  ...['alt-svc', 'content-security-policy', 'x-content-type-options', 'nel', 'report-to'],
  ...['public-key-pins', 'public-key-pins-report-only', 'accept-ch', 'critical-ch', 'origin-agent-cluster'],
]);

const isGatewayName = (name: string): boolean => OF_GATEWAY.has(name) || isIdentity(name);

/**
 * Why a policy may not set or remove a header, with what to do; undefined where it may.
 * @param direction which message has the header
 */
export function headerProblem(direction: 'request' | 'response', header: string): string | undefined {
  const name = header.toLowerCase();
  if (CONNECTION.has(name)) return 'is a header of the connection, which the gateway alone sets; take it out';
  if (isGatewayName(name))
    return 'is a header by which the gateway says who calls, and from where; take it out';
  if (direction === 'request') return NOT_SENT.has(name) ? 'does not go to backends; take it out' : undefined;
  if (OF_ORIGIN.has(name))
    return 'has an effect on the whole origin, which is also the address where people sign in; take it out';
  if (name.startsWith('access-control-')) return 'is set by the step cors; take it out, and use that step';
  return undefined;
}

/** Whether a stored answer leaves this header out: it belongs to the connection, or to one caller. */
export const isNotStored = (name: string): boolean =>
  CONNECTION.has(name) || name === 'set-cookie' || name === 'set-cookie2';
