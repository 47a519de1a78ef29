import { GithubProblem, type GithubClient } from './client.js';

const LONGEST_TAG = 100;

/** A version of a document as a tag of Git can have it: `sdk-hey-api-fetch-v1.2.0`. */
export function releaseTag(generator: string, version: string): string {
  const name = `sdk-${generator}-v${version.trim()}`.normalize('NFKC').replace(/[^A-Za-z0-9._-]+/g, '-');
  // git-check-ref-format refuses these.
  return name
    .replace(/\.{2,}/g, '.')
    .slice(0, LONGEST_TAG)
    .replace(/(?:\.lock|[.-])+$/, '');
}

export interface Release {
  tag: string;
  commit: string;
  name: string;
  body: string;
}

/**
 * Makes a release, unless the repository has one with its tag.
 * @throws GithubProblem
 */
export async function makeRelease(
  github: GithubClient,
  repository: string,
  { tag, commit, name, body }: Release,
): Promise<void> {
  const isThere = await github.get(`${repository}/releases/tags/${encodeURIComponent(tag)}`).then(
    () => true,
    (error: unknown) => {
      if (error instanceof GithubProblem && error.status === 404) return false;
      throw error;
    },
  );
  if (isThere) return;
  const release = { tag_name: tag, target_commitish: commit, name, body };
  await github.post(`${repository}/releases`, release).catch((error: unknown) => {
    // Somebody else has made it meanwhile.
    if (!(error instanceof GithubProblem && error.codes.includes('already_exists'))) throw error;
  });
}
