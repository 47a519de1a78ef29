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
      const kept: Record<string, string> = {};
      for (const name of KEPT) if (this.res.hasHeader(name)) kept[name] = String(this.res.getHeader(name));
      error.headers = { ...error.headers, ...kept };
    }
    onerror.call(this, error);
  };
}
