import type { KoaContextWithOIDC, Provider } from 'oidc-provider';
import { longestLife, type Config } from '../../config.js';
import { renderPage } from '../../kernel/pages.js';
import { tenantTransaction, type Store } from '../../store/index.js';
import type { Tenant } from '../../tenants/index.js';
import type { ClientCache } from '../client-cache.js';
import { lookOf } from '../interactions/pages.js';
import { ROUTES } from '../routes.js';
import { endShare } from '../sessions.js';

export const CONFIRM_PATH = `${ROUTES.end_session}/confirm`;

/** A client's share of a session. */
interface Share {
  clientId: string;
  sid: string | undefined;
  grantId: string | undefined;
}

/** A session as it was before it ended. */
export interface SessionBefore {
  uid: string;
  shares: Share[];
  /** The client that asked for the sign-out. */
  askedBy: string | undefined;
}

export interface SignOutBase {
  tenant: Tenant;
  clients: ClientCache;
  store: Store;
  config: Config;
}

/** Looks at the session that is about to end; afterwards the library knows nothing of it. */
export async function sessionBefore(
  provider: Provider,
  ctx: KoaContextWithOIDC,
): Promise<SessionBefore | undefined> {
  const session = await provider.Session.get(ctx);
  const { authorizations = {}, state, uid } = session as typeof session & { state?: { clientId?: string } };
  const shares = Object.entries(authorizations).map(([clientId, { sid, grantId }]) => ({
    clientId,
    sid,
    grantId,
  }));
  return { uid, shares, askedBy: state?.clientId };
}

/** What ends with a session beside what the library ends: offline access where the client wants that, and other tabs. */
export async function afterSignOut(
  ctx: KoaContextWithOIDC,
  base: SignOutBase,
  before: SessionBefore | undefined,
): Promise<void> {
  if (!before || ctx.status !== 303) return;
  const all = Boolean(ctx.oidc.params?.['logout']);
  const ended = before.shares.filter(({ clientId }) => all || clientId === before.askedBy);
  await endOfflineAccess(base, before.uid, ended);
  await tellThroughBrowser(ctx, base, ended);
}

async function endOfflineAccess(
  { store, config, tenant, clients }: SignOutBase,
  uid: string,
  ended: Share[],
): Promise<void> {
  for (const { clientId, grantId } of ended) {
    const client = await clients.get(clientId);
    if (client?.settings.endOfflineAccessOnSignOut && grantId !== undefined)
      await tenantTransaction(store, tenant.id, (db) => endShare(db, grantId, uid, longestLife(config)));
  }
}

/**
 * OIDC Front-Channel Logout 1.0: a page in between, whose frames tell the applications, and which then goes on to where
 * the person was going. Without frames there is no such page.
 */
async function tellThroughBrowser(
  ctx: KoaContextWithOIDC,
  { tenant, clients }: SignOutBase,
  ended: Share[],
): Promise<void> {
  const frames: string[] = [];
  for (const { clientId, sid } of ended) {
    const uri = (await clients.get(clientId))?.settings.frontchannelLogoutUri;
    if (uri === undefined) continue;
    const url = new URL(uri);
    url.searchParams.set('iss', tenant.issuer);
    if (sid !== undefined) url.searchParams.set('sid', sid);
    frames.push(url.href);
  }
  if (frames.length === 0) return;
  const to = ctx.response.get('Location');
  ctx.remove('Location');
  ctx.status = 200;
  renderPage(ctx, 'signing-out', {
    look: lookOf(tenant),
    frameSources: [...new Set(frames.map((frame) => new URL(frame).origin))],
    goesOnTo: to,
    data: { frames, to },
  });
}
