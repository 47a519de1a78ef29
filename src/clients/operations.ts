import { randomBytes } from 'node:crypto';
import {
  aboutOne,
  areaAt,
  confinedTo,
  containing,
  defineList,
  defineOperation,
  NAMED_LIST,
  ownedBy,
  ownerOf,
  listQuery,
  pageOf,
  shapes,
  type AnyOperation,
} from '../api/index.js';
import type { ReservedAudiences, WordHolders } from '../api-resources/index.js';
import { Invalid } from '../kernel/errors.js';
import type { Reach } from '../kernel/private-networks.js';
import {
  CLIENT_SECRETS,
  NEW_SECRET,
  readNewSecret,
  secretsByOwner,
  showSecret,
  SHOWN_SECRET,
} from '../secrets/index.js';
import type { Vault } from '../store/index.js';
import { heldByClient, type NamesOfDevices } from './authority.js';
import { CLIENT_CODES as CODES } from './codes.js';
import { checkReach } from './rules.js';
import { clientSettings, GRANT_TYPES, hasSecrets, type ClientSettings } from './schema.js';
import {
  CLIENT,
  CLIENT_CHANGE,
  CREATED_CLIENT,
  NEW_CLIENT,
  settingsIn,
  showClient,
  type GivenSettings,
} from './shapes.js';
import {
  checkIdInAnyCase,
  deleteClient,
  findClientById,
  giveSecret,
  insertClient,
  keepClientSecrets,
  lockClient,
  replaceClient,
  toClient,
} from './store.js';
import { TEMPLATES } from './templates.js';

const at = areaAt('client', '/api/Client');
const { line } = shapes;

const QUERY = listQuery({
  ...NAMED_LIST,
  orderby: { type: 'string', enum: ['createdAt', 'updatedAt', 'clientId', 'clientName'] },
  'q.name': { ...line(100), description: 'Part of the client’s name.' },
  'q.clientId': { ...line(100), description: 'The client id, whole.' },
  'q.enabled': { type: 'boolean' },
});

const COLUMNS = {
  createdAt: 'created_at',
  updatedAt: 'updated_at',
  clientId: 'client_id',
  clientName: 'client_name',
};

interface Implied {
  responseTypes?: readonly 'code'[] | undefined;
  allowOfflineAccess?: boolean | undefined;
}

/**
 * The settings that come of some and of what is given. What follows from others may be said too, and must then fit.
 * @throws Invalid
 */
function settle(
  before: ClientSettings,
  { set, clear }: GivenSettings,
  { responseTypes, allowOfflineAccess }: Implied,
): ClientSettings {
  const settings: ClientSettings = { ...before, ...set };
  for (const key of clear) delete settings[key];
  const code = settings.grantTypes.includes(GRANT_TYPES.code);
  if (responseTypes !== undefined && responseTypes.includes('code') !== code)
    throw new Invalid(
      'responseTypes',
      code
        ? 'authorization_code answers with a code; say ["code"], or leave it out'
        : '"code" goes with the grant authorization_code; add that to grantTypes, or leave this out',
    );
  if (allowOfflineAccess === undefined) return settings;
  const { refresh } = GRANT_TYPES;
  const others = (words: string[], word: string): string[] => words.filter((each) => each !== word);
  const more = (words: string[], word: string): string[] => [...others(words, word), word];
  return allowOfflineAccess
    ? {
        ...settings,
        grantTypes: more(settings.grantTypes, refresh),
        scopes: more(settings.scopes, 'offline_access'),
      }
    : {
        ...settings,
        grantTypes: others(settings.grantTypes, refresh),
        scopes: others(settings.scopes, 'offline_access'),
      };
}

const authorityWith = (devices: NamesOfDevices) =>
  aboutOne(async ({ db, actor }, id) => {
    const owner = confinedTo(actor);
    const client = await lockClient(db, id, owner);
    const held = heldByClient(client);
    return owner === undefined ? held : { ...held, deviceNames: [...(await devices(db, [client.clientId]))] };
  });

/**
 * @param vault hashes the secrets.
 * @param reachOf where a tenant's clients may have the server connect to.
 * @param reserved audiences that are no client's id.
 * @param devices which names are of devices.
 */
export const clientOperations = (
  vault: Vault,
  reachOf: (tenant: { name: string; home: boolean; issuer: string }) => Reach,
  reserved: ReservedAudiences,
  devices: NamesOfDevices,
  holders: WordHolders,
): readonly AnyOperation[] => [
  at.codes(CODES),
  defineList({
    ...at.list,
    summary: 'List clients',
    schemas: { query: QUERY, answer: CLIENT },
    async handle({ db, actor, query }) {
      const { 'q.name': part, 'q.clientId': clientId, 'q.enabled': enabled } = query;
      const rows = containing(ownedBy(db, 'clients', confinedTo(actor)), 'client_name', part);
      if (clientId !== undefined) void rows.where({ client_id: clientId });
      if (enabled !== undefined) void rows.where({ enabled });
      const page = await pageOf(db, rows, query, COLUMNS, (row) => row);
      const secrets = await secretsByOwner(
        db,
        CLIENT_SECRETS,
        page.rows.map((row) => row['id'] as string),
      );
      return {
        ...page,
        rows: page.rows.map((row) => showClient(toClient(row, secrets.get(row['id'] as string) ?? []))),
      };
    },
  }),
  defineOperation({
    ...at.detail,
    summary: 'Read a client',
    schemas: { params: shapes.params, answer: CLIENT },
    handle: async ({ db, actor, params }) =>
      showClient(await findClientById(db, params.id, confinedTo(actor))),
  }),
  defineOperation({
    ...at.post,
    summary: 'Create a client, from a template or from nothing; it can ask for tokens at once',
    example: {
      template: 'single-page',
      clientName: 'Shop',
      redirectUris: ['https://shop.example.com/callback'],
    },
    schemas: { body: NEW_CLIENT, answer: CREATED_CLIENT },
    conflicts: { clientId: CODES.clientIdExists },
    authority: authorityWith(devices),
    async handle({ tenant, db, actor, body }) {
      const clientId = body.clientId ?? `client-${randomBytes(9).toString('hex')}`;
      const template = body.template === undefined ? {} : structuredClone(TEMPLATES[body.template]);
      const settings = settle(clientSettings(template), settingsIn(body), body);
      checkReach(settings, undefined, reachOf(tenant));
      const client = {
        clientId,
        clientName: body.clientName ?? clientId,
        description: body.description ?? null,
        enabled: body.enabled ?? true,
        properties: body.properties ?? {},
        owner: ownerOf(actor, body.owner),
        settings,
      };
      const id = await insertClient(db, client, reserved);
      const made = await findClientById(db, id);
      await checkIdInAnyCase(db, actor, made, holders);
      if (!hasSecrets(settings.tokenEndpointAuthMethod)) return showClient(made);
      const { plaintext, ...secret } = await giveSecret(db, vault, made, {});
      return {
        ...showClient({ ...made, secrets: [secret] }),
        newSecret: { ...showSecret(secret), secret: plaintext },
      };
    },
  }),
  defineOperation({
    ...at.put,
    takesRights: true,
    summary: 'Change a client; what it asks for next is judged by the new settings',
    example: { id: '019012a4-5b6c-7d8e-9f00-112233445566', accessTokenLifetime: 600 },
    schemas: { body: CLIENT_CHANGE, answer: CLIENT },
    changes: 'provider',
    authority: authorityWith(devices),
    current: {
      answer: CLIENT,
      read: async ({ db, actor, body }) => showClient(await lockClient(db, body.id, confinedTo(actor))),
    },
    async handle({ tenant, db, actor, body }) {
      const { id, clientName, description, enabled, properties, owner, secrets } = body;
      const before = await lockClient(db, id, confinedTo(actor));
      const settings = settle(before.settings, settingsIn(body), body);
      checkReach(settings, before.settings, reachOf(tenant));
      await replaceClient(db, before, {
        ...before,
        ...(clientName !== undefined && { clientName }),
        ...(description !== undefined && { description }),
        ...(enabled !== undefined && { enabled }),
        ...(properties !== undefined && { properties }),
        ...(owner !== undefined && { owner: ownerOf(actor, owner) }),
        settings,
      });
      if (secrets)
        await keepClientSecrets(
          db,
          await findClientById(db, id),
          secrets.map((secret) => secret.id),
        );
      return showClient(await findClientById(db, id));
    },
  }),
  defineOperation({
    ...at.delete,
    takesRights: true,
    summary: 'Delete a client; its tokens stop working',
    schemas: { params: shapes.params, answer: shapes.DELETED },
    changes: 'provider',
    authority: authorityWith(devices),
    current: {
      answer: CLIENT,
      read: async ({ db, actor, params }) => showClient(await lockClient(db, params.id, confinedTo(actor))),
    },
    async handle({ db, actor, params }) {
      await deleteClient(db, await lockClient(db, params.id, confinedTo(actor)));
      return { id: params.id };
    },
  }),
  defineOperation({
    ...at.own('postsecretkey', 'POST', '/{id}/Secretkey'),
    summary: 'Give a client one more secret; remove one by a PUT without it',
    example: { keyType: 'Sha256', description: 'The one after the first' },
    schemas: { params: shapes.params, body: NEW_SECRET, answer: SHOWN_SECRET },
    changes: 'provider',
    authority: authorityWith(devices),
    target: ({ params }) => params.id,
    async handle({ db, actor, params, body }) {
      const client = await lockClient(db, params.id, confinedTo(actor));
      const { plaintext, ...secret } = await giveSecret(db, vault, client, readNewSecret(body));
      return { ...showSecret(secret), secret: plaintext };
    },
  }),
];
