import type Koa from 'koa';

/** What every answer of a tenant has, and errors as well. */
const KEPT = ['Strict-Transport-Security', 'X-Request-Id'];

type OnError = (this: Koa.Context, error: (Error & { headers?: Record<string, string> }) | null) => void;

/** Lets these headers outlive an error that nobody caught: Koa takes all headers from its answer. */
export function keepHeadersOfErrors(app: Koa): void {
  const context = app.context as unknown as { onerror: OnError };
  const { onerror } = context;
  context.onerror = function keepHeaders(error) {
    if (error instanceof Error) {
      const kept = KEPT.flatMap((name) => {
        const value = this.res.getHeader(name);
        return value === undefined ? [] : [[name, String(value)]];
      });
      error.headers = { ...error.headers, ...Object.fromEntries(kept) };
    }
    onerror.call(this, error);
  };
}
