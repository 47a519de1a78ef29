import { areaAt, defineOperation, shapes, type AnyOperation } from '../../api/index.js';
import type { Config } from '../../config.js';
import { SIGNING_ALGS } from '../../kernel/algorithms.js';
import { Invalid } from '../../kernel/errors.js';
import type { Store, TenantDb, Vault } from '../../store/index.js';
import { RENEWABLE_SECRETS, renewTenantSecret } from '../../tenants/index.js';
import { makeSuccessors, REVOKED_KEY_ENDS, revokeKeysIn } from './revocation.js';
import { KEY_STATES, makeNextKeys, rotateIn, rowsOf, infoOf, scheduleOf } from './rotation.js';

const at = areaAt('key', '/api/Key');
const { iso, line, orNull, time } = shapes;

const kid = { ...line(100), minLength: 1, description: 'The key’s id, as `kid` in tokens.' } as const;

const KEY = {
  title: 'SigningKey',
  type: 'object',
  additionalProperties: false,
  required: ['id', 'alg', 'state', 'createdAt', 'activatesAt', 'retiresAt'],
  properties: {
    id: kid,
    alg: { type: 'string', enum: SIGNING_ALGS },
    state: {
      type: 'string',
      enum: KEY_STATES,
      description:
        '`next`: published, does not sign yet. `current`: signs. `previous`: published until all that it signed has ' +
        'expired. `retired`: neither. `revoked`: nothing that it signed is accepted.',
    },
    createdAt: time,
    activatesAt: { ...time, description: 'From when on it signs, or signed.' },
    retiresAt: orNull({ ...time, description: 'Until when it is, or was, accepted.' }),
  },
} as const;

const ends = {
  type: 'array',
  items: { type: 'string' },
  description: 'What this ends, and what it does not, in words.',
} as const;

const CHANGED = {
  title: 'ChangedKeys',
  type: 'object',
  additionalProperties: false,
  required: ['id', 'keys', 'ends'],
  properties: {
    id: { type: 'string', description: 'The key that was revoked, or `all`.' },
    keys: { type: 'array', items: KEY },
    ends,
  },
} as const;

const RENEWED = {
  title: 'RenewedSecret',
  type: 'object',
  additionalProperties: false,
  required: ['id', 'ends'],
  properties: { id: { type: 'string' }, ends },
} as const;

const KID = {
  type: 'object',
  additionalProperties: false,
  required: ['kid'],
  properties: { kid },
} as const;

const keysOf = async (db: TenantDb) =>
  (await rowsOf(db)).map(infoOf).map(({ kid: id, createdAt, activatesAt, retiresAt, ...key }) => ({
    id,
    ...key,
    createdAt: iso(createdAt),
    activatesAt: iso(activatesAt),
    retiresAt: retiresAt === null ? null : iso(retiresAt),
  }));

export interface KeyServices {
  config: Config;
  store: Store;
  vault: Vault;
}

const UNTOUCHED = {
  untouched: 'callers are given no private key and no secret, so new ones give them no permission',
} as const;

/** The tenant's signing keys, and the secrets that it has for itself. Private halves are answered to nobody. */
export const keyOperations = ({ config, store, vault }: KeyServices): readonly AnyOperation[] => [
  defineOperation({
    ...at.list,
    summary: 'List signing keys with their states',
    schemas: { answer: { type: 'array', items: KEY } },
    handle: ({ db }) => keysOf(db),
  }),
  defineOperation({
    ...at.own('rotate', 'POST', '/Rotate'),
    summary: 'Make new signing keys; `compromised` revokes those before',
    example: { compromised: true },
    schemas: {
      body: {
        title: 'KeyRotation',
        type: 'object',
        additionalProperties: false,
        properties: {
          compromised: {
            type: 'boolean',
            default: false,
            description:
              'Somebody else may have the keys: new ones sign at once, and nothing that others signed is accepted.',
          },
          now: {
            type: 'boolean',
            default: false,
            description: 'The new keys sign at once; what the keys before signed stays valid.',
          },
        },
      },
      answer: CHANGED,
    },
    changes: 'provider',
    authority: UNTOUCHED,
    prepare: ({ tenant, body: { compromised, now } }) => {
      if (compromised && now)
        throw new Invalid('now', 'goes without compromised, which makes new keys sign at once anyway');
      return compromised ? makeSuccessors(store, tenant.id, 'all') : makeNextKeys(store, tenant.id);
    },
    async handle({ db, body: { compromised, now } }, made) {
      const schedule = scheduleOf(config);
      if (compromised) await revokeKeysIn(db, vault, schedule, 'all', made);
      else await rotateIn(db, vault, schedule, made, { now: now ?? false });
      return { id: 'all', keys: await keysOf(db), ends: compromised ? [...REVOKED_KEY_ENDS] : [] };
    },
  }),
  defineOperation({
    ...at.own('revoke', 'POST', '/{kid}/Revoke'),
    summary: 'Revoke a signing key that somebody else may have; one that signs is replaced at once',
    schemas: { params: KID, answer: CHANGED },
    changes: 'provider',
    authority: UNTOUCHED,
    target: ({ params }) => params.kid,
    prepare: ({ tenant, params }) => makeSuccessors(store, tenant.id, params),
    async handle({ db, params }, made) {
      await revokeKeysIn(db, vault, scheduleOf(config), params, made);
      return { id: params.kid, keys: await keysOf(db), ends: [...REVOKED_KEY_ENDS] };
    },
  }),
  defineOperation({
    ...at.own('renew', 'POST', '/Renew'),
    summary: 'Renew the secret that signs the tenant’s cookies, or the one that makes DPoP nonces',
    example: { secret: 'cookies' },
    schemas: {
      body: {
        title: 'SecretRenewal',
        type: 'object',
        additionalProperties: false,
        required: ['secret'],
        properties: { secret: { type: 'string', enum: ['cookies', 'dpop'] } },
      },
      answer: RENEWED,
    },
    changes: 'provider',
    authority: UNTOUCHED,
    async handle({ db, body: { secret } }) {
      await renewTenantSecret(db, vault, secret);
      return { id: secret, ends: [RENEWABLE_SECRETS[secret]] };
    },
  }),
];
