import type { Knex } from 'knex';
import type { TenantDb } from '../store/index.js';
import { BASIC } from './codes.js';
import { Failure } from './failure.js';

/** What is known of the token that a call came with. */
export interface Presented {
  /** The `jti` of a JWT, and of any other token a hash. */
  id: string;
  audience: string;
  /** Epoch seconds. */
  expiresAt?: number | undefined;
  /** The revocations that its request had seen (src/revocations). */
  generation: number;
  /** The key that signed it, where it is a JWT. */
  kid?: string | undefined;
  /** Claims that tell what it was derived from, where it was (oidc/derived-token.ts). */
  derived?: Readonly<Record<string, unknown>> | undefined;
  /** What it depends on: the grant, and the session or sign-in that it was issued in. */
  grantId?: string | undefined;
  sessionUid?: string | undefined;
  expiresWithSession?: boolean | undefined;
}

/** Who calls. */
export interface Actor {
  clientId: string;
  /** The `sub` of the user that the client acts for; absent where it acts for itself. */
  userKey?: string | undefined;
  /**
   * What the token was given, as far as the client may still have it. A client that acts for itself has no management word
   * that its owner, where it has one, does not hold at this moment.
   */
  scopes: ReadonlySet<string>;
  /** The user's permissions as they are now. */
  permissions?: ReadonlySet<string> | undefined;
  /** The user to whose own things a role confines the caller: the user, or the owner of a client that acts for itself. */
  confined?: string | undefined;
  /** Absent where it was no token. */
  token?: Presented | undefined;
  /** The API resource that the secret is of which was sent instead of a token. */
  resource?: string | undefined;
  /** Where it was such a secret: whether it still is, as a transaction sees it. */
  secretLives?: ((db: TenantDb) => Promise<boolean>) | undefined;
}

/**
 * Who may call an operation.
 * - `open`: anybody, within the limits of an address;
 * - `bearer`: who has an access token of the management API with the scope `isms.<area>.<verb>`, and, where it is a user's,
 *   the permission of the same name.
 * - `import`: the same, or who sends the secret of an API resource, which opens what is about that resource.
 */
export type Access = { kind: 'open' } | { kind: 'bearer' | 'import'; area: string; verb: string };

/** The two documents' prefixes. Either satisfies an operation. */
export const VOCABULARIES = ['isms', 'ids4.ms'] as const;

/** Areas that the two documents call differently. */
export const ALIASES: Readonly<Record<string, string>> = { blob: 'file', file: 'blob' };

/** The words of which each satisfies `area.verb`, the plainest first. */
export const spellings = (area: string, verb: string): string[] =>
  VOCABULARIES.flatMap((prefix) => [
    ...[area, ALIASES[area]].flatMap((name) =>
      name === undefined ? [] : [`${prefix}.${name}.${verb}`, `${prefix}.${name}.all`],
    ),
    `${prefix}.all`,
  ]);

const MANAGEMENT_WORD = /^(?:isms|ids4\.ms)\.(?:([^.]+)\.)?([^.]+)$/;

/** Whether a word of the management API (`isms.role.get`, `isms.role.all`, `isms.all`) is within what was granted. */
export function isWithin(granted: ReadonlySet<string>, word: string): boolean {
  const [, area, verb] = MANAGEMENT_WORD.exec(word) ?? [];
  if (verb === undefined) return true; // no word of this API: it opens nothing here
  const wanted = area === undefined ? VOCABULARIES.map((prefix) => `${prefix}.all`) : spellings(area, verb);
  return wanted.some((each) => granted.has(each));
}

/** Whether a word of the management API is within what the actor has. */
export const holds = ({ scopes, permissions }: Actor, word: string): boolean =>
  isWithin(scopes, word) && (permissions === undefined || isWithin(permissions, word));

/** Whether a word opens operations of the management API. */
export const isManagementWord = (word: string): boolean => MANAGEMENT_WORD.test(word);

/** The user to whose own things the actor is confined; undefined for callers who see all of the tenant's. */
export const confinedTo = (actor: Actor | undefined): string | undefined =>
  actor && !holds(actor, 'isms.all') ? actor.confined : undefined;

/** Whose a thing is going to be: a developer's own, or the one's that was named. */
export const ownerOf = (actor: Actor | undefined, named: string | null | undefined): string | null =>
  confinedTo(actor) ?? named ?? null;

/** The rows of a table that belong to this user; all of the tenant's where it is nobody in particular. */
export function ownedBy(db: TenantDb, table: string, owner: string | undefined): Knex.QueryBuilder {
  const rows = db.from(table);
  return owner === undefined ? rows : rows.where({ owner_user_key: owner });
}

/** The scope may be in the token already: an owner who does not hold it withholds it. */
const ownersToo = ({ userKey, confined }: Actor): string =>
  userKey === undefined && confined !== undefined ? ', and the owner of the client must hold it' : '';

/** Refuses an actor that may not do this (RFC 6750, 3.1), and says what is missing. @throws Failure */
export function authorise(actor: Actor, { area, verb }: { area: string; verb: string }): void {
  const wanted = spellings(area, verb);
  const [plainest = ''] = wanted;
  const lacks = (granted: ReadonlySet<string>): boolean => !wanted.some((word) => granted.has(word));
  const missing = lacks(actor.scopes)
    ? 'scope'
    : actor.permissions && lacks(actor.permissions)
      ? 'permission'
      : undefined;
  if (missing === undefined) return;
  const message =
    missing === 'scope'
      ? `the token needs the scope ${plainest}${ownersToo(actor)}`
      : `the user needs the permission ${plainest}`;
  throw new Failure(403, BASIC.forbidden, {
    message,
    data: { missing, name: plainest },
    headers: {
      'WWW-Authenticate': `Bearer error="insufficient_scope", error_description="${message}", scope="${plainest}"`,
    },
  });
}
