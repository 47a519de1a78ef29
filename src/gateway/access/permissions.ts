import { soon, type Soon } from '../../kernel/soon.js';
import type { People } from '../../users/index.js';
import type { Problem } from '../plane/problem.js';
import type { Caller } from '../types.js';
import { missingPermission } from './challenges.js';
import { FreshAnswers, type Changes } from './fresh-answers.js';
import { lacking } from './scopes.js';
import type { AccessCall } from './types.js';

/** A user's permissions, in order. */
type Held = ReadonlySet<string>;

const MOST_USERS = 20_000;
const NOTHING: Held = new Set();
const NONE: readonly string[] = [];

const sameWords = (one: Held, other: readonly string[]): boolean =>
  one.size === other.length && other.every((word) => one.has(word));

/**
 * What users may do, by the store: their roles and their own permissions as they are now, whatever their tokens say. Taking a
 * permission away is as urgent as revoking a token, so an answer is used again for as long as one about a token is.
 */
export class Permissions {
  readonly #held: FreshAnswers<Held>;

  constructor(
    readonly people: Pick<People, 'active' | 'standing'>,
    changes: Changes,
  ) {
    this.#held = new FreshAnswers(MOST_USERS, changes);
  }

  /** The permissions of who calls; none where no user of the tenant does. The set stays the same while they do. */
  of(tenantId: string, { userKey }: Caller): Soon<Held> {
    if (userKey === undefined) return NOTHING;
    return soon(
      this.#held.get(`${tenantId}:${userKey}`, (last) => this.#look(tenantId, userKey, last)),
      (held) => held ?? NOTHING,
    );
  }

  /**
   * Whether the caller has the permissions of the operation and of the policy. An application that calls for itself needs none
   * of the operation's, and lacks those of the policy; nobody who comes with another server's token has any.
   */
  check(call: AccessCall, caller: Caller): Soon<Problem | undefined> {
    const needed = neededBy(call, caller);
    if (needed.length === 0) return undefined;
    return soon(this.of(call.tenant.id, caller), (held) => {
      const lacks = lacking(held, call.api.name, needed);
      return lacks.length === 0 ? undefined : missingPermission(call.operation.scopes[0] ?? NONE, lacks);
    });
  }

  async #look(tenantId: string, userKey: string, last: Held | undefined): Promise<Held | undefined> {
    const user = await this.people.active(tenantId, userKey);
    if (!user) return undefined;
    const { permissions } = await this.people.standing(tenantId, user);
    return last && sameWords(last, permissions) ? last : new Set(permissions);
  }
}

function neededBy({ version, operation, policy }: AccessCall, { userKey }: Caller): readonly string[] {
  const ofPolicy = policy.steps.requireScopes?.permissions ?? NONE;
  const callsForItself = userKey === undefined && version.authServer === 'self';
  const ofOperation = callsForItself ? NONE : operation.permissions;
  return ofPolicy.length === 0 ? ofOperation : [...ofOperation, ...ofPolicy];
}
