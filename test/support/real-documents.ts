import { readdirSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';

/** OpenAPI documents that others have written, as npm packages have them. */

const require = createRequire(import.meta.url);
const folderOf = (name: string): string => dirname(require.resolve(`${name}/package.json`));

const EXAMPLES = folderOf('@readme/oas-examples');

/** The names of ReadMe's examples of Swagger 2, OpenAPI 3.0 and 3.1, each in JSON and YAML. */
export const EXAMPLE_NAMES: readonly string[] = readdirSync(EXAMPLES, { recursive: true, encoding: 'utf8' })
  .filter((name) => /^[23]\.[01][/\\].*\.(json|yaml)$/.test(name))
  .map((name) => name.replaceAll('\\', '/'))
  .sort();

export const example = (name: string): string => readFileSync(join(EXAMPLES, name), 'utf8');

/** They name a security scheme that they do not have, or have no response: rule, place in the text, place in the document. */
export const REFUSED: Readonly<Record<string, [rule: string, line: number, column: number, path: string]>> = {
  '3.0/json/openapi-workshop/post.json': ['minProperties', 26, 9, '/paths/~1hoot/post/responses'],
  '3.0/json/response-http-behavior.json': ['security', 50, 11, '/paths/~1cache/get/security/0'],
  '3.0/yaml/response-http-behavior.yaml': ['security', 42, 11, '/paths/~1cache/get/security/0'],
};

export const GALAXY_FILES = ['3.1.json', '3.1.yaml'] as const;

export const galaxy = (file: (typeof GALAXY_FILES)[number]): string =>
  readFileSync(require.resolve(`@scalar/galaxy/${file}`), 'utf8');

/** GitHub's: 13 MB, more than 1,000 operations. */
export const github = (): string =>
  readFileSync(join(folderOf('@octokit/openapi'), 'generated', 'api.github.com.json'), 'utf8');
