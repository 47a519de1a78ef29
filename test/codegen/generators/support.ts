import assert from 'node:assert/strict';
import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import ts from 'typescript';
import type { Files, OpenApi } from '../../../src/codegen/types.js';
import { packageRoot } from '../../../src/kernel/root.js';
import { parse } from '../../../src/kernel/json.js';
import { temporaryFolder } from '../../support/config.js';

const require = createRequire(import.meta.url);

/** A document of an npm package, which is JSON. */
export const packaged = (path: string): OpenApi => require(path) as OpenApi;

/** A log of which nothing is read. */
export const QUIET = { warn: () => undefined };

/** Writes files into a new folder, with the libraries of this package next to them. */
export function written(files: Files): string {
  const folder = temporaryFolder();
  for (const [path, text] of files) {
    mkdirSync(dirname(join(folder, path)), { recursive: true });
    writeFileSync(join(folder, path), text);
  }
  symlinkSync(join(packageRoot, 'node_modules'), join(folder, 'node_modules'));
  return folder;
}

/** Declarations of libraries, by how they are read: parsed once in a process, they serve all programs. */
const libraries = new Map<string, ts.SourceFile | undefined>();

/** Reads as `tsc` does. */
function hostFor(options: ts.CompilerOptions): ts.CompilerHost {
  const host = ts.createCompilerHost(options);
  host.jsDocParsingMode = ts.JSDocParsingMode.ParseForTypeErrors;
  const read = host.getSourceFile.bind(host);
  host.getSourceFile = (path, ...how) => {
    if (!path.includes('/node_modules/')) return read(path, ...how);
    const key = `${String(options.module)} ${path}`;
    if (!libraries.has(key)) libraries.set(key, read(path, ...how));
    return libraries.get(key);
  };
  return host;
}

const linesOf = (diagnostics: readonly ts.Diagnostic[]): string[] =>
  diagnostics.map(
    ({ file, messageText }) =>
      `${file?.fileName ?? ''}: ${ts.flattenDiagnosticMessageText(messageText, ' ')}`,
  );

/** What `tsc --strict` says of generated files. */
export function compileErrors(files: Files, module: 'nodenext' | 'bundler'): string[] {
  const folder = written(files);
  const options: ts.CompilerOptions = {
    strict: true,
    noEmit: true,
    skipLibCheck: true,
    target: ts.ScriptTarget.ES2022,
    lib: ['lib.es2022.d.ts', 'lib.dom.d.ts', 'lib.dom.iterable.d.ts'],
    types: ['node'],
    typeRoots: [join(packageRoot, 'node_modules', '@types')],
    ...(module === 'nodenext'
      ? { module: ts.ModuleKind.NodeNext, moduleResolution: ts.ModuleResolutionKind.NodeNext }
      : { module: ts.ModuleKind.ESNext, moduleResolution: ts.ModuleResolutionKind.Bundler }),
  };
  const paths = [...files.keys()].filter((path) => path.endsWith('.ts')).map((path) => join(folder, path));
  return linesOf(ts.getPreEmitDiagnostics(ts.createProgram(paths, options, hostFor(options))));
}

/** A new folder with files that are compiled by their `tsconfig.json`, in this process: a `tsc` would read the libraries first. */
export function built(files: Files): string {
  const folder = written(files);
  const config: unknown = JSON.parse(files.get('tsconfig.json') ?? '');
  const { options, fileNames, errors } = ts.parseJsonConfigFileContent(config, ts.sys, folder);
  const program = ts.createProgram(fileNames, options, hostFor(options));
  const diagnostics = [...errors, ...ts.getPreEmitDiagnostics(program), ...program.emit().diagnostics];
  assert.deepEqual(linesOf(diagnostics), []);
  return folder;
}

/** Calls of a function that generated code has, wherever they are; a text that has its name is none. */
export function callsOf(name: string, files: Files): string[] {
  const found: string[] = [];
  for (const [path, text] of files) {
    if (!path.endsWith('.ts')) continue;
    const file = ts.createSourceFile(path, text, ts.ScriptTarget.ES2022, true);
    const visit = (node: ts.Node): void => {
      if (ts.isCallExpression(node) && node.expression.getText(file).toUpperCase() === name)
        found.push(`${path}: ${node.getText(file).slice(0, 100)}`);
      ts.forEachChild(node, visit);
    };
    visit(file);
  }
  return found;
}

const ATTACKS = [
  '*/ PWNED(); /*',
  '`${PWNED()}`',
  "'); PWNED(); ('",
  '"); PWNED(); ("',
  '\n PWNED(); //',
  '\u2028 PWNED(); //',
  '</script><script>PWNED()</script>',
  '\\"); PWNED(); //',
  '\\',
];

/** A document whose every text tries to become code. */
export function hostileDocument(): OpenApi {
  const attack = ATTACKS.join(' ');
  const texts = { description: attack, summary: attack };
  const schemas = Object.fromEntries(
    ATTACKS.map((text, index) => [
      `Thing${index}`,
      {
        ...texts,
        title: text,
        type: 'object',
        required: [text],
        properties: {
          [text]: { type: 'string', description: text, enum: [...ATTACKS], default: text, example: text },
          [`at ${text}`]: { type: 'string', format: 'date-time' },
          constant: { const: text, description: text },
        },
      },
    ]),
  );
  const paths = Object.fromEntries(
    ATTACKS.map((text, index) => [
      `/things${index}/${text.replace(/[{}?#/]/g, '')}/{id}`,
      {
        get: {
          ...texts,
          ...(index % 3 !== 0 && { operationId: text }),
          tags: [text],
          deprecated: true,
          parameters: [
            { name: 'id', in: 'path', required: true, description: text, schema: { type: 'string' } },
            { name: text, in: 'query', description: text, schema: { type: 'string', enum: [...ATTACKS] } },
          ],
          responses: {
            200: {
              description: text,
              content: {
                'application/json': {
                  schema: { $ref: `#/components/schemas/Thing${index}` },
                  example: { [text]: text, $ref: 'http://127.0.0.1:9/never', __proto__: null },
                },
              },
            },
          },
        },
      },
    ]),
  );
  return parse<OpenApi>(
    JSON.stringify({
      openapi: '3.1.0',
      info: { title: attack, version: attack, ...texts },
      servers: [{ url: "https://api.example.com/`${PWNED()}`/');PWNED();('", description: attack }],
      tags: ATTACKS.map((name) => ({ name, description: attack })),
      paths,
      components: { schemas },
    }),
  );
}
