/** A name or an IPv4 address, or an IPv6 address in brackets; with a port. */
const HOST = '(?:[A-Za-z0-9._-]+|\\[[0-9A-Fa-f:.]+\\])(?::[0-9]{1,5})?';

/**
 * How an address of the web looks, for schemas: http or https, in any case, and a host. It has no user, and no blanks,
 * quotes or control characters.
 */
export const WEB_ADDRESS = `^[Hh][Tt][Tt][Pp][Ss]?://${HOST}(?:[/?#][\\x21\\x23-\\x5b\\x5d-\\x7e]*)?$`;

/** What somebody is told who gives another address. */
export const NO_WEB_ADDRESS =
  'must be a web address, which begins with https:// or http:// and a host; percent-encode other characters, and write the host in punycode';

const LOOKS_RIGHT = new RegExp(WEB_ADDRESS);
const PLAIN_HOST = new RegExp(`^${HOST}$`);

/** Whether a text is an address that a browser may be sent to, or a picture loaded from: never a script. */
export const isWebAddress = (text: string): boolean => LOOKS_RIGHT.test(text) && URL.canParse(text);

/**
 * Whether the authority of a URL can stand in a header and in a policy. The URL parser lets `;`, `,` and quotes pass, which
 * would end a directive of a Content-Security-Policy, and a user before the host hides where a link leads. A URI of a
 * scheme of an application's own may have no host.
 */
export const hasPlainHost = ({ host, username, password }: URL): boolean =>
  (host === '' || PLAIN_HOST.test(host)) && username === '' && password === '';
