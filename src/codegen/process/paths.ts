const LONGEST_PATH = 300;
export const MOST_LEVELS = 20;
const LONGEST_SEGMENT = 200;

/** Control characters, half characters, what no eye sees, what turns the direction of text, and what Windows or a shell reads. */
const REFUSED = /[\p{Cc}\p{Cs}\\:<>"|?*\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff]/u;
/** Git's own folder, in all spellings that a file system takes for it. */
const GIT = /^(?:\.git|git~\d+)$/i;

/**
 * Why a path of a generated file is not taken; undefined where it is. A document can name files: a path must lead into its folder,
 * be the same on each system, and be what Git and npm take.
 */
export function pathProblem(path: string): string | undefined {
  const segments = path.split('/');
  if (path.length > LONGEST_PATH) return `has a path of more than ${LONGEST_PATH} characters`;
  if (segments.length > MOST_LEVELS) return `is more than ${MOST_LEVELS} folders deep`;
  if (segments.some((segment) => segment === '' || segment === '.' || segment === '..'))
    return 'has a path that is not relative, or climbs';
  if (REFUSED.test(path)) return 'has a character in its path that no file name should have';
  if (
    segments.some((segment) => segment.length > LONGEST_SEGMENT || /[. ]$/.test(segment) || GIT.test(segment))
  )
    return 'has a name that some systems, or Git, do not take';
  return undefined;
}

/** A path as a message can show it. */
export const shownPath = (path: string): string => JSON.stringify(path.slice(0, 100));
