import type { CompiledDocument, CompiledOperation } from '../types.js';
import { compareSegments, matchSegment, parsePath, shapeOf, type Segment } from './path-template.js';

export interface Router {
  /**
   * @param method in upper case.
   * @param path the path behind the API's address, as it was sent: percent-encoded, without a query. checkPath() must have
   * found it good.
   * @returns the operation and its decoded path parameters; the methods of other operations on this path, sorted; or
   * undefined where there is no such path. GET serves HEAD.
   */
  match(method: string, path: string): RouteMatch | { allow: string[] } | undefined;
  /** How many places one request can visit at most: what bounds the time of match(). */
  readonly steps: number;
}

export interface RouteMatch {
  operation: CompiledOperation;
  /** By name; it has no prototype. */
  parameters: Readonly<Record<string, string>>;
}

interface Route {
  operation: CompiledOperation;
  /** The segments that have parameters, each with its place in the path. */
  templates: readonly { at: number; segment: Segment }[];
}

/** What find() needs of one request. */
interface Search {
  segments: readonly string[];
  method: string;
  /** The methods of paths that matched without this one. */
  others: Set<string> | undefined;
}

/** A place behind some segments. Few have more than one kind of children. */
interface Place {
  literals: Map<string, Place> | undefined;
  mixed: { segment: Segment; place: Place }[] | undefined;
  template: Place | undefined;
  routes: Map<string, Route> | undefined;
}

/** The mixed children of places by their shape, while a router is made. */
type Shapes = Map<Place, Map<string, Place>>;

const newPlace = (): Place => ({
  literals: undefined,
  mixed: undefined,
  template: undefined,
  routes: undefined,
});

/**
 * A router of a document's operations. Segments are matched decoded and one by one: a literal one before one with text and
 * templates, that before a template alone, from left to right. Each place of the tree is visited at most once for a request.
 */
export function routerOf(document: CompiledDocument): Router {
  const root = newPlace();
  const shapes: Shapes = new Map();
  let longest = 0;
  for (const operation of document.operations) longest = Math.max(longest, add(root, operation, shapes));
  for (const place of shapes.keys())
    place.mixed?.sort((one, other) => compareSegments(one.segment, other.segment));
  return {
    match: (method, path) => match(root, longest, method, path),
    get steps() {
      return stepsFrom(root);
    },
  };
}

/** @returns how many segments the path has. */
function add(root: Place, operation: CompiledOperation, shapes: Shapes): number {
  const segments = parsePath(operation.path);
  let place = root;
  for (const segment of segments) place = childFor(place, segment, shapes);
  place.routes ??= new Map();
  // The first one wins where two templates have the same form; compile() refuses such documents.
  if (!place.routes.has(operation.method)) {
    const templates = segments
      .map((segment, at) => ({ at, segment }))
      .filter(({ segment }) => segment.kind !== 'literal');
    place.routes.set(operation.method, { operation, templates });
  }
  return segments.length;
}

function childFor(place: Place, segment: Segment, shapes: Shapes): Place {
  if (segment.kind === 'template') return (place.template ??= newPlace());
  if (segment.kind === 'mixed') return mixedChild(place, segment, shapes);
  place.literals ??= new Map();
  let child = place.literals.get(segment.text);
  if (!child) place.literals.set(segment.text, (child = newPlace()));
  return child;
}

function mixedChild(parent: Place, segment: Segment, shapes: Shapes): Place {
  let children = shapes.get(parent);
  if (!children) shapes.set(parent, (children = new Map<string, Place>()));
  const shape = shapeOf(segment);
  let place = children.get(shape);
  if (!place) {
    children.set(shape, (place = newPlace()));
    (parent.mixed ??= []).push({ segment, place });
  }
  return place;
}

function match(root: Place, longest: number, method: string, path: string): ReturnType<Router['match']> {
  const segments = segmentsOf(path, longest);
  if (!segments) return undefined;
  const search: Search = { segments, method, others: undefined };
  const route = find(root, 0, search);
  if (route) return { operation: route.operation, parameters: parametersOf(route, segments) };
  const { others } = search;
  if (!others) return undefined;
  if (others.has('GET')) others.add('HEAD');
  return { allow: [...others].sort() };
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

function find(place: Place, index: number, search: Search): Route | undefined {
  const segment = search.segments[index];
  if (segment === undefined) return routeAt(place, search);
  const literal = place.literals?.get(segment);
  const found = literal && find(literal, index + 1, search);
  if (found || segment === '') return found;
  if (place.mixed)
    for (const child of place.mixed) {
      if (!matchSegment(child.segment, segment)) continue;
      const route = find(child.place, index + 1, search);
      if (route) return route;
    }
  return place.template && find(place.template, index + 1, search);
}

function routeAt({ routes }: Place, search: Search): Route | undefined {
  if (!routes) return undefined;
  const { method } = search;
  const route = routes.get(method) ?? (method === 'HEAD' ? routes.get('GET') : undefined);
  if (route) return route;
  search.others ??= new Set();
  for (const other of routes.keys()) search.others.add(other);
  return undefined;
}

function parametersOf({ templates }: Route, segments: readonly string[]): Record<string, string> {
  const parameters = Object.create(null) as Record<string, string>;
  for (const { at, segment } of templates) {
    const text = segments[at] ?? '';
    if (segment.kind === 'template') parameters[segment.name] = text;
    else if (segment.kind === 'mixed') {
      const values = matchSegment(segment, text) ?? [];
      segment.names.forEach((name, index) => (parameters[name] = values[index] ?? ''));
    }
  }
  return parameters;
}

/** A request takes one literal at most, and may try all the others. */
function stepsFrom(place: Place): number {
  let steps = 1 + (place.template ? stepsFrom(place.template) : 0);
  for (const child of place.mixed ?? []) steps += stepsFrom(child.place);
  let most = 0;
  for (const child of place.literals?.values() ?? []) most = Math.max(most, stepsFrom(child));
  return steps + most;
}
