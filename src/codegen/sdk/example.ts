import type { CallPlace } from '../../gateway/index.js';
import type { Files, OpenApi } from '../types.js';
import { isTree, listAt, resolvedTree, treeAt, treeOf, type Tree } from '../tree.js';
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
  /** Of the operation, else of the document: alternatives; undefined where neither says something. */
  security: readonly Tree[] | undefined;
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
    const required = [...parameters.values()].filter((each) => each['required'] === true);
    return [{ name, path, parameters: required, security: securityOf(document, item['get']) }];
  });
  return found.sort((a, b) => a.parameters.length - b.parameters.length);
}

function securityOf(document: OpenApi, operation: Tree): readonly Tree[] | undefined {
  const { security } = Object.hasOwn(operation, 'security') ? operation : document;
  return Array.isArray(security) ? security.map(treeOf) : undefined;
}

/** A value of a parameter, for a person to change. */
function valueOf(document: OpenApi, parameter: Tree): unknown {
  const schema = resolvedTree(document, parameter['schema']);
  const given = [parameter['example'], schema['example'], schema['default'], listAt(schema, 'enum')[0]];
  const [said] = given.filter((each) => ['string', 'number', 'boolean'].includes(typeof each));
  if (said !== undefined) return said;
  const type = [schema['type']].flat().find((each) => each !== 'null');
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
  return Object.keys(places).length === 0 ? '' : literalOf(places);
}

function serverOf(document: OpenApi): string {
  const url = listAt(document, 'servers').filter(isTree)[0]?.['url'];
  return typeof url === 'string' && HTTP_ADDRESS.test(url) && !url.includes('{') ? url : NO_SERVER;
}

/** What a first call is written of. */
interface Call {
  from: { sdk: string; client: string };
  /** The function. */
  name: string;
  /** `{ path: { id: 1 } }`; empty where the function needs nothing. */
  options: string;
  baseUrl: string;
  /** Whether the client sends the token, where the operation says how. */
  hasAuth: boolean;
  /** What each call sends, with values for a person to change. */
  headers: Readonly<Record<string, string>>;
}

const configured = ({ baseUrl, hasAuth, headers }: Call, nameOfUrl: string): string[] => [
  'client.setConfig({',
  `  ${nameOfUrl}: ${quoted(baseUrl)},`,
  ...(hasAuth ? ["  auth: 'YOUR_ACCESS_TOKEN',"] : []),
  ...(Object.keys(headers).length > 0
    ? [
        '  headers: {',
        ...Object.entries(headers).map(([name, value]) => `    ${quoted(name)}: ${quoted(value)},`),
        '  },',
      ]
    : []),
  '});',
  '',
];

const imports = ({ from, name }: Call): string[] => [
  `import { ${name} } from '${from.sdk}';`,
  `import { client } from '${from.client}';`,
  '',
];

/** A module that calls as it is loaded. */
const asModule =
  (nameOfUrl: string) =>
  (call: Call): string[] => [
    ...imports(call),
    ...configured(call, nameOfUrl),
    `const { data, error } = await ${call.name}(${call.options});`,
    'console.log(error ?? data);',
    '',
  ];

/** Angular calls by the HttpClient that the application provides. */
const asAngular = (call: Call): string[] => [
  "import { provideHttpClient } from '@angular/common/http';",
  "import { inject, Injector, type ApplicationConfig } from '@angular/core';",
  ...imports(call),
  ...configured(call, 'baseUrl'),
  'export const appConfig: ApplicationConfig = { providers: [provideHttpClient()] };',
  '',
  '// In a component, or in a service:',
  'export class FirstCall {',
  '  readonly #injector = inject(Injector);',
  '',
  '  async run() {',
  `    const { data, error } = await ${call.name}(${withInjector(call.options)});`,
  '    console.log(error ?? data);',
  '  }',
  '}',
  '',
];

const withInjector = (options: string): string =>
  `${options === '' ? '{' : `${options.slice(0, -1)},`} injector: this.#injector }`;

/** How clients are called; one that is not here is called in a way of its own. */
const PROGRAMS: Readonly<Record<string, (call: Call) => string[]>> = {
  'hey-api-fetch': asModule('baseUrl'),
  'hey-api-axios': asModule('baseURL'),
  'hey-api-angular': asAngular,
};

/** Schemes by which the client sends `auth` as a bearer token. */
const isOfBearer = ({ type, scheme }: Tree): boolean =>
  type === 'oauth2' ||
  type === 'openIdConnect' ||
  (type === 'http' && String(scheme).toLowerCase() === 'bearer');

const isOpen = (security: readonly Tree[]): boolean =>
  security.length === 0 || security.some((alternative) => Object.keys(alternative).length === 0);

/** What the gateway asks for, and the client does not send by itself: the operation may not say how a token is sent. */
function gatewayHeaders(
  document: OpenApi,
  { security }: Candidate,
  { asksToken, asksKey }: CallPlace,
): Record<string, string> {
  const schemes = treeAt(treeAt(document, 'components'), 'securitySchemes');
  const names = (security ?? []).flatMap((alternative) => Object.keys(alternative));
  const isSent = names.some((name) => isOfBearer(resolvedTree(document, treeAt(schemes, name))));
  const needsToken = asksToken && !isSent && !(security && isOpen(security));
  return {
    ...(needsToken && { Authorization: 'Bearer YOUR_ACCESS_TOKEN' }),
    ...(asksKey && { 'Ocp-Apim-Subscription-Key': 'YOUR_SUBSCRIPTION_KEY' }),
  };
}

/**
 * A program that makes the first call; undefined where there is no GET, or where it is not known how the client is called.
 * @param from what the program imports the package by, and its client
 * @param place where the gateway has the API, which is then called there and not at the document's own server
 */
export function exampleOf(
  generator: string,
  document: OpenApi,
  code: Files,
  from: Call['from'],
  place?: CallPlace,
): string | undefined {
  const [first] = candidatesOf(document, code);
  const program = PROGRAMS[generator];
  if (!first || program === undefined || !code.has('client.gen.ts')) return undefined;
  const headers = place ? gatewayHeaders(document, first, place) : {};
  return program({
    ...{ from, headers },
    name: first.name,
    options: optionsOf(document, first.parameters),
    baseUrl: place?.url ?? serverOf(document),
    hasAuth: !headers['Authorization'] && (code.get('sdk.gen.ts') ?? '').includes('security: ['),
  }).join('\n');
}

/** What is not seen, or turns the direction of the text around it: code must read as it runs. */
const UNSEEN = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu;

const escapeOf = (character: string): string =>
  character
    .split('')
    .map((unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`)
    .join('');

/** A value as code. */
const literalOf = (value: unknown): string => JSON.stringify(value).replace(UNSEEN, escapeOf);

const quoted = (text: string): string =>
  `'${literalOf(text).slice(1, -1).replaceAll("'", "\\'").replaceAll('\\"', '"')}'`;
