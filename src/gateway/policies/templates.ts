/** A part of a path template: text as it is, or the name of a parameter of the operation's path. */
export type TemplatePart = string | { name: string };

const PARAMETER = /\{([^{}/]+)\}/g;

/** The names of the parameters of a path, such as `id` of `/items/{id}`. */
export const namesIn = (path: string): string[] =>
  [...path.matchAll(PARAMETER)].map(([, name]) => name as string);

/** `/items/{id}` as `['/items/', { name: 'id' }]`. */
export function partsOf(template: string): TemplatePart[] {
  const parts: TemplatePart[] = [];
  let from = 0;
  for (const match of template.matchAll(PARAMETER)) {
    if (match.index > from) parts.push(template.slice(from, match.index));
    parts.push({ name: match[1] as string });
    from = match.index + match[0].length;
  }
  if (from < template.length) parts.push(template.slice(from));
  return parts;
}

const ENCODED_DOT_OR_SLASH = /%(?:2e|2f|5c)/gi;

/** Whether a path has a segment `.` or `..`, also percent-encoded, by which it would leave the path of the backend. */
export const hasDotSegment = (path: string): boolean =>
  path
    .replace(ENCODED_DOT_OR_SLASH, decodeURIComponent)
    .split(/[/\\]/)
    .some((segment) => segment === '.' || segment === '..');
