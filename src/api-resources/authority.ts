import type { Knex } from 'knex';
import { BASIC, confinedTo, Failure, type Actor, type Held, type OwnApis } from '../api/index.js';
import { Conflict } from '../kernel/errors.js';
import { foldName } from '../kernel/names.js';
import type { Row, TenantDb } from '../store/index.js';
import { MANAGEMENT_API } from './management-scopes.js';
import { checkNotReserved, isBelow, isNearWordOf, isSameName, isWordOf } from './names.js';
import type { WordHolders, Words } from './permissions.js';
import type { StoredApiResource } from './schema.js';

/**
 * What an API holds: the management API all the words of management, others none of them (names.ts).
 * @param devices the audience of tokens that sign devices in, which only administrators give.
 */
export const heldByApi = (
  { name, scopes, owner, enabled, audience }: StoredApiResource,
  devices: string,
): Held => ({
  scopes: name === MANAGEMENT_API ? scopes.map((scope) => scope.name) : [],
  trusted:
    audience === devices
      ? [{ setting: `tokenAudience: ${devices}`, instead: 'give it another tokenAudience, or ask one' }]
      : [],
  owner,
  disabled: !enabled,
});

/** An API with whose it is. */
interface Named {
  id: string;
  name: string;
  owner: string | null;
}

const apisOf = async (db: TenantDb): Promise<Named[]> =>
  (await db.from('api_resources').select<Row[]>('id', 'name', 'owner_user_key')).map((row) => ({
    id: row['id'] as string,
    name: row['name'] as string,
    owner: row['owner_user_key'] as string | null,
  }));

/** The scopes that these APIs have, each with the API. */
async function scopesOf(db: TenantDb, apis: readonly Named[]): Promise<{ scope: string; of: Named }[]> {
  const byId = new Map(apis.map((api) => [api.id, api]));
  const rows = db.among(db.from('api_scopes'), 'resource_id', [...byId.keys()]);
  return (await rows.select<Row[]>('name', 'resource_id')).map((row) => ({
    scope: row['name'] as string,
    of: byId.get(row['resource_id'] as string) as Named,
  }));
}

/** The APIs that belong to a user, and what begins with their names. APIs may read words in any case. */
export async function ownApisOf(db: TenantDb, owner: string): Promise<OwnApis> {
  const apis = await apisOf(db);
  const own = apis.filter((api) => api.owner === owner);
  const others = apis.filter((api) => api.owner !== owner);
  const theirs = others.map(({ name }) => foldName(name));
  const scopes = new Map((await scopesOf(db, own)).map(({ scope, of }) => [scope, of.name]));
  return {
    hasApi: (name) => own.some((api) => api.name === name),
    hasScope(scope) {
      const of = scopes.get(scope);
      return of !== undefined && !others.some(({ name }) => isBelow(name, of) && isNearWordOf(name, scope));
    },
    /** `shop.orders.cancel` may be a word of `shop` as well as of `shop.orders`. */
    hasPermission(permission) {
      const folded = foldName(permission);
      return (
        own.some(({ name }) => isWordOf(name, permission)) && !theirs.some((name) => isWordOf(name, folded))
      );
    },
  };
}

const refused = (name: string, message: string): Failure =>
  new Failure(403, BASIC.forbidden, { message, data: { missing: 'owner', name } });

/** Who gives an API something, and whose the API is going to be. */
export interface Giving {
  db: TenantDb;
  actor: Actor | undefined;
  owner: string | null;
  holders: WordHolders;
}

/**
 * Whether what belongs to an owner is another's, which a new thing must not pass for: to a confined caller all that is not
 * their own; to others what belongs to a developer, who gives its words.
 */
export async function isOthers(
  { db, actor, owner: own, holders }: Giving,
  owner: string | null,
): Promise<boolean> {
  const confined = confinedTo(actor);
  if (confined !== undefined) return owner !== confined;
  return owner !== null && owner !== own && (await holders.isDeveloper(db, owner));
}

async function firstOfOthers(giving: Giving, apis: readonly Named[]): Promise<Named | undefined> {
  for (const api of apis) if (await isOthers(giving, api.owner)) return api;
  return undefined;
}

/**
 * Decides whether a caller may make an API of this name. Confined callers are kept out of the words of others' APIs, because
 * all words of `shop.orders` can be words of `shop`, and out of words that somebody has already: to those who have them
 * they mean something else. Others are kept from making an API whose words a developer has given until now, and from names
 * that only case tells from a developer's.
 * @throws Invalid, Failure: 403, Conflict
 */
export async function checkPlace(giving: Giving, name: string): Promise<void> {
  checkNotReserved(name);
  // Of two APIs that are made at once, the second sees the first.
  await giving.db.lockTenant();
  if (confinedTo(giving.actor) === undefined) return checkDevelopers(giving, name);
  await checkNear(giving, name, true);
  const { db, holders } = giving;
  const others = (await apisOf(db)).map((api) => api.name);
  const words: Words = {
    begin: name,
    includes: (word) => isNearWordOf(name, word) && !others.some((other) => isNearWordOf(other, word)),
  };
  const serves = (api: string): boolean => isSameName(api, name) && !others.includes(api);
  const { roles, users } = await holders.count(db, words);
  if (roles + users + (await holders.countClients(db, words, serves)) > 0)
    throw refused(
      name,
      `roles, users or clients have words that begin with "${name}." already; choose another name, or ask an administrator to make the API`,
    );
}

/**
 * Refuses a confined caller a place at or below another's API, in any case; one above it too, where the API is a new one.
 * @throws Failure: 403
 */
export async function checkNear(giving: Giving, name: string, isNew: boolean): Promise<void> {
  const near = (await apisOf(giving.db)).filter(
    // Of equal names the index decides.
    ({ name: other }) =>
      other !== name && (isSameName(other, name) || isBelow(name, other) || (isNew && isBelow(other, name))),
  );
  const theirs = await firstOfOthers(giving, near);
  if (theirs !== undefined)
    throw refused(
      theirs.name,
      `"${theirs.name}" is not yours, and has words in common with "${name}"; choose another name`,
    );
}

/** @throws Conflict */
async function checkDevelopers(giving: Giving, name: string): Promise<void> {
  const apis = await apisOf(giving.db);
  const same = await firstOfOthers(
    giving,
    apis.filter((api) => api.name !== name && isSameName(api.name, name)),
  );
  if (same !== undefined)
    throw new Conflict(
      'name',
      `"${same.name}" is a developer’s API, and "${name}" differs from it in case only; choose another name`,
    );
  // Only the nearest API above counts: words below it are its own, not those of an API further up.
  const [upper] = apis
    .filter((api) => isBelow(name, api.name))
    .sort((one, other) => other.name.length - one.name.length);
  if (upper && (await isOthers(giving, upper.owner))) await checkFree(giving, name, upper, apis);
}

/**
 * Refuses an API below a developer's, of whose words somebody has some: the developer has given them, as long as they were
 * words of the developer's API alone. Those of an API that is below the new one are its own.
 * @throws Conflict that says how many have them
 */
async function checkFree(
  { db, holders }: Giving,
  name: string,
  upper: Named,
  apis: readonly Named[],
): Promise<void> {
  const below = apis.filter((api) => isBelow(api.name, name));
  const words: Words = {
    begin: upper.name,
    includes: (word) =>
      isNearWordOf(name, word) && !below.some(({ name: lower }) => isNearWordOf(lower, word)),
  };
  const { roles, users } = await holders.count(db, words);
  const clients = await holders.countClients(db, words);
  const scopes = (await scopesOf(db, [upper])).filter(({ scope }) => words.includes(scope)).length;
  if (roles + users + clients + scopes > 0)
    throw new Conflict(
      'permissions',
      `"${upper.name}" is a developer’s API, and words that begin with "${name}." have been its words until now: ${roles} roles, ${users} users and ${clients} clients or registrations have some, and ${scopes} are its scopes; take them away first, or choose another name`,
      { roles, users, clients, scopes },
    );
}

/**
 * Decides whether an API may get scopes: none that only case tells from a scope of others, nor, from a confined caller, one
 * that begins with the name of another's API below.
 * @throws Failure: 403, Conflict
 */
export async function checkScopes(giving: Giving, api: string, added: readonly string[]): Promise<void> {
  if (added.length === 0) return;
  const near = (await apisOf(giving.db)).filter(
    ({ name }) => name !== api && (isSameName(name, api) || isBelow(name, api) || isBelow(api, name)),
  );
  if (near.length === 0) return;
  const confined = confinedTo(giving.actor) !== undefined;
  const scopes = await scopesOf(giving.db, near);
  for (const scope of added) {
    const like = scopes.filter((other) => other.scope !== scope && isSameName(other.scope, scope));
    const above = near.filter(({ name }) => confined && isBelow(name, api) && isNearWordOf(name, scope));
    const theirs = await firstOfOthers(giving, [...like.map(({ of }) => of), ...above]);
    if (theirs === undefined) continue;
    const message = `"${scope}" could be a word of the API "${theirs.name}", which is another’s; choose another name for the scope`;
    throw confined ? refused(theirs.name, message) : new Conflict('scopes', message);
  }
}

/** Two APIs of a tenant from before names were compared in any case; a developer owns the one. */
export interface LikeNames {
  tenant: string;
  developers: string;
  other: string;
}

/** The APIs of all tenants that a developer owns and whose names only case tells from another owner's. */
export async function likeNames(knex: Knex): Promise<LikeNames[]> {
  const rows = await knex('api_resources as a')
    .join('api_resources as b', (on) => on.on('b.tenant_id', 'a.tenant_id').andOn('b.id', '<>', 'a.id'))
    .join('tenants as t', 't.id', 'a.tenant_id')
    .whereNotNull('a.owner_user_key')
    .whereRaw('LOWER(a.name) = LOWER(b.name)')
    .whereRaw('(b.owner_user_key IS NULL OR b.owner_user_key <> a.owner_user_key)')
    .orderBy(['t.name', 'a.name', 'b.name'])
    .select<Row[]>('t.name as tenant', 'a.name as developers', 'b.name as other');
  return rows.map((row) => ({
    tenant: String(row['tenant']),
    developers: String(row['developers']),
    other: String(row['other']),
  }));
}
