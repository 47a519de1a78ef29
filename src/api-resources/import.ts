import {
  areaAt,
  BASIC,
  confinedTo,
  defineOperation,
  Failure,
  holds,
  shapes,
  type Actor,
  type AnyOperation,
  type Held,
} from '../api/index.js';
import type { TenantDb } from '../store/index.js';
import { checkAudience, type ReservedAudiences } from './audiences.js';
import { checkPlace, checkScopes } from './authority.js';
import { API_RESOURCE_CODES as CODES } from './codes.js';
import { checkNames, scopeName } from './names.js';
import type { WordHolders } from './permissions.js';
import { API_RESOURCE, shown } from './shapes.js';
import { newApiResource, newScope, type ApiScope } from './schema.js';
import {
  findApiResource,
  findApiResourceByName,
  insertApiResource,
  lockApiResource,
  replaceApiResource,
} from './store.js';

const { line, name, text, words } = shapes;

const word = { ...name, maxLength: 150 } as const;

const DESCRIPTION = {
  title: 'ServiceDescription',
  description:
    'What a service says of itself. It can be sent again and again: what is there already stays, and nothing is taken away.',
  type: 'object',
  additionalProperties: false,
  required: ['microServiceName'],
  properties: {
    microServiceName: { ...name, description: 'The name of the API.' },
    microServiceDisplayName: line(200),
    microServiceDescription: text(2000),
    microServicePolicies: {
      type: 'array',
      maxItems: 200,
      items: {
        title: 'ServicePolicy',
        type: 'object',
        additionalProperties: false,
        required: ['controllerName'],
        properties: {
          controllerName: word,
          scopes: { type: 'array', maxItems: 200, items: word },
          permissions: {
            type: 'array',
            maxItems: 200,
            items: word,
            description: 'The permissions that the service asks for. An import gives them to no user.',
          },
        },
      },
    },
    microServiceClientIDs: {
      ...words(50, 100),
      description: 'Clients that get the scope of everything, where the caller may change clients.',
    },
    microServiceRedirectUrls: {
      ...words(50, 2000),
      description: 'Redirect URIs that those clients get as well.',
    },
    openApi: {
      type: 'object',
      additionalProperties: true,
      description:
        'An OpenAPI document: the scopes that its security requirements name become scopes of the API.',
    },
  },
} as const;

const IMPORTED = {
  title: 'ImportedService',
  type: 'object',
  additionalProperties: false,
  required: ['id', 'resource', 'created', 'addedScopes', 'clients'],
  properties: {
    id: shapes.id,
    resource: API_RESOURCE,
    created: { type: 'boolean' },
    addedScopes: { type: 'array', items: { type: 'string' } },
    clients: {
      type: 'array',
      items: {
        title: 'ImportedClient',
        type: 'object',
        additionalProperties: false,
        required: ['clientId', 'result'],
        properties: {
          clientId: { type: 'string' },
          result: {
            type: 'string',
            enum: ['changed', 'unchanged', 'unknown', 'not_allowed'],
            description: '`not_allowed`: the caller may not change clients, so the client was left as it is.',
          },
        },
      },
    },
  },
} as const;

/** What an import does to a client; the room of clients lies above this one. */
export interface ClientsOfImport {
  /** Gives a client a scope and redirect URIs. */
  open(
    db: TenantDb,
    actor: Actor | undefined,
    clientId: string,
    more: { scope: string; redirectUris: readonly string[] },
  ): Promise<'changed' | 'unchanged' | 'unknown'>;
  /** What a client holds; undefined for one that is not there for the caller. */
  held(db: TenantDb, actor: Actor | undefined, clientId: string): Promise<Held | undefined>;
}

interface Policy {
  controllerName: string;
  scopes?: readonly string[] | undefined;
}

/** The scopes of a description: each one, everything of each controller, and everything. */
function scopesIn(
  service: string,
  policies: readonly Policy[],
  openApi: Record<string, string | null>,
): ApiScope[] {
  const named = new Map<string, string | null>([[scopeName(service, 'all'), null]]);
  for (const { controllerName, scopes = [] } of policies) {
    for (const scope of scopes) named.set(scopeName(service, scope), null);
    named.set(scopeName(service, `${controllerName}.all`), null);
  }
  for (const [scope, description] of Object.entries(openApi))
    named.set(scopeName(service, scope), description);
  return [...named].map(([scope, description]) => ({
    ...newScope(scope),
    description,
    emphasize: scope.endsWith('.all'),
  }));
}

type Json = Record<string, unknown>;
const objectIn = (value: unknown): Json =>
  value !== null && typeof value === 'object' && !Array.isArray(value) ? (value as Json) : {};
const SCOPE = new RegExp(name.pattern, 'u');

/** The scopes that a document's security requirements name → what its security schemes say of them. */
function scopesOfOpenApi(document: Json | undefined): Record<string, string | null> {
  const scopes = new Map<string, string | null>();
  const add = (found: unknown, description: string | null = null): void => {
    if (typeof found === 'string' && found.length <= 150 && SCOPE.test(found))
      scopes.set(found, description ?? scopes.get(found) ?? null);
  };
  const operations = Object.values(objectIn(document?.['paths'])).flatMap((path) =>
    Object.values(objectIn(path)),
  );
  for (const secured of [document, ...operations]) {
    const requirements = objectIn(secured)['security'];
    for (const requirement of Array.isArray(requirements) ? requirements : [])
      for (const list of Object.values(objectIn(requirement)))
        for (const found of Array.isArray(list) ? list : []) add(found);
  }
  for (const scheme of Object.values(objectIn(objectIn(document?.['components'])['securitySchemes'])))
    for (const flow of Object.values(objectIn(objectIn(scheme)['flows'])))
      for (const [found, description] of Object.entries(objectIn(objectIn(flow)['scopes'])))
        if (scopes.has(found))
          add(found, typeof description === 'string' ? description.slice(0, 2000) : null);
  return Object.fromEntries(scopes);
}

/** Whether an import changes the clients that it names. */
const changesClients = (actor: Actor | undefined): boolean =>
  actor !== undefined && holds(actor, 'isms.client.put');

export const importOperation = (
  clients: ClientsOfImport,
  holders: WordHolders,
  reserved: ReservedAudiences,
): AnyOperation =>
  defineOperation({
    ...areaAt('apiresource', '/api/ApiResource').own('import', 'POST', '/Import'),
    access: { kind: 'import', area: 'apiresource', verb: 'import' },
    summary: 'Register a service as an API, from its own description',
    example: {
      microServiceName: 'billing',
      microServicePolicies: [{ controllerName: 'invoice', scopes: ['invoice.get', 'invoice.post'] }],
    },
    schemas: { body: DESCRIPTION, answer: IMPORTED },
    conflicts: {
      scopes: CODES.scopeExists,
      name: CODES.nameExists,
      audience: CODES.audienceExists,
      permissions: CODES.inUse,
    },
    changes: 'provider',
    // It writes clients as a whole, and of the words of an API that it makes none is given meanwhile.
    takesRights: true,
    // The API itself holds nothing: the management API can not be imported (names.ts).
    async authority({ db, actor, body: { microServiceClientIDs: named = [] } }) {
      const held = new Map<string, Held>();
      // In one order, so that two imports at once do not wait for each other.
      for (const clientId of changesClients(actor) ? [...named].sort() : []) {
        const client = await clients.held(db, actor, clientId);
        if (client) held.set(clientId, client);
      }
      return held;
    },
    async handle({ db, tenant, actor, body }) {
      const service = body.microServiceName;
      if (actor?.resource !== undefined && actor.resource !== service)
        throw new Failure(403, BASIC.forbidden, {
          message: `the secret is of "${actor.resource}" and opens nothing of "${service}"`,
          data: { missing: 'secret', name: service },
        });
      const { microServicePolicies: policies = [], openApi } = body;
      const scopes = scopesIn(service, policies, scopesOfOpenApi(openApi));
      checkNames(service, scopes);
      const owner = confinedTo(actor);
      const words = {
        ...(body.microServiceDisplayName !== undefined && { displayName: body.microServiceDisplayName }),
        ...(body.microServiceDescription !== undefined && { description: body.microServiceDescription }),
      };
      const known = await findApiResourceByName(db, service);
      const before = known && (await lockApiResource(db, known.id));
      if (before && owner !== undefined && before.owner !== owner)
        throw new Failure(403, BASIC.forbidden, {
          message: `"${service}" is not yours`,
          data: { missing: 'owner', name: service },
        });
      const giving = { db, actor, holders, owner: before ? before.owner : (owner ?? actor?.userKey ?? null) };
      if (!before) {
        await checkPlace(giving, service);
        await checkAudience({ ...giving, tenant }, service, reserved);
      }
      const has = new Set(before?.scopes.map((scope) => scope.name));
      const added = scopes.filter((scope) => !has.has(scope.name));
      await checkScopes(
        giving,
        service,
        added.map((scope) => scope.name),
      );
      const userClaims = [...new Set([...(before?.userClaims ?? []), 'role', 'permission'])];
      const id =
        before?.id ??
        (await insertApiResource(db, {
          ...newApiResource(service, []),
          ...words,
          scopes,
          owner: giving.owner,
        }));
      if (before)
        await replaceApiResource(db, {
          ...before,
          ...words,
          userClaims,
          scopes: [...before.scopes, ...added],
        });
      const mayChangeClients = changesClients(actor);
      const results = [];
      for (const clientId of body.microServiceClientIDs ?? [])
        results.push({
          clientId,
          result: mayChangeClients
            ? await clients.open(db, actor, clientId, {
                scope: scopeName(service, 'all'),
                redirectUris: body.microServiceRedirectUrls ?? [],
              })
            : ('not_allowed' as const),
        });
      return {
        id,
        resource: await shown(db, await findApiResource(db, id)),
        created: before === undefined,
        addedScopes: added.map((scope) => scope.name),
        clients: results,
      };
    },
  });
