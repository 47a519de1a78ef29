/** Secrets in texts: those of this server, which are taken out of what others say, and those that were pasted by mistake. */

/** Ways in which a secret is written in texts, answers and addresses. */
const spellingsOf = (secret: string): string[] => [
  secret,
  encodeURIComponent(secret),
  Buffer.from(secret).toString('base64'),
  Buffer.from(secret).toString('base64url'),
];

/** A text without a secret, whatever has put it there. */
export const withoutSecret = (text: string, secret: string | null | undefined): string =>
  secret === undefined || secret === null || secret === ''
    ? text
    : spellingsOf(secret).reduce((said, each) => said.replaceAll(each, '***'), text);

const KINDS: readonly (readonly [what: string, pattern: RegExp])[] = [
  ['a token of npm', /\bnpm_[A-Za-z0-9]{30,}/],
  ['a token of GitHub', /\b(?:gh[pousr]_[A-Za-z0-9]{30,}|github_pat_[A-Za-z0-9_]{30,})/],
  ['a token of GitLab', /\bglpat-[A-Za-z0-9_-]{20,}/],
  ['a token of PyPI', /\bpypi-[A-Za-z0-9_-]{50,}/],
  ['an access key of AWS', /\b(?:AKIA|ASIA)[A-Z0-9]{16}\b/],
  ['a private key', /-----BEGIN (?:[A-Z]+ )*PRIVATE KEY-----/],
  ['the password of an .npmrc', /:_(?:authToken|password|auth)\s*=\s*[^\s$<]{8,}/],
];

/** Shorter ones stand in texts by chance. */
const SHORTEST_KNOWN = 8;

/** Where a text has a secret, however it is written; -1 where it has not. */
function placeOf(text: string, secret: string | null): number {
  if (secret === null || secret.length < SHORTEST_KNOWN) return -1;
  return Math.max(...spellingsOf(secret).map((spelling) => text.indexOf(spelling)));
}

/** Whether a secret of this server is in a text. */
export const hasSecret = (text: string, secret: string | null): boolean => placeOf(text, secret) !== -1;

/**
 * What a text seems to give away, and in which line; undefined where nothing is found. The secret itself is not in it.
 * @param known the token that is set next to the text
 */
export function secretIn(text: string, known: string | null = null): string | undefined {
  const own = placeOf(text, known);
  if (own !== -1) return `the token that is set here, in line ${lineAt(text, own)}`;
  for (const [what, pattern] of KINDS) {
    const at = text.search(pattern);
    if (at !== -1) return `${what}, in line ${lineAt(text, at)}`;
  }
  return undefined;
}

const lineAt = (text: string, at: number): number => text.slice(0, at).split('\n').length;
