/** Bounds of what is read from a document. A document beyond one of them is refused. */

/** Of the text, in bytes of UTF-8, and of its JSON where YAML becomes longer by aliases. */
export const MAX_BYTES = 16 * 1024 * 1024;
export const MAX_EXPANDED_CHARACTERS = 4 * MAX_BYTES;
export const MAX_DEPTH = 100;
export const MAX_ALIASES = 100;
export const MAX_PROBLEMS = 50;
/** Of one key. A path has its own limit, which is smaller. */
export const MAX_KEY = 16 * 1024;
/** Of what an answer says about one mistake: its message, and its pointer. */
export const MAX_WORDS = 1000;
export const MAX_OPERATIONS = 20_000;
/** What is kept of the document's title and description. */
export const MAX_TITLE = 200;
export const MAX_DESCRIPTION = 20_000;
/** Of the address of a server. */
export const MAX_SERVER_URL = 2000;
/** Of one path, and of the paths that requests have. */
export const MAX_PATH_BYTES = 8 * 1024;
export const MAX_SEGMENTS = 100;
/** How many places of a router one request can visit at most. */
export const MAX_ROUTER_STEPS = 2000;
