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
  segments: readonly Segment[];
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
  for (const operation of document.operations) add(root, operation, shapes);
  for (const place of shapes.keys())
    place.mixed?.sort((one, other) => compareSegments(one.segment, other.segment));
  return {
    match: (method, path) => match(root, method, path),
    get steps() {
      return stepsFrom(root);
    },
  };
}

function add(root: Place, operation: CompiledOperation, shapes: Shapes): void {
  const segments = parsePath(operation.path);
  let place = root;
  for (const segment of segments) place = childFor(place, segment, shapes);
  place.routes ??= new Map();
  // The first one wins where two templates have the same form; compile() refuses such documents.
  if (!place.routes.has(operation.method)) place.routes.set(operation.method, { operation, segments });
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

function match(root: Place, method: string, path: string): ReturnType<Router['match']> {
  const segments = segmentsOf(path);
  if (!segments) return undefined;
  const others = new Set<string>();
  const route = find(root, 0, segments, method, others);
  if (route) return { operation: route.operation, parameters: parametersOf(route, segments) };
  if (others.size === 0) return undefined;
  if (others.has('GET')) others.add('HEAD');
  return { allow: [...others].sort() };
}

/** The decoded segments; undefined where no path of a document can be meant. Only the last one may be empty. */
function segmentsOf(path: string): string[] | undefined {
  if (!path.startsWith('/')) return undefined;
  const segments = path.split('/');
  segments.shift();
  for (let index = 0; index < segments.length; index += 1) {
    const segment = segments[index] ?? '';
    if (segment === '' && index < segments.length - 1) return undefined;
    if (!segment.includes('%')) continue;
    try {
      segments[index] = decodeURIComponent(segment);
    } catch {
      return undefined;
    }
  }
  return segments;
}

function find(
  place: Place,
  index: number,
  segments: readonly string[],
  method: string,
  others: Set<string>,
): Route | undefined {
  const segment = segments[index];
  if (segment === undefined) return routeAt(place, method, others);
  const literal = place.literals?.get(segment);
  const found = literal && find(literal, index + 1, segments, method, others);
  if (found || segment === '') return found;
  if (place.mixed)
    for (const child of place.mixed) {
      if (!matchSegment(child.segment, segment)) continue;
      const route = find(child.place, index + 1, segments, method, others);
      if (route) return route;
    }
  return place.template && find(place.template, index + 1, segments, method, others);
}

function routeAt({ routes }: Place, method: string, others: Set<string>): Route | undefined {
  if (!routes) return undefined;
  const route = routes.get(method) ?? (method === 'HEAD' ? routes.get('GET') : undefined);
  if (!route) for (const other of routes.keys()) others.add(other);
  return route;
}

function parametersOf({ segments: templates }: Route, segments: readonly string[]): Record<string, string> {
  const parameters = Object.create(null) as Record<string, string>;
  templates.forEach((template, index) => {
    const segment = segments[index] ?? '';
    if (template.kind === 'template') parameters[template.name] = segment;
    else if (template.kind === 'mixed') {
      const values = matchSegment(template, segment) ?? [];
      template.names.forEach((name, at) => (parameters[name] = values[at] ?? ''));
    }
  });
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
