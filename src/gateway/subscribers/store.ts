import type { Knex } from 'knex';
import { newId } from '../../kernel/ids.js';
import { foldName } from '../../kernel/names.js';
import type { Locale } from '../../kernel/pages.js';
import type { Row, TenantDb } from '../../store/index.js';
import type { Subscription, SubscriptionRequest } from './types.js';

const SUBSCRIPTIONS = 'api_subscriptions';
const REQUESTS = 'api_subscription_requests';

export const toSubscription = (row: Row): Subscription => ({
  id: row['id'] as string,
  email: row['email'] as string,
  ended: row['ended_at'] !== null,
  createdAt: Number(row['created_at']),
  updatedAt: Number(row['updated_at']),
});

/** The subscriptions of an API that have not ended. */
export const subscriptionsOf = (db: TenantDb, apiId: string): Knex.QueryBuilder =>
  db.from(SUBSCRIPTIONS).where({ api_resource_id: apiId, ended_at: null });

export async function isSubscribed(db: TenantDb, apiId: string, email: string): Promise<boolean> {
  const found: unknown = await subscriptionsOf(db, apiId)
    .where({ email_key: foldName(email) })
    .first('id');
  return found !== undefined;
}

/** How many subscribers an API has, up to `most`. */
export async function countSubscriptions(db: TenantDb, apiId: string, most: number): Promise<number> {
  const some = (await subscriptionsOf(db, apiId).select('id').limit(most)) as unknown[];
  return some.length;
}

/** Takes the place of what was asked for the same address before, whose code is void from here on. */
export const putRequest = (
  db: TenantDb,
  apiId: string,
  { email, locale, expiresAt }: Omit<SubscriptionRequest, 'used'>,
  codeHash: string,
): Promise<void> =>
  db.put(REQUESTS, ['api_resource_id', 'email_key'], {
    api_resource_id: apiId,
    email_key: foldName(email),
    email,
    locale,
    code_hash: codeHash,
    used_at: null,
    expires_at: expiresAt,
  });

/** What a code confirms; undefined for a code that is wrong, has expired, or is another API's. */
export async function findRequest(
  db: TenantDb,
  apiId: string,
  codeHash: string,
): Promise<SubscriptionRequest | undefined> {
  const row = (await db
    .from(REQUESTS)
    .where({ api_resource_id: apiId, code_hash: codeHash })
    .where('expires_at', '>', Date.now())
    .first()) as Row | undefined;
  return (
    row && {
      email: row['email'] as string,
      locale: row['locale'] as Locale,
      used: row['used_at'] !== null,
      expiresAt: Number(row['expires_at']),
    }
  );
}

/** Uses up a code, and puts its address on the list. Lock the API before, so that two uses of one code come in turn. */
export async function subscribe(
  db: TenantDb,
  apiId: string,
  { email, locale }: SubscriptionRequest,
): Promise<void> {
  const now = Date.now();
  const which = { api_resource_id: apiId, email_key: foldName(email) };
  await db.from(REQUESTS).where(which).update({ used_at: now });
  const again = await db
    .from(SUBSCRIPTIONS)
    .where(which)
    .update({ email, locale, ended_at: null, created_at: now, updated_at: now });
  if (again === 0)
    await db.insert(SUBSCRIPTIONS, {
      ...which,
      id: newId(),
      email,
      locale,
      ended_at: null,
      created_at: now,
      updated_at: now,
    });
}

/** A subscription of an API, also one that has ended. */
export async function findSubscription(
  db: TenantDb,
  apiId: string,
  id: string,
): Promise<Subscription | undefined> {
  const row = (await db.from(SUBSCRIPTIONS).where({ api_resource_id: apiId, id }).first()) as Row | undefined;
  return row && toSubscription(row);
}

/** Ends a subscription; one that has ended stays as it is. */
export async function unsubscribe(db: TenantDb, apiId: string, id: string): Promise<void> {
  const now = Date.now();
  await subscriptionsOf(db, apiId).where({ id }).update({ ended_at: now, updated_at: now });
}
