import type { Context } from 'koa';
import { basicHalves } from '../kernel/basic.js';
import { authorise, type Actor } from './access.js';
import { refuseConfined } from './authority.js';
import type { ApiBase } from './base.js';
import { noToken } from './caller-now.js';
import { BASIC } from './codes.js';
import { Failure } from './failure.js';
import { writes, type AnyOperation, type CallTenant } from './operation.js';

/** Who calls, at which tenant, if he may. @throws Failure */
export async function admitted(
  operation: AnyOperation,
  base: ApiBase,
  ctx: Context,
): Promise<{ tenant: CallTenant; actor: Actor | undefined }> {
  const tenant = base.tenantOf(ctx.req);
  if (operation.access.kind === 'open' && writes(operation)) base.countOpen(ctx.req);
  const actor = await authenticate(operation, base, ctx, tenant);
  if (actor && operation.access.kind !== 'open') authorise(actor, operation.access);
  refuseConfined(operation.authority, actor);
  if (operation.home && !tenant.home) throw onlyAtHome();
  return { tenant, actor };
}

const onlyAtHome = (): Failure =>
  new Failure(403, BASIC.forbidden, {
    message: 'tenants are managed by the administrators of the home tenant, at its address',
    data: { missing: 'tenant', name: 'home' },
  });

async function authenticate(
  { access }: AnyOperation,
  base: ApiBase,
  ctx: Context,
  { issuer }: CallTenant,
): Promise<Actor | undefined> {
  if (access.kind === 'open') return undefined;
  const [scheme = '', token, ...more] = ctx.get('Authorization').split(' ');
  const sent = scheme.toLowerCase() === 'bearer' && token !== undefined && more.length === 0;
  const basic =
    access.kind === 'import' && scheme.toLowerCase() === 'basic' ? basicHalves(token ?? '') : undefined;
  const actor = sent
    ? await base.actorOf(ctx.req, token)
    : basic && (await base.actorOfSecret(ctx.req, basic.name, basic.secret));
  if (!actor) {
    const message = sent
      ? 'the access token is not valid here: it has expired, was revoked, or is for something else'
      : 'send an access token: Authorization: Bearer …';
    throw noToken(issuer, message);
  }
  base.note(ctx.req, { clientId: actor.clientId });
  base.count(ctx.req, actor.clientId);
  return actor;
}
