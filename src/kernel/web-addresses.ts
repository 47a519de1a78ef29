/** How an address of the web looks, for schemas: http or https, in any case, and a host; no blanks or control characters. */
export const WEB_ADDRESS = '^[Hh][Tt][Tt][Pp][Ss]?://[\\x21\\x23-\\x5b\\x5d-\\x7e]+$';

const LOOKS_RIGHT = new RegExp(WEB_ADDRESS);

/** A name or an IPv4 address, or an IPv6 address in brackets; with a port. Nothing that ends a directive or a header's value. */
const HOST = /^(?:[A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\])(?::\d{1,5})?$/;

/**
 * Whether a URL's host can stand in a header and in a policy. The URL parser lets `;`, `,` and quotes pass, which would end a
 * directive of a Content-Security-Policy.
 */
export const isPlainHost = (host: string): boolean => HOST.test(host);

/** Whether a text is an address that a browser may be sent to, or a picture loaded from: never a script. */
export function isWebAddress(text: string): boolean {
  const url = LOOKS_RIGHT.test(text) ? URL.parse(text) : null;
  return (
    url !== null && /^https?:$/.test(url.protocol) && isPlainHost(url.host) && !url.username && !url.password
  );
}
