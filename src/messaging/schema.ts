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
  /** Text of several lines that stands out in a mail, such as release notes. */
  quoted?: string | undefined;
  /** Where the button of a mail leads; its words are `mail.<template>.link`. */
  link?: PathOfIssuer | undefined;
  /** An address to call or to copy, not to open; its words are `mail.<template>.address`. */
  address?: PathOfIssuer | undefined;
  /** What ends the subscription that a mail belongs to, by one click (RFC 8058). */
  unsubscribe?: PathOfIssuer | undefined;
}

/** A path, with its query, at the tenant's own issuer: a mail of ours leads to no other server. */
export type PathOfIssuer = `/${string}`;

export interface Mail {
  to: string;
  subject: string;
  text: string;
  html: string;
  /** The address for `List-Unsubscribe` (RFC 2369) that takes a POST (RFC 8058); in ASCII, as `URL` writes it. */
  unsubscribe?: string | undefined;
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
  unsubscribe?: string | undefined;
}
