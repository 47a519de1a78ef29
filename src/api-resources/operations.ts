import {
  aboutOne,
  areaAt,
  confinedTo,
  containing,
  defineList,
  defineOperation,
  NAMED_COLUMNS,
  ownedBy,
  ownerOf,
  pageOf,
  shapes,
  type AnyOperation,
} from '../api/index.js';
import { release, type Uses } from '../identity-resources/index.js';
import { checkAskedClaims } from '../kernel/claim-names.js';
import { Conflict } from '../kernel/errors.js';
import { addSecret, API_RESOURCE_SECRETS, keepSecrets, readNewSecret, showSecret } from '../secrets/index.js';
import type { TenantDb, Vault } from '../store/index.js';
import { checkAudience, confirmAudience, type ReservedAudiences } from './audiences.js';
import { checkNear, checkPlace, checkScopes, heldByApi, type Giving } from './authority.js';
import { API_RESOURCE_CODES as CODES } from './codes.js';
import { checkNames } from './names.js';
import { MANAGEMENT_API } from './management-scopes.js';
import { releasePermissions, type WordHolders } from './permissions.js';
import { newApiResource, type StoredApiResource } from './schema.js';
import { API_RESOURCE, CHANGE, NEW, QUERY, SCOPES, scopesOf, shown, shownAll } from './shapes.js';
import {
  deleteApiResource,
  discoverableScopes,
  findApiResource,
  insertApiResource,
  lockApiResource,
  replaceApiResource,
  withScopes,
} from './store.js';

const at = areaAt('apiresource', '/api/ApiResource');
const CASCADE = shapes.cascade('Take it from the clients that use it.');
const DELETE_QUERY = shapes.cascade(
  'Take it from the clients that use it, and its permissions from the roles and users that have them.',
);

const CONFLICTS = {
  name: CODES.nameExists,
  audience: CODES.audienceExists,
  scopes: CODES.scopeExists,
  clients: CODES.inUse,
  permissions: CODES.inUse,
  builtIn: CODES.builtIn,
} as const;

/** What a change may not do to the management API: without it nobody could undo the change. @throws Conflict */
function spareBuiltIn({ name: which }: StoredApiResource, change: object): void {
  const fixed = ['scopes', 'enabled', 'audience', 'tokenAudience', 'accessTokenFormat', 'owner'];
  const touched = Object.keys(change).find((key) => fixed.includes(key));
  if (which === MANAGEMENT_API && touched !== undefined)
    throw new Conflict('builtIn', `"${touched}" of the management API is the program's own`);
}

const authorityWith = (reserved: ReservedAudiences) =>
  aboutOne(async ({ db, actor }, which) =>
    heldByApi(await lockApiResource(db, which, confinedTo(actor)), reserved.devices()),
  );

/**
 * @param uses which clients use an API, @param holders which roles, users and clients have its words; @param vault hashes its
 * secrets; @param reserved audiences that not every API may have.
 */
export const apiResourceOperations = (
  { uses, holders }: { uses: Uses; holders: WordHolders },
  vault: Vault,
  reserved: ReservedAudiences,
): readonly AnyOperation[] => [
  at.codes(CODES),
  defineList({
    ...at.list,
    summary: 'List APIs',
    schemas: { query: QUERY, answer: API_RESOURCE },
    async handle({ db, actor, query }) {
      const { 'q.name': part, 'q.enabled': enabled } = query;
      const rows = containing(ownedBy(db, 'api_resources', confinedTo(actor)), 'name', part);
      if (enabled !== undefined) void rows.where({ enabled });
      const page = await pageOf(db, rows, query, NAMED_COLUMNS, (row) => row);
      return { ...page, rows: await shownAll(db, await withScopes(db, page.rows)) };
    },
  }),
  defineOperation({
    ...at.own('scopes', 'GET', '/Scopes'),
    summary: 'List the scopes of APIs that are in discovery, by API',
    schemas: { answer: SCOPES },
    handle: async ({ db }) =>
      Object.fromEntries(
        (await discoverableScopes(db)).map(({ name: which, scopes: has }) => [
          which,
          has.map(({ name: code, displayName, description, emphasize }) => ({
            code,
            name: displayName,
            description,
            emphasize,
          })),
        ]),
      ),
  }),
  defineOperation({
    ...at.detail,
    summary: 'Read an API',
    schemas: { params: shapes.params, answer: API_RESOURCE },
    handle: async ({ db, actor, params }) =>
      shown(db, await findApiResource(db, params.id, confinedTo(actor))),
  }),
  defineOperation({
    ...at.post,
    // Of its words none is given while it is made.
    takesRights: true,
    summary: 'Create an API; its scopes can be asked for at once',
    example: {
      name: 'orders',
      displayName: 'Orders',
      scopes: [{ name: 'read' }, { name: 'cancel', emphasize: true }],
    },
    schemas: { body: NEW, answer: API_RESOURCE },
    conflicts: CONFLICTS,
    changes: 'provider',
    authority: {
      untouched: 'no scope of a new API is the management API’s (names.ts)',
      confined: 'the API is the caller’s own',
    },
    async handle({ db, tenant, actor, body }) {
      const { name: which, audience, tokenAudience, scopes: given = [], secrets = [], owner, ...more } = body;
      checkNames(which, given);
      const giving: Giving = { db, actor, holders, owner: ownerOf(actor, owner) };
      await checkPlace(giving, which);
      checkAskedClaims(askedBy(body));
      const resource = {
        ...newApiResource(which, []),
        ...(audience !== undefined && { indicator: audience, audience }),
        ...(tokenAudience !== undefined && { audience: tokenAudience }),
        ...more,
        scopes: scopesOf(which, given),
        owner: giving.owner,
      };
      await checkScopes(giving, which, namesOf(resource.scopes));
      await checkAudience({ ...giving, tenant }, resource.audience, reserved);
      const made = await insertApiResource(db, resource);
      const newSecrets = await addSecrets(db, vault, made, secrets);
      return { ...(await shown(db, await findApiResource(db, made))), ...newSecrets };
    },
  }),
  defineOperation({
    ...at.put,
    takesRights: true,
    summary: 'Change an API',
    example: { id: '019012a4-5b6c-7d8e-9f00-112233445566', accessTokenLifetime: 600 },
    schemas: { query: CASCADE, body: CHANGE, answer: API_RESOURCE },
    conflicts: CONFLICTS,
    changes: 'provider',
    authority: authorityWith(reserved),
    current: {
      answer: API_RESOURCE,
      read: async ({ db, actor, body }) => shown(db, await lockApiResource(db, body.id, confinedTo(actor))),
    },
    async handle({ db, tenant, actor, query, body }) {
      const { id: which, audience, tokenAudience, scopes: given, secrets, owner, ...change } = body;
      const before = await lockApiResource(db, which, confinedTo(actor));
      spareBuiltIn(before, body);
      if (given) checkNames(before.name, given);
      checkAskedClaims(askedBy(body), askedBy(before));
      const giving: Giving = { db, actor, holders, owner: before.owner };
      if (change.enabled && !before.enabled && confinedTo(actor) !== undefined)
        await checkNear(giving, before.name, false);
      if (tokenAudience !== undefined && tokenAudience !== before.audience)
        await checkAudience({ ...giving, tenant, api: which }, tokenAudience, reserved);
      const after: StoredApiResource = {
        ...before,
        ...change,
        ...(audience !== undefined && { indicator: audience }),
        ...(tokenAudience !== undefined && { audience: tokenAudience }),
        ...(given && { scopes: scopesOf(before.name, given) }),
        ...(owner !== undefined && { owner: ownerOf(actor, owner) }),
      };
      const [had, has] = [namesOf(before.scopes), namesOf(after.scopes)];
      const gone = had.filter((scope) => !has.includes(scope));
      await checkScopes(
        giving,
        before.name,
        has.filter((scope) => !had.includes(scope)),
      );
      const indicator = after.indicator === before.indicator ? undefined : before.indicator;
      await release(db, uses, { api: before.name, scopes: gone, indicator }, query.cascade ?? false);
      await replaceApiResource(db, after);
      if (tokenAudience !== undefined) await confirmAudience(db, which);
      if (secrets) await keepSecrets(db, API_RESOURCE_SECRETS, which, idsIn(secrets));
      const newSecrets = await addSecrets(
        db,
        vault,
        which,
        (secrets ?? []).filter((secret) => secret.id === undefined),
      );
      return { ...(await shown(db, await findApiResource(db, which))), ...newSecrets };
    },
  }),
  defineOperation({
    ...at.delete,
    takesRights: true,
    summary: 'Delete an API with its scopes',
    schemas: { params: shapes.params, query: DELETE_QUERY, answer: shapes.DELETED },
    conflicts: CONFLICTS,
    changes: 'provider',
    authority: authorityWith(reserved),
    current: {
      answer: API_RESOURCE,
      read: async ({ db, actor, params }) =>
        shown(db, await lockApiResource(db, params.id, confinedTo(actor))),
    },
    async handle({ db, actor, params, query }) {
      const resource = await lockApiResource(db, params.id, confinedTo(actor));
      if (resource.name === MANAGEMENT_API)
        throw new Conflict('builtIn', 'the management API can not be deleted');
      const { name: api, indicator } = resource;
      const scopes = namesOf(resource.scopes);
      await release(db, uses, { api, scopes, served: true, indicator }, query.cascade ?? false);
      await releasePermissions(db, holders, resource.name, query.cascade ?? false);
      await deleteApiResource(db, params.id);
      return { id: params.id };
    },
  }),
];

/** The claims that an API and its scopes ask for. */
const askedBy = ({
  userClaims = [],
  scopes = [],
}: {
  userClaims?: readonly string[];
  scopes?: readonly { userClaims?: readonly string[] }[];
}): string[] => [...userClaims, ...scopes.flatMap((scope) => scope.userClaims ?? [])];

const namesOf = (scopes: readonly { name: string }[]): string[] => scopes.map(({ name: scope }) => scope);

const idsIn = (secrets: readonly { id?: string | undefined }[]): string[] =>
  secrets.flatMap(({ id: which }) => (which === undefined ? [] : [which]));

type AskedSecret = Omit<Parameters<typeof addSecret>[4] & object, 'expiresAt'> & {
  expiresAt?: string | null | undefined;
};

async function addSecrets(db: TenantDb, vault: Vault, resourceId: string, asked: readonly AskedSecret[]) {
  if (asked.length === 0) return {};
  const newSecrets = [];
  for (const secret of asked) {
    const made = await addSecret(db, vault, API_RESOURCE_SECRETS, resourceId, readNewSecret(secret));
    newSecrets.push({ ...showSecret(made), secret: made.plaintext });
  }
  return { newSecrets };
}
