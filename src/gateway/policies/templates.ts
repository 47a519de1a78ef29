const PARAMETER = /\{([^{}/]+)\}/g;

/** The names of the parameters of a path, such as `id` of `/items/{id}`. */
export const namesIn = (path: string): string[] =>
  [...path.matchAll(PARAMETER)].map(([, name]) => name as string);

const ENCODED_DOT_OR_SLASH = /%(?:2e|2f|5c)/gi;

/** Whether a path has a segment `.` or `..`, also percent-encoded, by which it would leave the path of the backend. */
export const hasDotSegment = (path: string): boolean =>
  path
    .replace(ENCODED_DOT_OR_SLASH, decodeURIComponent)
    .split(/[/\\]/)
    .some((segment) => segment === '.' || segment === '..');
