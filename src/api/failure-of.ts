import { Busy, Conflict, Invalid, NotFound, StoreUnavailable } from '../kernel/errors.js';
import { BASIC } from './codes.js';
import { Failure } from './failure.js';
import type { AnyOperation } from './operation.js';

/** What rooms throw, as answers. */
export function failureOf(error: unknown, conflicts: AnyOperation['conflicts'] = {}): Failure | undefined {
  if (error instanceof Failure) return error;
  if (error instanceof Invalid) {
    const problem = { field: error.key, rule: 'invalid', message: error.message };
    return new Failure(422, BASIC.unprocessable, {
      message: `${error.key}: ${error.message}`,
      data: [problem],
    });
  }
  if (error instanceof NotFound) return new Failure(404, BASIC.notFound, { message: error.message });
  if (error instanceof Conflict)
    return new Failure(409, conflicts[error.key] ?? BASIC.conflict, {
      message: error.message,
      data: error.data,
    });
  if (error instanceof Busy || error instanceof StoreUnavailable)
    return new Failure(503, BASIC.unavailable, {
      message: error instanceof Busy ? error.message : `${error.message}: ${error.error_description}`,
      headers: { 'Retry-After': String(error.retryAfter) },
    });
  const { status, statusCode = status } = error as { status?: number; statusCode?: number };
  // Koa's own, about a path or a header that can not be read.
  if (statusCode !== undefined && statusCode >= 400 && statusCode < 500) return new Failure(400, BASIC.error);
  return undefined;
}
