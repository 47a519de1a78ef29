import type { Client as OidcClient, Provider } from 'oidc-provider';
import type { Deliver, Outbox, Route } from '../../jobs/index.js';
import type { Store } from '../../store/index.js';
import { findTenantById } from '../../tenants/index.js';
import type { ProviderPool } from '../pool.js';

export const BACK_CHANNEL_LOGOUT = 'backchannel_logout';

/** Whose session has ended, and where that is told. */
export interface Ended {
  clientId: string;
  sub: string;
  sid: string;
}

/** Each application has a lane of its own: one that does not answer delays no other. */
export const logoutRoute = (clientId: string): Route => ({ to: `${BACK_CHANNEL_LOGOUT}:${clientId}` });

type Tell = (this: OidcClient, sub: string, sid: string) => Promise<void>;

/** The library's own way of telling a client, kept for when the queue comes to it. */
const tellers = new WeakMap<Provider, Tell>();

/**
 * OIDC Back-Channel Logout 1.0. The library tells every client while the person waits, once. Here it is written down
 * instead, and sent after the answer for as long as it takes (jobs/outbox.ts), with a logout token made at that moment.
 */
export function queueBackChannelLogout(provider: Provider, tenantId: string, outbox: Outbox): void {
  const prototype = provider.Client.prototype as unknown as { backchannelLogout: Tell };
  tellers.set(provider, prototype.backchannelLogout);
  prototype.backchannelLogout = function backchannelLogout(sub, sid) {
    const ended: Ended = { clientId: this.clientId, sub, sid };
    return outbox.add(tenantId, BACK_CHANNEL_LOGOUT, ended, logoutRoute(this.clientId));
  };
}

/** Sends one. A client that is gone, disabled or wants it no longer needs no telling. */
export const backChannelDelivery =
  (store: Store, pool: ProviderPool): Deliver =>
  async ({ tenantId, payload }) => {
    const { clientId, sub, sid } = payload as Ended;
    const tenant = await findTenantById(store.knex, tenantId);
    if (!tenant?.enabled) return;
    const { provider } = await pool.get(tenant);
    const client = await provider.Client.find(clientId);
    if (client?.backchannelLogoutUri) await tellers.get(provider)?.call(client, sub, sid);
  };
