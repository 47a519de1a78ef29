import type { OpenApi } from '../../types.js';
import { code, inline, table } from '../../markdown.js';
import { isTree, listAt, resolvedTree, treeAt, treeOf, type Tree } from '../../tree.js';
import { typeOf } from './document.js';
import { valuesOf } from './values.js';

/** Tables about the fields of objects. */

/** Many operations can share one list of thousands. */
export const MOST_ROWS = 500;
/** Fields of objects within objects: `address.city`, `items[].name`. */
const MOST_NESTED = 3;
/** Fields that are counted: a table says that it leaves out these at least. */
const MOST_COUNTED = 2000;
/** Parts of an `allOf`, which can be in each other. */
const MOST_PARTS = 100;

export const yes = (value: unknown): string => (value === true ? 'yes' : 'no');

const VALUES = 'Values';

/** A table that says how many rows it leaves out. The column of values is there where a row has some. */
export function boundedTable(
  head: readonly string[],
  rows: readonly (readonly string[])[],
  all: number,
): string {
  const at = head.indexOf(VALUES);
  const isEmpty = at !== -1 && rows.every((row) => row[at] === '');
  const shown = (cells: readonly string[]): readonly string[] => (isEmpty ? cells.toSpliced(at, 1) : cells);
  const atLeast = all === MOST_COUNTED ? 'at least ' : '';
  const more = all > rows.length ? `\n\nAnd ${atLeast}${all - rows.length} more.` : '';
  return table(shown(head), rows.map(shown)) + more;
}

interface Field {
  name: string;
  schema: unknown;
  isRequired(): boolean;
}

/** A part of an object. */
interface Part {
  /** The first ones. */
  properties: readonly [name: string, schema: unknown][];
  required: ReadonlySet<unknown>;
}

/** By the schema: many can have a large one in their `allOf`. */
const parts = new WeakMap<object, Part>();

function partOf(schema: Tree): Part {
  const part = parts.get(schema) ?? {
    properties: Object.entries(treeAt(schema, 'properties')).slice(0, MOST_COUNTED),
    required: new Set(listAt(schema, 'required')),
  };
  parts.set(schema, part);
  return part;
}

/** The fields of an object, with those of its `allOf`. References of an `allOf` are followed, each once. */
function fieldsOf(document: OpenApi, schema: Tree): Field[] {
  const open = [schema];
  // The list grows while it is read.
  for (const part of open)
    for (const each of listAt(part, 'allOf')) {
      if (open.length >= MOST_PARTS) break;
      const inner = resolvedTree(document, each);
      if (!open.includes(inner)) open.push(inner);
    }
  const all = open.map(partOf);
  const fields = new Map<string, unknown>();
  for (const { properties } of all)
    for (const [name, of] of properties) {
      if (fields.size >= MOST_COUNTED) break;
      if (!fields.has(name)) fields.set(name, of);
    }
  return [...fields].map(([name, of]) => ({
    ...{ name, schema: of },
    isRequired: () => all.some(({ required }) => required.has(name)),
  }));
}

/** The object within a schema, and how a field of it is written behind the name of the schema's field. */
function within(schema: unknown): { object: Tree; link: string } | undefined {
  let [object, link] = [treeOf(schema), ''];
  for (let level = 0; isTree(object['items']) && level < MOST_NESTED; level += 1)
    [object, link] = [object['items'], `${link}[]`];
  // What a reference names has a section of its own: it can be in itself.
  return typeof object['$ref'] === 'string' ? undefined : { object, link: `${link}.` };
}

/** Rows of a table, which can be fewer than all that there would be. */
export interface Rows {
  list: string[][];
  all: number;
}

function addRows(document: OpenApi, schema: Tree, before: string, level: number, rows: Rows): void {
  for (const { name, schema: of, isRequired } of fieldsOf(document, schema)) {
    if (rows.all >= MOST_COUNTED) return;
    rows.all += 1;
    if (rows.list.length < MOST_ROWS)
      rows.list.push([
        code(before + name),
        code(typeOf(document, of)),
        yes(isRequired()),
        valuesOf(document, of),
        inline(resolvedTree(document, of)['description']),
      ]);
    const inner = level < MOST_NESTED ? within(of) : undefined;
    if (inner) addRows(document, inner.object, before + name + inner.link, level + 1, rows);
  }
}

/** By the schema: many operations can share a large one. */
const tables = new WeakMap<object, string>();

/** The fields of the object that a schema describes, or that its list has; empty where it has none. */
export function fieldsTable(document: OpenApi, value: unknown): string {
  let schema = resolvedTree(document, value);
  for (let level = 0; isTree(schema['items']) && level < MOST_NESTED; level += 1)
    schema = resolvedTree(document, schema['items']);
  const known = tables.get(schema);
  if (known !== undefined) return known;
  const rows: Rows = { list: [], all: 0 };
  addRows(document, schema, '', 1, rows);
  const text = boundedTable(['Field', 'Type', 'Required', VALUES, 'Description'], rows.list, rows.all);
  tables.set(schema, text);
  return text;
}
