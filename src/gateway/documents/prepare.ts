import { withFaults } from '../policies/document-faults.js';
import type { CompiledDocument, DocumentType } from '../types.js';
import { compile } from './compile.js';
import { DocumentMistakes, inShort, mistake, quoted, refuse, type Mistake } from './mistakes.js';
import { plainPaths } from './paths.js';
import { inPlainDefinitions, keepDiscriminators } from './plain-definitions.js';
import { checkReferences } from './references.js';
import { ruleMistakes } from './rules.js';
import { schemaMistakes } from './schema-check.js';
import { located, readSource, type Source } from './source.js';
import { toOpenApi3 } from './swagger.js';
import { isTree, type Tree } from './tree.js';

/** What a thread answers. */
export type Prepared =
  | { prepared: { compiled: CompiledDocument; sourceFormat: 'json' | 'yaml'; openapi?: string } }
  | { refused: readonly Mistake[] };

/** Reads, checks and compiles a document. It takes long for a large one, and is called in a thread of its own. */
export async function prepareText(text: string): Promise<Prepared> {
  let source: Source | undefined;
  try {
    source = readSource(text);
    return { prepared: await prepareSource(source) };
  } catch (error) {
    if (!(error instanceof DocumentMistakes)) throw error;
    return { refused: (source ? located(error, source) : error).list.map(inShort) };
  }
}

async function prepareSource({ value, format }: Source) {
  const document: Tree = isTree(value) ? value : {};
  const type = typeOf(document);
  checkReferences(document);
  return type === 'swagger-2.0'
    ? inPlainDefinitions(document, (plain, names) => prepareDocument(plain, type, format, names))
    : prepareDocument(document, type, format);
}

async function prepareDocument(
  document: Tree,
  type: DocumentType,
  format: Source['format'],
  renamed: ReadonlyMap<string, string> = new Map(),
) {
  refuse(schemaMistakes(document, type));
  refuse(await ruleMistakes(document, type));
  const openapi = plainPaths(type === 'swagger-2.0' ? toOpenApi3(document) : document);
  if (renamed.size > 0) keepDiscriminators(openapi, renamed);
  const compiled = withFaults(compile(openapi, type), openapi);
  const isSame = format === 'json' && openapi === document;
  return { compiled, sourceFormat: format, ...(!isSame && { openapi: JSON.stringify(openapi) }) };
}

const TYPES: readonly (readonly [key: string, version: RegExp, type: DocumentType])[] = [
  ['swagger', /^2\.0$/, 'swagger-2.0'],
  ['openapi', /^3\.0(\.|$)/, 'openapi-3.0'],
  ['openapi', /^3\.1(\.|$)/, 'openapi-3.1'],
];

function typeOf(document: Tree): DocumentType {
  const key = ['swagger', 'openapi'].find((name) => Object.hasOwn(document, name));
  if (key === undefined)
    throw mistake('version', 'Add "openapi" with the version of OpenAPI, such as "3.1.0".', { path: '' });
  const version = document[key];
  if (typeof version !== 'string')
    throw mistake('version', `Write the version in quotes: ${key}: ${quoted(version)}.`, {
      path: `/${key}`,
    });
  const found = TYPES.find(([name, known]) => name === key && known.test(version));
  if (found) return found[2];
  throw mistake('version', `Use Swagger 2.0, OpenAPI 3.0 or 3.1: ${key} ${quoted(version)} is not read.`, {
    path: `/${key}`,
  });
}
