import { hash } from 'node:crypto';
import type { GrantOrigin } from './grants/existing.js';
import type { Statement, Store, Value } from '../store/index.js';

/** A row of `oidc_artifacts`, keyed by what its holder presents. */
export interface Artifact {
  payload: string;
  uid?: string | undefined;
  userCode?: string | undefined;
  grantId?: string | undefined;
  accountId?: string | undefined;
  clientId?: string | undefined;
  /** Epoch milliseconds. */
  expiresAt: number | null;
  /** When the request began that made it, in epoch milliseconds. */
  createdAt: number;
  /** The revocations that the request had seen (src/revocations). */
  generation: number;
}

export interface StoredArtifact {
  model: string;
  payload: string;
  grantId: string | null;
  uid: string | null;
  consumedAt: number | null;
  /**
   * Its user, its client, its family or the tenant was revoked after it was made; of a grant, the consents for its client; of
   * an interaction, those or the tenant.
   */
  revoked: boolean;
  /** The revocations that the request had seen that wrote it. */
  generation: number;
  /** The tenant's revocations at the moment of this look; absent where nothing is issued after it. */
  seen?: number | undefined;
}

/**
 * Where the provider's artifacts are kept. Promises, each with a test on both stores:
 * - ids are kept as hashes: the table gives nobody a token, a code or a cookie;
 * - `consume`, `once` and `replace` succeed for exactly one caller, however many call at once;
 * - nothing of one tenant is found with another's id.
 */
export interface Artifacts {
  put(tenantId: string, model: string, id: string, artifact: Artifact): Promise<void>;
  find(tenantId: string, model: string, id: string): Promise<StoredArtifact | undefined>;
  /** The same, of whichever model it is. */
  findAny(tenantId: string, id: string): Promise<StoredArtifact | undefined>;
  findByUid(tenantId: string, model: string, uid: string): Promise<StoredArtifact | undefined>;
  findByUserCode(tenantId: string, model: string, userCode: string): Promise<StoredArtifact | undefined>;
  /** Marks it used. False when it was used before, or is not there. */
  consume(tenantId: string, model: string, id: string): Promise<boolean>;
  /** Remembers an id until it expires (epoch milliseconds). False when it is remembered already: for one of many only it is new. */
  once(tenantId: string, model: string, id: string, expiresAt: number): Promise<boolean>;
  /** Marks the old one used and writes the new one, both or neither. False when the old one was used before. */
  replace(tenantId: string, model: string, oldId: string, id: string, artifact: Artifact): Promise<boolean>;
  destroy(tenantId: string, model: string, id: string): Promise<void>;
  /** Deletes what hangs on the grant: one model's, or only one session's share of it. */
  destroyByGrant(tenantId: string, model: string, grantId: string, sessionUid?: string): Promise<void>;
  /** The id of the newest live grant of this account to this client, of those with this origin. */
  grantOf(
    tenantId: string,
    accountId: string,
    clientId: string,
    origin: GrantOrigin,
  ): Promise<string | undefined>;
}

/** The `uid` of a grant that nobody was asked about. Grants of the consent page have none. */
export const IMPLIED_GRANT = 'implied';

/** Ids are random, so they are told apart without their models. */
export const artifactKey = (id: string): string => hash('sha256', id, 'base64url');

type Columns = [
  model: string,
  payload: string,
  grantId: string | null,
  uid: string | null,
  consumedAt: number | null,
  generation: Value,
  revoked: Value,
  seen?: Value,
];

/** @param columns in the order of the SELECT. */
const toArtifact = (columns: Value[]): StoredArtifact => {
  const [model, payload, grantId, uid, consumedAt, generation, revoked, seen] = columns as Columns;
  return {
    model,
    payload,
    grantId,
    uid,
    consumedAt,
    revoked: Boolean(revoked),
    generation: Number(generation),
    seen: seen === undefined ? undefined : Number(seen),
  };
};

export function openArtifacts(store: Store): Artifacts {
  const upsert = store.prepare(
    `INSERT INTO oidc_artifacts (tenant_id, model, id, uid, user_code, grant_id, account_id, client_id, payload, expires_at, created_at, generation)
     VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
     ON CONFLICT (tenant_id, id) DO UPDATE SET
       uid = excluded.uid, user_code = excluded.user_code, grant_id = excluded.grant_id, account_id = excluded.account_id,
       client_id = excluded.client_id, payload = excluded.payload, expires_at = excluded.expires_at,
       generation = excluded.generation`,
  );
  // Rows from before generations have the time instead: the counter is never behind it (migrations/0027).
  const generation = 'COALESCE(a.generation, a.created_at - 1)';
  const ended = (kind: string, id: string): string =>
    `EXISTS (SELECT 1 FROM revocations r
       WHERE r.tenant_id = a.tenant_id AND r.kind = '${kind}' AND r.id = ${id} AND r.generation > ${generation})`;
  // What a user allowed a client outlives the tokens: the person need not be asked again. It ends with the client, and so do
  // the pages that are open for it: the next client of its id is another one.
  const withdrawn = ended('consent', 'a.client_id');
  const columns = `model, payload, grant_id, uid, consumed_at, ${generation} AS generation,
    CASE WHEN a.model = 'Grant' THEN ${withdrawn}
      WHEN a.model = 'Interaction' THEN (${withdrawn} OR ${ended('tenant', "''")})
      ELSE (${ended('user', 'a.account_id')} OR ${ended('client', 'a.client_id')} OR ${ended('tenant', "''")}
        OR ${ended('family', "(a.grant_id || '.' || a.uid)")}) END AS revoked`;
  const counter =
    'COALESCE((SELECT c.generation FROM revocation_counters c WHERE c.tenant_id = a.tenant_id), 0)';
  const lookOnly = store.prepare(
    `SELECT ${columns} FROM oidc_artifacts a WHERE a.tenant_id = ? AND a.id = ?`,
  );
  const select = `SELECT ${columns}, ${counter} AS seen FROM oidc_artifacts a`;
  const byId = store.prepare(`${select} WHERE a.tenant_id = ? AND a.id = ?`);
  const byUid = store.prepare(`${select} WHERE a.tenant_id = ? AND a.uid = ? AND a.model = ?`);
  const byUserCode = store.prepare(`${select} WHERE a.tenant_id = ? AND a.user_code = ? AND a.model = ?`);
  const mark = store.prepare(
    'UPDATE oidc_artifacts SET consumed_at = ? WHERE tenant_id = ? AND id = ? AND model = ? AND consumed_at IS NULL',
  );
  const remember = store.prepare(
    `INSERT INTO oidc_artifacts (tenant_id, model, id, payload, expires_at, created_at) VALUES (?, ?, ?, '{}', ?, ?)
     ON CONFLICT (tenant_id, id) DO UPDATE SET expires_at = excluded.expires_at, created_at = excluded.created_at
     WHERE oidc_artifacts.expires_at <= excluded.created_at`,
  );
  const remove = store.prepare('DELETE FROM oidc_artifacts WHERE tenant_id = ? AND id = ? AND model = ?');
  const removeByGrant = store.prepare(
    'DELETE FROM oidc_artifacts WHERE tenant_id = ? AND grant_id = ? AND model = ?',
  );
  const removeShare = store.prepare(
    'DELETE FROM oidc_artifacts WHERE tenant_id = ? AND grant_id = ? AND model = ? AND uid = ?',
  );
  const newestGrant = store.prepare(
    `SELECT grant_id FROM oidc_artifacts a
     WHERE tenant_id = ? AND account_id = ? AND client_id = ? AND model = 'Grant' AND COALESCE(uid, '') = ?
       AND (expires_at IS NULL OR expires_at > ?) AND NOT ${withdrawn}
     ORDER BY expires_at DESC LIMIT 1`,
  );

  const row = (tenantId: string, model: string, id: string, artifact: Artifact): Value[] => [
    tenantId,
    model,
    artifactKey(id),
    artifact.uid ?? null,
    artifact.userCode ?? null,
    artifact.grantId ?? null,
    artifact.accountId ?? null,
    artifact.clientId ?? null,
    artifact.payload,
    artifact.expiresAt,
    artifact.createdAt,
    artifact.generation,
  ];
  const found = async (statement: Statement, ...values: Value[]): Promise<StoredArtifact | undefined> => {
    const row = await statement.first(...values);
    return row && toArtifact(Object.values(row));
  };

  return {
    put: async (tenantId, model, id, artifact) =>
      void (await upsert.run(...row(tenantId, model, id, artifact))),
    async find(tenantId, model, id) {
      const artifact = await found(byId, tenantId, artifactKey(id));
      return artifact?.model === model ? artifact : undefined;
    },
    // Introspection begins here: those of one turn go on from here side by side (docs/performance.md).
    async findAny(tenantId, id) {
      const [row] = await lookOnly.together(tenantId, artifactKey(id));
      return row && toArtifact(row);
    },
    findByUid: (tenantId, model, uid) => found(byUid, tenantId, uid, model),
    findByUserCode: (tenantId, model, userCode) => found(byUserCode, tenantId, userCode, model),
    consume: async (tenantId, model, id) =>
      (await mark.run(Date.now(), tenantId, artifactKey(id), model)) === 1,
    async once(tenantId, model, id, expiresAt) {
      return (await remember.run(tenantId, model, artifactKey(id), expiresAt, Date.now())) === 1;
    },
    replace: (tenantId, model, oldId, id, artifact) =>
      store.unit([
        { statement: mark, values: [Date.now(), tenantId, artifactKey(oldId), model], required: true },
        { statement: upsert, values: row(tenantId, model, id, artifact) },
      ]),
    destroy: async (tenantId, model, id) => void (await remove.run(tenantId, artifactKey(id), model)),
    async destroyByGrant(tenantId, model, grantId, sessionUid) {
      if (sessionUid === undefined) await removeByGrant.run(tenantId, grantId, model);
      else await removeShare.run(tenantId, grantId, model, sessionUid);
    },
    async grantOf(tenantId, accountId, clientId, origin) {
      const mark = origin === 'implied' ? IMPLIED_GRANT : '';
      const newest = await newestGrant.first(tenantId, accountId, clientId, mark, Date.now());
      return newest?.['grant_id'] as string | undefined;
    },
  };
}
