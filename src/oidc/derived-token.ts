import { hash } from 'node:crypto';
import { decodeJwt } from 'jose';
import type { AdapterPayload } from 'oidc-provider';
import type { Client } from '../clients/index.js';
import { parse } from '../kernel/json.js';
import type { Revocations } from '../revocations/index.js';
import type { Artifacts } from './artifacts.js';
import type { ClientCache } from './client-cache.js';
import { DERIVED } from './keys/revocation.js';

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
  /** The families of the tokens with which others act for the subject, each with its user (`ofActor`). */
  origin_actor?: string[] | undefined;
  /** The ids of the tokens themselves, and of those of actors. It ends when one is revoked; tokens of before have none. */
  origin_token?: string[] | undefined;
}

/** How often a token can be exchanged, and how many users' tokens can stand behind its actors. */
const DEEPEST_CHAIN = 5;
/** Each of them costs a look at the revocations whenever the token is used. */
const MOST_TOKENS = 20;

/** Whether a token carries more of what it was derived from than it can. */
export const isTooDeep = ({
  origin,
  origin_actor: ofActors = [],
  origin_token: tokens = [],
}: Derived): boolean =>
  Math.max(origin.length, ofActors.length) > DEEPEST_CHAIN || tokens.length > MOST_TOKENS;

/** The derivation in the claims of a token; undefined where it was derived from no other. */
export function derivedIn(claims: object | undefined): Derived | undefined {
  const {
    act,
    origin,
    origin_session: ofSession,
    origin_actor: ofActors,
    origin_token: tokens,
  } = (claims ?? {}) as Partial<Derived>;
  return (
    origin && {
      origin,
      ...(act && { act }),
      ...(ofSession && { origin_session: ofSession }),
      ...(ofActors && { origin_actor: ofActors }),
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

/** The token of who acts for the subject: a client's own, or a user's. */
export interface ActorToken extends SourceToken {
  /** What `act` says of it. */
  act: Record<string, unknown>;
  accountId?: string | undefined;
}

/** What a token comes from, and what that was derived from; a client's own has no family. */
function sourcesOf(source: SourceToken) {
  const before = derivedIn(source.extra);
  const { origin = [], origin_session: ofSession = [], origin_actor: ofActors = [] } = before ?? {};
  const own = source.grantId === undefined ? [] : [familyOf(source.grantId, source.sessionUid ?? '')];
  return {
    origin: [...origin, ...own],
    origin_session: source.expiresWithSession ? [...ofSession, ...own] : ofSession,
    origin_actor: ofActors,
    origin_token: [...(before?.origin_token ?? []), source.id],
  };
}

/** What a token carries that is derived from `source`, which has a grant, and with which an actor may act for its user. */
export function derivedFrom(source: SourceToken, actor?: ActorToken): Derived {
  const before = derivedIn(source.extra)?.act;
  const act = actor ? { ...actor.act, ...(before && { act: before }) } : before;
  const [subject, acting] = [sourcesOf(source), actor && sourcesOf(actor)];
  const sessions = [...subject.origin_session, ...(acting?.origin_session ?? [])];
  const actors = [
    ...subject.origin_actor,
    ...(acting?.origin_actor ?? []),
    ...(acting?.origin ?? []).map((family) => ofActor(family, actor?.accountId ?? '')),
  ];
  return {
    ...(act && { act }),
    origin: subject.origin,
    ...(sessions.length > 0 && { origin_session: sessions }),
    ...(actors.length > 0 && { origin_actor: [...new Set(actors)] }),
    origin_token: [...new Set([...subject.origin_token, ...(acting?.origin_token ?? [])])],
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
    const grant = stored && !stored.revoked && parse<AdapterPayload>(stored.payload);
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
    async sourcesLive(from, subject, generation) {
      const { origin_session: ofSession = [], origin_token: tokens = [] } = from;
      // Each look at the revocations takes one of the tokens along, so that these need none of their own.
      const [first = '', ...more] = tokens;
      const derived = { generation, jti: first, clientId: '', userKey: subject, family: DERIVED };
      if (await revocations.isRevoked(tenantId, derived)) return false;
      for (const { family, userKey } of familiesOf(from, subject)) {
        const [grantId, uid] = splitFamily(family);
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

/** A family with its user, where that is not the subject. Only the user's key can have a dot. */
const ofActor = (family: string, userKey: string): string => `${family}.${userKey}`;

function actorIn(text: string): { family: string; userKey: string } {
  const [grantId, rest] = splitFamily(text);
  const [sessionUid, userKey] = splitFamily(rest);
  return { family: familyOf(grantId, sessionUid), userKey };
}

/** The families that a token was derived from, each with its user: the subject's, and those of actors. */
export const familiesOf = (
  { origin, origin_actor: ofActors = [] }: Derived,
  subject: string,
): { family: string; userKey: string }[] => [
  ...origin.map((family) => ({ family, userKey: subject })),
  ...ofActors.map(actorIn),
];

/** The grant and the session in the name of a family. */
export function splitFamily(family: string): [grantId: string, sessionUid: string] {
  const dot = family.indexOf('.');
  return [family.slice(0, dot), family.slice(dot + 1)];
}
