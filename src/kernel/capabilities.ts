/** The random name of a file; who knows it can read the file. */
const FILE_NAME = /(?<![\w-])([\w-]{6})[\w-]{16}(\.[A-Za-z0-9]{2,4})(?!\w)/g;

/** An address or a message without what opens a file: of its name, the first characters only, by which operators find it. */
export const withoutFileNames = (text: string): string => text.replace(FILE_NAME, '$1…$2');

/** What follows these is the name of an open request, or a code. */
const UID = /(^|\/)(interaction|authorize|device)\/+[^/]+/gi;

function decoded(path: string): string {
  try {
    return decodeURIComponent(path);
  } catch {
    return path;
  }
}

/** Below this, what is as long as a random name may be one that somebody did not write to its end, or wrote something before. */
const OF_FILES = /(^|\/)files\//i;
const LIKE_A_NAME = /([\w-]{6})[\w-]{16,}/g;
const withoutNamesBelowFiles = (path: string): string =>
  OF_FILES.test(path) ? path.replace(LIKE_A_NAME, '$1…') : path;

/** A path without what would open something to a reader of the log. However it is spelled: who asked may be let in elsewhere. */
export const withoutCapabilities = (path: string): string =>
  withoutNamesBelowFiles(withoutFileNames(path.includes('%') ? decoded(path) : path)).replace(
    UID,
    '$1$2/:uid',
  );
