import type { IncomingMessage } from 'node:http';
import type { Context, Middleware } from 'koa';
import { isForDevelopment, type Config } from './config.js';
import { isThisMachine } from './kernel/addresses.js';
import { hostCookie } from './kernel/cookies.js';
import { sameToken, seeOther } from './kernel/forms.js';
import { localTime, pickLocale, renderPage } from './kernel/pages.js';
import { factsOf } from './kernel/request.js';
import type { Screen } from './messaging/index.js';
import { lookOf, type TenantRuntime } from './oidc/index.js';

const PATH = '/dev/outbox';

/**
 * The address that opens the outbox in a browser; the start prints it, and nothing else has it. The key opens the outbox of
 * every tenant, at the tenant's own host.
 */
export const outboxLink = (issuer: string, { key }: Pick<Screen, 'key'>): string =>
  `${issuer}${PATH}?key=${key}`;

/**
 * Whether an issuer's address leads to this server itself, which speaks plain HTTP at one port. Otherwise a proxy stands in
 * between, and the link of the outbox opens nothing there.
 */
export function isOwnAddress(issuer: string, port: number): boolean {
  const url = new URL(issuer);
  return url.protocol === 'http:' && Number(url.port || 80) === port;
}

/**
 * What proxies, load balancers and content delivery networks add to requests for pages, and browsers do not: by kind, because
 * there are more of these headers than a list can hold. A server behind one of them is not one that only this machine reaches,
 * whatever the connection and the Host look like.
 */
const FORWARDING = new RegExp(
  [
    // All that is not standard, but what browsers and web views add.
    '^x-(?!(requested-with|moz|purpose|client-data|devtools-.+)$)',
    // Who asked, how, and by way of what. (`Sec-` is for browsers.)
    'forward|proxy|proxied|gateway|upstream|connecting|originating|real-?ip|client-?(ip|cert)',
    '^(?!sec-)(.+-)?(ip|addr|address|remote|peer|proto|protocol|scheme|port|https|ssl|tls|hops?|via|ray|edge)(-|$)',
    // By the maker's name, and the headers by which requests are followed through machines.
    '^(cf|cdn|fastly|fly|akamai|cloudfront|ali|eagleeye|incap|sucuri|ns|wl|tencent|eo|do|envoy|surrogate)-',
    '^(traceparent|tracestate|baggage|b3|uber-trace-id|grpc-.+)$',
  ].join('|'),
  'i',
);

/** Whether a proxy passed the request on. The raw headers count: those that are read have been settled by now. */
const isForwarded = ({ rawHeaders }: IncomingMessage): boolean =>
  rawHeaders.some((name, n) => n % 2 === 0 && FORWARDING.test(name));

/** A piece of a message's text, and the address that it leads to where it is one. */
interface Piece {
  text: string;
  href?: string;
}

/** An address as messages have it; what ends a sentence is not of it. */
const ADDRESS = /https?:\/\/[^\s<>"'`]*[^\s<>"'`.,;:!?)\]]/gi;

/**
 * A message's text in pieces, of which addresses at the issuer are links. Addresses elsewhere stay text: people and tenants have
 * written parts of messages.
 */
export function linkedPieces(text: string, issuer: string): Piece[] {
  const { origin } = new URL(issuer);
  const pieces: Piece[] = [];
  let from = 0;
  for (const { 0: address, index } of text.matchAll(ADDRESS)) {
    const url = URL.parse(address);
    if (url?.origin !== origin || url.username + url.password !== '') continue;
    if (index > from) pieces.push({ text: text.slice(from, index) });
    pieces.push({ text: address, href: url.href });
    from = index + address.length;
  }
  if (from < text.length) pieces.push({ text: text.slice(from) });
  return pieces;
}

/**
 * `/dev/outbox`: what was shown instead of sent. Codes for any account stand there, so only a browser sees it that was opened
 * with the link which the start printed, on this machine, and never in production.
 */
export function serveOutbox(
  { config, screen }: { config: Config; screen: Screen },
  runtimeOf: (ctx: Context) => TenantRuntime,
): Middleware {
  return (ctx, next) => {
    if (ctx.path !== PATH) return next();
    const { tenant, secure } = runtimeOf(ctx);
    if (!isForDevelopment(config, tenant.issuer)) return next();
    if (isForwarded(ctx.req) || !isThisMachine(factsOf(ctx.req).address)) return next();
    const cookie = hostCookie(secure, 'gatehouse_outbox');
    const { key } = ctx.query;
    if (typeof key === 'string' && sameToken(screen.key, key)) {
      // Not `strict`: where the link is clicked at another site, a browser would not send the cookie to where this leads. The
      // page only reads, and nothing can frame it.
      ctx.cookies.set(cookie, key, { httpOnly: true, sameSite: 'lax', secure });
      return seeOther(ctx, PATH);
    }
    const open = sameToken(screen.key, ctx.cookies.get(cookie, { signed: false }) ?? '');
    if (!open) {
      factsOf(ctx.req).outcome = 'outbox_shut';
      ctx.status = 403;
    }
    const messages = open
      ? screen.of(tenant.id).map((shown) => ({
          ...shown,
          pieces: linkedPieces(shown.text, tenant.issuer),
          at: new Date(shown.at).toISOString(),
          shownAt: localTime(pickLocale(ctx), shown.at),
        }))
      : [];
    renderPage(ctx, 'dev-outbox', { look: lookOf(tenant), data: { open, messages } });
    return undefined;
  };
}
