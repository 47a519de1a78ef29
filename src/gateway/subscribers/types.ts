import type { Locale } from '../../kernel/pages.js';

/** An address that gets mail about an API. */
export interface Subscription {
  id: string;
  email: string;
  /** Whether it has ended: the address gets no mail any more. */
  ended: boolean;
  /** Epoch milliseconds; `createdAt` of one that ended and was made again is when it was made again. */
  createdAt: number;
  updatedAt: number;
}

/** Somebody asked that an address gets mail about an API. It counts once the link in a mail to the address is used. */
export interface SubscriptionRequest {
  email: string;
  locale: Locale;
  /** Whether its code was used. */
  used: boolean;
  /** Epoch milliseconds. */
  expiresAt: number;
}
