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

/** A path without what would open something to a reader of the log. However it is spelled: who asked may be let in elsewhere. */
export const withoutCapabilities = (path: string): string =>
  withoutFileNames(path.includes('%') ? decoded(path) : path).replace(UID, '$1$2/:uid');
