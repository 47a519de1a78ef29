import { createHash } from 'node:crypto';
import { Invalid } from '../kernel/errors.js';
import { objectOf, parse } from '../kernel/json.js';
import type { Soon } from '../kernel/soon.js';
import type { LiveToken, TokenDependencies } from '../oidc/index.js';
import type { Row, Store } from '../store/index.js';
import { readRule, type Rule } from './acl.js';
import type { Names } from './topics.js';

/** A tenant's access tokens, as brokers' questions need them. */
export interface AccessTokens {
  /** The token that a text is, while it works. */
  read(text: string): Promise<LiveToken | undefined>;
  /** Whether a token that was read before still works, but for its expiry. */
  stillLive(token: TokenDependencies): Promise<boolean>;
}

/** What a sign-in by a token gives to a pair of names. */
export interface Given {
  /** The token's own. */
  rules: readonly Rule[];
  /** Whether the client identifier is one of the token's names: else rules that are kept for it are not the token's. */
  ownsClientId: boolean;
}

/** Why a kept sign-in gives nothing. */
export type Ended = 'expired' | 'revoked';

export interface TokenSignIns {
  /**
   * Keeps what a token says, until it expires, for the questions that name only the pair of names.
   * @returns false where another credential was admitted under the client identifier, and still works; but one that carries
   * the client identifier as its own takes the place of one that does not.
   */
  keep(
    tenantId: string,
    names: Names,
    token: LiveToken,
    given: Given,
    tokens: AccessTokens,
  ): Promise<boolean>;
  /**
   * What the token gives that the pair of names has signed in with.
   * @returns a word where it has expired, or does not work any more; undefined where there is nothing.
   */
  find(tenantId: string, names: Names, tokens: AccessTokens): Promise<Given | Ended | undefined>;
  /**
   * Forgets the sign-in of a pair of names: a device has them now.
   * @param since when the device was made. No token signs in under its names from then on, so there is nothing to forget twice.
   */
  forget(tenantId: string, names: Names, since: number): Soon<void>;
}

/** Names can not have NUL in them, so no two lists meet. */
const hashOf = (...texts: string[]): string =>
  createHash('sha256').update(texts.join('\u0000')).digest('base64url');

const pairOf = ({ username, clientid }: Names): string => hashOf(username, clientid);

/** What only one credential has at a time: the client identifier, or the user name of a client that gives none. */
const slotOf = (names: Names): string =>
  names.clientid === '' ? pairOf(names) : hashOf('', '', names.clientid);

/** So many pairs of names that have nothing to forget are remembered, and as many of those before. */
const MOST_FORGOTTEN = 20_000;
const LONGEST_KEY = 200;

/** A token that is refreshed, or issued again to the same application for the same user, is the same credential. */
const credentialOf = ({ client_id: clientId, sub, act }: TokenDependencies): string =>
  hashOf(clientId, sub, act === undefined ? '' : JSON.stringify(act));

/** What a token depends on, as rows from before generations have it. */
interface OlderToken {
  at: number;
  jti: string;
  clientId: string;
  userKey?: string;
  family?: string;
}

function dependenciesIn(text: unknown): TokenDependencies {
  const kept = parse<TokenDependencies | OlderToken>(text);
  if (!('at' in kept)) return kept;
  const { at, jti, clientId, userKey, family = '' } = kept;
  const dot = family.indexOf('.');
  const issued = { jti, gen: at - 1, client_id: clientId, sub: userKey ?? clientId };
  return userKey === undefined
    ? issued
    : { ...issued, gid: family.slice(0, dot), fid: family.slice(dot + 1) };
}

/** A row of before has the token's rules alone; its token's names are not known any more. */
function givenIn(text: unknown): Given {
  const kept = parse<Given | Rule[]>(text);
  return Array.isArray(kept) ? { rules: kept, ownsClientId: true } : kept;
}

/** Whether the token of a kept sign-in still works, but for its expiry. */
const works = async (kept: Row, tokens: AccessTokens): Promise<boolean> =>
  !kept['key_revoked'] && tokens.stillLive(dependenciesIn(kept['token']));

export function openTokenSignIns(store: Store): TokenSignIns {
  const write = store.prepare(
    `INSERT INTO mqtt_token_sign_ins AS kept (tenant_id, id, names, credential, token, kid, acl, expires_at)
     VALUES (?, ?, ?, ?, ?, ?, ?, ?)
     ON CONFLICT (tenant_id, id) DO UPDATE SET
       names = excluded.names, credential = excluded.credential, token = excluded.token, kid = excluded.kid,
       acl = excluded.acl, expires_at = excluded.expires_at
     WHERE kept.credential IS NULL OR kept.credential IN (excluded.credential, ?) OR kept.expires_at <= ?`,
  );
  // A row of before has no key, so any revoked key may have signed its token.
  const select = store.prepare(
    `SELECT id, names, credential, token, acl, expires_at, EXISTS (
       SELECT 1 FROM signing_keys k
       WHERE k.tenant_id = s.tenant_id AND k.state = 'revoked' AND k.kid = coalesce(s.kid, k.kid)
     ) AS key_revoked
     FROM mqtt_token_sign_ins s WHERE tenant_id = ? AND id IN (?, ?)`,
  );

  /** The kept sign-in of a slot, and that of the pair of names, which may be an older one. */
  async function look(tenantId: string, names: Names): Promise<{ slot?: Row; ofPair?: Row }> {
    const [slot, pair] = [slotOf(names), pairOf(names)];
    const rows = await select.all(tenantId, slot, pair);
    const found = rows.find(({ id }) => id === slot);
    const ofPair = found?.['names'] === pair ? found : rows.find(({ id }) => id === pair);
    return { ...(found && { slot: found }), ...(ofPair && { ofPair }) };
  }

  const remove = store.prepare(
    'DELETE FROM mqtt_token_sign_ins WHERE tenant_id = ? AND id IN (?, ?) AND coalesce(names, id) = ?',
  );
  let newer = new Set<string>();
  let older = new Set<string>();

  async function forgetOnce(tenantId: string, names: Names, key: string): Promise<void> {
    const { ofPair } = await look(tenantId, names);
    const pair = pairOf(names);
    if (ofPair) await remove.run(tenantId, slotOf(names), pair, pair);
    if (newer.size >= MOST_FORGOTTEN) [older, newer] = [newer, new Set()];
    newer.add(key);
  }

  return {
    async keep(tenantId, names, { kid, dependencies, expiresAt }, given, tokens) {
      const credential = credentialOf(dependencies);
      const put = async (replacing: string): Promise<boolean> =>
        (await write.run(
          ...[tenantId, slotOf(names), pairOf(names), credential],
          ...[JSON.stringify(dependencies), kid, JSON.stringify(given), expiresAt],
          ...[replacing, Date.now()],
        )) === 1;
      if (await put(credential)) return true;
      const { slot } = await look(tenantId, names);
      const givesWay = slot && given.ownsClientId && !givenIn(slot['acl']).ownsClientId;
      if (slot && !givesWay && (await works(slot, tokens))) return false;
      return put((slot?.['credential'] ?? credential) as string);
    },
    async find(tenantId, names, tokens) {
      const { ofPair } = await look(tenantId, names);
      if (!ofPair) return undefined;
      if (Number(ofPair['expires_at']) <= Date.now()) return 'expired';
      return (await works(ofPair, tokens)) ? givenIn(ofPair['acl']) : 'revoked';
    },
    forget(tenantId, names, since) {
      const text = `${tenantId} ${since} ${names.username}\u0000${names.clientid}`;
      const key = text.length <= LONGEST_KEY ? text : hashOf(text);
      if (newer.has(key) || older.has(key)) return undefined;
      return forgetOnce(tenantId, names, key);
    },
  };
}

/** Names and client identifiers that the tenant gives to a token. */
export interface GivenNames {
  names: string[];
  clientids: string[];
}

const MOST_NAMES = 100;

/**
 * The `mqtt` claim: `{"names": ["meter-1"], "clientids": ["meter-1-a"]}`. Claims of users are text, so it may be JSON in text, and
 * several of them a list of such texts.
 * @throws Invalid
 */
export function namesOfClaim(claim: unknown): GivenNames {
  if (claim === undefined || claim === null) return { names: [], clientids: [] };
  const parts = (Array.isArray(claim) ? claim : [claim]).map(givenNamesIn);
  const list = (field: keyof GivenNames): string[] => {
    const lists = parts.map((part) => part[field] ?? []);
    const names = lists.flat();
    if (
      !lists.every(Array.isArray) ||
      names.length > MOST_NAMES ||
      names.some((name) => typeof name !== 'string')
    )
      throw new Invalid('mqtt', `"${field}" must be a list of at most ${MOST_NAMES} names`);
    return names as string[];
  };
  return { names: list('names'), clientids: list('clientids') };
}

function givenNamesIn(part: unknown): Record<string, unknown> {
  const given = typeof part === 'string' ? parsed('mqtt', part) : part;
  if (given === null || typeof given !== 'object' || Array.isArray(given))
    throw new Invalid('mqtt', 'must be an object');
  return given as Record<string, unknown>;
}

const MOST_RULES = 200;
const LISTS = { pub: 'pub', sub: 'sub', all: 'pubsub' } as const;
const WORDS = new Map<unknown, Rule['action']>([
  ['publish', 'pub'],
  ['subscribe', 'sub'],
  ['all', 'pubsub'],
]);

/**
 * The `acl` claim as EMQX's JWT authenticator has it: `{"pub": […], "sub": […], "all": […]}`, or a list of
 * `{"permission": "allow", "action": "publish", "topic": "…"}`. Claims of users are text, so it may be JSON in text, and
 * several of them a list of such texts.
 * @throws Invalid
 */
export function rulesOfClaim(claim: unknown): Rule[] {
  if (claim === undefined || claim === null) return [];
  const parts = (Array.isArray(claim) ? claim : [claim]) as unknown[];
  const rules = parts.flatMap((part) =>
    typeof part === 'string'
      ? entriesOf(parsed('acl', part))
      : part === claim
        ? ofLists(part)
        : [ofEntry(part)],
  );
  if (rules.length > MOST_RULES) throw new Invalid('acl', `may have ${MOST_RULES} rules`);
  return rules.map((entry) => {
    const rule = readRule(entry);
    // EMQX's word for "these letters and no others": a rule that is not understood must not be left out.
    if (rule.topic.startsWith('eq ')) throw new Invalid('acl', '"eq" is not supported');
    return rule;
  });
}

const entriesOf = (value: unknown): unknown[] => (Array.isArray(value) ? value.map(ofEntry) : ofLists(value));

function parsed(field: string, text: string): unknown {
  try {
    return parse(text);
  } catch {
    throw new Invalid(field, 'is not JSON');
  }
}

function ofEntry(entry: unknown): unknown {
  const { permission, action, topic } = objectOf(entry);
  return { topic, action: WORDS.get(action), access: permission };
}

function ofLists(value: unknown): unknown[] {
  if (value === null || typeof value !== 'object') throw new Invalid('acl', 'must be an object or a list');
  return Object.entries(LISTS).flatMap(([list, action]) => {
    const topics = (value as Record<string, unknown>)[list] ?? [];
    if (!Array.isArray(topics)) throw new Invalid('acl', `"${list}" must be a list of topics`);
    return topics.map((topic: unknown) => ({ topic, action, access: 'allow' }));
  });
}
