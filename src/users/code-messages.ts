import type { Config } from '../config.js';
import { openMessage, queueSealed, type Deliver } from '../jobs/index.js';
import type { Locale } from '../kernel/pages.js';
import type { Message, Messenger } from '../messaging/index.js';
import { tenantDb, type Store, type TenantDb, type Vault } from '../store/index.js';
import { lifetimeOf, type Codes, type Purpose, type Target } from '../verification/index.js';
import { atTarget } from './store.js';

/** A code on its way to whoever is at the target. */
export const CODE_MESSAGE = 'code';

interface CodeMessage {
  target: Target;
  purpose: Purpose;
  code: string;
  minutes: number;
  locale: Locale;
}

export interface CodeWish {
  target: Target;
  purpose: Purpose;
  /** The user that it is for, where only one may use it. */
  subject?: string;
  /** From where it is asked for. */
  address: string;
  locale: Locale;
}

/** Makes codes and queues their messages. */
export interface CodeSender {
  /**
   * Call it in a transaction. It does not look whether anybody has an account at the target, so that nobody learns it from
   * the answer or the time: what is sent is decided when it is sent. @throws NoCodeNow, Invalid
   */
  request(db: TenantDb, wish: CodeWish): Promise<void>;
}

export function codeSender(codes: Codes, vault: Vault, config: Config['codes']): CodeSender {
  return {
    async request(db, { locale, ...wish }) {
      const { target, purpose } = wish;
      const code = await codes.issue(db, wish);
      const minutes = Math.ceil(lifetimeOf(config, target) / 60);
      const message: CodeMessage = { target, purpose, code, minutes, locale };
      await queueSealed(db, vault, CODE_MESSAGE, message, {
        to: target.channel,
        usefulFor: lifetimeOf(config, target),
      });
    },
  };
}

/**
 * What is said at a target, and whether anything is: whoever has an account already is told so by mail instead of getting a
 * code for another, and whoever has none gets no code to sign in.
 */
function templateFor({ purpose, target }: CodeMessage, known: boolean): string | undefined {
  if (purpose === 'login' || purpose === 'reset') return known ? `code_${purpose}` : undefined;
  if (purpose === 'register_or_reset') return known ? 'code_reset' : 'code_register';
  return known && target.channel === 'mail' ? 'account_exists' : `code_${purpose}`;
}

/** Sends a code, or what there is to say instead. */
export function codeDelivery(store: Store, vault: Vault, messenger: Messenger): Deliver {
  return async (queued) => {
    const message = openMessage<CodeMessage>(vault, queued);
    const { target, code, minutes, locale } = message;
    const user = await atTarget(tenantDb(store.knex, queued.tenantId), target);
    // Whoever may not sign in gets no code for it, and still has the address.
    const signsIn = message.purpose === 'login' || message.purpose === 'reset';
    const template = templateFor(message, user !== undefined && (user.enabled || !signsIn));
    if (template === undefined) return;
    const values = template === 'account_exists' ? {} : { code, minutes: String(minutes) };
    const outgoing: Message = { channel: target.channel, to: target.address, template, locale, values };
    await messenger.send(queued.tenantId, queued.id, outgoing, queued.handOver);
  };
}
