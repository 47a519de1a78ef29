import type { Knex } from 'knex';
import { BASIC, confinedTo, Failure } from '../api/index.js';
import { Conflict } from '../kernel/errors.js';
import { foldName } from '../kernel/names.js';
import type { Row, TenantDb } from '../store/index.js';
import { isOthers, type Giving } from './authority.js';
import { MANAGEMENT_API } from './management-scopes.js';
import { isSameName } from './names.js';

/** Audiences that mean something to the program itself. */
export interface ReservedAudiences {
  /** What tokens say that devices send in place of passwords. */
  devices(): string;
  /** Ids of clients that are kept nowhere. */
  clientIds: readonly string[];
}

/** Where and for whom an API gets an audience. */
interface Request extends Giving {
  tenant: { issuer: string };
  /** The id of the API, where it is there already. */
  api?: string;
}

const taken = (audience: string, whose: string): Conflict =>
  new Conflict('audience', `"${audience}" is ${whose}; give the API another tokenAudience`);

const DEVICES = 'the audience of tokens that sign devices in';

/**
 * What an audience is already, in any case, of those that are in no row; undefined where it is free. An API and a client's id are held to
 * the same list. The issuer is on none: a client's id cannot have its characters.
 */
export function reservationOf(audience: string, reserved: ReservedAudiences): string | undefined {
  if (isSameName(audience, MANAGEMENT_API)) return 'the audience of the management API';
  if (isSameName(audience, reserved.devices())) return DEVICES;
  return reserved.clientIds.some((clientId) => isSameName(audience, clientId)) ? 'a client’s id' : undefined;
}

/**
 * Decides whether an API may have an audience that it does not have yet. That no other API has it is for the index to say;
 * that none of others has it in another case is not.
 * A token for an API must never pass for one of something else: an ID token is for a client's id, a client's assertion is for
 * the issuer. Holds the tenant until the transaction ends, because a client may come to the same name meanwhile.
 * @throws Conflict, Failure
 */
export async function checkAudience(
  request: Request,
  audience: string,
  reserved: ReservedAudiences,
): Promise<void> {
  const { db, tenant, actor, api: which } = request;
  const reservation = reservationOf(audience, reserved);
  if (reservation !== undefined && reservation !== DEVICES) throw taken(audience, reservation);
  if (isSameName(audience, tenant.issuer) || isSameName(audience, `${tenant.issuer}/`))
    throw taken(audience, 'the issuer');
  if (reservation === DEVICES && confinedTo(actor) !== undefined)
    throw new Failure(403, BASIC.forbidden, {
      message: `tokens for "${audience}" sign devices in; ask an administrator to make this API, or give it another tokenAudience`,
      data: { missing: 'audience', name: audience },
    });
  await db.lockTenant();
  const clients = await db
    .from('clients')
    .whereRaw('LOWER(client_id) = ?', [foldName(audience)])
    .select<Row[]>('client_id', 'owner_user_key');
  for (const row of clients)
    if (row['client_id'] === audience || (await isOthers(request, row['owner_user_key'] as string | null)))
      throw taken(audience, 'a client’s id');
  const apis = await db.from('api_resources').select<Row[]>('id', 'name', 'audience', 'owner_user_key');
  for (const row of apis) {
    const other = row['audience'] as string;
    if (other === audience || row['id'] === which || !isSameName(other, audience)) continue;
    if (await isOthers(request, row['owner_user_key'] as string | null))
      throw taken(audience, `the audience of the API "${String(row['name'])}" in another case`);
  }
}

/** An API whose audience an operator should look at. */
export interface QuestionableAudience {
  tenant: string;
  api: string;
  audience: string;
  /** What is wrong, and what to do. */
  problem: string;
}

/**
 * Audiences of all tenants that came to be before there were rules about them: replaced by the migration, equal to the issuer
 * or to a client's id, or the devices' in the hands of a developer.
 */
export async function questionableAudiences(knex: Knex, devices: string): Promise<QuestionableAudience[]> {
  const apis = () =>
    knex('api_resources as a')
      .join('tenants as t', 't.id', 'a.tenant_id')
      .orderBy(['t.name', 'a.name'])
      .select<Row[]>('t.name as tenant', 'a.name as api', 'a.audience as audience');
  const replaced = await apis()
    .join('replaced_audiences as r', (on) =>
      on.on('r.tenant_id', 'a.tenant_id').andOn('r.resource_id', 'a.id'),
    )
    .select<Row[]>('r.audience as before');
  const clients = await apis().join('clients as c', (on) =>
    on.on('c.tenant_id', 'a.tenant_id').andOn('c.client_id', 'a.audience'),
  );
  const issuers = await apis().whereRaw("(a.audience = t.issuer OR a.audience = t.issuer || '/')");
  const developers = await apis().where('a.audience', devices).whereNotNull('a.owner_user_key');
  const listed = (rows: Row[], problem: (row: Row) => string): QuestionableAudience[] =>
    rows.map((row) => ({
      tenant: String(row['tenant']),
      api: String(row['api']),
      audience: String(row['audience']),
      problem: problem(row),
    }));
  return [
    ...listed(
      replaced,
      ({ before }) =>
        `it was "${before}", which another API has; tell what checks its tokens, then confirm it: PUT its tokenAudience`,
    ),
    ...listed(clients, () => 'it is a client’s id as well; PUT another tokenAudience'),
    ...listed(issuers, () => 'it is the issuer as well; PUT another tokenAudience'),
    ...listed(developers, () => 'its tokens sign devices in, and a developer owns it; PUT "owner": null'),
  ];
}

/** Takes note that somebody has decided about an audience that the migration replaced. */
export const confirmAudience = async (db: TenantDb, resourceId: string): Promise<void> =>
  void (await db.from('replaced_audiences').where({ resource_id: resourceId }).delete());
