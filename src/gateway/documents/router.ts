import type { CompiledDocument, CompiledOperation } from '../types.js';
import { matchSegment } from './path-template.js';
import * as layout from './router-cells.js';
import { treeOf, type MixedSegment } from './router-tree.js';

export interface Router {
  /**
   * @param method in upper case.
   * @param path the path behind the API's address, as it was sent: percent-encoded, without a query. checkPath() must have
   * found it good.
   * @returns the operation and its decoded path parameters; the methods of other operations on this path, sorted; or
   * undefined where there is no such path. GET serves HEAD.
   */
  match(method: string, path: string): RouteMatch | { allow: string[] } | undefined;
}

export interface RouteMatch {
  operation: CompiledOperation;
  /** By name; it has no prototype. */
  parameters: Readonly<Record<string, string>>;
}

const GET = layout.METHODS.indexOf('GET');
const HEAD = layout.METHODS.indexOf('HEAD');

/** What find() needs of one request. */
interface Search {
  segments: readonly string[];
  /** The segments' hashes, as far as they were needed: each is made once, however many places are visited. */
  hashes: (number | undefined)[];
  /** An index of METHODS, or -1. */
  method: number;
  /** The methods of paths that matched without this one, each a bit. */
  others: number;
}

/**
 * A router of a document's operations. Segments are matched decoded and one by one: a literal one before one with text and
 * templates, that before a template alone, from left to right. Each place of the tree is visited at most once for a request.
 */
export function routerOf(document: CompiledDocument): Router {
  const { root, longest } = treeOf(document);
  return new CellRouter(layout.cellsOf(root), document.operations, longest);
}

/** A class, because a closure would be two more objects that a call reads. */
class CellRouter implements Router {
  private readonly cells: Int32Array;
  private readonly names: readonly string[];
  private readonly mixed: readonly MixedSegment[];

  constructor(
    { cells, names, mixed }: layout.Cells,
    private readonly operations: readonly CompiledOperation[],
    private readonly longest: number,
  ) {
    this.cells = cells;
    this.names = names;
    this.mixed = mixed;
  }

  match(method: string, path: string): ReturnType<Router['match']> {
    const segments = segmentsOf(path, this.longest);
    if (!segments) return undefined;
    const hashes = new Array<number | undefined>(segments.length);
    const search = { segments, hashes, method: layout.METHODS.indexOf(method), others: 0 };
    const route = this.find(0, 0, search);
    const operation = route === 0 ? undefined : this.operations[this.cell(route + layout.OPERATION)];
    if (operation) return { operation, parameters: this.parametersOf(route, segments) };
    return search.others === 0 ? undefined : { allow: methodsOf(search.others) };
  }

  /** No reader goes beyond the last cell; the 0 is for the compiler. */
  private cell(at: number): number {
    return this.cells[at] ?? 0;
  }

  /** Where the route is, or 0. The place behind a template is the last to try, so the loop goes on there. */
  private find(from: number, first: number, search: Search): number {
    let place = from;
    for (let index = first; ; index += 1) {
      const segment = search.segments[index];
      if (segment === undefined) return this.routeAt(this.cell(place + layout.ROUTES), search);
      const table = this.cell(place + layout.LITERALS);
      if (table !== 0) {
        const hash = (search.hashes[index] ??= layout.hashOf(segment));
        const child = layout.literalChild(this.cells, table, segment, hash);
        const route = child === 0 ? 0 : this.find(child, index + 1, search);
        if (route !== 0) return route;
      }
      if (segment === '') return 0;
      const mixed = this.cell(place + layout.MIXED);
      const route = mixed === 0 ? 0 : this.findMixed(mixed, index, search);
      if (route !== 0) return route;
      place = this.cell(place + layout.TEMPLATE);
      if (place === 0) return 0;
    }
  }

  private findMixed(children: number, index: number, search: Search): number {
    const text = search.segments[index] ?? '';
    const end = children + 1 + 2 * this.cell(children);
    for (let at = children + 1; at < end; at += 2) {
      const segment = this.mixed[this.cell(at)];
      if (!segment || !matchSegment(segment, text)) continue;
      const route = this.find(this.cell(at + 1), index + 1, search);
      if (route !== 0) return route;
    }
    return 0;
  }

  private routeAt(routes: number, search: Search): number {
    if (routes === 0) return 0;
    let [get, methods] = [0, 0];
    let route = routes + 1;
    for (let left = this.cell(routes); left > 0; left -= 1) {
      const method = this.cell(route + layout.METHOD);
      if (method === search.method) return route;
      if (method === GET) get = route;
      methods |= 1 << method;
      route += layout.PARAMETERS + 2 * this.cell(route + layout.COUNT);
    }
    if (search.method === HEAD && get !== 0) return get;
    search.others |= methods;
    return 0;
  }

  private parametersOf(route: number, segments: readonly string[]): Record<string, string> {
    const parameters = Object.create(null) as Record<string, string>;
    const start = route + layout.PARAMETERS;
    const end = start + 2 * this.cell(route + layout.COUNT);
    for (let at = start; at < end; at += 2) {
      const text = segments[this.cell(at)] ?? '';
      const name = this.cell(at + 1);
      if (name >= 0) parameters[this.names[name] ?? ''] = text;
      else addValues(parameters, this.mixed[~name], text);
    }
    return parameters;
  }
}

function addValues(
  parameters: Record<string, string>,
  segment: MixedSegment | undefined,
  text: string,
): void {
  const values = (segment && matchSegment(segment, text)) ?? [];
  segment?.names.forEach((name, index) => (parameters[name] = values[index] ?? ''));
}

/** In their order, which is sorted. */
function methodsOf(bits: number): string[] {
  const all = bits & (1 << GET) ? bits | (1 << HEAD) : bits;
  return layout.METHODS.filter((_, index) => all & (1 << index));
}

/**
 * The decoded segments; undefined where no path of the document can be meant: it has no more than `longest`, and only the
 * last one may be empty.
 */
function segmentsOf(path: string, longest: number): string[] | undefined {
  if (!path.startsWith('/')) return undefined;
  const isEncoded = path.includes('%');
  const segments: string[] = [];
  for (let start = 1; start !== 0;) {
    const slash = path.indexOf('/', start);
    if (slash === start || segments.length === longest) return undefined;
    const segment = slash === -1 ? path.slice(start) : path.slice(start, slash);
    const decoded = isEncoded ? decodedSegment(segment) : segment;
    if (decoded === undefined) return undefined;
    segments.push(decoded);
    start = slash + 1;
  }
  return segments;
}

function decodedSegment(segment: string): string | undefined {
  try {
    return decodeURIComponent(segment);
  } catch {
    return undefined;
  }
}
