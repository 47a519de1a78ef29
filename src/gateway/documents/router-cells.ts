import { randomInt } from 'node:crypto';
import { METHODS as OF_DOCUMENTS } from './paths.js';
import { mixedChildren, type MixedSegment, type Place, type Route } from './router-tree.js';

/**
 * The places of a tree of paths in one array of numbers. A call of one of a thousand APIs finds its router in no cache of the
 * processor: a tree of objects and maps costs it some 35 reads of main memory, each of which waits for the one before, and this
 * costs it about ten that are next to each other.
 */
export interface Cells {
  readonly cells: Int32Array;
  /** The names of parameters, each once. */
  readonly names: readonly string[];
  /** The segments with text and templates. */
  readonly mixed: readonly MixedSegment[];
}

/**
 * The cells of a place, from the one where it begins; the root begins at 0. The first four are where its children and routes
 * are, or 0 where it has none. Behind LENGTH there are as many code units: the literal text that leads here.
 */
export const TEMPLATE = 0;
/** A number of children, and for each the index of its segment, and its place. */
export const MIXED = 1;
/** A number of routes, and the routes. */
export const ROUTES = 2;
/** A hash table of literal children: its size, a power of 2, and for each slot a hash and a place. The place 0 is a free slot. */
export const LITERALS = 3;
export const LENGTH = 4;
export const TEXT = 5;

/**
 * The cells of a route. Behind COUNT there are as many pairs: which segment of the path has parameters, and the index of its
 * name, or `~` of the index of a mixed segment.
 */
export const METHOD = 0;
export const OPERATION = 1;
export const COUNT = 2;
export const PARAMETERS = 3;

/** Sorted, as they are answered: a router knows a method by its index. */
export const METHODS: readonly string[] = OF_DOCUMENTS.map((method) => method.toUpperCase()).sort();

/** Where hashes begin: nobody can write a document whose texts have the same one. */
const SEED = randomInt(2 ** 31);
const FNV_PRIME = 0x01000193;

/** FNV-1a of the code units; its high bits go into the low ones, by which tables are asked. */
export function hashOf(text: string): number {
  let hash = SEED;
  for (let at = 0; at < text.length; at += 1) hash = Math.imul(hash ^ text.charCodeAt(at), FNV_PRIME);
  return hash ^ (hash >>> 15);
}

/** The child at a literal text, or 0. A table has free slots, so that this ends. */
export function literalChild(cells: Int32Array, table: number, text: string, hash: number): number {
  const last = (cells[table] ?? 1) - 1;
  for (let slot = hash & last; ; slot = (slot + 1) & last) {
    const at = table + 1 + 2 * slot;
    const place = cells[at + 1] ?? 0;
    if (place === 0 || (cells[at] === hash && isTextOf(cells, place, text))) return place;
  }
}

function isTextOf(cells: Int32Array, place: number, text: string): boolean {
  if (cells[place + LENGTH] !== text.length) return false;
  for (let at = 0; at < text.length; at += 1)
    if (cells[place + TEXT + at] !== text.charCodeAt(at)) return false;
  return true;
}

/** What grows while the places are written. */
interface Writing {
  cells: number[];
  /** Indexes of names. */
  names: Map<string, number>;
  mixed: MixedSegment[];
}

export function cellsOf(root: Place): Cells {
  const writing: Writing = { cells: [], names: new Map(), mixed: [] };
  writePlace(writing, root, '');
  return {
    cells: Int32Array.from(writing.cells),
    names: [...writing.names.keys()],
    mixed: writing.mixed,
  };
}

/**
 * Each of these writes behind what is there, and answers where that begins. What a place has itself is next to it, and so is
 * what most of its calls read then: the place behind a template.
 */
function writePlace(writing: Writing, place: Place, text: string): number {
  const { cells } = writing;
  const start = cells.length;
  cells.push(0, 0, 0, 0, text.length);
  for (let at = 0; at < text.length; at += 1) cells.push(text.charCodeAt(at));
  if (place.routes) cells[start + ROUTES] = writeRoutes(writing, place.routes);
  if (place.template) cells[start + TEMPLATE] = writePlace(writing, place.template, '');
  if (place.literals) cells[start + LITERALS] = writeLiterals(writing, place.literals);
  if (place.mixed) cells[start + MIXED] = writeMixed(writing, place);
  return start;
}

function writeRoutes({ cells, names, mixed }: Writing, routes: ReadonlyMap<string, Route>): number {
  const start = cells.push(routes.size) - 1;
  for (const [method, { operation, templates }] of routes) {
    cells.push(METHODS.indexOf(method), operation, templates.length);
    for (const { at, segment } of templates) {
      if (segment.kind === 'mixed') {
        cells.push(at, ~(mixed.push(segment) - 1));
        continue;
      }
      const name = names.get(segment.name) ?? names.size;
      names.set(segment.name, name);
      cells.push(at, name);
    }
  }
  return start;
}

function writeLiterals(writing: Writing, literals: ReadonlyMap<string, Place>): number {
  const { cells } = writing;
  const size = 2 ** Math.ceil(Math.log2(2 * literals.size));
  const start = cells.push(size) - 1;
  for (let slot = 0; slot < size; slot += 1) cells.push(0, 0);
  for (const [text, child] of literals) {
    const hash = hashOf(text);
    let slot = hash & (size - 1);
    while (cells[start + 2 + 2 * slot] !== 0) slot = (slot + 1) & (size - 1);
    cells[start + 1 + 2 * slot] = hash;
    cells[start + 2 + 2 * slot] = writePlace(writing, child, text);
  }
  return start;
}

function writeMixed(writing: Writing, place: Place): number {
  const { cells, mixed } = writing;
  const children = mixedChildren(place);
  const start = cells.push(children.length) - 1;
  for (const { segment } of children) cells.push(mixed.push(segment) - 1, 0);
  children.forEach((child, index) => {
    cells[start + 2 + 2 * index] = writePlace(writing, child.place, '');
  });
  return start;
}
