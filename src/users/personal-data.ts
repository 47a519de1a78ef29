import { shapes } from '../api/index.js';
import { deedsOf } from '../observe/index.js';
import { rolesOfUsers } from '../roles/index.js';
import type { TenantDb } from '../store/index.js';
import type { User } from './schema.js';
import { showUser, USER } from './shapes.js';

const { id, iso, time } = shapes;

/** Where a person is signed in and what he allows; the room that knows lies above this one. */
export interface Access {
  sessionsOf(
    db: TenantDb,
    userKey: string,
  ): Promise<
    {
      signedInAt: number;
      expiresAt: number;
      clients: string[];
      agent: string | null;
      address: string | null;
    }[]
  >;
  grantsOf(
    db: TenantDb,
    userKey: string,
  ): Promise<{ clientId: string; scopes: string[]; allowedAt: number }[]>;
  /** Takes out all of both. */
  forget(db: TenantDb, userKey: string): Promise<void>;
}

export const EXPORTED = {
  title: 'PersonalData',
  description: 'All that is known of a person.',
  type: 'object',
  additionalProperties: false,
  required: ['id', 'user', 'sessions', 'grants', 'history'],
  properties: {
    id,
    user: USER,
    sessions: {
      type: 'array',
      items: {
        title: 'ExportedSession',
        type: 'object',
        additionalProperties: false,
        required: ['signedInAt', 'expiresAt', 'clients', 'agent', 'address'],
        properties: {
          signedInAt: time,
          expiresAt: time,
          clients: { type: 'array', items: { type: 'string' } },
          agent: { type: ['string', 'null'], description: 'The browser, as it names itself.' },
          address: { type: ['string', 'null'], description: 'From where it was used last.' },
        },
      },
    },
    grants: {
      type: 'array',
      items: {
        title: 'ExportedGrant',
        type: 'object',
        additionalProperties: false,
        required: ['clientId', 'scopes', 'allowedAt'],
        properties: {
          clientId: { type: 'string' },
          scopes: { type: 'array', items: { type: 'string' } },
          allowedAt: time,
        },
      },
    },
    history: {
      type: 'array',
      description: 'What the audit has of what the person did, the newest first.',
      items: {
        title: 'ExportedDeed',
        type: 'object',
        additionalProperties: false,
        required: ['at', 'event', 'result', 'clientId', 'address'],
        properties: {
          at: time,
          event: { type: 'string' },
          result: { type: 'string' },
          clientId: { type: ['string', 'null'] },
          address: { type: ['string', 'null'] },
        },
      },
    },
  },
} as const;

const MOST_DEEDS = 10_000;

/** Users as the API shows them, with their roles. */
export async function shownAll(db: TenantDb, users: User[]) {
  const roles = await rolesOfUsers(
    db,
    users.map((user) => user.id),
  );
  return users.map((user) => showUser(user, roles.get(user.id) ?? []));
}

export async function shown(db: TenantDb, user: User) {
  const [one] = await shownAll(db, [user]);
  if (!one) throw new Error('one user, one answer');
  return one;
}

/** All that is known of a person, as the API and the account page give it out. */
export async function personalDataOf(db: TenantDb, user: User, access: Access) {
  return {
    id: user.id,
    user: await shown(db, user),
    sessions: (await access.sessionsOf(db, user.userKey)).map((session) => ({
      signedInAt: iso(session.signedInAt),
      expiresAt: iso(session.expiresAt),
      clients: session.clients,
      agent: session.agent,
      address: session.address,
    })),
    grants: (await access.grantsOf(db, user.userKey)).map(({ allowedAt, clientId, scopes }) => ({
      clientId,
      scopes,
      allowedAt: iso(allowedAt),
    })),
    history: (await deedsOf(db, user.userKey, MOST_DEEDS)).map((deed) => ({ ...deed, at: iso(deed.at) })),
  };
}
