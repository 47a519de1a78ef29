import { authorise, type Actor } from './access.js';
import { refuseConfined } from './authority.js';
import type { ApiBase } from './base.js';
import { BASIC } from './codes.js';
import { Failure } from './failure.js';
import type { AnyCall, AnyOperation } from './operation.js';

/** What is refused to a caller whose token has ended. */
export const noToken = (issuer: string, message: string): Failure =>
  new Failure(401, BASIC.noPermission, {
    message,
    headers: {
      'WWW-Authenticate': `Bearer realm="${issuer}", error="invalid_token", error_description="${message.replace('…', '(token)')}"`,
    },
  });

const ENDED = 'the access token, or the caller, was disabled or ended while the request was under way';

type Begun = Pick<AnyCall, 'db' | 'tenant' | 'actor'> & Partial<Pick<AnyCall, 'body'>>;

/**
 * How a change is ordered with others that take rights. The deletion of a tenant takes minutes where much belongs to it:
 * nobody waits for it.
 */
function orderOf(
  { takesRights = false, home, method }: AnyOperation,
  call: Begun,
): 'use' | 'take' | undefined {
  const takes = typeof takesRights === 'function' ? takesRights({ body: call.body }) : takesRights;
  if (takes) return 'take';
  return home && method === 'DELETE' ? undefined : 'use';
}

/**
 * The caller as they are now, in a transaction that has just begun. Until it ends nobody takes rights from them: a change
 * that would waits for this one, or has been made and is seen here.
 * @throws Failure: 401, 403
 */
export async function callerNow(
  operation: AnyOperation,
  base: ApiBase,
  begun: Begun,
): Promise<Actor | undefined> {
  const { access } = operation;
  if (!begun.actor || access.kind === 'open') return undefined;
  const order = orderOf(operation, begun);
  if (order) await begun.db.lockRights(order);
  const actor = await base.actorNow(begun.db, begun.actor);
  if (!actor) throw noToken(begun.tenant.issuer, ENDED);
  authorise(actor, access);
  refuseConfined(operation.authority, actor);
  return actor;
}

/** Refuses a caller who has lost the right or the token meanwhile. @throws Failure: 401, 403 */
export async function checkCaller(
  operation: AnyOperation,
  base: ApiBase,
  begun: Begun,
): Promise<Actor | undefined> {
  const actor = await callerNow(operation, base, begun);
  await checkToken(base, { ...begun, actor });
  return actor;
}

/**
 * Asks whether the token still works. Call it once the things are locked that the change is about: who changes a user's
 * password, and so ends the user's tokens, holds the user meanwhile.
 * @throws Failure: 401
 */
export async function checkToken(base: ApiBase, { db, tenant, actor }: Begun): Promise<void> {
  if (actor && !(await base.tokenLives(db, actor))) throw noToken(tenant.issuer, ENDED);
}
