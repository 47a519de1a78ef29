import type { PathOfIssuer } from '../../messaging/index.js';

/** The address of a link in a mail, without the origin of the issuer. */
export const linkTo = (
  what: 'AddSubscription' | 'DelSubscription',
  apiId: string,
  code: string,
): PathOfIssuer => `/api/ApiResource/${encodeURIComponent(apiId)}/${what}?code=${encodeURIComponent(code)}`;
