import type { Context } from 'koa';
import { whenClosed } from '../kernel/when-closed.js';
import { BASIC, type Language } from './codes.js';
import { envelope } from './envelope.js';
import { Failure } from './failure.js';
import type { CallTenant, StartedWork } from './operation.js';

/** Whether the caller asks for an answer at once (RFC 7240, 4.1). */
const prefersAsync = (ctx: Context): boolean =>
  ctx
    .get('Prefer')
    .split(',')
    .some((preference) => (preference.split(';')[0] ?? '').trim().toLowerCase() === 'respond-async');

interface Started {
  tenant: CallTenant;
  language: Language;
  /** What the change has answered. */
  answer: unknown;
  present(answer: unknown): unknown;
}

/**
 * Answers a call whose committed change has started work: 200 with the work that has ended, its failure, or 202 with where it is
 * read. Callers who go away do not end the work.
 * @throws Failure of the work
 */
export async function answerWork(
  work: StartedWork<unknown>,
  ctx: Context,
  { tenant, language, answer, present }: Started,
): Promise<void> {
  const closed = new AbortController();
  whenClosed(ctx.res, () => closed.abort());
  const atOnce = prefersAsync(ctx);
  const { ended, failure, ...outcome } = atOnce
    ? { ended: false, answer, failure: undefined }
    : await work.wait(answer, tenant.id, closed.signal);
  const data = present(outcome.answer);
  if (failure)
    throw new Failure(failure.status, failure.code, { message: failure.message, data: failure.data ?? data });
  if (!ended) {
    ctx.status = 202;
    ctx.set('Location', work.location(answer));
    if (atOnce) ctx.set('Preference-Applied', 'respond-async');
  }
  ctx.body = envelope(BASIC.ok, language, data);
}
