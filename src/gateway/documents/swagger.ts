import { upgradeFromTwoToThree } from '@scalar/openapi-upgrader/2.0-to-3.0';
import { METHODS, pathKeys } from './paths.js';
import { bodyOf } from './swagger-bodies.js';
import { dereference, isTree, listAt, refOf, textAt, treeAt, valueAt, without, type Tree } from './tree.js';

/**
 * A Swagger 2 document that was found valid, as OpenAPI 3.0 of the same meaning.
 *
 * The library gets only what it converts without loss. Bodies, forms, servers and discriminators are written here: it loses
 * bodies that are referred to or belong to a path, most of what a form's fields must be, and which media types an operation
 * answers with where the document has others.
 */
export function toOpenApi3(document: Tree): Tree {
  const paths = treeAt(document, 'paths');
  const keys = pathKeys(paths);
  const items = keys.map((key): [string, Tree] => [key, plainItem(document, paths[key])]);
  const plain: Tree = {
    ...without(document, ['host', 'basePath', 'schemes', 'parameters', 'paths']),
    ...serversOf(document),
    paths: Object.fromEntries(items),
  };
  // The library changes what it is given, so nothing in it may be shared.
  const converted: unknown = upgradeFromTwoToThree(unshared(asOpenApiSchemas(plain, false)));
  const result = isTree(converted) ? converted : {};
  const resultPaths = treeAt(result, 'paths');
  for (const key of keys)
    finishItem(document, dereference(document, paths[key]).value, treeAt(resultPaths, key));
  return { ...result, paths: { ...resultPaths, ...extensionsOf(paths) } };
}

/** The servers of the document, https first. Without schemes it can have both. */
function serversOf(document: Tree): Tree {
  const host = textAt(document, 'host');
  const basePath = textAt(document, 'basePath') ?? '';
  if (host === undefined) return basePath === '' ? {} : { servers: [{ url: basePath }] };
  const given = listAt(document, 'schemes');
  const schemes = ['https', 'http'].filter((scheme) => given.length === 0 || given.includes(scheme));
  return { servers: schemes.map((scheme) => ({ url: `${scheme}://${host}${basePath}` })) };
}

const extensionsOf = (tree: Tree): Tree =>
  Object.fromEntries(Object.entries(tree).filter(([key]) => key.startsWith('x-')));

/** A path item without references and extensions, whose operations have their bodies as OpenAPI 3 has them. */
function plainItem(document: Tree, value: unknown): Tree {
  const item = dereference(document, value).value;
  if (!isTree(item)) return {};
  const shared = parametersOf(document, item);
  const plain: Tree = { parameters: shared.filter((parameter) => !isBody(parameter)) };
  for (const method of METHODS)
    if (isTree(item[method])) plain[method] = plainOperation(document, item[method], shared.filter(isBody));
  return plain;
}

const parametersOf = (document: Tree, owner: Tree): Tree[] =>
  listAt(owner, 'parameters')
    .map((parameter) => dereference(document, parameter).value)
    .filter(isTree);

const isBody = (parameter: Tree): boolean => ['body', 'formData'].includes(textAt(parameter, 'in') ?? '');

function plainOperation(document: Tree, operation: Tree, shared: readonly Tree[]): Tree {
  const parameters = parametersOf(document, operation);
  const own = parameters.filter(isBody);
  const names = new Set(own.map((parameter) => textAt(parameter, 'name')));
  const hasBody = own.some((parameter) => textAt(parameter, 'in') === 'body');
  const inherited = hasBody ? [] : shared.filter((parameter) => !names.has(textAt(parameter, 'name')));
  const body = bodyOf([...own, ...inherited], listOr(operation['consumes'], document['consumes']));
  const others = parameters.filter((parameter) => !isBody(parameter));
  return {
    ...without(operation, ['schemes', 'consumes', 'produces']),
    parameters: others,
    ...(body && { requestBody: body }),
    responses: plainResponses(document, operation),
  };
}

const listOr = (own: unknown, common: unknown): readonly unknown[] =>
  [own, common].find((list): list is unknown[] => Array.isArray(list)) ?? [];

/** Shared responses stay shared, but where the operation answers with media types of its own. */
function plainResponses(document: Tree, operation: Tree): Tree {
  const stays = (response: unknown): boolean =>
    !Array.isArray(operation['produces']) && (refOf(response) ?? '').startsWith('#/responses/');
  return Object.fromEntries(
    Object.entries(treeAt(operation, 'responses'))
      .filter(([code]) => !code.startsWith('x-'))
      .map(([code, response]) => [code, stays(response) ? response : dereference(document, response).value]),
  );
}

/** What the library made of an item, with its extensions, and each operation's own media types. */
function finishItem(document: Tree, source: unknown, item: Tree): void {
  if (!isTree(source)) return;
  Object.assign(item, extensionsOf(source));
  if (listAt(item, 'parameters').length === 0) delete item['parameters'];
  const common = listOr(document['produces'], undefined);
  for (const method of METHODS) {
    const own = valueAt(source, [method, 'produces']);
    if (!Array.isArray(own)) continue;
    for (const response of Object.values(treeAt(treeAt(item, method), 'responses')))
      if (isTree(response)) setMediaTypes(response, own as unknown[], common);
  }
}

function setMediaTypes(response: Tree, own: readonly unknown[], common: readonly unknown[]): void {
  const before = treeAt(response, 'content');
  const schema = Object.values(before).find((media) => isTree(media) && Object.hasOwn(media, 'schema'));
  const content: Tree = {};
  for (const [type, media] of Object.entries(before))
    if (!common.includes(type) && isTree(media) && Object.hasOwn(media, 'example')) content[type] = media;
  if (isTree(schema))
    for (const type of own)
      if (typeof type === 'string')
        content[type] = { schema: schema['schema'], ...without(treeAt(before, type), ['schema']) };
  if (Object.keys(content).length > 0) response['content'] = content;
  else delete response['content'];
}

function unshared(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(unshared);
  if (!isTree(value)) return value;
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, unshared(inner)]));
}

const NAMES = new Set(['properties', 'definitions', 'responses', 'paths', 'headers', 'securityDefinitions']);
const DATA = new Set(['default', 'enum', 'example', 'examples']);

/** Swagger's schemas name the property of a discriminator alone, and have the format of lists, which JSON Schema has not. */
function asOpenApiSchemas(value: unknown, isMap: boolean): Tree {
  const convert = (inner: unknown, key: string): unknown => {
    if (!isMap && (DATA.has(key) || key.startsWith('x-'))) return inner;
    if (!isMap && key === 'discriminator' && typeof inner === 'string') return { propertyName: inner };
    if (Array.isArray(inner))
      return inner.map((item: unknown) => (isTree(item) ? asOpenApiSchemas(item, false) : item));
    if (!isTree(inner)) return inner;
    const converted = asOpenApiSchemas(inner, !isMap && NAMES.has(key));
    return !isMap && key === 'items' ? without(converted, ['collectionFormat']) : converted;
  };
  return Object.fromEntries(
    Object.entries(isTree(value) ? value : {}).map(([key, inner]) => [key, convert(inner, key)]),
  );
}
