import { Invalid } from '../kernel/errors.js';
import { mqttText } from './names.js';

/**
 * Topic names and filters (MQTT 3.1.1 and 5, 4.7). A filter is the levels between its slashes; `+` stands for one level,
 * `#`, which comes last, for any number of them, none as well. A filter that begins with either says nothing of topics that
 * begin with `$` (MQTT-4.7.2-1).
 */
export type Levels = readonly string[];

export const levelsOf = (topic: string): Levels => topic.split('/');

const isWildcard = (level: string | undefined): boolean => level === '+' || level === '#';

/** Whether the wildcards are where MQTT has them (MQTT-4.7.1-1 to -3). */
const isFilter = (levels: Levels): boolean =>
  levels.every(
    (level, at) =>
      level === '+' ||
      (level === '#' && at === levels.length - 1) ||
      !(level.includes('+') || level.includes('#')),
  );

/** Rules are read for every topic that is asked for. */
const LONGEST_OF_RULES = 4096;

/** A filter as a rule may have it. @throws Invalid */
export function checkFilter(field: string, value: unknown): string {
  const topic = mqttText(field, value);
  if (Buffer.byteLength(topic) > LONGEST_OF_RULES)
    throw new Invalid(field, `may have ${LONGEST_OF_RULES} bytes in a rule`);
  if (!isFilter(levelsOf(topic)))
    throw new Invalid(field, 'may have + only as a whole level, and # only as the last one');
  return topic;
}

/** What a subscription is to, without the group that shares it (MQTT 5, 4.8.2; `$queue/` is EMQX's). */
const withoutGroup = (filter: string): string => filter.replace(/^(\$share\/[^/]*|\$queue)\//, '');

/** What a client asks for, as levels; undefined for what MQTT does not allow there. */
export function askedFor(action: 'pub' | 'sub', topic: string): Levels | undefined {
  const levels = levelsOf(action === 'sub' ? withoutGroup(topic) : topic);
  if (topic === '' || topic.includes('\u0000')) return undefined;
  return (action === 'pub' ? !levels.some((level) => /[+#]/.test(level)) : isFilter(levels))
    ? levels
    : undefined;
}

/** Whether one of them says nothing of the other's topics, because those begin with `$`. */
const apart = ([first]: Levels, [other]: Levels): boolean =>
  (isWildcard(first) && other?.startsWith('$') === true) ||
  (isWildcard(other) && first?.startsWith('$') === true);

/** Whether every topic that `asked` fits is one that `rule` fits: what an allowance must do. */
export function covers(rule: Levels, asked: Levels): boolean {
  if (apart(rule, asked)) return false;
  for (let at = 0; ; at += 1) {
    const [mine, theirs] = [rule[at], asked[at]];
    if (mine === '#') return true;
    if (mine === undefined || theirs === undefined) return mine === theirs;
    if (theirs === '#' || (mine !== '+' && mine !== theirs)) return false;
  }
}

/** Whether there is a topic that both fit: what a prohibition looks for, so that nobody gets around it with a wider filter. */
export function overlaps(rule: Levels, asked: Levels): boolean {
  if (apart(rule, asked)) return false;
  for (let at = 0; ; at += 1) {
    const [mine, theirs] = [rule[at], asked[at]];
    if (mine === '#' || theirs === '#') return true;
    if (mine === undefined || theirs === undefined) return mine === theirs;
    if (mine !== '+' && theirs !== '+' && mine !== theirs) return false;
  }
}

/** The names that a client gave; empty text where it gave none. */
export interface Names {
  username: string;
  clientid: string;
}

/** Levels that stand for a name: EMQX 4 writes the first two, EMQX 5 the others. */
const PLACEHOLDERS: Record<string, keyof Names> = {
  '%u': 'username',
  '%c': 'clientid',
  '${username}': 'username',
  '${clientid}': 'clientid',
};

/**
 * A rule's levels with the client's names in their places; undefined where a name is missing, or would be more than a plain
 * level: somebody called `#` would otherwise have everything, and somebody called `$SYS` the broker's own.
 */
export function filledIn(rule: Levels, names: Names): Levels | undefined {
  const levels: string[] = [];
  for (const level of rule) {
    const placeholder = PLACEHOLDERS[level];
    const value = placeholder === undefined ? level : names[placeholder];
    if (placeholder !== undefined && !/^[^$/+#][^/+#]*$/su.test(value)) return undefined;
    levels.push(value);
  }
  return levels;
}
