/** What went wrong with a Git server, by what its owner can change. */
export type GitProblemKind =
  | 'private'
  | 'unreachable'
  | 'timeout'
  | 'redirect'
  | 'refused'
  | 'missing'
  | 'status'
  | 'answer'
  | 'tooLarge'
  | 'tree'
  | 'rejected'
  | 'moved';

/** The message says what to change. It has nothing of the server's answer but its status, and what a hook says. */
export class GitProblem extends Error {
  override name = 'GitProblem';
  constructor(
    readonly kind: GitProblemKind,
    message: string,
  ) {
    super(message);
  }
}
