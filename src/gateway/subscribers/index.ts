/**
 * Subscribers of APIs: addresses that get a mail when an API is published or has a release.
 *
 * An address comes on the list once somebody has used the link of a mail to it (`operations.ts`), and leaves it by the link of
 * any mail. `announce` tells all of them of an event, in the event's transaction; `subscriberCouriers` send the mails.
 *
 * Never: mail to an address that has not confirmed or has unsubscribed, two mails to an address for one event, a change by a
 * page that a browser or a mail scanner only looks at.
 */
export { announce, subscriberCouriers } from './announce.js';
