/** The gateway's errors by their word: the last part of the `type` URN. */
export const PROBLEMS = {
  'not-found': 404,
  address: 403,
  'bad-path': 400,
  method: 405,
  token: 401,
  scope: 403,
  permission: 403,
  'product-key': 401,
  product: 403,
  'rate-limit': 429,
  quota: 429,
  'invalid-request': 400,
  'too-large': 413,
  'media-type': 415,
  backend: 502,
  'circuit-open': 503,
  timeout: 504,
} as const;

export type ProblemWord = keyof typeof PROBLEMS;

/** Why a call is not answered by its backend, as a problem document says it (RFC 9457). It never names the backend's address. */
export interface Problem {
  word: ProblemWord;
  /** What to change, for a developer. */
  detail: string;
  headers?: Record<string, string>;
  /** Members in addition to those of RFC 9457, such as `errors` of a request that does not fit its document. */
  extensions?: Record<string, unknown>;
}
