import type { AdapterPayload } from 'oidc-provider';
import type { Actor } from '../api/index.js';
import { parse } from '../kernel/json.js';
import type { Row, TenantDb } from '../store/index.js';
import { artifactKey } from './artifacts.js';
import { derivedIn, familiesOf, familyOf, splitFamily } from './derived-token.js';
import { DERIVED } from './keys/index.js';

/** A grant or a session that a token depends on. */
interface Kept {
  model: 'Grant' | 'Session';
  /** The key of the grant's row, or the session's uid. */
  id: string;
  holds(payload: AdapterPayload): boolean;
}

/** What a token depends on that can end: ids of revocations by kind, the key that signed it, grants and sessions. */
interface Dependencies {
  generation: number;
  tokens: string[];
  clients: string[];
  users: string[];
  families: string[];
  kid: string;
  kept: Kept[];
}

function dependenciesOf({
  clientId,
  userKey,
  token,
}: Actor & { token: NonNullable<Actor['token']> }): Dependencies {
  const { id, generation, kid = '', grantId, sessionUid = '', expiresWithSession, derived } = token;
  const from = derivedIn(derived) ?? { origin: [] };
  const { origin_session: ofSession = [], origin_token: sources = [] } = from;
  const own = grantId === undefined ? [] : [familyOf(grantId, sessionUid)];
  const subject = userKey ?? '';
  const families = [...own.map((family) => ({ family, userKey: subject })), ...familiesOf(from, subject)];
  const bound = [...ofSession, ...(expiresWithSession ? own : [])];
  const grantOf = (family: string): string => splitFamily(family)[0];
  const isOwn = (family: string): boolean => own.includes(family);
  const kept = families.map(({ family, userKey: of }): Kept => ({
    model: 'Grant',
    id: artifactKey(grantOf(family)),
    holds: (grant) => grant.accountId === of && (!isOwn(family) || grant.clientId === clientId),
  }));
  const sessions = families
    .filter(({ family }) => bound.includes(family))
    .map(({ family, userKey: of }): Kept => ({
      model: 'Session',
      id: splitFamily(family)[1],
      holds: ({ accountId, authorizations = {} }) =>
        accountId === of && Object.values(authorizations).some((each) => each.grantId === grantOf(family)),
    }));
  return {
    generation,
    tokens: [id, ...sources],
    clients: [clientId],
    users: families.map(({ userKey: of }) => of),
    families: [...families.map(({ family }) => family), ...(derived ? [DERIVED] : [])],
    kid,
    kept: [...kept, ...sessions],
  };
}

/** In one statement: revocations of what the token depends on, its key where that is revoked, its grants and sessions. */
async function rowsOf(
  db: TenantDb,
  on: Dependencies,
): Promise<{ what: string; id: string; payload: string }[]> {
  const revoked = db
    .from('revocations')
    .where((any) => {
      void any.where((token) => void token.where({ kind: 'token' }).whereIn('id', on.tokens));
      for (const [kind, ids] of [
        ['client', on.clients],
        ['user', on.users],
        ['family', on.families],
        ['tenant', ['']],
      ] as const)
        void any.orWhere(
          (ended) =>
            void ended
              .where({ kind })
              .whereIn('id', [...ids])
              .where('generation', '>', on.generation),
        );
    })
    .select<Row[]>('kind as what', 'id', 'id as payload');
  const ofModel = (model: Kept['model']): string[] =>
    on.kept.filter((each) => each.model === model).map(({ id }) => id);
  const artifacts = (model: Kept['model'], by: 'id' | 'uid') =>
    db
      .from('oidc_artifacts')
      .where({ model })
      .whereIn(by, ofModel(model))
      .where((live) => void live.whereNull('expires_at').orWhere('expires_at', '>', Date.now()))
      .select('model', by, 'payload');
  const rows = (await revoked.unionAll([
    db.from('signing_keys').where({ kid: on.kid, state: 'revoked' }).select('state', 'kid', 'kid'),
    artifacts('Grant', 'id'),
    artifacts('Session', 'uid'),
  ])) as unknown;
  return rows as { what: string; id: string; payload: string }[];
}

/**
 * Whether the token that a caller came with still works, as a transaction sees it: nothing that it depends on was revoked
 * since its request, its key is not revoked, and its grants and sessions are there. The request has checked all else.
 */
export async function tokenLives(db: TenantDb, actor: Actor): Promise<boolean> {
  const { token } = actor;
  if (!token) return true;
  const on = dependenciesOf({ ...actor, token });
  const rows = await rowsOf(db, on);
  if (rows.some(({ what }) => what !== 'Grant' && what !== 'Session')) return false;
  return on.kept.every(({ model, id, holds }) =>
    rows.some((row) => row.what === model && row.id === id && holds(parse<AdapterPayload>(row.payload))),
  );
}

/** The clients that the tokens were issued to that a caller's token was derived from. */
export async function sourceClientsIn(db: TenantDb, { token }: Actor): Promise<string[]> {
  const { origin = [] } = derivedIn(token?.derived) ?? {};
  if (origin.length === 0) return [];
  const rows: Row[] = await db
    .from('oidc_artifacts')
    .where({ model: 'Grant' })
    .whereIn(
      'id',
      origin.map((family) => artifactKey(splitFamily(family)[0])),
    )
    .select('payload');
  return rows.map((row) => parse<AdapterPayload>(row['payload']).clientId ?? '');
}
