import type { Locale } from '../kernel/pages.js';
import type { Channel } from '../verification/index.js';

/** A message as it is queued: in which words it says what, to whom. */
export interface Message {
  channel: Channel;
  /** An e-mail address, or a number in E.164. */
  to: string;
  /** Which words: `mail.<template>.…` and `sms.<template>` in views/locales/. */
  template: string;
  locale: Locale;
  /** What the words have places for. `code` stands out in a mail. */
  values: Record<string, string>;
}

export interface Mail {
  to: string;
  subject: string;
  text: string;
  html: string;
}

export interface Sms {
  to: string;
  text: string;
  /** For providers that have the words themselves, as templates. */
  code?: string | undefined;
}

/**
 * Hands one message over. `id` is the message's own, the same each time that it is tried; whoever can tell by it does.
 * Throws OutcomeUnknown where it may have arrived; any other error means that it has not.
 * - `ready` is called when all is ready, before the message leaves; where it throws, the message stays here.
 */
export interface Driver<M> {
  send(id: string, message: M, ready?: () => Promise<void>): Promise<void>;
  close?(): void;
}

/** A message that was shown instead of sent. */
export interface ShownMessage {
  at: number;
  tenantId: string;
  channel: Channel;
  to: string;
  subject?: string;
  text: string;
  html?: string;
}
