import type { ParameterizedContext } from 'koa';
import type { StoreUnavailable } from '../../kernel/errors.js';
import { renderPage, type Look } from '../../kernel/pages.js';
import { factsOf } from '../../kernel/request.js';
import { ROUTES } from '../routes.js';

const INTERACTION = /^\/interaction\/[^/]+/;
const PAGES = ['/account', ROUTES.code_verification, ROUTES.end_session];

/**
 * Where a person tries again: the page itself, or the page that a form belongs to; undefined where there is none. It leads
 * to no other host, whatever the request's target was.
 */
function againAt({ method, path, search, originalUrl }: ParameterizedContext): string | undefined {
  if (method === 'GET' || method === 'HEAD')
    return /^\/(?![/\\])/.test(originalUrl) ? originalUrl : undefined;
  const [interaction] = INTERACTION.exec(path) ?? [];
  return interaction === undefined
    ? PAGES.find((page) => path === page || path.startsWith(`${page}/`))
    : interaction + search;
}

/**
 * Answers that the store cannot serve now: a page for a browser, JSON in OAuth's words for a program.
 * @param again where the link of the page leads, where that is not the page itself.
 */
export function answerUnavailable(
  ctx: ParameterizedContext,
  { message: error, error_description, statusCode, retryAfter }: StoreUnavailable,
  look: Look,
  again = againAt(ctx),
): void {
  const facts = factsOf(ctx.req);
  facts.outcome = error;
  ctx.status = statusCode;
  ctx.set({ 'Retry-After': String(retryAfter), 'Cache-Control': 'no-store' });
  if (ctx.accepts('json', 'html') === 'html')
    renderPage(ctx, 'unavailable', {
      look,
      data: { seconds: String(retryAfter), requestId: facts.requestId, again },
    });
  else ctx.body = { error, error_description, request_id: facts.requestId };
}
