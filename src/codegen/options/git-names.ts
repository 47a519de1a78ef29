/** Names at GitHub and of Git, as far as they can be wrong: undefined, or what to change. */

const OWNER = /^[A-Za-z0-9][A-Za-z0-9_-]{0,38}$/;
const REPOSITORY = /^[A-Za-z0-9_.][A-Za-z0-9_.-]{0,99}$/;

export const ownerProblem = (owner: string): string | undefined =>
  OWNER.test(owner)
    ? undefined
    : 'must be the name of a user or an organization: at most 39 letters, digits, "-" and "_"';

export function repositoryProblem(repo: string): string | undefined {
  if (!REPOSITORY.test(repo) || repo === '.' || repo === '..')
    return 'must be the name of a repository: at most 100 letters, digits, ".", "_" and "-", not beginning with "-"';
  return /\.git$/i.test(repo) ? 'must be without ".git" at its end' : undefined;
}

/** What no name of a branch has (git-check-ref-format): control characters, blanks and the characters of patterns. */
const REFUSED = /[\p{Cc}\p{Cs}\p{Z} ~^:?*[\\]|\.\.|@\{|\/\//u;
const LONGEST_BRANCH = 200;
const OBJECT_ID = /^[0-9a-f]{40}$/i;

/** As `git check-ref-format --branch` and GitHub judge it. */
export function branchProblem(branch: string): string | undefined {
  const parts = branch.split('/');
  const isName =
    branch.length <= LONGEST_BRANCH &&
    !REFUSED.test(branch) &&
    !branch.startsWith('-') &&
    !branch.endsWith('.') &&
    parts.every((part) => part !== '' && !part.startsWith('.') && !part.endsWith('.lock'));
  if (!isName) return 'must be a name that Git lets a branch have';
  if (branch === '@' || branch === 'HEAD' || branch.startsWith('refs/') || OBJECT_ID.test(branch))
    return `"${branch}" means something else to Git; give the name of a branch`;
  return undefined;
}
