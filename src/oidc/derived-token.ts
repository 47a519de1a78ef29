import { hash } from 'node:crypto';
import { decodeJwt } from 'jose';
import type { AdapterPayload } from 'oidc-provider';
import type { Client } from '../clients/index.js';
import { parse } from '../kernel/json.js';
import type { Revocations } from '../revocations/index.js';
import type { Artifacts } from './artifacts.js';
import type { ClientCache } from './client-cache.js';
import { DERIVED } from './keys/index.js';

/** The tokens of one sign-in at one client: what is revoked together when one of them is used twice. */
export const familyOf = (grantId: string, sessionUid: string): string => `${grantId}.${sessionUid}`;

/** The id by which a token is revoked alone: the `jti` of a JWT, and of any other a hash, from which nobody learns the token. */
export const tokenIdOf = (token: string): string =>
  token.includes('.') ? (decodeJwt(token).jti ?? '') : hash('sha256', `token:${token}`, 'base64url');

/** What a token that was derived from others carries of them, as claims. */
export interface Derived {
  /** Who acts for the subject (RFC 8693, 4.1). */
  act?: Record<string, unknown> | undefined;
  /** The families of the tokens that it was derived from. It ends when one of them does. */
  origin: string[];
  /** Those of them that end with their session. */
  origin_session?: string[] | undefined;
  /** The ids of the tokens themselves. It ends when one of them is revoked; tokens of before have none. */
  origin_token?: string[] | undefined;
}

/** The derivation in the claims of a token; undefined where it was derived from no other. */
export function derivedIn(claims: object | undefined): Derived | undefined {
  const { act, origin, origin_session: ofSession, origin_token: tokens } = (claims ?? {}) as Partial<Derived>;
  return (
    origin && {
      origin,
      ...(act && { act }),
      ...(ofSession && { origin_session: ofSession }),
      ...(tokens && { origin_token: tokens }),
    }
  );
}

/** A token that another is derived from. */
export interface SourceToken {
  /** tokenIdOf */
  id: string;
  grantId?: string | undefined;
  sessionUid?: string | undefined;
  expiresWithSession?: boolean | undefined;
  extra?: Record<string, unknown> | undefined;
}

/** What a token carries that is derived from `source`, which has a grant. */
export function derivedFrom(source: SourceToken, actor?: Record<string, unknown>): Derived {
  const before = derivedIn(source.extra);
  const { origin = [], origin_session: ofSession = [], origin_token: tokens = [] } = before ?? {};
  const family = familyOf(source.grantId ?? '', source.sessionUid ?? '');
  const act = actor ? { ...actor, ...(before?.act && { act: before.act }) } : before?.act;
  const sessions = source.expiresWithSession ? [...ofSession, family] : ofSession;
  return {
    ...(act && { act }),
    origin: [...origin, family],
    ...(sessions.length > 0 && { origin_session: sessions }),
    origin_token: [...tokens, source.id],
  };
}

export interface DerivedTokensBase {
  tenantId: string;
  artifacts: Artifacts;
  clients: Pick<ClientCache, 'get'>;
  revocations: Revocations;
  /** Whether a session has reached its absolute end. */
  isOver(model: string, payload: AdapterPayload): Promise<boolean>;
}

/** Checks of what tokens depend on, for tokens that the library does not load itself. */
export interface Dependencies {
  /** Whether a grant is there, and is this user's to this client, or to any where none is named. Answers its client. */
  grantedClient(grantId: string, userKey: string, clientId?: string): Promise<string | undefined>;
  /** Whether a session is there in which the user is signed in at the client with this grant. */
  sessionLives(uid: string, of: { userKey: string; clientId: string; grantId: string }): Promise<boolean>;
  /** Whether all that a derived token comes from still works: tokens, grants, families, sessions, clients, user, tenant. */
  sourcesLive(derived: Derived, userKey: string, generation: number): Promise<boolean>;
  /** The clients that the tokens were issued to that a token was derived from; undefined for one that is not there now. */
  sourceClients(derived: Derived, userKey: string): Promise<(Client | undefined)[]>;
}

export function openDependencies(base: DerivedTokensBase): Dependencies {
  const { tenantId, artifacts, clients, revocations, isOver } = base;

  const grantedClient: Dependencies['grantedClient'] = async (grantId, userKey, clientId) => {
    const stored = await artifacts.find(tenantId, 'Grant', grantId);
    const grant = stored && parse<AdapterPayload>(stored.payload);
    if (!grant || (grant.exp ?? Infinity) * 1000 <= Date.now() || grant.accountId !== userKey)
      return undefined;
    return clientId === undefined || grant.clientId === clientId ? grant.clientId : undefined;
  };

  const sessionLives: Dependencies['sessionLives'] = async (uid, { userKey, clientId, grantId }) => {
    const stored = await artifacts.findByUid(tenantId, 'Session', uid);
    if (!stored || stored.revoked) return false;
    const session = parse<AdapterPayload>(stored.payload);
    const same = session.accountId === userKey && session.authorizations?.[clientId]?.grantId === grantId;
    return same && !(await isOver('Session', session));
  };

  return {
    grantedClient,
    sessionLives,
    sourceClients: ({ origin }, userKey) =>
      Promise.all(
        origin.map(async (family) => {
          const [grantId] = splitFamily(family);
          return clients.get((await grantedClient(grantId, userKey)) ?? '');
        }),
      ),
    async sourcesLive(
      { origin, origin_session: ofSession = [], origin_token: tokens = [] },
      userKey,
      generation,
    ) {
      // Each look at the revocations takes one of the tokens along, so that these need none of their own.
      const [first = '', ...more] = tokens;
      const derived = { generation, jti: first, clientId: '', userKey, family: DERIVED };
      if (await revocations.isRevoked(tenantId, derived)) return false;
      for (const family of origin) {
        const [grantId = '', uid = ''] = splitFamily(family);
        const clientId = await grantedClient(grantId, userKey);
        if (clientId === undefined || !(await clients.get(clientId))) return false;
        const issued = { generation, jti: more.shift() ?? '', clientId, userKey, family };
        if (await revocations.isRevoked(tenantId, issued)) return false;
        const bound = ofSession.includes(family);
        if (bound && !(await sessionLives(uid, { userKey, clientId, grantId }))) return false;
      }
      for (const jti of more) if (await revocations.isRevoked(tenantId, { ...derived, jti })) return false;
      return true;
    },
  };
}

/** The grant and the session in the name of a family. */
export function splitFamily(family: string): [grantId: string, sessionUid: string] {
  const dot = family.indexOf('.');
  return [family.slice(0, dot), family.slice(dot + 1)];
}
