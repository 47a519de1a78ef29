import { randomUUID } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { withoutCapabilities } from '../kernel/capabilities.js';
import type { RequestFacts } from '../kernel/request.js';
import type { Log } from './log.js';

const REQUEST_ID = /^[A-Za-z0-9._-]{8,64}$/;

/** The caller's name for the request where it is a plain one, so that logs of several systems fit together; else a new one. */
export function requestIdOf({ headers }: IncomingMessage): string {
  const given = headers['x-request-id'];
  return typeof given === 'string' && REQUEST_ID.test(given) ? given : randomUUID();
}

/**
 * The path as the log has it: queries carry codes and hints, the sign-in pages have the interaction's id in the path, and
 * the name of a file opens it.
 */
const pathForLog = (url: string): string =>
  withoutCapabilities((url.split('?', 1)[0] as string).slice(0, 1000)).slice(0, 200);

/**
 * Writes one line about a request whose answer is out: what was asked of which tenant by which client, how it ended, how
 * long it took. Documents of the provider, which anybody may read at any time, are told at `debug` only; metrics count them.
 * @param url as it came; the app rewrites the request's own.
 */
export function logRequest(
  log: Log,
  { method, url }: { method?: string | undefined; url: string },
  milliseconds: number,
  response: ServerResponse,
  facts: RequestFacts,
): void {
  const level = facts.routine ? 'debug' : 'info';
  if (!log.isLevelEnabled(level)) return;
  log[level](
    {
      requestId: facts.requestId,
      tenant: facts.tenantName,
      client: facts.clientId,
      method,
      path: pathForLog(url),
      status: response.statusCode,
      outcome: facts.outcome ?? (response.writableFinished ? 'ok' : 'aborted'),
      ms: Math.round(milliseconds * 1000) / 1000,
    },
    'request',
  );
}
