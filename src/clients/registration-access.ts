import { aboutOne, areaAt, confinedTo, defineOperation, shapes, type AnyOperation } from '../api/index.js';
import { NotFound } from '../kernel/errors.js';
import type { Row, TenantDb } from '../store/index.js';
import { heldByClient } from './authority.js';
import { findClient, findClientById, lockClient } from './store.js';

/** What opens dynamic registration, and what registered clients are looked after with; both kept as hashes. */
export interface Registrations {
  /** Initial access tokens that can still register clients. */
  initial: { id: string; description: string | null; uses: number; expiresAt: number }[];
  /** Clients that have a registration access token. */
  clients: string[];
}

export async function listRegistrations(db: TenantDb): Promise<Registrations> {
  const initial = (await db.from('initial_access_tokens').orderBy('id')) as Row[];
  const clients = (await db
    .from('client_registrations')
    .join('clients', (on) =>
      on
        .on('clients.tenant_id', 'client_registrations.tenant_id')
        .on('clients.id', 'client_registrations.client_row_id'),
    )
    .orderBy('clients.client_id')
    .select('clients.client_id')) as Row[];
  return {
    initial: initial.map((row) => ({
      id: row['id'] as string,
      description: row['description'] as string | null,
      uses: row['uses'] as number,
      expiresAt: row['expires_at'] as number,
    })),
    clients: clients.map((row) => row['client_id'] as string),
  };
}

/** Ends one initial access token. Clients that have registered stay. @throws NotFound */
export async function endInitialToken(db: TenantDb, id: string): Promise<void> {
  if ((await db.from('initial_access_tokens').where({ id }).delete()) === 0)
    throw new NotFound(
      'token',
      `there is no registration token "${id}"; gatehouse registration list has them`,
    );
}

/** Ends the registration access token of a client: nobody changes or deletes the client with it. @throws NotFound */
export async function endRegistrationAccess(db: TenantDb, clientId: string): Promise<void> {
  const { id } = await findClient(db, clientId);
  if ((await db.from('client_registrations').where({ client_row_id: id }).delete()) === 0)
    throw new NotFound('client', `"${clientId}" has no registration access token`);
}

/** Ends every token of both kinds; answers how many there were. */
export async function endAllRegistrations(db: TenantDb): Promise<number> {
  return (await db.from('initial_access_tokens').delete()) + (await db.from('client_registrations').delete());
}

export const registrationAccessOperation: AnyOperation = defineOperation({
  ...areaAt('client', '/api/Client').own('endregistration', 'DELETE', '/{id}/RegistrationAccess'),
  summary: 'End the token with which a client that has registered itself is changed; the client stays',
  schemas: { params: shapes.params, answer: shapes.DELETED },
  authority: aboutOne(async ({ db, actor }, id) => heldByClient(await lockClient(db, id, confinedTo(actor)))),
  async handle({ db, params }) {
    await endRegistrationAccess(db, (await findClientById(db, params.id)).clientId);
    return { id: params.id };
  },
});
