import type { KoaContextWithOIDC } from 'oidc-provider';
import { Failure, readJson } from '../api/index.js';
import {
  deleteClient,
  inRegistryNames,
  looksAfter,
  mayRegister,
  metadataOf,
  register,
  registrationOf,
  reregister,
  reservedAudiences,
  type Metadata,
  type Registered,
  type RegistrationChecks,
} from '../clients/index.js';
import type { Config } from '../config.js';
import { Conflict, Invalid } from '../kernel/errors.js';
import { factsOf } from '../kernel/request.js';
import { auditIn } from '../observe/index.js';
import { reachOfTenant } from '../outbound-reach.js';
import { tenantDb, tenantTransaction, type Store, type TenantDb, type Vault } from '../store/index.js';
import { touchTenant, type Tenant } from '../tenants/index.js';
import { standingIn } from '../users/index.js';
import type { ClientCache } from './client-cache.js';
import { ROUTES } from './routes.js';

export interface RegistrationBase {
  config: Config;
  store: Store;
  vault: Vault;
  tenant: Tenant;
  clients: ClientCache;
}

/** What a registration does not do, in the protocol's words (RFC 7591, 3.2.2; RFC 6750, 3.1). */
class Refused extends Error {
  constructor(
    readonly status: number,
    readonly error: string,
    description: string,
  ) {
    super(description);
  }
}

const noToken = (): Refused =>
  new Refused(401, 'invalid_token', 'the token opens no registration, or not this one');

/** Whether dynamic registration answers at this path. */
export const isRegistration = (path: string): boolean =>
  path === ROUTES.registration || path.startsWith(`${ROUTES.registration}/`);

/**
 * Dynamic registration (RFC 7591) and its management (RFC 7592). It is ours and not the library's, because the library knows
 * neither the scopes of APIs nor hashed secrets. Without an initial access token it is shut.
 */
export async function answerRegistration(ctx: KoaContextWithOIDC, base: RegistrationBase): Promise<void> {
  ctx.set('Cache-Control', 'no-store');
  try {
    const token = /^Bearer ([\w-]{1,200})$/i.exec(ctx.get('Authorization'))?.[1];
    if (token === undefined) throw noToken();
    const clientId = ctx.path.slice(ROUTES.registration.length + 1);
    const answer =
      clientId === '' ? await create(ctx, base, token) : await manage(ctx, base, clientId, token);
    if (answer) ctx.body = answered(base.tenant, answer, token);
    else ctx.status = 204;
  } catch (error) {
    const refused = refusalOf(error);
    if (!refused) throw error;
    if (error instanceof Failure) ctx.set(error.headers);
    ctx.status = refused.status;
    ctx.body = { error: refused.error, error_description: refused.message };
    if (refused.status === 401) ctx.set('WWW-Authenticate', `Bearer error="${refused.error}"`);
    if (refused.status === 405) ctx.set('Allow', 'GET, POST, PUT, DELETE');
  }
}

function refusalOf(error: unknown): Refused | undefined {
  if (error instanceof Refused) return error;
  if (error instanceof Invalid) {
    const redirect = error.key === 'redirectUris';
    return new Refused(
      400,
      redirect ? 'invalid_redirect_uri' : 'invalid_client_metadata',
      inRegistryNames(error),
    );
  }
  if (error instanceof Conflict) return new Refused(409, 'invalid_request', error.message);
  if (error instanceof Failure) return new Refused(error.status, 'invalid_request', error.message);
  return undefined;
}

async function metadataIn(ctx: KoaContextWithOIDC): Promise<Metadata> {
  const body = await readJson(ctx.req);
  if (body === null || typeof body !== 'object' || Array.isArray(body))
    throw new Refused(400, 'invalid_request', 'send the metadata as one JSON object');
  return body as Metadata;
}

const checksOf = ({ config, vault, tenant }: RegistrationBase): RegistrationChecks => ({
  vault,
  reach: reachOfTenant(config, tenant),
  reserved: reservedAudiences(() => config.mqtt.audience),
  async permissionsOf(db, userKey) {
    const standing = await standingIn(db, userKey);
    return standing && new Set(standing.permissions);
  },
});

async function create(ctx: KoaContextWithOIDC, base: RegistrationBase, token: string): Promise<Registered> {
  const { store, tenant } = base;
  if (ctx.method !== 'POST') throw new Refused(405, 'invalid_request', 'send a POST to register');
  const checks = checksOf(base);
  // Who sends the body is known before it is read.
  if (!(await mayRegister(tenantDb(store.knex, tenant.id), checks, token))) throw noToken();
  const metadata = await metadataIn(ctx);
  const made = await tenantTransaction(store, tenant.id, async (db) => {
    await db.lockRights('use');
    const registered = await register(db, checks, token, metadata);
    if (!registered) throw noToken();
    await tell(ctx, db, 'client.registered', registered.client.clientId);
    return registered;
  });
  ctx.status = 201;
  return made;
}

async function manage(
  ctx: KoaContextWithOIDC,
  base: RegistrationBase,
  clientId: string,
  token: string,
): Promise<Registered | undefined> {
  const { store, vault, tenant, clients } = base;
  const { method } = ctx;
  if (!['GET', 'PUT', 'DELETE'].includes(method))
    throw new Refused(405, 'invalid_request', 'send GET, PUT or DELETE');
  if (!(await looksAfter(tenantDb(store.knex, tenant.id), vault, clientId, token))) throw noToken();
  const metadata = method === 'PUT' ? await metadataIn(ctx) : {};
  const checks = checksOf(base);
  const answer = await store.transaction(async (trx) => {
    const db = tenantDb(trx, tenant.id);
    if (method !== 'GET') await db.lockRights('take');
    const registration = await registrationOf(db, checks, clientId, token);
    if (!registration) throw noToken();
    if (method === 'GET') return { client: registration.client };
    if (method === 'PUT') sameClient(metadata, clientId);
    const changed =
      method === 'PUT'
        ? await reregister(db, checks, registration, metadata)
        : await deleteClient(db, registration.client);
    await tell(ctx, db, method === 'PUT' ? 'client.reregistered' : 'client.unregistered', clientId);
    await touchTenant(trx, tenant.id);
    return changed ?? undefined;
  });
  clients.forget(clientId); // other nodes, and other caches here, follow the tenant's version
  return answer;
}

/** RFC 7592, 2.2: the client names itself, and says nothing that is not its own to say. @throws Refused */
function sameClient(metadata: Metadata, clientId: string): void {
  const fixed = [
    'registration_access_token',
    'registration_client_uri',
    'client_secret_expires_at',
    'client_id_issued_at',
  ];
  const said = fixed.find((name) => metadata[name] !== undefined);
  if (said !== undefined) throw new Refused(400, 'invalid_request', `leave out ${said}`);
  if (metadata['client_id'] !== clientId)
    throw new Refused(400, 'invalid_request', 'client_id must be the client’s own');
}

const tell = (ctx: KoaContextWithOIDC, db: TenantDb, event: string, clientId: string): Promise<void> => {
  const { requestId, address } = factsOf(ctx.req);
  return auditIn(db, {
    event,
    result: 'success',
    actor: clientId,
    clientId,
    target: clientId,
    address,
    requestId,
  });
};

function answered(
  tenant: Tenant,
  { client, secret, registrationToken }: Registered,
  token: string,
): Metadata {
  return {
    ...metadataOf(client),
    ...(secret !== undefined && { client_secret: secret, client_secret_expires_at: 0 }),
    registration_access_token: registrationToken ?? token,
    registration_client_uri: `${tenant.issuer}${ROUTES.registration}/${client.clientId}`,
  };
}
