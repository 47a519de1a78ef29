import type { Described } from './described.js';
import type { Random } from '../support/random.js';

const TEMPLATE = /\{[^{}]+\}/;
const segmentsOf = (path: string): string[] => path.split('/').slice(1);

export const OWN = 'its own';

/** A request that is made from an operation, or from one that is near it. */
export interface Made {
  /** What was changed; OWN where nothing was. */
  kind: string;
  /** The key of the operation. */
  of: string;
  method: string;
  path: string;
}

const LETTERS = [...'abXY09-_~ é%/😀\\"<>|^:;@!$&\'()*+,='];
/** Characters that a path may have as they are, and encoded as well (RFC 3986, 3.3). */
const EITHER = /%(3A|3B|40|24|26|2B|2C|3D)/g;
const OTHER_METHODS = ['GET', 'HEAD', 'PUT', 'POST', 'DELETE', 'PATCH', 'OPTIONS', 'TRACE', 'PROPFIND'];

const plainly = (text: string): string => encodeURIComponent(text).replace(EITHER, decodeURIComponent);

/** Text of a template: not a dot, and not with two of them, which are another test's. */
function valueFrom(random: Random): string {
  const letters = Array.from(
    { length: 1 + Math.floor(random() * 8) },
    () => LETTERS[Math.floor(random() * LETTERS.length)],
  );
  return (random() < 0.5 ? plainly : encodeURIComponent)(letters.join(''));
}

/** A request of the operation, and those near it: some that other operations serve, and some that none does. */
export function requestsNear({ key, method, path: template }: Described, random: Random): [Made, ...Made[]] {
  const parts = segmentsOf(template).map((part) =>
    part
      .split(/(\{[^{}]+\})/)
      .map((text) => (TEMPLATE.test(text) ? valueFrom(random) : plainly(decodeURIComponent(text))))
      .join(''),
  );
  const pathOf = (changed: readonly string[]): string => changed.map((part) => `/${part}`).join('');
  const path = pathOf(parts);
  const literals = segmentsOf(template).flatMap((part, at) =>
    TEMPLATE.test(part) || part === '' ? [] : [at],
  );
  const literal = literals[Math.floor(random() * literals.length)] ?? -1;
  const withLiteral = (change: (text: string) => string): string =>
    pathOf(parts.map((part, at) => (at === literal ? change(part) : part)));
  const otherMethod = OTHER_METHODS[Math.floor(random() * OTHER_METHODS.length)] ?? '';
  const made = (kind: string, changed: Partial<Made>): Made => ({ kind, of: key, method, path, ...changed });
  return [
    made(OWN, {}),
    made('another method', { method: otherMethod }),
    made('options', { method: 'OPTIONS' }),
    made('one more segment', { path: `${path}/x` }),
    made('one segment less', { path: pathOf(parts.slice(0, -1)) || '/' }),
    made('a slash at the end', { path: `${path}/` }),
    made('an empty segment', { path: `/${path}` }),
    made('another literal', { path: withLiteral((text) => `${text}x`) }),
    made('another case', { path: withLiteral(otherCase) }),
    made('another spelling', { path: withLiteral(spelled) }),
    made('outside', { path: `/~outside~${path}` }),
  ];
}

const otherCase = (text: string): string =>
  text.replace(/%..|[a-z]|[A-Z]/g, (found) =>
    found.length > 1 ? found : found === found.toLowerCase() ? found.toUpperCase() : found.toLowerCase(),
  );

/** The first character encoded that need not be. */
const spelled = (text: string): string =>
  text.replace(/^[A-Za-z0-9]/, (found) => `%${found.charCodeAt(0).toString(16)}`);
