import type { KoaContextWithOIDC } from 'oidc-provider';
import { factsOf } from '../kernel/request.js';
import type { Revocations } from '../revocations/index.js';
import type { ClientCache } from './client-cache.js';

type RequestContext = Pick<KoaContextWithOIDC, 'req' | 'oidc'>;

/**
 * Notes which revocations a request has seen. The lowest value counts: that of the first look, or that of an earlier
 * request whose checks this one relies on.
 */
export function noteGeneration(
  ctx: Pick<RequestContext, 'req'> | undefined,
  generation: number | undefined,
): void {
  if (!ctx || generation === undefined) return;
  const facts = factsOf(ctx.req);
  facts.generation = Math.min(facts.generation ?? Infinity, generation);
}

/** The generation that what a request issues to a client carries. */
export type GenerationOf = (ctx: RequestContext | undefined, model: string) => Promise<number>;

/**
 * A client's own token depends on the client alone, which is in memory, as it was when it was loaded: so the token carries
 * the counter of that moment, and no look at the store is needed.
 */
export const generationSource =
  (tenantId: string, revocations: Revocations, clients: ClientCache): GenerationOf =>
  async (ctx, model) => {
    const seen = ctx && factsOf(ctx.req).generation;
    if (seen !== undefined) return seen;
    const client = model === 'ClientCredentials' ? ctx?.oidc.client : undefined;
    const loaded = client && clients.generationOf(client);
    const generation = loaded ?? (await revocations.generation(tenantId));
    noteGeneration(ctx, generation);
    return generation;
  };
