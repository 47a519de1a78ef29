import { quoted, refuse, type Mistake } from './mistakes.js';
import { isTree, pointerOf, pointerOfRef, refOf, textAt, tokensOf, valueAt, type Tree } from './tree.js';

/** What a `$ref` must lead to, by the name that its section has under `components`. */
type Kind =
  | 'schemas'
  | 'responses'
  | 'parameters'
  | 'examples'
  | 'requestBodies'
  | 'headers'
  | 'securitySchemes'
  | 'links'
  | 'callbacks'
  | 'pathItems';

/** Keys whose value is a map: its keys are names, and what is under each is of the kind, if that is one. */
const MAPS: Readonly<Record<string, Kind | ''>> = {
  paths: 'pathItems',
  webhooks: 'pathItems',
  pathItems: 'pathItems',
  schemas: 'schemas',
  definitions: 'schemas',
  properties: 'schemas',
  patternProperties: 'schemas',
  dependentSchemas: 'schemas',
  $defs: 'schemas',
  responses: 'responses',
  parameters: 'parameters',
  examples: 'examples',
  requestBodies: 'requestBodies',
  headers: 'headers',
  securitySchemes: 'securitySchemes',
  securityDefinitions: 'securitySchemes',
  links: 'links',
  callbacks: 'callbacks',
  content: '',
  encoding: '',
  variables: '',
  mapping: '',
  scopes: '',
};

/** Keys whose value is one thing, or a list of things, of the kind. */
const PLACES: Readonly<Record<string, Kind>> = {
  parameters: 'parameters',
  requestBody: 'requestBodies',
  schema: 'schemas',
  items: 'schemas',
  allOf: 'schemas',
  anyOf: 'schemas',
  oneOf: 'schemas',
  not: 'schemas',
  additionalProperties: 'schemas',
};

/** Values that are data: a `$ref` in them means nothing. */
const DATA = new Set(['default', 'enum', 'const', 'example', 'value']);

interface Found {
  ref: string;
  tokens: readonly (string | number)[];
  kind: Kind | undefined;
  /** Where the schema begins that `#` is the root of, by `$id`. */
  base: readonly (string | number)[];
}

interface Walk {
  isSwagger: boolean;
  /** What was walked; else it is data, until a reference leads to it. */
  walked: Set<object>;
  tokens: (string | number)[];
  base: readonly (string | number)[];
  references: Found[];
  anchors: Set<string>;
}

/**
 * Refuses references that lead out of the document, to nothing, to themselves, or to a thing of another kind. Nothing is
 * ever fetched: other libraries see a document only after this.
 * @throws DocumentMistakes
 */
export function checkReferences(document: Tree): void {
  const walk: Walk = {
    isSwagger: 'swagger' in document,
    walked: new Set(),
    tokens: [],
    base: [],
    references: [],
    anchors: new Set(),
  };
  walkObject(document, walk, undefined);
  const ended = new Set<string>();
  const found: Mistake[] = [];
  // The list grows while it is read.
  for (const reference of walk.references) {
    walkTarget(document, reference, walk);
    const wrong = checkReference(document, reference, walk, ended);
    if (wrong)
      found.push({
        rule: wrong.rule,
        message: wrong.message,
        path: pointerOf([...reference.tokens, '$ref']),
      });
  }
  refuse(found);
}

function checkReference(
  document: Tree,
  { ref, kind, base }: Found,
  { isSwagger, anchors }: Walk,
  ended: Set<string>,
): Pick<Mistake, 'rule' | 'message'> | undefined {
  if (!ref.startsWith('#'))
    return {
      rule: 'externalReference',
      message: `Put what ${quoted(ref)} names into this document: other files and addresses are not read.`,
    };
  const pointer = pointerOfRef(ref);
  const nothing = { rule: 'reference', message: `Correct the $ref: ${quoted(ref)} is not in the document.` };
  if (pointer === undefined) return anchors.has(ref.slice(1)) && !isSwagger ? undefined : nothing;
  const tokens = tokensOf(pointer);
  const inSchema = base.length > 0 && valueAt(document, [...base.map(String), ...tokens]) !== undefined;
  if (inSchema) return undefined;
  if (valueAt(document, tokens) === undefined) return nothing;
  if (!hasEnd(document, pointer, ended))
    return { rule: 'reference', message: `Correct the $ref: ${quoted(ref)} leads back to itself.` };
  if (isSwagger && kind === 'schemas' && tokens[0] !== 'definitions')
    return { rule: 'reference', message: `Put what ${quoted(ref)} names under "definitions".` };
  const section = sectionOf(tokens, isSwagger);
  if (kind !== undefined && section !== undefined && section !== kind)
    return {
      rule: 'reference',
      message: `Correct the $ref: one of ${kind} is needed here, and ${quoted(ref)} is one of ${section}.`,
    };
  return undefined;
}

/** Whether a chain of references comes to something that is none. */
function hasEnd(document: Tree, start: string, ended: Set<string>): boolean {
  const chain = new Set<string>();
  let pointer: string | undefined = start;
  while (pointer !== undefined && !ended.has(pointer)) {
    if (chain.has(pointer)) return false;
    chain.add(pointer);
    const ref: string | undefined = refOf(valueAt(document, tokensOf(pointer)));
    pointer = ref === undefined ? undefined : pointerOfRef(ref);
  }
  for (const passed of chain) ended.add(passed);
  return true;
}

function sectionOf(tokens: readonly string[], isSwagger: boolean): string | undefined {
  if (!isSwagger) return tokens.length === 3 && tokens[0] === 'components' ? tokens[1] : undefined;
  const [section = ''] = tokens;
  if (tokens.length !== 2 || !['definitions', 'parameters', 'responses'].includes(section)) return undefined;
  return section === 'definitions' ? 'schemas' : section;
}

/** What a reference leads to is no data, wherever it stands. */
function walkTarget(document: Tree, { ref, kind, base }: Found, walk: Walk): void {
  const tokens = tokensOf(pointerOfRef(ref) ?? '');
  for (const root of [[], base.map(String)]) {
    const at = [...root, ...tokens];
    const target = valueAt(document, at);
    if (!isTree(target) || walk.walked.has(target)) continue;
    walk.tokens = at;
    walk.base = root;
    walkObject(target, walk, kind);
  }
}

/** An object whose keys have a meaning. */
function walkObject(object: Tree, walk: Walk, kind: Kind | undefined): void {
  walk.walked.add(object);
  const outer = walk.base;
  if (kind === 'schemas' && textAt(object, '$id') !== undefined && !walk.isSwagger)
    walk.base = [...walk.tokens];
  note(object, walk, kind);
  for (const [key, value] of Object.entries(object)) {
    if (typeof value !== 'object' || value === null || isData(key, value, walk.isSwagger)) continue;
    walk.tokens.push(key);
    const inMap = Object.hasOwn(MAPS, key) && isTree(value) ? MAPS[key] : undefined;
    if (inMap !== undefined && isTree(value)) walkMap(value, walk, inMap === '' ? undefined : inMap, key);
    else walkPlace(value, walk, Object.hasOwn(PLACES, key) ? PLACES[key] : undefined);
    walk.tokens.pop();
  }
  walk.base = outer;
}

const isData = (key: string, value: object, isSwagger: boolean): boolean =>
  DATA.has(key) || key.startsWith('x-') || (key === 'examples' && (isSwagger || Array.isArray(value)));

/** An object whose keys are names. One with a `$ref` of text stands for another map. */
function walkMap(map: Tree, walk: Walk, kind: Kind | undefined, name: string): void {
  walk.walked.add(map);
  const hasExtensions = name === 'paths' || name === 'responses';
  if (name !== 'mapping' && name !== 'scopes') note(map, walk, undefined);
  for (const [key, value] of Object.entries(map)) {
    if (hasExtensions && key.startsWith('x-')) continue;
    walk.tokens.push(key);
    walkPlace(value, walk, kind);
    walk.tokens.pop();
  }
}

function walkPlace(value: unknown, walk: Walk, kind: Kind | undefined): void {
  if (isTree(value)) return walkObject(value, walk, kind);
  if (!Array.isArray(value)) return;
  value.forEach((item, index) => {
    walk.tokens.push(index);
    walkPlace(item, walk, kind);
    walk.tokens.pop();
  });
}

function note(object: Tree, walk: Walk, kind: Kind | undefined): void {
  const ref = textAt(object, '$ref');
  if (ref !== undefined) walk.references.push({ ref, tokens: [...walk.tokens], kind, base: walk.base });
  for (const key of ['$anchor', '$dynamicAnchor']) {
    const anchor = textAt(object, key);
    if (anchor !== undefined) walk.anchors.add(anchor);
  }
}
