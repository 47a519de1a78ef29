import { randomBytes } from 'node:crypto';
import type { Knex } from 'knex';
import {
  aboutOne,
  areaAt,
  confinedTo,
  defineList,
  defineOperation,
  isWithin,
  NEWEST_COLUMNS,
  NEWEST_LIST,
  ownedBy,
  ownerOf,
  pageOf,
  shapes,
  type AnyOperation,
} from '../api/index.js';
import type { ReservedAudiences } from '../api-resources/index.js';
import { Invalid, NotFound } from '../kernel/errors.js';
import { newId } from '../kernel/ids.js';
import { parse } from '../kernel/json.js';
import type { Reach } from '../kernel/private-networks.js';
import { newSecret } from '../secrets/index.js';
import type { Row, TenantDb, Vault } from '../store/index.js';
import { widening } from './authority.js';
import { changedBy, settingsFrom, type Metadata } from './metadata.js';
import { checkReach } from './rules.js';
import { hasSecrets, type Client } from './schema.js';
import { findClient, findClientById, giveSecret, insertClient, lockClient, writeClient } from './store.js';

const hashOf = (vault: Vault, token: string): string => vault.hash('registration-token', token);

/** What registrations are checked with. */
export interface RegistrationChecks {
  vault: Vault;
  /** Where the tenant may have the server connect to. */
  reach: Reach;
  /** Audiences that are no client's id. */
  reserved: ReservedAudiences;
  /** What a user may do at the management API now; undefined for one who may not sign in. */
  permissionsOf(db: TenantDb, userKey: string): Promise<ReadonlySet<string> | undefined>;
}

/** What an application is told of a registration; the secrets are told this once. */
export interface Registered {
  client: Client;
  /** Present where it has just been made. */
  secret?: string | undefined;
  registrationToken?: string | undefined;
}

const nameIn = (metadata: Metadata, clientId: string): string => {
  const name = metadata['client_name'] ?? clientId;
  if (typeof name !== 'string') throw new Invalid('clientName', 'must be text');
  return name;
};

async function withSecret(db: TenantDb, vault: Vault, client: Client): Promise<string | undefined> {
  const wanted = hasSecrets(client.settings.tokenEndpointAuthMethod) && client.secrets.length === 0;
  return wanted ? (await giveSecret(db, vault, client, {})).plaintext : undefined;
}

const initialToken = (db: TenantDb, vault: Vault, token: string): Knex.QueryBuilder =>
  db
    .from('initial_access_tokens')
    .where({ hash: hashOf(vault, token) })
    .where('uses', '>', 0)
    .where('expires_at', '>', Date.now());

/**
 * What an initial access token opens now: its scopes without the words of the management API that its owner does not hold.
 * @returns undefined for one that opens nothing, such as a token of an owner who may not sign in
 */
async function opened(
  db: TenantDb,
  { permissionsOf }: RegistrationChecks,
  row: Row | undefined,
): Promise<{ owner: string | null; scopes: string[] } | undefined> {
  if (!row) return undefined;
  const owner = row['owner_user_key'] as string | null;
  const scopes = parse<string[]>(row['scopes']);
  if (owner === null) return { owner, scopes };
  const held = await permissionsOf(db, owner);
  return held && { owner, scopes: scopes.filter((word) => isWithin(held, word)) };
}

/** Whether an initial access token opens a registration now; `register` decides, in its transaction. */
export async function mayRegister(db: TenantDb, checks: RegistrationChecks, token: string): Promise<boolean> {
  const row = (await initialToken(db, checks.vault, token).first()) as Row | undefined;
  return (await opened(db, checks, row)) !== undefined;
}

/** Whether a registration access token looks after a client now; `registrationOf` decides, under its lock. */
export async function looksAfter(
  db: TenantDb,
  vault: Vault,
  clientId: string,
  token: string,
): Promise<boolean> {
  const rows = db
    .from('client_registrations')
    .where({ hash: hashOf(vault, token) })
    .whereIn('client_row_id', db.from('clients').where({ client_id: clientId }).select('id'));
  return (await rows.first('hash')) !== undefined;
}

/**
 * Registers an application (RFC 7591). The initial access token is used up in the same transaction.
 * @returns undefined for an initial access token that does not open anything
 * @throws Invalid
 */
export async function register(
  db: TenantDb,
  checks: RegistrationChecks,
  token: string,
  metadata: Metadata,
): Promise<Registered | undefined> {
  const { vault, reach, reserved } = checks;
  const row = (await initialToken(db, vault, token).forUpdate().first()) as Row | undefined;
  const open = await opened(db, checks, row);
  if (!row || !open) return undefined;
  const { owner, scopes } = open;
  const clientId = `client-${randomBytes(12).toString('hex')}`;
  const settings = settingsFrom(metadata, scopes);
  checkReach(settings, undefined, reach);
  const made = {
    clientId,
    clientName: nameIn(metadata, clientId),
    description: 'Registered itself',
    settings,
    owner,
  };
  const id = await insertClient(db, made, reserved);
  await db
    .from('initial_access_tokens')
    .where({ id: row['id'] })
    .update({ uses: (row['uses'] as number) - 1 });
  const registrationToken = newSecret();
  await db.insert('client_registrations', {
    client_row_id: id,
    hash: hashOf(vault, registrationToken),
    scopes: JSON.stringify(scopes),
  });
  const client = await findClientById(db, id);
  return { client, secret: await withSecret(db, vault, client), registrationToken };
}

/** A client that has registered itself, and what it may say of itself. */
export interface Registration {
  client: Client;
  /** What it may ask for at the most; no word of the management API that its owner does not hold now. */
  scopes: string[];
  /** The settings that an administrator has changed since. */
  settled: string[];
}

/** The client that a registration access token looks after, locked; undefined where it is none of it. */
export async function registrationOf(
  db: TenantDb,
  { vault, permissionsOf }: RegistrationChecks,
  clientId: string,
  token: string,
): Promise<Registration | undefined> {
  const locked = findClient(db, clientId).then(({ id }) => lockClient(db, id));
  const client = await locked.catch((error: unknown) => {
    if (error instanceof NotFound) return undefined;
    throw error;
  });
  if (!client?.enabled) return undefined;
  const row = (await db
    .from('client_registrations')
    .where({ client_row_id: client.id, hash: hashOf(vault, token) })
    .first()) as Row | undefined;
  if (!row) return undefined;
  const { owner } = client;
  const held = owner === null ? undefined : ((await permissionsOf(db, owner)) ?? new Set<string>());
  const scopes = parse<string[]>(row['scopes']).filter((word) => !held || isWithin(held, word));
  return { client, scopes, settled: parse<string[]>(row['settled']) };
}

/**
 * Takes the metadata for all that there is (RFC 7592, 2.2), but for what an administrator has set: that stays.
 * @throws Invalid
 */
export async function reregister(
  db: TenantDb,
  { vault, reach }: RegistrationChecks,
  { client, scopes, settled }: Registration,
  metadata: Metadata,
): Promise<Registered> {
  const { clientId } = client;
  const said = changedBy(metadata, client.settings, { scopes, settled });
  // A client that an administrator trusts is widened by administrators alone.
  const fixed = [...settled, ...widening(client.settings, said)];
  const settings = changedBy(metadata, client.settings, { scopes, settled: fixed });
  checkReach(settings, client.settings, reach);
  const given = nameIn(metadata, clientId);
  const clientName = settled.includes('clientName') ? client.clientName : given;
  await writeClient(db, client, { ...client, clientName, settings });
  const changed = await findClientById(db, client.id);
  return { client: changed, secret: await withSecret(db, vault, changed) };
}

const at = areaAt('client', '/api/Client');
const { id, iso, orNull, text, time, words } = shapes;

const fields = {
  description: orNull(text(500)),
  scopes: {
    ...words(200, 200),
    description: 'What applications may register for at the most; signing in, where nothing is said.',
  },
  uses: { type: 'integer', minimum: 1, maximum: 100_000, description: 'How many applications.' },
  expiresAt: time,
} as const;

const LISTED = {
  title: 'RegistrationToken',
  type: 'object',
  additionalProperties: false,
  required: ['id', 'description', 'scopes', 'uses', 'createdAt', 'expiresAt'],
  properties: { id, ...fields, uses: { type: 'integer' }, createdAt: time },
} as const;

const MADE = {
  ...LISTED,
  title: 'ShownRegistrationToken',
  required: [...LISTED.required, 'token'],
  properties: {
    ...LISTED.properties,
    token: { type: 'string', description: 'The initial access token of RFC 7591; shown this once.' },
  },
} as const;

const NEW = {
  title: 'NewRegistrationToken',
  type: 'object',
  additionalProperties: false,
  properties: fields,
} as const;

const SIGN_IN = ['openid', 'profile', 'email', 'phone', 'address', 'offline_access'];
const A_DAY_MS = 86_400_000;

const shown = (row: Row) => ({
  id: row['id'] as string,
  description: row['description'] as string | null,
  scopes: parse<string[]>(row['scopes']),
  uses: row['uses'] as number,
  createdAt: iso(row['created_at'] as number),
  expiresAt: iso(row['expires_at'] as number),
});

/** A client that registers with a token can have all of the token's scopes. */
const authority = aboutOne(async ({ db, actor }, which) => {
  const rows = ownedBy(db, 'initial_access_tokens', confinedTo(actor));
  const row = (await rows.where({ id: which }).forUpdate().first()) as Row | undefined;
  if (!row) throw new NotFound('token', `there is no registration token "${which}"`);
  return { scopes: parse<string[]>(row['scopes']), owner: row['owner_user_key'] as string | null };
});

/** What opens dynamic registration, and shuts it. */
export const registrationTokenOperations = (vault: Vault): readonly AnyOperation[] => [
  defineList({
    ...at.own('registrationtokens', 'GET', '/RegistrationTokens'),
    access: { kind: 'bearer', area: 'client', verb: 'post' },
    summary: 'List the tokens that applications can register themselves with',
    schemas: { query: NEWEST_LIST, answer: LISTED },
    handle: ({ db, actor, query }) =>
      pageOf(db, ownedBy(db, 'initial_access_tokens', confinedTo(actor)), query, NEWEST_COLUMNS, shown),
  }),
  defineOperation({
    ...at.own('postregistrationtoken', 'POST', '/RegistrationTokens'),
    access: { kind: 'bearer', area: 'client', verb: 'post' },
    summary: 'Let applications register themselves at /connect/register, with a token',
    example: { description: 'Partners', uses: 10 },
    schemas: { body: NEW, answer: MADE },
    authority,
    async handle({ db, actor, body }) {
      const { description = null, scopes = SIGN_IN, uses = 1 } = body;
      const now = Date.now();
      const expiresAt = body.expiresAt === undefined ? now + A_DAY_MS : Date.parse(body.expiresAt);
      if (expiresAt <= now) throw new Invalid('expiresAt', 'must be in the future');
      const token = newSecret();
      const row = {
        id: newId(),
        hash: hashOf(vault, token),
        description,
        scopes: JSON.stringify(scopes),
        uses,
        created_at: now,
        expires_at: expiresAt,
        owner_user_key: ownerOf(actor, null),
      };
      await db.insert('initial_access_tokens', row);
      return { ...shown(row), token };
    },
  }),
  defineOperation({
    ...at.own('deleteregistrationtoken', 'DELETE', '/RegistrationTokens/{id}'),
    access: { kind: 'bearer', area: 'client', verb: 'post' },
    summary: 'End a token that applications can register themselves with; those that have, stay',
    schemas: { params: shapes.params, answer: shapes.DELETED },
    authority,
    async handle({ db, params }) {
      await db.from('initial_access_tokens').where({ id: params.id }).delete();
      return { id: params.id };
    },
  }),
];
