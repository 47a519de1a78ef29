import type { Context } from 'koa';
import { renderPage } from '../kernel/pages.js';
import { factsOf } from '../kernel/request.js';
import type { ApiBase } from './base.js';
import { BASIC, type Language } from './codes.js';
import { envelope } from './envelope.js';
import type { Failure } from './failure.js';
import type { AnyOperation } from './operation.js';

/** How an operation that a link in a mail leads to looks in a browser. */
export interface LinkPage<C> {
  /** The page's folder in views/. It gets `state` (`ask`, `done`, `gone` or one of `states`), `action`, and what is known. */
  readonly view: string;
  /** What the page says before anything is done. @throws Failure where the link does nothing any more */
  about(call: C): Promise<Record<string, unknown>>;
  /** The state of the page after failures with these codes; after others it is `gone`. */
  readonly states?: Readonly<Record<number, string>>;
}

type Link = LinkPage<never>;

/** What an operation of a link does: says what it is about, or does it. */
interface LinkSteps {
  about(): Promise<Record<string, unknown>>;
  /** Answers what the operation's schema declares. */
  perform(): Promise<unknown>;
}

const HTML = /(?:^|,)\s*text\/html\s*(?:[;,]|$)/i;

/** Whether a browser asks. A program that takes any type gets JSON. */
const asksForPage = (ctx: Context): boolean => HTML.test(ctx.get('Accept'));

function show(ctx: Context, base: ApiBase, view: string, data: Record<string, unknown>): void {
  renderPage(ctx, view, { look: base.lookOf(ctx.req), data });
  ctx.vary(['Accept', 'Origin']);
}

/**
 * Answers an operation that a link in a mail leads to. Programs that look at mails open links: so a browser's GET gets a page
 * with a button and changes nothing, and neither does HEAD. The button sends a POST to the same address.
 */
export async function answerLink(
  ctx: Context,
  base: ApiBase,
  { view }: Pick<Link, 'view'>,
  language: Language,
  steps: LinkSteps,
): Promise<void> {
  const page = asksForPage(ctx);
  const about = page || ctx.method === 'HEAD' ? await steps.about() : {};
  if (ctx.method === 'HEAD' || (page && ctx.method === 'GET'))
    return show(ctx, base, view, { ...about, state: 'ask', action: ctx.path + ctx.search });
  const answer = await steps.perform();
  if (page) return show(ctx, base, view, { ...about, ...(answer as object), state: 'done' });
  ctx.vary('Accept');
  ctx.body = envelope(BASIC.ok, language, answer);
}

const viewOf = (status: number, view: string): string => {
  if (status === 429) return 'slow-down';
  if (status === 503) return 'unavailable';
  return status >= 500 ? 'error' : view;
};

/** Says on a page that a link did nothing. Answers whether a page was asked for. */
function answerLinkFailure(
  ctx: Context,
  base: ApiBase,
  { view, states = {} }: Link,
  { status, code, headers }: Failure,
): boolean {
  ctx.vary('Accept');
  if (!asksForPage(ctx)) return false;
  show(ctx, base, viewOf(status, view), {
    state: states[code.code] ?? 'gone',
    seconds: headers['Retry-After'] ?? '',
    error: code.name,
    requestId: factsOf(ctx.req).requestId,
  });
  ctx.status = status;
  return true;
}

/**
 * Answers failures of links. It goes by the path, because a request can fail before it is known which operation it is for.
 */
export function linkFailures(
  operations: readonly AnyOperation[],
  base: ApiBase,
): (ctx: Context, failure: Failure) => boolean {
  const links = operations.flatMap(({ path, link }) =>
    link ? [{ link, at: new RegExp(`^${path.replace(/\{\w+\}/g, '[^/]+')}/?$`, 'i') }] : [],
  );
  return (ctx, failure) => {
    const found = links.find(({ at }) => at.test(ctx.path));
    return found !== undefined && answerLinkFailure(ctx, base, found.link, failure);
  };
}
