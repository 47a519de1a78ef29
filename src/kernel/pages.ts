import { parse } from './json.js';
import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Eta } from 'eta';
import type { ParameterizedContext } from 'koa';
import { packageRoot } from './root.js';

/** How a page looks: the tenant's name and branding. */
export interface Look {
  name: string;
  logo?: string | undefined;
  color?: string | undefined;
}

export type Locale = 'en' | 'zh-CN';

export interface PageOptions {
  look: Look;
  /** The request's `ui_locales` (OIDC Core 3.1.2.1), which comes before the browser's languages. */
  uiLocales?: string | undefined;
  /** Other origins that a form of this page may end at; browsers follow redirects of forms only to these. */
  formTargets?: string[] | undefined;
  /** Origins of the frames that the page has. */
  frameSources?: string[] | undefined;
  /** Where the browser goes by itself after a moment. */
  goesOnTo?: string | undefined;
  data?: Record<string, unknown>;
}

const FOLDER = join(packageRoot, 'views');
/** Enough for a page's frames to load. */
const GOES_ON_SECONDS = 3;
const LOCALES: readonly Locale[] = ['en', 'zh-CN'];

const eta = new Eta({ views: FOLDER, cache: true, autoEscape: true, autoTrim: false });
const words = new Map<Locale, Record<string, string>>(
  LOCALES.map((locale) => [
    locale,
    parse<Record<string, string>>(readFileSync(join(FOLDER, 'locales', `${locale}.json`), 'utf8')),
  ]),
);

interface Asset {
  body: Buffer;
  type: string;
  etag: string;
}

const TYPES: Record<string, string> = { css: 'text/css; charset=utf-8', svg: 'image/svg+xml' };
const etagOf = (body: Buffer): string =>
  `"${createHash('sha256').update(body).digest('base64url').slice(0, 22)}"`;

/** The few files that pages load, by name, read once. */
const assets = new Map<string, Asset>(
  readdirSync(join(FOLDER, 'assets')).map((name) => {
    const body = readFileSync(join(FOLDER, 'assets', name));
    return [
      name,
      { body, type: TYPES[name.split('.').at(-1) ?? ''] ?? 'application/octet-stream', etag: etagOf(body) },
    ];
  }),
);

/** English for every tag that is not Chinese; `zh`, `zh-Hans` and `zh-SG` all read Simplified Chinese. */
const toLocale = (tag: string): Locale | undefined =>
  /^zh\b/i.test(tag) ? 'zh-CN' : /^en\b/i.test(tag) ? 'en' : undefined;

export function pickLocale(ctx: Pick<ParameterizedContext, 'acceptsLanguages'>, uiLocales?: string): Locale {
  for (const tag of (uiLocales ?? '').split(' ')) {
    const locale = toLocale(tag);
    if (locale) return locale;
  }
  return toLocale(ctx.acceptsLanguages(['en', 'zh-CN', 'zh', 'zh-Hans']) || 'en') ?? 'en';
}

/** A word of the interface, with `{name}` places filled. An unknown key is a bug that the page shows. */
export function say(locale: Locale, key: string, values: Record<string, string> = {}): string {
  const text = words.get(locale)?.[key] ?? words.get('en')?.[key] ?? key;
  return text.replace(/\{(\w+)\}/g, (place, name: string) => values[name] ?? place);
}

/** Epoch milliseconds for a person to read. It ends with UTC, because the server does not know where the person is. */
export const localTime = (locale: Locale, milliseconds: number): string =>
  `${new Intl.DateTimeFormat(locale, { dateStyle: 'medium', timeStyle: 'medium', timeZone: 'UTC' }).format(milliseconds)} UTC`;

/** A view that is no page: a mail's text. */
export const renderView = (view: string, data: Record<string, unknown>): string =>
  eta.render(`./${view}`, data);

/**
 * Answers with a page of `views/`. No script runs on it, no other site may frame it, and nothing of it is kept or told
 * to where its links lead.
 */
export function renderPage(
  ctx: ParameterizedContext,
  page: string,
  { look, uiLocales, formTargets = [], frameSources = [], goesOnTo, data = {} }: PageOptions,
): void {
  const locale = pickLocale(ctx, uiLocales);
  const logoOrigin = look.logo ? URL.parse(look.logo)?.origin : undefined;
  ctx.set({
    'Content-Security-Policy': [
      "default-src 'none'",
      "style-src 'self'",
      `img-src 'self' data:${logoOrigin ? ` ${logoOrigin}` : ''}`,
      `form-action 'self'${formTargets.map((target) => ` ${target}`).join('')}`,
      ...(frameSources.length > 0 ? [`frame-src ${frameSources.join(' ')}`] : []),
      "frame-ancestors 'none'",
      "base-uri 'none'",
    ].join('; '),
    'X-Frame-Options': 'DENY',
    'X-Content-Type-Options': 'nosniff',
    'Referrer-Policy': 'no-referrer',
    'Cache-Control': 'no-store',
    'Content-Language': locale,
    Vary: 'Accept-Language, Cookie',
  });
  if (goesOnTo !== undefined) ctx.set('Refresh', `${GOES_ON_SECONDS};url=${goesOnTo}`);
  ctx.type = 'html';
  ctx.body = eta.render(`./${page}/page`, {
    ...data,
    look,
    locale,
    say: (key: string, values?: Record<string, string>) => say(locale, key, values),
  });
}

/** Answers `/assets/<name>`, and the tenant's colours as `/assets/look.css`. False when there is no such file. */
export function serveAsset(ctx: ParameterizedContext, look: Look): boolean {
  const name = ctx.path.slice('/assets/'.length);
  const asset = name === 'look.css' ? lookSheet(look) : assets.get(name);
  if (!asset) return false;
  ctx.set({ ETag: asset.etag, 'Cache-Control': 'public, max-age=300', 'X-Content-Type-Options': 'nosniff' });
  ctx.type = asset.type;
  ctx.status = 200;
  if (ctx.fresh) ctx.status = 304;
  else ctx.body = asset.body;
  return true;
}

function lookSheet({ color }: Look): Asset {
  const body = Buffer.from(
    color === undefined ? '' : `:root { --accent: ${color}; --on-accent: ${inkOn(color)}; }\n`,
  );
  return { body, type: TYPES['css'] as string, etag: etagOf(body) };
}

/** Black or white, whichever reads better on the colour (WCAG relative luminance). */
function inkOn(color: string): string {
  const channel = (at: number): number => {
    const value = parseInt(color.slice(at, at + 2), 16) / 255;
    return value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4;
  };
  const luminance = 0.2126 * channel(1) + 0.7152 * channel(3) + 0.0722 * channel(5);
  return luminance > 0.179 ? '#000000' : '#ffffff';
}
