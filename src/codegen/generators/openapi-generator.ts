import type { Files, Following, Generator, GeneratorOption, OpenApi } from '../types.js';

/** What OpenAPI Generator has in common, run as a JAR or asked as a service. */

export type Side = 'clients' | 'servers';

export interface OpenApiGenerator {
  /** The names of its generators. @throws ToolFailed where it cannot be asked */
  names(side: Side): Promise<readonly string[]>;
  /** @throws ToolFailed */
  options(side: Side, name: string): Promise<Readonly<Record<string, GeneratorOption>>>;
  /** @throws ToolFailed */
  generate(order: OpenApiGeneratorOrder, following: Following): Promise<Files>;
}

export interface OpenApiGeneratorOrder {
  side: Side;
  /** OpenAPI Generator's own name. */
  name: string;
  document: OpenApi;
  options: Readonly<Record<string, string | boolean | number>>;
}

/** The one that is listed where there is none to ask. */
export const PLACEHOLDER = 'openapi-generator';

const LANGUAGES: Readonly<Record<string, string>> = {
  aspnetcore: 'csharp',
  jaxrs: 'java',
  jmeter: 'xml',
  k6: 'javascript',
  nodejs: 'javascript',
  objc: 'objective-c',
  spring: 'java',
};

const languageOf = (name: string): string => {
  const [first = name] = name.split('-');
  return LANGUAGES[first] ?? first.replace(/\d+$/, '');
};

/**
 * A row of the catalogue.
 * @param name in the catalogue, which is another one where a name is taken.
 */
export const rowOf = (
  name: string,
  own: string,
  options: Readonly<Record<string, GeneratorOption>> = {},
): Generator => ({
  name,
  title: `OpenAPI Generator: ${own}`,
  language: languageOf(own),
  engine: 'openapi-generator',
  available: true,
  options,
});

export const placeholder = (missing: string): Generator => ({
  ...rowOf(PLACEHOLDER, PLACEHOLDER),
  title: 'OpenAPI Generator',
  language: 'many',
  available: false,
  missing,
});

const NAME = /^[a-z0-9][a-z0-9.-]{0,60}$/;
const MOST_NAMES = 500;

/** Names as they can be used in addresses and command lines. */
export const plainNames = (names: readonly unknown[]): string[] =>
  names.filter((name): name is string => typeof name === 'string' && NAME.test(name)).slice(0, MOST_NAMES);

const isBoolean = (value: unknown): boolean => /^(?:true|false)$/.test(String(value));

/** An option as OpenAPI Generator describes it: everything is text. */
export function optionOf(
  description: string,
  written: string | undefined,
  values: readonly string[],
): GeneratorOption {
  const about = description.replace(/\s+/g, ' ').trim().slice(0, 500);
  const isFlag = isBoolean(written) && values.every(isBoolean);
  if (isFlag) return { type: 'boolean', default: written === 'true', description: about };
  return {
    type: 'string',
    ...(written !== undefined && { default: written }),
    ...(values.length > 0 && { enum: values }),
    description: about,
  };
}

/** Files that are no code: programs of build tools, pictures. Generated code is text. */
const BINARY = /\.(?:jar|png|ico|gif|jpe?g|jks|keystore|p12|woff2?|eot|ttf)$/i;

/** Whether a generated file is part of the code. */
export const isCode = (path: string): boolean =>
  !BINARY.test(path) && !/^\.openapi-generator(?:\/|-ignore$)/.test(path);
