import type { Knex } from 'knex';
import { listQuery, NAMED_LIST, shapes } from '../api/index.js';
import type { Tenant } from './schema.js';
import { secretPropertiesOf } from './secrets.js';

const { claims, id, label, line, orNull, properties, time, withTimes } = shapes;

const name = label(100);

const hosts = {
  type: 'array',
  minItems: 1,
  maxItems: 20,
  uniqueItems: true,
  items: { ...line(253), minLength: 1 },
  description: 'The Host headers that pick it, exactly; the first one is its issuer’s where none is given.',
} as const;

const fields = {
  theme: orNull(line(50)),
  status: { type: 'string', enum: ['enabled', 'disabled'] },
  registration: {
    type: 'string',
    enum: ['open', 'closed'],
    description: 'Whether people may make accounts for themselves; `closed`, administrators make them.',
  },
  claims,
  cacheDuration: {
    type: 'integer',
    minimum: 0,
    maximum: 86_400,
    description: 'Seconds for which others may keep what `Info` says.',
  },
  ownerUserId: orNull({ ...line(64), description: 'The user whose it is.' }),
} as const;

const givenProperties = {
  ...properties,
  additionalProperties: orNull(properties.additionalProperties),
  description:
    'All that there are to be: WebSite, PortalSite, AdminSite, Keywords, Summary, Description, EnterpriseEmail, Tracking, ' +
    'Favicon, logo, color, and what you like. `<scheme>:ClientSecret` is sealed, stays when it is left out, and goes with null.',
} as const;

export const TENANT = {
  title: 'Tenant',
  type: 'object',
  additionalProperties: false,
  required: [
    'id',
    'name',
    'issuer',
    'hosts',
    'home',
    'theme',
    'status',
    'registration',
    'claims',
    'properties',
    'secretProperties',
    'cacheDuration',
    'ownerUserId',
    'createdAt',
    'updatedAt',
  ],
  properties: {
    id,
    name,
    issuer: { type: 'string' },
    hosts,
    home: { type: 'boolean', description: 'Whether its administrators manage the others.' },
    ...fields,
    properties,
    secretProperties: {
      type: 'array',
      items: { type: 'string' },
      description: 'The names of those that are sealed; no answer has their values.',
    },
    createdAt: time,
    updatedAt: time,
  },
} as const;

export const NEW = {
  title: 'NewTenant',
  type: 'object',
  additionalProperties: false,
  required: ['name', 'hosts'],
  properties: {
    name,
    hosts,
    issuer: {
      ...line(300),
      description: 'An origin whose host is one of the hosts; https, but for this machine.',
    },
    ...fields,
    properties: givenProperties,
    managementClient: {
      ...line(100),
      minLength: 1,
      pattern: '^[A-Za-z0-9._~-]+$',
      default: 'management',
      description: 'The client id of the client that the tenant is managed with.',
    },
  },
} as const;

export const CREATED = {
  ...TENANT,
  title: 'CreatedTenant',
  required: [...TENANT.required, 'managementClient'],
  properties: {
    ...TENANT.properties,
    managementClient: {
      title: 'ManagementClient',
      description: 'What the tenant is managed with, at its own address; the secret is shown this once.',
      type: 'object',
      additionalProperties: false,
      required: ['clientId', 'secret'],
      properties: { clientId: { type: 'string' }, secret: { type: 'string' } },
    },
  },
} as const;

export const CHANGE = {
  title: 'TenantChange',
  description:
    'What is left out stays as it is; null clears. A tenant keeps its issuer: tokens and applications name it.',
  type: 'object',
  additionalProperties: false,
  required: ['id'],
  properties: { id, name, hosts, ...fields, properties: givenProperties },
} as const;

export const QUERY = listQuery({
  ...NAMED_LIST,
  'q.status': { type: 'string', enum: ['enabled', 'disabled'] },
});

export const CONFIRM = {
  type: 'object',
  additionalProperties: false,
  properties: { confirm: { ...line(100), description: 'The tenant’s name: all that it has goes with it.' } },
} as const;

export const INFO_QUERY = {
  type: 'object',
  additionalProperties: false,
  properties: { host: { ...line(253), description: 'Whose; the host that is asked, where it is left out.' } },
} as const;

export const INFO = {
  title: 'TenantInfo',
  description: 'What anybody may know of a tenant.',
  type: 'object',
  additionalProperties: false,
  required: ['name', 'issuer', 'theme', 'registration', 'properties', 'cacheDuration'],
  properties: {
    name,
    issuer: { type: 'string' },
    theme: fields.theme,
    registration: fields.registration,
    properties,
    cacheDuration: fields.cacheDuration,
  },
} as const;

export const registrationWord = (open: boolean): 'open' | 'closed' => (open ? 'open' : 'closed');

export async function shownAll(knex: Knex, tenants: Tenant[]) {
  const secrets = await secretPropertiesOf(
    knex,
    tenants.map((tenant) => tenant.id),
  );
  return tenants.map(({ enabled, registrationOpen, ...tenant }) => ({
    ...withTimes(tenant),
    status: enabled ? ('enabled' as const) : ('disabled' as const),
    registration: registrationWord(registrationOpen),
    secretProperties: secrets.get(tenant.id) ?? [],
  }));
}

export async function shown(knex: Knex, tenant: Tenant) {
  const [one] = await shownAll(knex, [tenant]);
  if (!one) throw new Error('one tenant, one answer');
  return one;
}
