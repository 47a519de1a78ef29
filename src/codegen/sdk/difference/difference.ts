import { yieldToEventLoop } from '../../../kernel/event-loop.js';
import type { OpenApi } from '../../types.js';
import { Changes, highest, type Change, type Level } from './changes.js';
import { SchemaComparison, type Direction } from './schemas.js';
import { isSame, isTree, listAt, resolvedTree, treeAt, type Tree } from '../../tree.js';

export interface Difference {
  /** The gravest first. */
  changes: readonly Change[];
  /** Of all changes together; undefined where there is none. */
  level: Level | undefined;
}

const METHODS = ['get', 'put', 'post', 'delete', 'options', 'head', 'patch', 'trace'] as const;

/** An operation with what it inherits of its path. */
interface Operation {
  /** `GET /items/{id}` */
  label: string;
  path: string;
  operation: Tree;
  parameters: ReadonlyMap<string, Tree>;
}

/** What two documents are compared with. */
interface Comparison {
  before: Tree;
  after: Tree;
  changes: Changes;
  schemas: SchemaComparison;
}

/**
 * What a document has changed since another one.
 * @param mostNodes places that are compared; beyond them the difference is major.
 */
export async function difference(before: OpenApi, after: OpenApi, mostNodes?: number): Promise<Difference> {
  const changes = new Changes(mostNodes);
  const comparison = { before, after, changes, schemas: new SchemaComparison(before, after, changes) };
  await compareOperations(comparison);
  await compareShared(comparison);
  for (const key of ['webhooks', 'security'] as const)
    if (!isSame(before[key], after[key])) changes.add('major', `${key} changed`);
  if (!isSame(before['servers'], after['servers'])) changes.add('minor', 'The servers have changed');
  if (changes.isEmpty && !isSame(before, after))
    changes.add('patch', 'Descriptions, examples or other texts have changed');
  return { changes: changes.all, level: highest(changes.all) };
}

async function compareOperations(comparison: Comparison): Promise<void> {
  const { before, after, changes } = comparison;
  const [old, now] = [operationsOf(before), operationsOf(after)];
  for (const [shape, operation] of old) {
    await yieldToEventLoop();
    const same = now.get(shape);
    if (same) compareOperation(comparison, operation, same);
    else changes.add('major', `${operation.label} removed`);
  }
  for (const [shape, { label }] of now) if (!old.has(shape)) changes.add('minor', `${label} added`);
}

/** The operations by method and path; the names of a path's parameters do not count. */
function operationsOf(document: Tree): Map<string, Operation> {
  const found = new Map<string, Operation>();
  for (const [path, value] of Object.entries(treeAt(document, 'paths'))) {
    const item = resolvedTree(document, value);
    for (const method of METHODS) {
      if (!isTree(item[method])) continue;
      const operation = item[method];
      const own = [...listAt(item, 'parameters'), ...listAt(operation, 'parameters')];
      const parameters = new Map(
        own.map((each) => {
          const parameter = resolvedTree(document, each);
          return [`${String(parameter['in'])} ${String(parameter['name'])}`, parameter] as const;
        }),
      );
      const label = `${method.toUpperCase()} ${path}`;
      found.set(`${method} ${path.replace(/\{[^{}]*\}/g, '{}')}`, { label, path, operation, parameters });
    }
  }
  return found;
}

function compareOperation(comparison: Comparison, old: Operation, now: Operation): void {
  const { changes } = comparison;
  const { label } = now;
  // Callers name the function that is generated, and name parameters of the path.
  if (old.operation['operationId'] !== now.operation['operationId'])
    changes.add('major', `${label}: operationId changed`);
  if (old.path !== now.path) changes.add('major', `${old.label}: path is ${now.path} now`);
  compareParameters(comparison, old, now);
  compareBody(comparison, old.operation['requestBody'], now.operation['requestBody'], label);
  compareResponses(comparison, old.operation, now.operation, label);
  compareSecurity(comparison, old.operation, now.operation, label);
  if (!isSame(old.operation['callbacks'], now.operation['callbacks']))
    changes.add('major', `${label}: callbacks changed`);
  if (!isSame(old.operation['servers'], now.operation['servers']))
    changes.add('minor', `${label}: servers changed`);
}

function compareParameters(comparison: Comparison, old: Operation, now: Operation): void {
  const { changes, schemas } = comparison;
  for (const [name, parameter] of old.parameters) {
    const where = `${now.label}: ${name}`;
    const same = now.parameters.get(name);
    if (!same) {
      changes.add('major', `${where} removed`);
      continue;
    }
    compareNeed(changes, parameter, same, where);
    for (const key of ['style', 'explode', 'allowReserved', 'allowEmptyValue'])
      if (!isSame(parameter[key], same[key])) changes.add('major', `${where}: ${key} changed`);
    schemas.compare(parameter['schema'], same['schema'], 'request', where);
    compareContent(comparison, parameter, same, 'request', where);
  }
  for (const [name, parameter] of now.parameters)
    if (!old.parameters.has(name))
      changes.add(
        parameter['required'] === true ? 'major' : 'minor',
        `${now.label}: ${name} added${parameter['required'] === true ? ', and required' : ''}`,
      );
}

function compareNeed(changes: Changes, old: Tree, now: Tree, where: string): void {
  const [was, is] = [old['required'] === true, now['required'] === true];
  if (is && !was) changes.add('major', `${where} is required now`);
  if (was && !is) changes.add('minor', `${where} is optional now`);
}

function compareBody(comparison: Comparison, a: unknown, b: unknown, label: string): void {
  const { before, after, changes } = comparison;
  const where = `${label}: body`;
  if (a === undefined && b === undefined) return;
  const [old, now] = [resolvedTree(before, a), resolvedTree(after, b)];
  if (b === undefined) return changes.add('major', `${where} removed`);
  if (a === undefined) {
    const isNeeded = now['required'] === true;
    return changes.add(isNeeded ? 'major' : 'minor', `${where} added${isNeeded ? ', and required' : ''}`);
  }
  compareNeed(changes, old, now, where);
  compareContent(comparison, old, now, 'request', where);
}

function compareResponses(comparison: Comparison, a: Tree, b: Tree, label: string): void {
  const { before, after, changes } = comparison;
  const [old, now] = [treeAt(a, 'responses'), treeAt(b, 'responses')];
  for (const [status, response] of Object.entries(old)) {
    if (status.startsWith('x-')) continue;
    const where = `${label}: answer ${status}`;
    if (!Object.hasOwn(now, status)) {
      changes.add('major', `${where} removed`);
      continue;
    }
    const [was, is] = [resolvedTree(before, response), resolvedTree(after, now[status])];
    compareContent(comparison, was, is, 'response', where);
    compareHeaders(changes, was, is, where);
  }
  for (const status of Object.keys(now))
    if (!Object.hasOwn(old, status) && !status.startsWith('x-'))
      changes.add('minor', `${label}: answer ${status} added`);
}

function compareHeaders(changes: Changes, a: Tree, b: Tree, where: string): void {
  const [old, now] = [treeAt(a, 'headers'), treeAt(b, 'headers')];
  for (const name of Object.keys(old))
    if (!Object.hasOwn(now, name)) changes.add('major', `${where}: header ${name} removed`);
  for (const name of Object.keys(now))
    if (!Object.hasOwn(old, name)) changes.add('minor', `${where}: header ${name} added`);
}

function compareContent(
  { schemas, changes }: Comparison,
  a: Tree,
  b: Tree,
  direction: Direction,
  where: string,
): void {
  const [old, now] = [treeAt(a, 'content'), treeAt(b, 'content')];
  for (const type of Object.keys(old)) {
    if (!Object.hasOwn(now, type)) {
      changes.add('major', `${where}: ${type} removed`);
      continue;
    }
    const [was, is] = [treeAt(old, type), treeAt(now, type)];
    schemas.compare(was['schema'], is['schema'], direction, where);
    if (!isSame(was['encoding'], is['encoding'])) changes.add('major', `${where}: encoding changed`);
  }
  for (const type of Object.keys(now))
    if (!Object.hasOwn(old, type)) changes.add('minor', `${where}: ${type} added`);
}

/** Alternatives that are added take nothing from those who have one already. */
function compareSecurity({ changes }: Comparison, a: Tree, b: Tree, label: string): void {
  if (isSame(a['security'], b['security'])) return;
  const [old, now] = [listAt(a, 'security'), listAt(b, 'security')];
  const isOpen = Array.isArray(b['security']) && now.length === 0;
  const isKept = old.length > 0 && old.every((each) => now.some((other) => isSame(each, other)));
  changes.add(isOpen || isKept ? 'minor' : 'major', `${label}: security changed`);
}

/** Types are generated of shared schemas as well, and callers import them by name. */
async function compareShared({ before, after, changes, schemas }: Comparison): Promise<void> {
  const [old, now] = [before, after].map((document) => treeAt(treeAt(document, 'components'), 'schemas')) as [
    Tree,
    Tree,
  ];
  for (const [name, schema] of Object.entries(old)) {
    await yieldToEventLoop();
    if (!Object.hasOwn(now, name)) changes.add('major', `Schema ${name} removed`);
    else if (!schemas.hasCompared(name)) schemas.compare(schema, now[name], 'response', name);
  }
  for (const name of Object.keys(now))
    if (!Object.hasOwn(old, name)) changes.add('minor', `Schema ${name} added`);
  const schemes = [before, after].map((document) =>
    treeAt(treeAt(document, 'components'), 'securitySchemes'),
  );
  if (!isSame(schemes[0], schemes[1])) changes.add('minor', 'The ways to sign in have changed');
}
