import { parse } from './kernel/json.js';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import {
  BASIC,
  describe,
  describedBytes,
  Failure,
  isWithin,
  openApiDocument,
  type Actor,
  type AnyOperation,
  type DescribedBytes,
  type Own,
} from './api/index.js';
import { apiApp } from './api/routes.js';
import { importOperation } from './api-resources/import.js';
import {
  findApiResource,
  findApiResourceByName,
  offerScopesOf,
  ownApisOf,
  MANAGEMENT_API,
  managementScopes,
  managementWordOf,
  type WordHolders,
} from './api-resources/index.js';
import { apiResourceOperations } from './api-resources/operations.js';
import { blobOperations, type BlobServices } from './blobs/operations.js';
import { heldByNamed, openClient } from './clients/import.js';
import {
  reservedAudiences,
  countClientsUsing,
  countClientsWith,
  isBuiltInClient,
  rightsOfClient,
  takeFromClients,
} from './clients/index.js';
import { issuedTokenOperations } from './clients/issued-tokens.js';
import { clientOperations } from './clients/operations.js';
import { registrationAccessOperation } from './clients/registration-access.js';
import { registrationTokenOperations } from './clients/registration.js';
import type { OpenGenerators } from './codegen/index.js';
import { codegenOperations } from './codegen/operations.js';
import type { Config } from './config.js';
import { gatewayOperations } from './gateway/catalogue/operations.js';
import type { GatewayServices } from './gateway/index.js';
import { packageOperations } from './gateway/packages/operations.js';
import { subscriberOperations } from './gateway/subscribers/operations.js';
import { gatewayUsageOperations } from './gateway/usage/operations.js';
import type { Uses } from './identity-resources/index.js';
import { identityResourceOperations } from './identity-resources/operations.js';
import type { JobServices } from './jobs/index.js';
import { jobOperations } from './jobs/tracked/operations.js';
import { factsOf, hasLeft } from './kernel/request.js';
import { keepAnswer, type KeptAnswer } from './kernel/kept-answer.js';
import type { Look } from './kernel/pages.js';
import { packageRoot } from './kernel/root.js';
import { rateHeaders, type Limits } from './limits/index.js';
import { keptNames, MQTT_API } from './mqtt/index.js';
import { auditIn, type Log } from './observe/index.js';
import { messagingOperations } from './messaging/operations.js';
import {
  accessOf,
  makeFirstKeys,
  sourceClientsIn,
  takeFromGrants,
  tokenLives,
  type ProviderPool,
  type TenantRuntime,
} from './oidc/index.js';
import { keyOperations } from './oidc/keys/operations.js';
import { gatewayReach, reachOfTenant } from './outbound-reach.js';
import { holdsEverything, ownRoleNames, permissionHolders } from './roles/index.js';
import { ROLE_OPERATIONS } from './roles/operations.js';
import { API_RESOURCE_SECRETS, matchesSecret, secretsOf } from './secrets/index.js';
import { tenantDb, type TenantDb, type Vault } from './store/index.js';
import { touchTenant, type TenantDirectory } from './tenants/index.js';
import { tenantOperations } from './tenants/operations.js';
import { importOperation as userImportOperation } from './users/import.js';
import { roleNamesOf, standingIn } from './users/index.js';
import { userOperations } from './users/operations.js';
import { registrationOperations, type RegistrationBase } from './users/registration.js';

/** What operations need of what runs. */
export interface Services extends RegistrationBase, BlobServices, JobServices {
  pool: ProviderPool;
  directory: TenantDirectory;
  config: Config;
  gateway: GatewayServices;
  generators: OpenGenerators;
}

const uses: Uses = {
  count: countClientsUsing,
  async takeAway(db, used) {
    await takeFromClients(db, used);
    await takeFromGrants(db, used);
  },
};

const holders: WordHolders = {
  ...permissionHolders,
  countClients: countClientsWith,
  async isDeveloper(db, userKey) {
    const standing = await standingIn(db, userKey);
    return !standing || (standing.confined && !holdsEverything(standing.permissions));
  },
};

/** Every operation of the management API. */
const operationsOver = (services: Services): readonly AnyOperation[] => {
  const { vault, pool, passwords, directory, config, messenger } = services;
  const reserved = reservedAudiences(() => config.mqtt.audience);
  return [
    ...apiResourceOperations({ uses, holders }, vault, reserved),
    ...gatewayOperations({ ...services.gateway, reserved }),
    ...gatewayUsageOperations({
      get usage() {
        return services.gateway.usage;
      },
      config,
    }),
    ...subscriberOperations(services),
    ...packageOperations(),
    ...codegenOperations({ ...services, reachOf: (tenant) => gatewayReach(config, tenant) }),
    importOperation({ open: openClient, held: heldByNamed }, holders, reserved),
    ...clientOperations(vault, (tenant) => reachOfTenant(config, tenant), reserved, keptNames, holders),
    ...registrationTokenOperations(vault),
    registrationAccessOperation,
    ...issuedTokenOperations(async (tenantId, actor, wish) =>
      (await pool.current(tenantId)).issueToken(actor, wish),
    ),
    ...identityResourceOperations(uses),
    ...keyOperations(services),
    ...ROLE_OPERATIONS,
    ...tenantOperations(
      services.store,
      vault,
      (host) => directory.byHost(host),
      () => makeFirstKeys(vault),
      reserved,
    ),
    userImportOperation(keptNames),
    ...userOperations(passwords, accessOf(config), keptNames),
    ...registrationOperations(services),
    ...messagingOperations(vault, messenger, (tenant) =>
      tenant.home ? 'anywhere' : gatewayReach(config, tenant),
    ),
    ...blobOperations(services),
    ...jobOperations(services, findApiResource),
  ];
};

/** The same, as declared: for what only reads declarations, while nothing runs. */
export const OPERATIONS = operationsOver({} as Services);

offerScopesOf(OPERATIONS);

const { version } = parse<{ version: string }>(readFileSync(join(packageRoot, 'package.json'), 'utf8'));

export interface ManagementBase extends Services {
  limits: Limits;
  log: Log;
}

const tooMany = (seconds: number, headers: Record<string, string> = {}): Failure =>
  new Failure(429, BASIC.tooManyRequests, {
    message: `too many requests; wait ${seconds} s`,
    headers: { 'Retry-After': String(seconds), ...headers },
  });

/** The management API over the rooms. */
export function managementApi(
  base: ManagementBase,
  runtimeOf: (request: IncomingMessage) => TenantRuntime,
  lookOf: (request: IncomingMessage) => Look,
): (request: IncomingMessage, response: ServerResponse) => Promise<void> {
  const { store, limits, log, directory } = base;
  const app = apiApp(operationsOver(base), {
    store,
    tenantOf: (request) => runtimeOf(request).tenant,
    lookOf,
    actorOf: (request, token) => runtimeOf(request).actorOf(token),
    actorOfSecret: (request, name, secret) =>
      resourceActor(tenantDb(store.knex, runtimeOf(request).tenant.id), base.vault, name, secret),
    actorNow,
    tokenLives: async (db, actor) =>
      (await tokenLives(db, actor)) && (await actor.secretLives?.(db)) !== false,
    ownOf,
    mayCallFrom: (request, origin) => runtimeOf(request).mayCallFrom(origin),
    addressOf: (request) => factsOf(request).address,
    countOpen(request) {
      const { address } = factsOf(request);
      const refusal = limits.byAddress('open', runtimeOf(request).tenant.id, address);
      if (refusal) throw tooMany(refusal.retryAfter, rateHeaders(refusal));
    },
    admit(request) {
      const { retryAfter, unavailable } = factsOf(request);
      if (unavailable) throw unavailable;
      if (retryAfter !== undefined) throw tooMany(retryAfter);
    },
    count(request, clientId) {
      const refusal = limits.byClient('api', runtimeOf(request).tenant.id, clientId);
      if (refusal) throw tooMany(refusal.retryAfter, rateHeaders(refusal));
    },
    async record(db, request, { operation, actor, target, fields }) {
      const { requestId, address } = factsOf(request);
      await auditIn(db, {
        event: operation,
        result: 'success',
        actor: actor?.userKey ?? actor?.clientId,
        clientId: actor?.clientId,
        target,
        address,
        requestId,
        detail: { fields },
      });
    },
    touch: touchTenant,
    refresh: () => directory.refresh(),
    unexpected: (request, err) =>
      log[hasLeft(request) ? 'info' : 'error']({ err, requestId: factsOf(request).requestId }, 'unexpected'),
    note: (request, facts) => void Object.assign(factsOf(request), facts),
  });
  return app.callback();
}

/** What a confined caller may give to others. */
async function ownOf(db: TenantDb, owner: string): Promise<Own> {
  const [roles, own] = [await roleNamesOf(db, owner), await ownRoleNames(db, owner)];
  return {
    ...(await ownApisOf(db, owner)),
    hasRole: (name) => roles.has(name),
    ownsRole: (name) => own.has(name),
  };
}

/** A caller as a transaction sees them: what the clients behind the token may still have, and the user's permissions. */
async function actorNow(db: TenantDb, actor: Actor): Promise<Actor | undefined> {
  const { clientId, userKey } = actor;
  if (actor.resource !== undefined) return actor;
  let { scopes } = actor;
  let owner: string | null = null;
  for (const behind of [clientId, ...(await sourceClientsIn(db, actor))]) {
    if (isBuiltInClient(behind)) continue;
    const client = await rightsOfClient(db, behind);
    scopes = new Set([...scopes].filter((word) => client?.scopes.includes(word)));
    if (behind === clientId) owner = client?.owner ?? null;
  }
  if (userKey === undefined) return withinOwner(db, { ...actor, scopes }, owner);
  const standing = await standingIn(db, userKey);
  if (!standing) return undefined;
  return {
    ...actor,
    scopes,
    permissions: new Set(standing.permissions),
    confined: standing.confined ? userKey : undefined,
  };
}

/** A client that acts for itself, as its owner lets it: oidc/bearer.ts and `ownWords` decide the same of its token. */
async function withinOwner(db: TenantDb, actor: Actor, owner: string | null): Promise<Actor> {
  if (owner === null) return { ...actor, confined: undefined };
  const held = new Set((await standingIn(db, owner))?.permissions);
  const scopes = new Set([...actor.scopes].filter((word) => isWithin(held, word)));
  return { ...actor, scopes, confined: holdsEverything(held) ? undefined : owner };
}

/** Who sends the secret of an API resource: it opens the import of that resource, and nothing else. */
async function resourceActor(
  db: TenantDb,
  vault: Vault,
  name: string,
  secret: string,
): Promise<Actor | undefined> {
  const secretLives = async (connection: TenantDb): Promise<boolean> => {
    const resource = await findApiResourceByName(connection, name);
    const secrets = resource?.enabled ? await secretsOf(connection, API_RESOURCE_SECRETS, resource.id) : [];
    return matchesSecret(vault, secrets, secret, Date.now());
  };
  if (!(await secretLives(db))) return undefined;
  const scopes = new Set(['isms.apiresource.import']);
  return { clientId: `resource:${name}`, scopes, resource: name, secretLives };
}

/** The scopes that the operations can be asked with, in the newer document's words, and what each permits. */
const documentedScopes = (): Record<string, string> =>
  Object.fromEntries(
    managementScopes()
      .filter(({ name }) => name.startsWith(`${MANAGEMENT_API}.`) && managementWordOf(name)?.used)
      .map(({ name, description }) => [name, description ?? name]),
  );

/** Made when somebody asks for the first time: the management API, and the one of devices beside it. */
let described: DescribedBytes | undefined;

function describeAll(): DescribedBytes {
  const { paths, schemas } = describe(OPERATIONS);
  return describedBytes({
    ...MQTT_API,
    paths: { ...paths, ...MQTT_API.paths },
    schemas: { ...schemas, ...MQTT_API.schemas },
  });
}

/** Of each tenant's runtime, so that a changed tenant gets a new one. */
const documents = new WeakMap<TenantRuntime, KeptAnswer>();

/** The API of a tenant as an OpenAPI document. */
export function apiDocument(runtime: TenantRuntime): KeptAnswer {
  let document = documents.get(runtime);
  if (!document) {
    described ??= describeAll();
    const pieces = openApiDocument(described, runtime.tenant, version, documentedScopes());
    document = keepAnswer(pieces, {
      'Content-Type': 'application/json; charset=utf-8',
      'Access-Control-Allow-Origin': '*',
      'Cache-Control': 'public, max-age=60',
    });
    documents.set(runtime, document);
  }
  return document;
}
