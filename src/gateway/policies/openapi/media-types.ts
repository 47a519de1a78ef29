/** A media type without its parameters but `charset`, in lower case. */
export interface MediaType {
  /** `application/json` */
  type: string;
  charset: string | undefined;
}

const TYPE = /^[\t ]*([!#$%&'*+.^_`|~0-9A-Za-z-]{1,100}\/[!#$%&'*+.^_`|~0-9A-Za-z-]{1,100})[\t ]*(?:;|$)/;
const CHARSET = /;[\t ]*charset[\t ]*=[\t ]*"?([^;"\t ]{1,40})"?/i;
const CHARSET_NAME = /charset/gi;
/** No charset that anybody knows. Readers disagree on which of two counts, and on another form of one (`charset*=`). */
const UNCLEAR = 'unclear';

/** Reads a `Content-Type`; undefined for what is none. */
export function readMediaType(header: string | undefined): MediaType | undefined {
  const type = TYPE.exec(header ?? '')?.[1];
  if (header === undefined || type === undefined) return undefined;
  const named = header.match(CHARSET_NAME)?.length ?? 0;
  const read = named === 1 ? CHARSET.exec(header)?.[1]?.toLowerCase() : undefined;
  return { type: type.toLowerCase(), charset: named === 0 ? undefined : (read ?? UNCLEAR) };
}

/** Whether a media type has JSON as its syntax (RFC 6839, 3.1). */
export const isJson = (type: string): boolean => /^[^/]+\/(?:[^/]+\+)?json$/.test(type);

export const isForm = (type: string): boolean => type === 'application/x-www-form-urlencoded';

export const isXml = (type: string): boolean => /^[^/]+\/(?:[^/]+\+)?xml$/.test(type);

/** How closely a media range of a document or of `Accept` fits a type: 3 exactly, 2 `type/*`, 1 any, 0 not. */
function closeness(range: string, type: string): number {
  if (range === type) return 3;
  if (range === '*/*') return 1;
  return range.endsWith('/*') && type.startsWith(range.slice(0, -1)) ? 2 : 0;
}

/** The entry of a `content` map that is for a type: the closest one. */
export function contentFor<T>(
  content: readonly (readonly [range: string, value: T])[],
  type: string,
): T | undefined {
  let best: { value: T; how: number } | undefined;
  for (const [written, value] of content) {
    const how = closeness(readMediaType(written)?.type ?? '', type);
    if (how > (best?.how ?? 0)) best = { value, how };
  }
  return best?.value;
}

const MOST_RANGES = 50;

/**
 * The type that a caller likes best by its `Accept` (RFC 9110, 12.5.1). The first one where none is accepted: an answer in
 * another form is of more use than none.
 */
export function acceptedType(accept: string | undefined, types: readonly string[]): string | undefined {
  const ranges = (accept ?? '*/*').split(',', MOST_RANGES).flatMap((part) => {
    const range = readMediaType(part)?.type;
    const q = /;[\t ]*q[\t ]*=[\t ]*([01](?:\.[0-9]{0,3})?)[\t ]*(?:;|$)/i.exec(part)?.[1];
    return range === undefined ? [] : [{ range, q: q === undefined ? 1 : Number(q) }];
  });
  const liking = (type: string): number => {
    const fitting = ranges.map(({ range, q }) => ({
      q,
      how: closeness(range, readMediaType(type)?.type ?? ''),
    }));
    const closest = Math.max(0, ...fitting.map(({ how }) => how));
    return closest === 0 ? 0 : Math.max(...fitting.filter(({ how }) => how === closest).map(({ q }) => q));
  };
  const liked = types.map((type) => ({ type, q: liking(type) }));
  const most = Math.max(0, ...liked.map(({ q }) => q));
  return liked.find(({ q }) => q === most)?.type;
}
