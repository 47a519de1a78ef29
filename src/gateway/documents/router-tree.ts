import type { CompiledDocument } from '../types.js';
import { compareSegments, parsePath, shapeOf, type Segment } from './path-template.js';

/** A place behind some segments of paths. Few have more than one kind of children. */
export interface Place {
  literals?: Map<string, Place>;
  /** By their shape, in the order of the document; mixedChildren() has them in the order in which they are tried. */
  mixed?: Map<string, MixedChild>;
  template?: Place;
  /** By method. */
  routes?: Map<string, Route>;
}

export interface MixedChild {
  segment: MixedSegment;
  place: Place;
}

export type MixedSegment = Extract<Segment, { kind: 'mixed' }>;

export interface Route {
  /** Where the operation stands in the document. */
  operation: number;
  /** The segments that have parameters, each with its place in the path. */
  templates: readonly { at: number; segment: Exclude<Segment, { kind: 'literal' }> }[];
}

/** The paths of a document as a tree. It lives while a router is made of it. */
export interface PathTree {
  root: Place;
  /** How many segments the longest path has. */
  longest: number;
}

export function treeOf({ operations }: CompiledDocument): PathTree {
  const root: Place = {};
  let longest = 0;
  operations.forEach(({ method, path }, operation) => {
    const segments = parsePath(path);
    longest = Math.max(longest, segments.length);
    const place = segments.reduce(childFor, root);
    place.routes ??= new Map();
    // The first one wins where two templates have the same form; compile() refuses such documents.
    if (!place.routes.has(method)) place.routes.set(method, { operation, templates: templatesOf(segments) });
  });
  return { root, longest };
}

function childFor(place: Place, segment: Segment): Place {
  if (segment.kind === 'template') return (place.template ??= {});
  if (segment.kind === 'mixed') {
    const child = childAt((place.mixed ??= new Map()), shapeOf(segment), () => ({ segment, place: {} }));
    return child.place;
  }
  return childAt((place.literals ??= new Map()), segment.text, () => ({}));
}

function childAt<Child>(children: Map<string, Child>, name: string, make: () => Child): Child {
  let child = children.get(name);
  if (child === undefined) children.set(name, (child = make()));
  return child;
}

const templatesOf = (segments: readonly Segment[]): Route['templates'] =>
  segments.flatMap((segment, at) => (segment.kind === 'literal' ? [] : [{ at, segment }]));

/** In the order in which they are tried. */
export const mixedChildren = ({ mixed }: Place): MixedChild[] =>
  [...(mixed?.values() ?? [])].sort((one, other) => compareSegments(one.segment, other.segment));

/** How many places of a document's tree one request can visit at most: what bounds the time of a match. */
export const stepsOf = (document: CompiledDocument): number => stepsFrom(treeOf(document).root);

/** A request takes one literal, and may try all the others. */
function stepsFrom(place: Place): number {
  let steps = 1 + (place.template ? stepsFrom(place.template) : 0);
  for (const child of place.mixed?.values() ?? []) steps += stepsFrom(child.place);
  let most = 0;
  for (const child of place.literals?.values() ?? []) most = Math.max(most, stepsFrom(child));
  return steps + most;
}
