import { Conflict, Invalid } from '../kernel/errors.js';
import { newId } from '../kernel/ids.js';
import { objectOf } from '../kernel/json.js';
import type { Row, Store, TenantDb } from '../store/index.js';
import { keyOf, nameColumns, nameOf } from './names.js';
import type { Kind } from './schema.js';
import { askedFor, checkFilter, covers, filledIn, levelsOf, overlaps, type Names } from './topics.js';

const ACTIONS = ['pub', 'sub', 'pubsub'] as const;
const ACCESSES = ['allow', 'deny'] as const;

/** What is let or not let be done with the topics that fit a filter. */
export interface Rule {
  topic: string;
  action: (typeof ACTIONS)[number];
  access: (typeof ACCESSES)[number];
}

/** Whose rules: of a user name, of a client identifier, or everybody's. */
export type RuleOwner = { kind: Kind; name: string } | { kind: '$all' };

const MOST_RULES = 1000;

/** A rule as a body has it. @throws Invalid */
export function readRule(value: unknown): Rule {
  const { topic, action, access } = objectOf(value);
  const word = <W extends string>(field: string, given: unknown, words: readonly W[]): W => {
    const found = words.find((each) => each === given);
    if (found === undefined) throw new Invalid(field, `must be one of ${words.join(', ')}`);
    return found;
  };
  return {
    topic: checkFilter('topic', topic),
    action: word('action', action, ACTIONS),
    access: word('access', access, ACCESSES),
  };
}

const columnsOf = (owner: RuleOwner): { name: string; long_name: string | null } =>
  owner.kind === '$all' ? { name: '', long_name: null } : nameColumns(owner.name);

const of = (db: TenantDb, owner: RuleOwner) =>
  db.from('mqtt_acl').where({ kind: owner.kind, name: columnsOf(owner).name });

const toRule = (row: Row): Rule => ({
  topic: row['topic'] as string,
  action: row['action'] as Rule['action'],
  access: row['access'] as Rule['access'],
});

/** The owner's rules, in the order in which they are looked at. */
export const listRules = async (db: TenantDb, owner: RuleOwner): Promise<Rule[]> =>
  ((await of(db, owner).orderBy('id')) as Row[]).map(toRule);

/** All rules of a kind, with whose they are, in the order of the names. */
export async function pageOfRules(
  db: TenantDb,
  kind: Kind,
  page: number,
  limit: number,
): Promise<{ rules: (Rule & { name: string })[]; count: number }> {
  const all = db.from('mqtt_acl').where({ kind });
  const [counted] = await all.clone().count<{ count: number }[]>({ count: '*' });
  const rows = (await all
    .orderBy(['name', 'id'])
    .offset((page - 1) * limit)
    .limit(limit)) as Row[];
  return {
    rules: rows.map((row) => ({ name: nameOf(row), ...toRule(row) })),
    count: Number(counted?.count),
  };
}

/**
 * Writes rules behind those that are there. Call it in a transaction.
 * @returns of each whether it was written; one with the same topic and action as another is not.
 * @throws Invalid where there would be too many
 */
export async function insertRules(
  db: TenantDb,
  owner: RuleOwner,
  rules: readonly Rule[],
): Promise<boolean[]> {
  // One after the other of those who write an owner's rules: the second sees what the first wrote.
  await db.ensure('mqtt_counters', ['kind'], { kind: 'acl', next_seq: 0, count: 0 });
  await db.from('mqtt_counters').where({ kind: 'acl' }).forUpdate().first();
  const there = await listRules(db, owner);
  const pair = ({ action, topic }: Rule): string => `${action} ${topic}`;
  const taken = new Set(there.map(pair));
  const written = rules.map((rule) => !taken.has(pair(rule)) && Boolean(taken.add(pair(rule))));
  if (taken.size > MOST_RULES) throw new Invalid('topic', `one may have ${MOST_RULES} rules`);
  await db.insertAll(
    'mqtt_acl',
    rules
      .filter((_, at) => written[at])
      .map((rule) => ({
        kind: owner.kind,
        ...columnsOf(owner),
        id: newId(),
        ...rule,
        created_at: Date.now(),
      })),
  );
  return written;
}

/** @throws Conflict */
export async function insertRule(db: TenantDb, owner: RuleOwner, rule: Rule): Promise<void> {
  const [written] = await insertRules(db, owner, [rule]);
  if (!written) throw new Conflict('topic', 'existed');
}

/** Takes out what is said of a topic, or all rules of the owner; what is not there is out already. */
export const deleteRules = async (db: TenantDb, owner: RuleOwner, topic?: string): Promise<void> =>
  void (await of(db, owner)
    .where(topic === undefined ? {} : { topic })
    .delete());

/** Sets all rules of an owner at once. @throws Conflict where two have the same topic and action, Invalid */
export async function replaceRules(db: TenantDb, owner: RuleOwner, rules: readonly Rule[]): Promise<void> {
  await deleteRules(db, owner);
  const written = await insertRules(db, owner, rules);
  if (written.includes(false)) throw new Conflict('topic', 'existed');
}

const ORDER = ['clientid', 'username', '$all'];

/**
 * The rules that a client's names have, those of the client identifier first, those of everybody last.
 * @param ownsClientId whether those of the client identifier are the client's.
 */
export function ruleFinder(
  store: Store,
): (tenantId: string, names: Names, ownsClientId: boolean) => Promise<Rule[]> {
  const one =
    'SELECT kind, id, topic, action, access FROM mqtt_acl WHERE tenant_id = ? AND kind = ? AND name = ?';
  const find = store.prepare(`${one} UNION ALL ${one} UNION ALL ${one}`);
  const place = (row: Row): string => `${ORDER.indexOf(row['kind'] as string)}${row['id']}`;
  return async (tenantId, { clientid, username }, ownsClientId) => {
    const rows = await find.all(
      ...[tenantId, 'clientid', keyOf(clientid)],
      ...[tenantId, 'username', keyOf(username)],
      ...[tenantId, '$all', ''],
    );
    return rows
      .filter(({ kind }) => ownsClientId || kind !== 'clientid')
      .sort((a, b) => (place(a) < place(b) ? -1 : 1))
      .map(toRule);
  };
}

/**
 * What the first rule that fits says: an allowance must cover all that is asked for; a prohibition, some of it is enough, and
 * one that has a place for a name that can not be filled in fits always.
 * @returns undefined where no rule fits.
 */
export function decide(
  rules: readonly Rule[],
  names: Names,
  action: 'pub' | 'sub',
  topic: string,
): Rule['access'] | undefined {
  const asked = askedFor(action, topic);
  if (!asked) return 'deny';
  for (const rule of rules) {
    if (rule.action !== 'pubsub' && rule.action !== action) continue;
    const levels = filledIn(levelsOf(rule.topic), names);
    if (rule.access === 'allow' ? levels && covers(levels, asked) : !levels || overlaps(levels, asked))
      return rule.access;
  }
  return undefined;
}
