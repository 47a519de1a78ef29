import type { Policy } from '../../types.js';

const SAFE: ReadonlySet<string> = new Set(['GET', 'HEAD', 'OPTIONS', 'TRACE']);

/** Whether a method changes nothing at the backend (RFC 9110, 9.2.1), so that kept answers stay good. */
export const isSafe = (method: string): boolean => SAFE.has(method);

/** Whether any operation of the revision has a cache. */
export const hasCache = (policy: Policy | undefined): boolean =>
  policy?.cache !== undefined ||
  Object.values(policy?.operations ?? {}).some(({ cache }) => cache !== undefined);
