import {
  areaAt,
  containing,
  defineHomeList,
  defineHomeOperation,
  defineOperation,
  NAMED_COLUMNS,
  pageOf,
  shapes,
  type AnyOperation,
} from '../api/index.js';
import type { ReservedAudiences } from '../api-resources/index.js';
import { Invalid, NotFound } from '../kernel/errors.js';
import type { Row, Store, Vault } from '../store/index.js';
import { TENANT_CODES as CODES } from './codes.js';
import { checkHost, issuerAt } from './hosts.js';
import { makeTenant, type WriteFirstKeys } from './make.js';
import { isSecret, publicOf } from './properties.js';
import type { Tenant } from './schema.js';
import { setSecretProperties } from './secrets.js';
import {
  CHANGE,
  CONFIRM,
  CREATED,
  INFO,
  INFO_QUERY,
  NEW,
  QUERY,
  registrationWord,
  shown,
  shownAll,
  TENANT,
} from './shapes.js';
import {
  beginDeletion,
  findTenantById,
  finishDeletion,
  lockTenant,
  replaceTenant,
  withHosts,
} from './store.js';

const at = areaAt('tenant', '/api/Tenant');
const CONFLICTS = { name: CODES.nameExists, hosts: CODES.hostExists, home: CODES.home } as const;

/** The hosts as Host headers say them, and the issuer that is at one of them. @throws Invalid */
function placeOf(given: readonly string[], issuer?: string): { hosts: string[]; issuer: string } {
  const all = [...new Set(given.map(checkHost))];
  const place = issuer ?? issuerAt(all[0] ?? '');
  const host = URL.parse(place)?.host;
  if (place !== issuerAt(host ?? '') || !all.includes(host ?? ''))
    throw new Invalid(
      'issuer',
      `must be the origin of one of the hosts, such as ${issuerAt(all[0] ?? 'id.example.com')}`,
    );
  return { hosts: all, issuer: place };
}

const UNTOUCHED = {
  untouched:
    'what a tenant holds counts at that tenant only; its operations are the home administrators’ alone',
} as const;

type Properties = Record<string, string | null>;

/** Tells the properties that are kept as they are from those that are sealed. */
function sorted(given: Properties): { plain: Record<string, string>; secret: Properties } {
  const plain = Object.entries(given).filter(([which, value]) => !isSecret(which) && value !== null);
  const secret = Object.entries(given).filter(([which]) => isSecret(which));
  return { plain: Object.fromEntries(plain) as Record<string, string>, secret: Object.fromEntries(secret) };
}

/** What is said in words and kept as yes or no. */
const switchesOf = (given: {
  status: 'enabled' | 'disabled' | undefined;
  registration: 'open' | 'closed' | undefined;
}) => ({
  ...(given.status && { enabled: given.status === 'enabled' }),
  ...(given.registration && { registrationOpen: given.registration === 'open' }),
});

/**
 * @param store where deletions go on after their first transaction.
 * @param vault seals secrets.
 * @param byHost the tenant at a host, from memory.
 * @param makeFirstKeys makes the signing keys of a new tenant, and answers what writes them.
 * @param reserved audiences that are no client's id.
 */
export const tenantOperations = (
  store: Store,
  vault: Vault,
  byHost: (host: string) => Tenant | undefined | Promise<Tenant | undefined>,
  makeFirstKeys: () => Promise<WriteFirstKeys>,
  reserved: ReservedAudiences,
): readonly AnyOperation[] => [
  at.codes(CODES),
  defineOperation({
    ...at.own('info', 'GET', '/Info'),
    access: { kind: 'open' },
    summary: 'What anybody may know of a tenant',
    schemas: { query: INFO_QUERY, answer: INFO },
    keep: ({ cacheDuration }) => cacheDuration,
    async handle({ tenant, query }) {
      const found = await byHost(query.host?.toLowerCase() ?? new URL(tenant.issuer).host);
      if (!found?.enabled) throw new NotFound('tenant', 'there is no tenant at this host');
      const { name: which, issuer, theme, cacheDuration } = found;
      const registration = registrationWord(found.registrationOpen);
      const properties = publicOf(found.properties);
      return { name: which, issuer, theme, registration, properties, cacheDuration };
    },
  }),
  defineHomeList({
    ...at.list,
    summary: 'List tenants',
    schemas: { query: QUERY, answer: TENANT },
    async handle({ db, everything, query }) {
      const rows = containing(everything('tenants'), 'name', query['q.name']);
      const status = query['q.status'];
      if (status !== undefined) void rows.where({ enabled: status === 'enabled' });
      const page = await pageOf(db, rows, query, NAMED_COLUMNS, (row: Row) => row);
      return { ...page, rows: await shownAll(everything, await withHosts(everything, page.rows)) };
    },
  }),
  defineHomeOperation({
    ...at.detail,
    summary: 'Read a tenant',
    schemas: { params: shapes.params, answer: TENANT },
    async handle({ everything, params }) {
      const tenant = await findTenantById(everything, params.id);
      if (!tenant) throw new NotFound('tenant', `there is no tenant "${params.id}"`);
      return shown(everything, tenant);
    },
  }),
  defineHomeOperation({
    ...at.post,
    summary: 'Create a tenant; it can be used at once',
    example: {
      name: 'Shop',
      hosts: ['id.shop.example.com'],
      properties: { WebSite: 'https://shop.example.com' },
    },
    schemas: { body: NEW, answer: CREATED },
    conflicts: CONFLICTS,
    changes: 'tenants',
    authority: UNTOUCHED,
    prepare: makeFirstKeys,
    async handle({ everything, body }, writeFirstKeys) {
      const { hosts: given, issuer, properties: all = {}, managementClient, ...rest } = body;
      const { status, registration, ...more } = rest;
      const clientId = managementClient ?? 'management';
      const { plain, secret } = sorted(all);
      const { tenant, managementSecret = '' } = await makeTenant(everything, vault, writeFirstKeys, {
        ...more,
        ...placeOf(given, issuer),
        ...switchesOf({ status, registration }),
        properties: plain,
        secretProperties: secret,
        managementClient: { id: clientId, reserved },
      });
      return {
        ...(await shown(everything, tenant)),
        managementClient: { clientId, secret: managementSecret },
      };
    },
  }),
  defineHomeOperation({
    ...at.put,
    summary: 'Change a tenant; disabled, it answers 403 to everything, and its tokens are dead',
    example: { id: '019012a4-5b6c-7d8e-9f00-112233445566', cacheDuration: 300 },
    schemas: { body: CHANGE, answer: TENANT },
    conflicts: CONFLICTS,
    changes: 'tenants',
    authority: UNTOUCHED,
    current: {
      answer: TENANT,
      read: async ({ everything, body }) => shown(everything, await lockTenant(everything, body.id)),
    },
    async handle({ everything, body: { id: which, hosts: given, properties: all, ...rest } }) {
      const { status, registration, ...more } = rest;
      const before = await lockTenant(everything, which);
      const { plain, secret } = sorted(all ?? {});
      await replaceTenant(everything, before, {
        ...before,
        ...more,
        ...switchesOf({ status, registration }),
        ...(given && { hosts: placeOf(given, before.issuer).hosts }),
        ...(all && { properties: plain }),
      });
      await setSecretProperties(everything, vault, which, secret);
      return shown(everything, await lockTenant(everything, which));
    },
  }),
  defineHomeOperation({
    ...at.delete,
    summary: 'Delete a tenant with all that it has',
    schemas: { params: shapes.params, query: CONFIRM, answer: shapes.DELETED },
    conflicts: CONFLICTS,
    changes: 'tenants',
    authority: UNTOUCHED,
    current: {
      answer: TENANT,
      read: async ({ everything, params }) => shown(everything, await lockTenant(everything, params.id)),
    },
    async handle({ everything, params, query }) {
      const tenant = await lockTenant(everything, params.id);
      if (!tenant.home && query.confirm !== tenant.name)
        throw new Invalid(
          'confirm',
          `say the tenant's name, "${tenant.name}", to delete it with all that it has`,
        );
      await beginDeletion(everything, tenant);
      return { id: params.id };
    },
    finish: ({ id }) => finishDeletion(store, id),
  }),
];
