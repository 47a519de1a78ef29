import { createHash } from 'node:crypto';
import { shownText } from '../../../kernel/shown-text.js';
import { GithubProblem, type GithubClient } from './client.js';

/** What GitHub lets a label have. */
const LONGEST_NAME = 50;
const LONGEST_DESCRIPTION = 100;
/** GitHub slows down those who make more at once. */
export const MOST_LABELS = 300;

export interface Label {
  name: string;
  description: unknown;
}

const line = (value: unknown, longest: number): string =>
  [...(typeof value === 'string' ? shownText(value).replace(/\s+/g, ' ').trim() : '')]
    .slice(0, longest)
    .join('')
    .trim();

/** Of the name, so that each run and each repository has the same. */
const colourOf = (name: string): string => createHash('sha256').update(name).digest('hex').slice(0, 6);

/**
 * Makes the labels of tags that a repository does not have yet, and leaves all others as they are. GitHub does not tell cases apart.
 * @returns how many labels there are for the tags
 * @throws GithubProblem
 */
export async function makeLabels(
  github: GithubClient,
  repository: string,
  tags: readonly Label[],
): Promise<number> {
  const wanted = new Map(
    tags
      .map(({ name, description }) => ({
        name: line(name, LONGEST_NAME),
        description: line(description, LONGEST_DESCRIPTION),
      }))
      .filter(({ name }) => name !== '')
      .slice(0, MOST_LABELS)
      .map((label) => [label.name.toLowerCase(), label]),
  );
  if (wanted.size === 0) return 0;
  const found = await github.list(`${repository}/labels?per_page=100`);
  const there = new Set(
    found.map((label) => String((label as { name?: unknown } | null)?.name).toLowerCase()),
  );
  for (const [key, label] of wanted) {
    if (there.has(key)) continue;
    const body = { ...label, color: colourOf(key) };
    await github.post(`${repository}/labels`, body).catch((error: unknown) => {
      // Somebody else has made it meanwhile.
      if (!(error instanceof GithubProblem && error.codes.includes('already_exists'))) throw error;
    });
  }
  return wanted.size;
}
