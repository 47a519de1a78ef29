import { Conflict } from '../../kernel/errors.js';
import { newId } from '../../kernel/ids.js';
import { uniquely, type Row, type TenantDb } from '../../store/index.js';
import type { AuthServer } from './types.js';

export const toAuthServer = (row: Row): AuthServer => ({
  id: row['id'] as string,
  name: row['name'] as string,
  issuer: row['issuer'] as string,
  audience: row['audience'] as string,
  jwksUri: row['jwks_uri'] as string,
  authorizationEndpoint: row['authorization_endpoint'] as string | null,
  tokenEndpoint: row['token_endpoint'] as string | null,
  defaultScope: row['default_scope'] as string | null,
  createdAt: row['created_at'] as number,
  updatedAt: row['updated_at'] as number,
});

/** The tenant's, the newest first. */
export const authServersOf = async (db: TenantDb): Promise<AuthServer[]> =>
  (
    (await db.from('authorization_servers').orderBy([
      { column: 'created_at', order: 'desc' },
      { column: 'id', order: 'desc' },
    ])) as Row[]
  ).map(toAuthServer);

/** The server, and nobody else changes it before the transaction ends. */
export async function lockAuthServer(db: TenantDb, id: string): Promise<AuthServer | undefined> {
  const row = (await db.from('authorization_servers').where({ id }).forUpdate().first()) as Row | undefined;
  return row && toAuthServer(row);
}

/** Whether there is such a server, which then stays until the transaction ends. */
export const isUsableServer = async (db: TenantDb, id: string): Promise<boolean> =>
  (await db.from('authorization_servers').where({ id }).forShare().first('id')) !== undefined;

type NewAuthServer = Omit<AuthServer, 'id' | 'createdAt' | 'updatedAt'>;

const columnsOf = (server: NewAuthServer): Record<string, unknown> => ({
  name: server.name,
  issuer: server.issuer,
  audience: server.audience,
  jwks_uri: server.jwksUri,
  authorization_endpoint: server.authorizationEndpoint,
  token_endpoint: server.tokenEndpoint,
  default_scope: server.defaultScope,
});

const naming = <T>(name: string, write: () => Promise<T>): Promise<T> =>
  uniquely({ authorization_servers_name: ['name', `another server has the name "${name}"`] }, write);

/** @throws Conflict when the name is taken */
export async function insertAuthServer(db: TenantDb, server: NewAuthServer): Promise<AuthServer> {
  const [id, now] = [newId(), Date.now()];
  await naming(server.name, () =>
    db.insert('authorization_servers', { id, ...columnsOf(server), created_at: now, updated_at: now }),
  );
  return { ...server, id, createdAt: now, updatedAt: now };
}

/** @throws Conflict when the name is taken */
export async function updateAuthServer(db: TenantDb, server: AuthServer): Promise<AuthServer> {
  const updatedAt = Date.now();
  await naming(server.name, async () =>
    db
      .from('authorization_servers')
      .where({ id: server.id })
      .update({ ...columnsOf(server), updated_at: updatedAt }),
  );
  return { ...server, updatedAt };
}

/** Deletes a server that no version takes tokens of. Hold it by `lockAuthServer`. @throws Conflict with the count */
export async function deleteAuthServer(db: TenantDb, id: string): Promise<void> {
  const using = db.from('api_versions').where({ auth_server_id: id });
  const { versions } = (await using.count({ versions: '*' }).first()) as { versions: number | string };
  if (Number(versions) > 0)
    throw new Conflict(
      'versions',
      `versions of APIs that take its tokens: ${versions}; publish them with another`,
      {
        versions: Number(versions),
      },
    );
  await db.from('authorization_servers').where({ id }).delete();
}
