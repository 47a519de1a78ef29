import { timingSafeEqual } from 'node:crypto';
import { bodyParser } from '@koa/bodyparser';
import type { Context, Middleware } from 'koa';

/** A step that a request passes, as Koa has them; its next step answers nothing. */
export type Step = (ctx: Context, next: () => Promise<unknown>) => unknown;

/** The fields of a form as a page sent them. One that came twice is none. */
export interface Form {
  /** The field's text; empty where it was not sent. */
  text(name: string): string;
  has(name: string): boolean;
}

/** Reads the forms of pages; 8 KiB are more than any of them has. */
export const readForms = (): Middleware => bodyParser({ enableTypes: ['form'], formLimit: '8kb' });

export function formOf(ctx: Context): Form {
  const body = (ctx.request as unknown as { body?: Record<string, unknown> }).body ?? {};
  const text = (name: string): string => {
    const value = Object.hasOwn(body, name) ? body[name] : undefined;
    return typeof value === 'string' ? value : '';
  };
  return { text, has: (name) => text(name) !== '' };
}

/** On to another page with GET, whatever the request was (RFC 9110, 15.4.4). */
export function seeOther(ctx: Context, to: string): void {
  ctx.redirect(to);
  ctx.status = 303;
}

/** Compares what a form says with what its page was given, in constant time. */
export function sameToken(expected: string, given: string): boolean {
  const [one, other] = [Buffer.from(expected), Buffer.from(given)];
  return one.length === other.length && timingSafeEqual(one, other);
}
