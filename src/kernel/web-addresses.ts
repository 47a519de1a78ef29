import { domainToUnicode } from 'node:url';

/** No control characters, blanks, quotes, `<>` or backslashes, and nothing that changes the direction of text. */
const REFUSED = '\\p{Cc}\\p{Cs}\\p{Z}"<>\\\\\\u202a-\\u202e\\u2066-\\u2069';

/** The JSON Schema format of any address, such as a redirect URI. Letters of any script stay as they are written. */
export const ADDRESS = 'address';

/** The JSON Schema format of an address that a browser may be sent to, or a picture loaded from. */
export const WEB_ADDRESS = 'web-address';

/** The JSON Schema format of an address that this server alone calls: it may have a user, as a webhook's may. */
export const CALLED_ADDRESS = 'called-address';

/** What is said of another address. */
export const NO_WEB_ADDRESS =
  'must be a web address: https:// or http://, a host without a user and without hidden letters, and no blanks, quotes, <> or backslashes';

const CHARACTERS = new RegExp(`^[^${REFUSED}]+$`, 'u');
const WITH_HOST = /^https?:\/\/[^/?#@%]+(?:[/?#]|$)/i;
const WITH_USER_AND_HOST = /^https?:\/\/[^/?#]+(?:[/?#]|$)/i;
const PLAIN_HOST = /^(?:[a-z0-9_-]+(?:\.[a-z0-9_-]+)*\.?|\[[0-9a-f:.]+\])(?::[0-9]{1,5})?$/i;

/**
 * What a host may not be written with: percent-encoded letters, and letters that show nothing. Of these, browsers keep the
 * joiners, where a script needs them, and drop the others.
 */
const UNSEEN = /%|(?![\u200c\u200d])\p{Default_Ignorable_Code_Point}/u;
const IPV4 = /^[0-9]+(?:\.[0-9]+){3}$/;
const AUTHORITY = /^https?:\/\/(?:[^/?#]*@)?([^/?#]*)/i;

/**
 * Whether people recognise in the text of a web address the host that a browser goes to. It is not so where the parser
 * guesses `//`, drops letters, or reads one number as the four of an IPv4 address.
 */
function showsHost(text: string, { hostname }: URL): boolean {
  const written = AUTHORITY.exec(text)?.[1];
  if (written === undefined || UNSEEN.test(written)) return false;
  return !IPV4.test(hostname) || written.replace(/:[0-9]*$/, '') === hostname;
}

/**
 * Whether the authority of a URL can stand in a header and in a policy. `host` is ASCII: the URL parser writes
 * internationalised names in punycode. It lets `;`, `,` and quotes pass, which would end a directive of a
 * Content-Security-Policy, and a user before the host hides where a link leads. A URI of a scheme of an application's own
 * may have no host.
 */
export const hasPlainHost = ({ host, username, password }: URL): boolean =>
  (host === '' || PLAIN_HOST.test(host)) && username === '' && password === '';

/**
 * Whether a text is an address that a browser may be sent to, or a picture loaded from: never a script. It may be written in
 * any script; `URL` serialises it in ASCII for headers and policies.
 */
export function isWebAddress(text: string): boolean {
  if (!CHARACTERS.test(text) || !WITH_HOST.test(text)) return false;
  const url = URL.parse(text);
  return url !== null && url.host !== '' && hasPlainHost(url) && showsHost(text, url);
}

/** An origin as browsers send it, and as people write it where its host is internationalised: `https://bücher.example`. */
export function originSpellings(origin: string): string[] {
  const url = URL.parse(origin);
  if (!url?.hostname.includes('xn--')) return [origin];
  return [origin, `${url.protocol}//${domainToUnicode(url.hostname)}${url.port && `:${url.port}`}`];
}

function isCalledAddress(text: string): boolean {
  if (!CHARACTERS.test(text) || !WITH_USER_AND_HOST.test(text)) return false;
  const url = URL.parse(text);
  return url !== null && url.port !== '0' && PLAIN_HOST.test(url.host) && showsHost(text, url);
}

/** The formats of addresses, for validators of schemas. */
export const ADDRESS_FORMATS = {
  [ADDRESS]: (text: string): boolean => CHARACTERS.test(text),
  [WEB_ADDRESS]: isWebAddress,
  [CALLED_ADDRESS]: isCalledAddress,
};

const PROBLEMS = new Map<unknown, string>([
  [ADDRESS, 'must be an address without blanks, quotes, <> and backslashes'],
  [WEB_ADDRESS, NO_WEB_ADDRESS],
  [
    CALLED_ADDRESS,
    'must be a web address: https:// or http://, a host, and no blanks, quotes, <> or backslashes',
  ],
]);

/** What is said of a text that has not such a format; undefined for other formats. */
export const addressProblem = (format: unknown): string | undefined => PROBLEMS.get(format);
