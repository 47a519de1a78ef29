import { queueMessage, queueMessages, type Deliver } from '../../jobs/index.js';
import type { Locale } from '../../kernel/pages.js';
import type { Message, Messenger, PathOfIssuer } from '../../messaging/index.js';
import { tenantTransaction, type Row, type Store, type TenantDb, type Vault } from '../../store/index.js';
import type { Announcement } from '../types.js';
import { endingCode } from './codes.js';
import { linkTo } from './links.js';
import { subscriptionsOf } from './store.js';

/** Queues the mails of an announcement. */
const ANNOUNCEMENT = 'announcement';
/** One mail of an announcement. Mails have a lane of their own: many of them delay no code for a sign-in. */
const ANNOUNCEMENT_MAIL = 'announcement_mail';
const TABLE = 'api_announcements';

/** So many mails are queued in one transaction: a few milliseconds. */
const BATCH = 200;
const DAY_MS = 86_400_000;
/** An announcement is kept for longer than the outbox tries to send its mails. */
const KEPT_MS = 7 * DAY_MS;

/**
 * Mails the subscribers of an API, in the transaction of what they are told of. It writes three rows, however many the
 * subscribers are; the mails are queued later, in batches. An id that was announced before is left alone.
 * @param perDay so many announcements an API may have in 24 hours.
 * @returns false where it has had as many: then no mail is sent.
 */
export async function announce(db: TenantDb, announcement: Announcement, perDay: number): Promise<boolean> {
  const { id, apiResourceId, apiName, kind, versionName, notes, path = null } = announcement;
  const now = Date.now();
  const written = await db.insertFree(TABLE, ['id'], 'created_at', [
    {
      id,
      api_resource_id: apiResourceId,
      kind,
      api_name: apiName,
      version_name: versionName,
      notes,
      path,
      created_at: now,
      expires_at: now + KEPT_MS,
    },
  ]);
  if (written.size === 0) return true;
  if (!(await db.count(`announcement:${apiResourceId}`, perDay, DAY_MS))) {
    await db.from(TABLE).where({ id }).delete();
    return false;
  }
  await queueMessage(db, ANNOUNCEMENT, { announcement: id });
  return true;
}

/**
 * Queues the mails of the next subscribers. How far it has come is written in the same transaction, so each mail is queued
 * once, however often the work is broken off.
 * @returns whether there may be more.
 */
async function queueBatch(db: TenantDb, id: string): Promise<boolean> {
  const row = (await db.from(TABLE).where({ id }).forUpdate().first()) as Row | undefined;
  if (!row || row['queued_at'] !== null) return false;
  const next = await subscriptionsOf(db, row['api_resource_id'] as string)
    .where('id', '>', row['queued_to'] as string)
    .where('created_at', '<=', row['created_at'] as number)
    .orderBy('id')
    .limit(BATCH)
    .select<{ id: string }[]>('id');
  await queueMessages(
    db,
    ANNOUNCEMENT_MAIL,
    next.map((subscription) => ({ announcement: id, subscription: subscription.id })),
  );
  const more = next.length === BATCH;
  await db
    .from(TABLE)
    .where({ id })
    .update({
      queued_to: next.at(-1)?.id ?? (row['queued_to'] as string),
      queued_at: more ? null : Date.now(),
    });
  return more;
}

/** The subscription has ended since the mail was queued. */
class Unsubscribed extends Error {
  override name = 'Unsubscribed';
}

/** What the rows of a mail say. */
function mailOf(vault: Vault, tenantId: string, row: Row): Message {
  const text = (column: string): string => row[column] as string;
  const apiId = text('api_resource_id');
  const notes = text('notes').trim();
  const path = row['path'] as PathOfIssuer | null;
  return {
    channel: 'mail',
    to: text('email'),
    // A release without notes is said like a publication.
    template: text('kind') === 'release' && notes !== '' ? 'api_release' : 'api_publish',
    locale: row['locale'] as Locale,
    values: {
      api: text('api_name'), // what people subscribe to: the API with all its versions
      version: [text('api_name'), text('version_name')].filter(Boolean).join(' '),
    },
    quoted: notes === '' ? undefined : notes,
    address: path ?? undefined,
    unsubscribe: linkTo(
      'DelSubscription',
      apiId,
      endingCode(vault, tenantId, apiId, text('subscription_id')),
    ),
  };
}

function sendMails({ store, vault, messenger }: CourierBase): Deliver {
  const find = store.prepare(
    `SELECT s.id AS subscription_id, s.email, s.locale, a.api_resource_id, a.kind, a.api_name, a.version_name, a.notes, a.path
       FROM api_subscriptions s
       JOIN api_announcements a ON a.tenant_id = s.tenant_id AND a.api_resource_id = s.api_resource_id
      WHERE s.tenant_id = ? AND s.id = ? AND a.id = ? AND s.ended_at IS NULL AND s.created_at <= a.created_at`,
  );
  return async ({ tenantId, id, payload, handOver }) => {
    const { announcement, subscription } = payload as { announcement: string; subscription: string };
    const row = await find.first(tenantId, subscription, announcement);
    if (!row) return; // the subscription has ended, or the API is deleted
    /** A mail may wait for its connection for long. */
    const ready = async (): Promise<void> => {
      if (!(await find.first(tenantId, subscription, announcement))) throw new Unsubscribed();
      await handOver();
    };
    await messenger.send(tenantId, id, mailOf(vault, tenantId, row), ready).catch((error: unknown) => {
      if (!(error instanceof Unsubscribed)) throw error;
    });
  };
}

export interface CourierBase {
  store: Store;
  vault: Vault;
  messenger: Messenger;
}

/** How the outbox delivers what `announce` queues, by the kind of message. */
export const subscriberCouriers = (base: CourierBase): ReadonlyMap<string, Deliver> =>
  new Map([
    [
      ANNOUNCEMENT,
      async ({ tenantId, payload }) => {
        const { announcement } = payload as { announcement: string };
        while (await tenantTransaction(base.store, tenantId, (db) => queueBatch(db, announcement)));
      },
    ],
    [ANNOUNCEMENT_MAIL, sendMails(base)],
  ]);
