import type { Code, Language } from './codes.js';
import type { Page } from './operation.js';
import type { PagingQuery } from './paging.js';

/** The one shape of every answer. `code` 200 means done. */
export interface Envelope {
  code: number;
  codeName: string;
  message: string;
  data: unknown;
  total?: number;
  /** "gte" where there are more than `total`: counting ends there. */
  totalRelation?: 'gte';
  skip?: number;
  take?: number;
  next?: string | undefined;
}

export const envelope = (
  { code, name, description }: Code,
  language: Language,
  data: unknown,
  message?: string,
): Envelope => ({
  code,
  codeName: name,
  message: message ?? (code === 200 ? '' : description[language]),
  data,
});

export const listEnvelope = (
  code: Code,
  language: Language,
  { rows, total, more, next }: Page<unknown>,
  { skip, take }: PagingQuery,
): Envelope => ({
  ...envelope(code, language, rows),
  total,
  ...(more && { totalRelation: 'gte' as const }),
  skip,
  take,
  ...(next !== undefined && { next }),
});
