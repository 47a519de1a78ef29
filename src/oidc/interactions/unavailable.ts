import type { ParameterizedContext } from 'koa';
import type { StoreUnavailable } from '../../kernel/errors.js';
import { renderPage, type Look } from '../../kernel/pages.js';
import { factsOf } from '../../kernel/request.js';

/** Answers that the store cannot serve now: a page for a browser, JSON in OAuth's words for a program. */
export function answerUnavailable(
  ctx: ParameterizedContext,
  { message: error, error_description, statusCode, retryAfter }: StoreUnavailable,
  look: Look,
): void {
  const facts = factsOf(ctx.req);
  facts.outcome = error;
  ctx.status = statusCode;
  ctx.set({ 'Retry-After': String(retryAfter), 'Cache-Control': 'no-store' });
  if (ctx.accepts('json', 'html') === 'html')
    renderPage(ctx, 'unavailable', {
      look,
      data: { seconds: String(retryAfter), requestId: facts.requestId },
    });
  else ctx.body = { error, error_description, request_id: facts.requestId };
}
