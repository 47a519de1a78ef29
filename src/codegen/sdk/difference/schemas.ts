import type { Changes, Level } from './changes.js';
import { isSame, isTree, listAt, resolved, treeAt, type Tree } from '../../tree.js';

/** Which way values of a schema go: callers send them, or receive them. */
export type Direction = 'request' | 'response';

/** Keywords whose meaning depends on what stands around them: any change of them may break callers. */
const OPAQUE = [
  ...[
    'not',
    'if',
    'then',
    'else',
    'patternProperties',
    'propertyNames',
    'dependentRequired',
    'dependentSchemas',
  ],
  ...['prefixItems', 'contains', 'unevaluatedProperties', 'unevaluatedItems', 'discriminator'],
  ...['format', 'readOnly', 'writeOnly', 'contentEncoding', 'contentMediaType'],
] as const;

/** Keyword → whether a higher number lets less through. */
const BOUNDS: Readonly<Record<string, boolean>> = {
  minimum: true,
  exclusiveMinimum: true,
  minLength: true,
  minItems: true,
  minProperties: true,
  maximum: false,
  exclusiveMaximum: false,
  maxLength: false,
  maxItems: false,
  maxProperties: false,
};
/** Keywords that let less through in a way that numbers do not say. */
const RULES = ['pattern', 'multipleOf', 'uniqueItems', 'minContains', 'maxContains'] as const;

const ANY: Tree = {};

/** Compares schemas of two documents. Each pair is compared once, so that cycles end and what is shared is said once. */
export class SchemaComparison {
  readonly #compared = new WeakMap<object, WeakMap<object, Set<Direction>>>();
  readonly #names = new Set<string>();

  constructor(
    private readonly before: Tree,
    private readonly after: Tree,
    private readonly changes: Changes,
  ) {}

  /** Whether a schema of `components` was compared, because something that was compared refers to it. */
  hasCompared(name: string): boolean {
    return this.#names.has(name);
  }

  compare(a: unknown, b: unknown, direction: Direction, where: string, depth = 0): void {
    if (!this.changes.enter(depth)) return;
    const name = nameOf(a);
    if (name !== undefined) this.#names.add(name);
    const place = name === undefined || name !== nameOf(b) ? where : name;
    const old = this.#schemaOf(this.before, a);
    const now = this.#schemaOf(this.after, b);
    if (old === false || now === false) {
      if (old !== now) this.changes.add('major', `${place}: changed`);
      return;
    }
    if (this.#wasCompared(old, now, direction)) return;
    this.#types(old, now, direction, place);
    this.#values(old, now, place);
    this.#bounds(old, now, direction, place);
    for (const key of OPAQUE)
      if (!isSame(old[key], now[key])) this.changes.add('major', `${place}: ${key} changed`);
    this.#properties(old, now, direction, place, depth);
    this.#additional(old, now, direction, place, depth);
    if (old['items'] !== undefined || now['items'] !== undefined)
      this.compare(old['items'] ?? ANY, now['items'] ?? ANY, direction, `${place}[]`, depth + 1);
    for (const key of ['allOf', 'oneOf', 'anyOf'] as const)
      this.#alternatives(key, old, now, direction, place, depth);
    if (!isSame(old['default'], now['default'])) this.changes.add('minor', `${place}: default changed`);
  }

  /** @returns false for the schema that nothing fits */
  #schemaOf(document: Tree, value: unknown): Tree | false {
    const found = resolved(document, value);
    if (found === false) return false;
    return isTree(found) ? found : ANY;
  }

  #wasCompared(a: Tree, b: Tree, direction: Direction): boolean {
    const with_ = this.#compared.get(a) ?? new WeakMap<object, Set<Direction>>();
    this.#compared.set(a, with_);
    const directions = with_.get(b) ?? new Set<Direction>();
    with_.set(b, directions);
    if (directions.has(direction)) return true;
    directions.add(direction);
    return false;
  }

  #types(a: Tree, b: Tree, direction: Direction, where: string): void {
    const [old, now] = [typesOf(a), typesOf(b)];
    if (isCovered(old, now) && isCovered(now, old)) return;
    const isWider = isCovered(old, now);
    const level: Level = isWider && direction === 'request' ? 'minor' : 'major';
    this.changes.add(level, `${where}: type changed from ${wordsOf(old)} to ${wordsOf(now)}`);
  }

  /** Values of `enum` and `const`: one that is added is minor, one that is removed breaks code that names it. */
  #values(a: Tree, b: Tree, where: string): void {
    const [old, now] = [valuesOf(a), valuesOf(b)];
    if (!old && !now) return;
    if (!old || !now)
      return this.changes.add(
        'major',
        `${where}: ${now ? 'has a list of values now' : 'has no list of values any more'}`,
      );
    for (const value of old)
      if (!now.has(value)) this.changes.add('major', `${where}: value ${value} removed`);
    for (const value of now) if (!old.has(value)) this.changes.add('minor', `${where}: value ${value} added`);
  }

  #bounds(a: Tree, b: Tree, direction: Direction, where: string): void {
    const say = (key: string, isNarrower: boolean): void =>
      this.changes.add(
        isNarrower && direction === 'request' ? 'major' : 'minor',
        `${where}: ${key} ${a[key] === undefined ? 'added' : b[key] === undefined ? 'removed' : 'changed'}`,
      );
    for (const [key, isLower] of Object.entries(BOUNDS)) {
      const [old, now] = [a[key], b[key]];
      if (isSame(old, now)) continue;
      const areNumbers = typeof old === 'number' && typeof now === 'number';
      say(key, areNumbers ? (isLower ? now > old : now < old) : now !== undefined);
    }
    for (const key of RULES) if (!isSame(a[key], b[key])) say(key, b[key] !== undefined);
  }

  #properties(a: Tree, b: Tree, direction: Direction, where: string, depth: number): void {
    const [old, now] = [treeAt(a, 'properties'), treeAt(b, 'properties')];
    const [wasNeeded, isNeeded] = [new Set(listAt(a, 'required')), new Set(listAt(b, 'required'))];
    for (const [name, schema] of Object.entries(old)) {
      const place = `${where}.${name}`;
      if (Object.hasOwn(now, name)) this.compare(schema, now[name], direction, place, depth + 1);
      else this.changes.add('major', `${place}: removed`);
    }
    const added = Object.keys(now).filter((name) => !Object.hasOwn(old, name));
    for (const name of added) if (!isNeeded.has(name)) this.changes.add('minor', `${where}.${name}: added`);
    for (const name of new Set([...wasNeeded, ...isNeeded])) {
      const [was, is] = [wasNeeded.has(name), isNeeded.has(name)];
      const place = `${where}.${String(name)}`;
      if (is && !was) {
        const isNew = added.includes(String(name));
        const words = isNew ? 'added, and always there' : 'is required now';
        this.changes.add(direction === 'request' ? 'major' : 'minor', `${place}: ${words}`);
      } else if (was && !is && Object.hasOwn(now, String(name)))
        this.changes.add(direction === 'request' ? 'minor' : 'major', `${place}: is optional now`);
    }
  }

  #additional(a: Tree, b: Tree, direction: Direction, where: string, depth: number): void {
    const [old, now] = [a['additionalProperties'] ?? true, b['additionalProperties'] ?? true];
    if (isTree(old) && isTree(now)) return this.compare(old, now, direction, `${where}.*`, depth + 1);
    if (isSame(old, now)) return;
    const isWider = now === true || (old === false && isTree(now));
    this.changes.add(
      isWider && direction === 'request' ? 'minor' : 'major',
      `${where}: other properties than the named ones are ${now === false ? 'not allowed now' : 'described differently'}`,
    );
  }

  /** Members are matched by what they refer to, else by their place. */
  #alternatives(
    key: 'allOf' | 'oneOf' | 'anyOf',
    a: Tree,
    b: Tree,
    direction: Direction,
    where: string,
    depth: number,
  ): void {
    const [old, now] = [membersOf(a, key), membersOf(b, key)];
    for (const [member, schema] of old)
      if (now.has(member))
        this.compare(schema, now.get(member), direction, `${where} (${key} ${member})`, depth + 1);
      else this.changes.add('major', `${where}: ${key} ${member} removed`);
    for (const member of now.keys()) {
      if (old.has(member)) continue;
      const isWider = key !== 'allOf' && old.size > 0 && direction === 'request';
      this.changes.add(isWider ? 'minor' : 'major', `${where}: ${key} ${member} added`);
    }
  }
}

const SCHEMA_REF = /^#\/components\/schemas\/([^/]+)$/;

/** The name of the shared schema that a value refers to. */
function nameOf(value: unknown): string | undefined {
  const ref = isTree(value) ? value['$ref'] : undefined;
  return typeof ref === 'string' ? SCHEMA_REF.exec(ref)?.[1] : undefined;
}

function membersOf(schema: Tree, key: string): Map<string, unknown> {
  const members = new Map<string, unknown>();
  listAt(schema, key).forEach((member, index) => {
    const name = nameOf(member) ?? `#${index + 1}`;
    members.set(members.has(name) ? `#${index + 1}` : name, member);
  });
  return members;
}

/** Empty: any type. */
function typesOf(schema: Tree): Set<string> {
  const { type } = schema;
  const types = new Set<string>(typeof type === 'string' ? [type] : listAt(schema, 'type').map(String));
  if (schema['nullable'] === true && types.size > 0) types.add('null');
  return types;
}

/** Whether values of these types are all of others. */
const isCovered = (types: ReadonlySet<string>, by: ReadonlySet<string>): boolean =>
  by.size === 0 ||
  (types.size > 0 && [...types].every((type) => by.has(type) || (type === 'integer' && by.has('number'))));

const wordsOf = (types: ReadonlySet<string>): string => [...types].sort().join('|') || 'any';

function valuesOf(schema: Tree): Set<string> | undefined {
  if (Array.isArray(schema['enum'])) return new Set(schema['enum'].map((value) => JSON.stringify(value)));
  return Object.hasOwn(schema, 'const') ? new Set([JSON.stringify(schema['const'])]) : undefined;
}
