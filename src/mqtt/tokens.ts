import { createHash } from 'node:crypto';
import { Invalid } from '../kernel/errors.js';
import { objectOf, parse } from '../kernel/json.js';
import type { Revocations } from '../revocations/index.js';
import type { Store } from '../store/index.js';
import type { People } from '../users/index.js';
import type { LiveToken } from '../oidc/index.js';
import { readRule, type Rule } from './acl.js';
import type { Names } from './topics.js';

export interface TokenSignIns {
  /** Remembers what a token says, until it expires. */
  keep(tenantId: string, names: Names, token: LiveToken, rules: readonly Rule[]): Promise<void>;
  /**
   * The rules of the token that the pair of names signed in with last.
   * @returns `'ended'` where it has expired, was revoked, or its user may not sign in; undefined where there is nothing.
   */
  find(tenantId: string, names: Names): Promise<Rule[] | 'ended' | undefined>;
}

/** A name can not have NUL in it, so no two pairs meet. */
const idOf = ({ username, clientid }: Names): string =>
  createHash('sha256').update(`${username}\u0000${clientid}`).digest('base64url');

export function openTokenSignIns(store: Store, revocations: Revocations, people: People): TokenSignIns {
  const write = store.prepare(
    `INSERT INTO mqtt_token_sign_ins (tenant_id, id, token, kid, acl, expires_at) VALUES (?, ?, ?, ?, ?, ?)
     ON CONFLICT (tenant_id, id) DO UPDATE SET
       token = excluded.token, kid = excluded.kid, acl = excluded.acl, expires_at = excluded.expires_at`,
  );
  const select = store.prepare(
    `SELECT token, acl, expires_at, EXISTS (
       SELECT 1 FROM signing_keys k
       WHERE k.tenant_id = s.tenant_id AND k.state = 'revoked' AND k.kid = coalesce(s.kid, k.kid)
     ) AS key_revoked
     FROM mqtt_token_sign_ins s WHERE tenant_id = ? AND id = ?`,
  );
  return {
    async keep(tenantId, names, { kid, issued, expiresAt }, rules) {
      const [token, acl] = [JSON.stringify(issued), JSON.stringify(rules)];
      await write.run(tenantId, idOf(names), token, kid, acl, expiresAt);
    },
    async find(tenantId, names) {
      const row = await select.first(tenantId, idOf(names));
      if (!row) return undefined;
      const issued = parse<LiveToken['issued']>(row['token']);
      if (row['key_revoked']) return 'ended';
      if (Number(row['expires_at']) <= Date.now() || (await revocations.isRevoked(tenantId, issued)))
        return 'ended';
      if (issued.userKey !== undefined && !(await people.active(tenantId, issued.userKey))) return 'ended';
      return parse<Rule[]>(row['acl']);
    },
  };
}

const MOST_RULES = 200;
const LISTS = { pub: 'pub', sub: 'sub', all: 'pubsub' } as const;
const WORDS: Record<string, Rule['action']> = { publish: 'pub', subscribe: 'sub', all: 'pubsub' };

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
    typeof part === 'string' ? entriesOf(parsed(part)) : part === claim ? ofLists(part) : [ofEntry(part)],
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

function parsed(text: string): unknown {
  try {
    return parse(text);
  } catch {
    throw new Invalid('acl', 'is not JSON');
  }
}

function ofEntry(entry: unknown): unknown {
  const { permission, action, topic } = objectOf(entry);
  return { topic, action: WORDS[String(action)], access: permission };
}

function ofLists(value: unknown): unknown[] {
  if (value === null || typeof value !== 'object') throw new Invalid('acl', 'must be an object or a list');
  return Object.entries(LISTS).flatMap(([list, action]) => {
    const topics = (value as Record<string, unknown>)[list] ?? [];
    if (!Array.isArray(topics)) throw new Invalid('acl', `"${list}" must be a list of topics`);
    return topics.map((topic: unknown) => ({ topic, action, access: 'allow' }));
  });
}
