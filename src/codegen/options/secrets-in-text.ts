/** Looks for what was pasted into a text by mistake, before it is published. */

const KINDS: readonly (readonly [what: string, pattern: RegExp])[] = [
  ['a token of npm', /\bnpm_[A-Za-z0-9]{30,}/],
  ['a token of GitHub', /\b(?:gh[pousr]_[A-Za-z0-9]{30,}|github_pat_[A-Za-z0-9_]{30,})/],
  ['a token of GitLab', /\bglpat-[A-Za-z0-9_-]{20,}/],
  ['a token of PyPI', /\bpypi-[A-Za-z0-9_-]{50,}/],
  ['an access key of AWS', /\b(?:AKIA|ASIA)[A-Z0-9]{16}\b/],
  ['a private key', /-----BEGIN (?:[A-Z]+ )*PRIVATE KEY-----/],
  ['the password of an .npmrc', /:_(?:authToken|password|auth)\s*=\s*[^\s$<]{8,}/],
];

/** What a text seems to give away, and in which line; undefined where nothing is found. The secret itself is not in it. */
export function secretIn(text: string, known: readonly (string | null)[] = []): string | undefined {
  for (const token of known) {
    const at = token === null || token.length < 8 ? -1 : text.indexOf(token);
    if (at !== -1) return `the token that is set here, in line ${lineAt(text, at)}`;
  }
  for (const [what, pattern] of KINDS) {
    const at = text.search(pattern);
    if (at !== -1) return `${what}, in line ${lineAt(text, at)}`;
  }
  return undefined;
}

const lineAt = (text: string, at: number): number => text.slice(0, at).split('\n').length;
