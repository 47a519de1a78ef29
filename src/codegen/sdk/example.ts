import type { Files, OpenApi } from '../types.js';
import { isTree, listAt, resolvedTree, treeAt, type Tree } from '../tree.js';
import { operationsIn } from './generated.js';

/** A first call of a generated client, as a program of its own. */

/** What the program calls where the document names no server. */
const NO_SERVER = 'https://api.example.com';
const HTTP_ADDRESS = /^https?:\/\//;

interface Candidate {
  name: string;
  path: string;
  /** Required parameters. */
  parameters: readonly Tree[];
}

/** The GET operations that have a function and need no body, those without required parameters first. */
function candidatesOf(document: OpenApi, code: Files): Candidate[] {
  const found = operationsIn(code).flatMap(({ name, operation }): Candidate[] => {
    const [method, path = ''] = operation.split(' ');
    const item = resolvedTree(document, treeAt(document, 'paths')[path]);
    if (method !== 'GET' || !isTree(item['get'])) return [];
    if (resolvedTree(document, item['get']['requestBody'])['required'] === true) return [];
    const given = [...listAt(item, 'parameters'), ...listAt(item['get'], 'parameters')];
    const parameters = new Map(
      given.map((each) => {
        const parameter = resolvedTree(document, each);
        return [`${String(parameter['in'])} ${String(parameter['name'])}`, parameter];
      }),
    );
    return [{ name, path, parameters: [...parameters.values()].filter(({ required }) => required === true) }];
  });
  return found.sort((a, b) => a.parameters.length - b.parameters.length);
}

/** A value of a parameter, for a person to change. */
function valueOf(document: OpenApi, parameter: Tree): unknown {
  const schema = resolvedTree(document, parameter['schema']);
  const given = [parameter['example'], schema['example'], schema['default'], listAt(schema, 'enum')[0]];
  const [said] = given.filter((each) => ['string', 'number', 'boolean'].includes(typeof each));
  if (said !== undefined) return said;
  const type = [schema['type']].flat()[0];
  if (type === 'integer' || type === 'number') return 1;
  if (type === 'boolean') return true;
  return type === 'array' ? [] : String(parameter['name']);
}

/** `{ path: { id: 1 } }`; empty where nothing is required. */
function optionsOf(document: OpenApi, parameters: readonly Tree[]): string {
  const places: Record<string, Record<string, unknown>> = {};
  for (const parameter of parameters) {
    const place = parameter['in'] === 'header' ? 'headers' : String(parameter['in']);
    (places[place] ??= {})[String(parameter['name'])] = valueOf(document, parameter);
  }
  return Object.keys(places).length === 0 ? '' : JSON.stringify(places);
}

function serverOf(document: OpenApi): string {
  const url = listAt(document, 'servers').filter(isTree)[0]?.['url'];
  return typeof url === 'string' && HTTP_ADDRESS.test(url) && !url.includes('{') ? url : NO_SERVER;
}

/** How clients of hey-api name the address; a client that is not here is called in its framework's own way. */
const BASE_URL: Readonly<Record<string, string>> = { 'hey-api-fetch': 'baseUrl', 'hey-api-axios': 'baseURL' };

/**
 * A program that makes the first call; undefined where there is no GET, or where it is not known how the client is called.
 * @param from what the program imports the package by, and its client
 */
export function exampleOf(
  generator: string,
  document: OpenApi,
  code: Files,
  from: { sdk: string; client: string },
): string | undefined {
  const [first] = candidatesOf(document, code);
  const baseUrl = BASE_URL[generator];
  if (!first || baseUrl === undefined || !code.has('client.gen.ts')) return undefined;
  const isSecured = (code.get('sdk.gen.ts') ?? '').includes('security: [');
  return [
    `import { ${first.name} } from '${from.sdk}';`,
    `import { client } from '${from.client}';`,
    '',
    'client.setConfig({',
    `  ${baseUrl}: ${quoted(serverOf(document))},`,
    ...(isSecured ? ["  auth: 'YOUR_ACCESS_TOKEN',"] : []),
    '});',
    '',
    `const { data, error } = await ${first.name}(${optionsOf(document, first.parameters)});`,
    'console.log(error ?? data);',
    '',
  ].join('\n');
}

const quoted = (text: string): string =>
  `'${JSON.stringify(text).slice(1, -1).replaceAll("'", "\\'").replaceAll('\\"', '"')}'`;
