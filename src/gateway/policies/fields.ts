/** A field below another one, as a JSON pointer says it (RFC 6901). */
export const below = (field: string, name: string): string =>
  `${field}/${name.replaceAll('~', '~0').replaceAll('/', '~1')}`;
