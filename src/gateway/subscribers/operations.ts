import {
  areaAt,
  BASIC,
  confinedTo,
  defineList,
  defineOperation,
  Failure,
  NEWEST_COLUMNS,
  NEWEST_LIST,
  pageOf,
  shapes,
  type AnyOperation,
} from '../../api/index.js';
import {
  API_RESOURCE_CODES as CODES,
  findApiResource,
  lockApiResource,
  type StoredApiResource,
} from '../../api-resources/index.js';
import type { Config } from '../../config.js';
import { queueText, type Messenger } from '../../messaging/index.js';
import type { TenantDb, Vault } from '../../store/index.js';
import { mailTarget, secondsUntilFree } from '../../verification/index.js';
import { foldName } from '../../kernel/names.js';
import { findVersion } from '../catalogue/index.js';
import { addressHash, confirmationHash, newConfirmationCode, readEndingCode } from './codes.js';
import { linkTo } from './links.js';
import {
  CODE_QUERY,
  ONE_CLICK,
  REQUESTED,
  SUBSCRIBED,
  SUBSCRIPTION,
  SUBSCRIPTION_REQUEST,
} from './schemas.js';
import {
  countSubscriptions,
  findRequest,
  findSubscription,
  isSubscribed,
  putRequest,
  subscribe,
  subscriptionsOf,
  toSubscription,
  unsubscribe,
} from './store.js';
import type { Subscription, SubscriptionRequest } from './types.js';

/** Subscribers of one API. */
export const MOST_SUBSCRIBERS = 100_000;
const CODE_LIFETIME_MS = 86_400_000;
const DAY_MS = 86_400_000;

export interface SubscriberBase {
  vault: Vault;
  messenger: Pick<Messenger, 'driverOf'>;
  config: Pick<Config, 'codes'>;
}

const at = areaAt('apiresource', '/api/ApiResource');

const open = {
  access: { kind: 'open' },
  authority: { untouched: 'a subscriber holds no permission; the code proves whose address it is' },
} as const;

/** What a link in a mail says: which API, and a code. */
interface LinkCall {
  db: TenantDb;
  params: { id: string };
  query: { code: string };
}

/** The name of an API on pages and in mails: that of its first version, which has its id, as announcements say it. */
const titleOf = async (db: TenantDb, { id, displayName, name }: StoredApiResource): Promise<string> =>
  (await findVersion(db, id))?.displayName ?? (displayName || name);

/** What makes a link of a text, in the scripts that mail programs know: a dot in a host, an at sign, slashes, a scheme. */
const OF_LINKS =
  /[.．。｡](?=\p{Default_Ignorable_Code_Point}*\p{L}|\d+[.．。｡]\d+[.．。｡]\d)|[@＠]|[:：]?[/／\\]{2,}|(?<=\b(?:mailto|tel|https?))[:：]/giu;

/**
 * A name as a mail has it that nobody has asked for. Mail programs make links of what looks like an address, so the name of an
 * API could send people elsewhere in the tenant's name.
 */
const withoutLinks = (name: string): string => name.replace(OF_LINKS, ' ').trim();

const onTheList = (): Failure =>
  new Failure(409, CODES.emailAddFailed, { message: 'the address is on the list of subscribers' });

const full = (): Failure =>
  new Failure(409, CODES.subscriptionFailed, {
    message: `an API may have ${MOST_SUBSCRIBERS} subscribers, and this one has as many`,
  });

const badCode = (code: typeof CODES.subscriptionCodeFailed): Failure => {
  const message =
    'the code is wrong, used or expired, or belongs to another API; take the link as it is in the mail';
  return new Failure(422, code, { message, data: [{ field: 'code', rule: 'code', message }] });
};

/**
 * Counts a mail to an address that nobody has confirmed, so that no address gets many.
 * @throws Failure 429
 */
async function countMail(
  db: TenantDb,
  { vault, config: { codes } }: SubscriberBase,
  apiId: string,
  email: string,
): Promise<void> {
  const address = addressHash(vault, foldName(email));
  const rules: [id: string, quota: number, windowMs: number, message: string][] = [
    [`spacing:${apiId}:${address}`, 1, codes.spacing * 1000, 'a mail was sent to this address a moment ago'],
    [`address:${address}`, codes.perTarget, DAY_MS, 'no more of these mails go to this address today'],
    ['tenant', codes.mailPerTenant, DAY_MS, 'no more of these mails are sent today'],
  ];
  for (const [id, quota, windowMs, message] of rules) {
    const wait = await secondsUntilFree(db, `subscription:${id}`, quota, windowMs);
    if (wait === undefined) continue;
    throw new Failure(429, BASIC.tooManyRequests, {
      message: `${message}; wait ${wait} s`,
      headers: { 'Retry-After': String(wait) },
    });
  }
}

/** The subscription that a link confirms. @throws Failure 422, 409 */
async function confirmable(vault: Vault, { db, params, query }: LinkCall): Promise<SubscriptionRequest> {
  const request = await findRequest(db, params.id, confirmationHash(vault, query.code));
  if (!request) throw badCode(CODES.subscriptionCodeFailed);
  if (await isSubscribed(db, params.id, request.email)) throw onTheList();
  if (request.used) throw badCode(CODES.subscriptionCodeFailed);
  return request;
}

/** The subscription that a link ends. @throws Failure 422 */
async function endable(vault: Vault, { db, params, query }: LinkCall): Promise<Subscription> {
  const id = readEndingCode(vault, db.tenantId, params.id, query.code);
  const subscription = id === undefined ? undefined : await findSubscription(db, params.id, id);
  if (!subscription) throw badCode(CODES.subscriptionEndFailed);
  return subscription;
}

const listOperation = (): AnyOperation =>
  defineList({
    ...at.own('subscriptions', 'GET', '/{id}/Subscriptions'),
    summary: 'List the subscribers of an API',
    schemas: { params: shapes.params, query: NEWEST_LIST, answer: SUBSCRIPTION },
    async handle({ db, actor, params, query }) {
      const { id } = await findApiResource(db, params.id, confinedTo(actor));
      return pageOf(db, subscriptionsOf(db, id), query, NEWEST_COLUMNS, (row) => {
        const { ended: _never, ...subscription } = toSubscription(row);
        return shapes.withTimes(subscription);
      });
    },
  });

const requestOperation = (base: SubscriberBase): AnyOperation =>
  defineOperation({
    ...at.own('verifyemail', 'POST', '/{id}/Subscriptions/VerifyEmail'),
    summary: 'Ask an address to subscribe to an API: it gets a mail with a link',
    authority: { untouched: 'a subscriber holds no permission', confined: 'the API is the caller’s own' },
    example: { email: 'carla@example.com' },
    schemas: { params: shapes.params, body: SUBSCRIPTION_REQUEST, answer: REQUESTED },
    target: ({ params }) => params.id,
    /** Whether a mail can go out, asked before the transaction: the answer comes from another connection to the store. */
    prepare: async ({ tenant }) => (await base.messenger.driverOf(tenant.id, 'mail')) !== undefined,
    async handle({ db, actor, language, params, body }, canSend) {
      const { address: email } = mailTarget(body.email);
      const api = await lockApiResource(db, params.id, confinedTo(actor));
      if (await isSubscribed(db, api.id, email)) throw onTheList();
      await countMail(db, base, api.id, email);
      if (!canSend)
        throw new Failure(503, CODES.emailSendFailed, {
          message: 'no mail driver is set; see /api/Messaging',
        });
      const code = newConfirmationCode();
      const expiresAt = Date.now() + CODE_LIFETIME_MS;
      await putRequest(
        db,
        api.id,
        { email, locale: language, expiresAt },
        confirmationHash(base.vault, code),
      );
      await queueText(db, base.vault, {
        channel: 'mail',
        to: email,
        template: 'subscription',
        locale: language,
        values: { api: withoutLinks(await titleOf(db, api)) },
        link: linkTo('AddSubscription', api.id, code),
      });
      return { email, expiresAt: shapes.iso(expiresAt) };
    },
  });

/** Confirming a subscription, by GET and by POST. */
function confirmOperations({ vault }: SubscriberBase): AnyOperation[] {
  const confirmation = {
    ...open,
    schemas: { params: shapes.params, query: CODE_QUERY, answer: SUBSCRIBED },
    target: ({ params }: LinkCall) => params.id,
    link: {
      view: 'subscribe',
      states: { [CODES.emailAddFailed.code]: 'already', [CODES.subscriptionFailed.code]: 'full' },
      async about(call: LinkCall) {
        const { email } = await confirmable(vault, call);
        return { email, api: await titleOf(call.db, await findApiResource(call.db, call.params.id)) };
      },
    },
    async handle(call: LinkCall) {
      const { db, params } = call;
      // Before anything is locked: only who has a code may hold up others.
      await confirmable(vault, call);
      await lockApiResource(db, params.id);
      const request = await confirmable(vault, call);
      if ((await countSubscriptions(db, params.id, MOST_SUBSCRIBERS)) >= MOST_SUBSCRIBERS) throw full();
      await subscribe(db, params.id, request);
      return { email: request.email, subscribed: true };
    },
  } as const;
  return [
    defineOperation({
      ...at.own('addsubscription', 'GET', '/{id}/AddSubscription'),
      ...confirmation,
      summary: 'Confirm a subscription; a browser gets a page with a button and changes nothing',
    }),
    defineOperation({
      ...at.own('confirmsubscription', 'POST', '/{id}/AddSubscription'),
      ...confirmation,
      summary: 'Confirm a subscription, as the button of the page does',
    }),
  ];
}

/** Ending a subscription, by GET and by POST. */
function endOperations({ vault }: SubscriberBase): AnyOperation[] {
  const end = {
    ...open,
    target: ({ params }: LinkCall) => params.id,
    link: {
      view: 'unsubscribe',
      async about(call: LinkCall) {
        const { email } = await endable(vault, call);
        return { email, api: await titleOf(call.db, await findApiResource(call.db, call.params.id)) };
      },
    },
    async handle(call: LinkCall) {
      const { id, email } = await endable(vault, call);
      await unsubscribe(call.db, call.params.id, id);
      return { email, subscribed: false };
    },
  } as const;
  const schemas = { params: shapes.params, query: CODE_QUERY, answer: SUBSCRIBED } as const;
  return [
    defineOperation({
      ...at.own('delsubscription', 'GET', '/{id}/DelSubscription'),
      ...end,
      schemas,
      summary: 'End a subscription; a browser gets a page with a button and changes nothing',
    }),
    defineOperation({
      ...at.own('endsubscription', 'POST', '/{id}/DelSubscription'),
      ...end,
      schemas: { ...schemas, body: ONE_CLICK },
      form: true,
      example: { 'List-Unsubscribe': 'One-Click' },
      summary: 'End a subscription, as mail programs do by one click (RFC 8058)',
    }),
  ];
}

/** The operations about subscribers of APIs. */
export const subscriberOperations = (base: SubscriberBase): readonly AnyOperation[] => [
  listOperation(),
  requestOperation(base),
  ...confirmOperations(base),
  ...endOperations(base),
];
