import type { LibraryClient } from '../client-cache.js';
import { parse } from '../../kernel/json.js';
import { hkdfSync } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { errors, type KoaContextWithOIDC } from '../library/index.js';
import { factsOf } from '../../kernel/request.js';
import { decrypt, encrypt } from '../../store/index.js';
import type { Artifacts } from '../artifacts.js';

const MODEL = 'RefreshAnswer';
const idOf = (token: string): string => `answer to ${token}`;
/** How long one of two requests with the same token waits for what the other is answered. */
const PATIENCE_MS = 3000;
const LOOK_MS = 20;

type Answer = Record<string, unknown>;

/**
 * A client may lose an answer, or refresh in two tabs at once. Where it is given a window for that, a refresh token that
 * comes again within it gets the answer that it got before: never a second live token. The answer is kept for as long,
 * under a key that only the old token gives, so the table gives nobody a token.
 */
export interface RefreshAnswers {
  /** Whether a token that was used then (epoch milliseconds) may come again. */
  mayComeAgain(client: LibraryClient, usedAt: number): boolean;
  /** Answers what this token was answered before, in place of what the request would get. Always throws. */
  again(ctx: KoaContextWithOIDC, token: string): Promise<never>;
  /** Keeps an answer, before it goes out, where the client has a window. */
  keep(client: LibraryClient, of: Rotated, answer: Answer): Promise<void>;
}

/** What a refresh token was, that has just been replaced. */
export interface Rotated {
  token: string;
  grantId: string | null;
  uid: string | null;
  generation: number;
}

const keyOf = (token: string): Buffer =>
  Buffer.from(hkdfSync('sha256', token, 'gatehouse', 'refresh answer', 32));

/** Answers that were given before, by the request that they are for. */
const repeated = new WeakMap<object, Answer>();

/** @param windowOf seconds that a client's tokens may come again in; 0 for none. */
export function refreshAnswers(
  tenantId: string,
  artifacts: Artifacts,
  windowOf: (client: LibraryClient) => number,
): RefreshAnswers {
  return {
    mayComeAgain: (client, usedAt) => Date.now() < usedAt + windowOf(client) * 1000,
    async again(ctx, token) {
      const until = Date.now() + PATIENCE_MS;
      let stored = await artifacts.find(tenantId, MODEL, idOf(token));
      while (!stored && Date.now() < until) {
        await sleep(LOOK_MS);
        stored = await artifacts.find(tenantId, MODEL, idOf(token));
      }
      if (stored && !stored.revoked)
        repeated.set(ctx, parse<Answer>(decrypt(keyOf(token), stored.payload, MODEL)));
      // Ends the library's work on the request; `answerAgain` puts the answer in the place of the refusal.
      throw new errors.InvalidGrant('the refresh token was used a moment ago');
    },
    async keep(client, { token, grantId, uid, generation }, answer) {
      const window = windowOf(client);
      if (window === 0) return;
      const now = Date.now();
      await artifacts.put(tenantId, MODEL, idOf(token), {
        payload: encrypt(keyOf(token), JSON.stringify(answer), MODEL),
        clientId: client.clientId,
        grantId: grantId ?? undefined,
        uid: uid ?? undefined,
        expiresAt: now + window * 1000,
        createdAt: now,
        generation,
      });
    },
  };
}

/** Answers what was answered before, where `again` has found it. */
export function answerAgain(ctx: KoaContextWithOIDC): void {
  const answer = repeated.get(ctx);
  if (!answer) return;
  ctx.status = 200;
  ctx.body = answer;
  delete factsOf(ctx.req).outcome;
}
