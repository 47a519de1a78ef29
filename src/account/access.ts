import type * as Bowser from 'bowser';
import type Router from '@koa/router';
import { longestLife } from '../config.js';
import { formOf, seeOther } from '../kernel/forms.js';
import { localTime } from '../kernel/pages.js';
import { whenNeeded } from '../kernel/when-needed.js';
import {
  endGrants,
  endSessions,
  listGrants,
  listSessions,
  shownScope,
  type OidcBase,
} from '../oidc/index.js';
import { revokeAllOf } from '../revocations/index.js';
import { tenantDb } from '../store/index.js';
import { localeOf, visitOf, type Visits } from './visits.js';

const bowser = whenNeeded<typeof Bowser>('bowser');

/** `Firefox, Windows`, as a browser's own name says it; undefined where it says nothing that is known. */
function deviceOf(agent: string | null): string | undefined {
  if (!agent) return undefined;
  const { browser, os } = bowser().parse(agent);
  return [browser.name, os.name].filter(Boolean).join(', ') || undefined;
}

/** Where people are signed in, and what they allow applications; both can be ended here. */
export function accessRoutes(router: Router, base: OidcBase, visits: Visits): void {
  const longest = longestLife(base.config);

  router.get('/account/devices', async (ctx) => {
    const { runtime, user, sessionUid } = visitOf(ctx);
    const sessions = await listSessions(tenantDb(base.store.knex, runtime.tenant.id), user.userKey);
    const nameOf = async (clientId: string): Promise<string> =>
      (await runtime.clients.get(clientId))?.clientName ?? clientId;
    visits.page(ctx, 'devices', {
      sessions: await Promise.all(
        sessions.map(async ({ uid, signedInAt, agent, address, clients }) => ({
          uid,
          here: uid === sessionUid,
          device: deviceOf(agent),
          address,
          signedInAt: localTime(localeOf(ctx), signedInAt),
          clients: await Promise.all(clients.map(nameOf)),
        })),
      ),
    });
  });

  router.post('/account/devices', visits.checkCsrf, async (ctx) => {
    const { user, sessionUid } = visitOf(ctx);
    const uid = formOf(ctx).text('uid');
    const everywhere = formOf(ctx).text('everywhere') === 'yes';
    if (everywhere)
      await visits.change(ctx, 'sign_out_everywhere', (db) => revokeAllOf(db, 'user', user.userKey));
    else await visits.change(ctx, 'sign_out_device', (db) => endSessions(db, user.userKey, { uid }, longest));
    const ownEnded = everywhere || uid === sessionUid;
    seeOther(ctx, ownEnded ? '/connect/endsession/success' : '/account/devices');
  });

  router.get('/account/applications', async (ctx) => {
    const { runtime, user } = visitOf(ctx);
    const grants = await listGrants(tenantDb(base.store.knex, runtime.tenant.id), user.userKey);
    visits.page(ctx, 'applications', {
      applications: await Promise.all(
        grants.map(async ({ clientId, scopes, allowedAt }) => {
          const client = await runtime.clients.get(clientId);
          return {
            clientId,
            name: client?.clientName ?? clientId,
            uri: client?.settings.clientUri,
            scopes: scopes.map((name) => shownScope(runtime.catalogue, name)),
            allowedAt: localTime(localeOf(ctx), allowedAt),
          };
        }),
      ),
    });
  });

  router.post('/account/applications', visits.checkCsrf, async (ctx) => {
    const { user } = visitOf(ctx);
    const clientId = formOf(ctx).text('client_id');
    await visits.change(ctx, 'remove_application', (db) => endGrants(db, user.userKey, clientId));
    seeOther(ctx, '/account/applications');
  });
}
