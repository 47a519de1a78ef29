import type { KoaContextWithOIDC } from 'oidc-provider';
import { whenClosed } from '../kernel/when-closed.js';

const nothing = (): void => undefined;

/**
 * Empties a request's context once it is answered. The library gives each context a getter of its own, and V8 keeps
 * getters among its old objects, so that all of the request would live until the next full collection and be copied
 * by the quick ones before it: 10 KB of each request (docs/performance.md).
 */
export function letGoWhenAnswered(ctx: KoaContextWithOIDC): void {
  whenClosed(ctx.res, () => {
    const oidc = ctx.oidc as typeof ctx.oidc | undefined; // absent where no route of the library was asked
    for (const holder of [oidc ?? {}, ctx] as Record<string, unknown>[])
      for (const key of Object.keys(holder)) holder[key] = undefined;
    ctx.onerror = nothing; // Koa's, for a connection that breaks later, needs what is gone
  });
}
