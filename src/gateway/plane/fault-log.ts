import { LRUCache } from 'lru-cache';
import type { Log } from '../../observe/index.js';
import type { LocatedCall } from './steps.js';

/**
 * Writes that a call to a backend has failed.
 * @param code undici's or the system's, which names no address.
 * @param isOfBackend whether it says something of the backend, and not of the request or of a connection that was kept too long.
 */
export type LogFault = (call: LocatedCall, code: string, isOfBackend: boolean) => void;

const MOST_KNOWN = 10_000;
const AGAIN_MS = 60_000;

/**
 * Each fault has a line. Of each code, one a minute and revision is a warning, and the others are `info`: a backend that is down
 * must not fill a log of warnings.
 */
export function openFaultLog(log: Log): LogFault {
  const warned = new LRUCache<string, true>({ max: MOST_KNOWN, ttl: AGAIN_MS });
  return ({ facts, tenant, api, revision }, code, isOfBackend) => {
    const kind = `${tenant.id} ${revision.id} ${code}`;
    const level = isOfBackend && !warned.has(kind) ? 'warn' : 'info';
    if (level === 'warn') warned.set(kind, true);
    log[level]({ requestId: facts.requestId, api: api.id, revision: revision.id, code }, 'backend failed');
  };
}
