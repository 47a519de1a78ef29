import { writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, join, posix } from 'node:path';
import { fileURLToPath } from 'node:url';
import type TS from 'typescript';
import { answerOrder } from '../process/entry.js';
import { ANSWER, type CompileAnswer, type CompileOrder, type CompileProblem } from './compile-order.js';

/**
 * The process that checks and compiles a package: it reads a CompileOrder and writes a CompileAnswer. Its files are in memory, and
 * nothing else is read but the library of TypeScript, which it reads before the order comes. No code of the package runs.
 */

/** `import` would parse its nine megabytes once more, for the names that it exports. */
const ts = createRequire(import.meta.url)('typescript') as typeof TS;

const ROOT = '/sdk/';
const OUT = '/out/';
const EXAMPLE = `${ROOT}example.ts`;
const EXTERNALS = '/externals.d.ts';
const MOST_PROBLEMS = 20;
const LONGEST_MESSAGE = 500;
const OPTIONS = {
  strict: true,
  target: ts.ScriptTarget.ES2022,
  module: ts.ModuleKind.NodeNext,
  moduleResolution: ts.ModuleResolutionKind.NodeNext,
  lib: ['lib.es2022.d.ts', 'lib.dom.d.ts', 'lib.dom.iterable.d.ts'],
  types: [],
  declaration: true,
  skipLibCheck: true,
  rootDir: ROOT,
  outDir: OUT,
} satisfies TS.CompilerOptions;

/** Node resolves only whole file names: `./client` becomes `./client.js` or `./client/index.js`. */
function withExtensions(path: string, source: string, files: ReadonlySet<string>): string {
  let result = source;
  for (const { fileName, pos, end } of ts.preProcessFile(source, true, true).importedFiles.reverse()) {
    if (!/^\.\.?(\/|$)/.test(fileName)) continue;
    const target = posix.join(posix.dirname(path), fileName).replace(/\/$/, '');
    const extension = files.has(`${target}.ts`) ? '.js' : files.has(`${target}/index.ts`) ? '/index.js' : '';
    // The range is that of the literal, with its quotes.
    const literal = result.slice(pos, end + 2);
    const at = literal.lastIndexOf(fileName);
    if (extension === '' || at === -1) continue;
    const stop = pos + at + fileName.length;
    result = `${result.slice(0, stop).replace(/\/$/, '')}${extension}${result.slice(stop)}`;
  }
  return result;
}

function sourcesOf({ files, externals, example }: CompileOrder): Map<string, string> {
  const paths = new Set(files.map(([path]) => path));
  const sources = new Map(files.map(([path, source]) => [ROOT + path, withExtensions(path, source, paths)]));
  sources.set(`${ROOT}package.json`, '{"type":"module"}');
  if (example !== undefined) sources.set(EXAMPLE, example);
  sources.set(EXTERNALS, declarationsOf([...sources.values()], externals));
  return sources;
}

/**
 * Whether code imports a package that is not here. What it does with it cannot be checked: a type that is `any` does not go through
 * generic types as the package's own would.
 */
const isAbout = (source: string, externals: readonly string[]): boolean =>
  externals.some((external) => source.includes(`'${external}`) || source.includes(`"${external}`));

/** Declarations of the names that code imports from packages that are not here: each is `any`, as a type and as a value. */
function declarationsOf(sources: readonly string[], externals: readonly string[]): string {
  const names = new Map<string, Set<string>>();
  for (const source of sources) {
    if (!isAbout(source, externals)) continue;
    for (const statement of ts.createSourceFile('a.ts', source, ts.ScriptTarget.ES2022).statements) {
      if (!ts.isImportDeclaration(statement) || !ts.isStringLiteral(statement.moduleSpecifier)) continue;
      const { text: from } = statement.moduleSpecifier;
      if (!externals.some((external) => from === external || from.startsWith(`${external}/`))) continue;
      const imported = names.get(from) ?? new Set();
      names.set(from, imported);
      const bindings = statement.importClause?.namedBindings;
      if (bindings && ts.isNamedImports(bindings))
        for (const { name, propertyName } of bindings.elements) imported.add((propertyName ?? name).text);
    }
  }
  const declared = (name: string): string =>
    name === 'default'
      ? ''
      : `export type ${name}<A = any, B = any, C = any> = any; export const ${name}: any; `;
  return [...names]
    .map(
      ([from, imported]) =>
        `declare module ${JSON.stringify(from)} { ${[...imported].map(declared).join('')}const all: any; export default all; }\n`,
    )
    .join('');
}

const LIBRARY = dirname(fileURLToPath(import.meta.resolve('typescript')));
const isLibrary = (path: string): boolean => dirname(path) === LIBRARY && /\/lib\.[\w.]*d\.ts$/.test(path);

/** Without the comments that document it, the library is parsed in half the time. No type depends on them. */
const LIBRARY_OPTIONS = {
  languageVersion: OPTIONS.target,
  jsDocParsingMode: ts.JSDocParsingMode.ParseNone,
} satisfies TS.CreateSourceFileOptions;

/** The library of TypeScript, parsed once. */
const libraryFiles = new Map<string, TS.SourceFile | undefined>();

function libraryFile(path: string): TS.SourceFile | undefined {
  if (!libraryFiles.has(path)) {
    const text = ts.sys.readFile(path);
    libraryFiles.set(path, text === undefined ? undefined : ts.createSourceFile(path, text, LIBRARY_OPTIONS));
  }
  return libraryFiles.get(path);
}

function hostOf(sources: ReadonlyMap<string, string>, output: CompileAnswer['output']) {
  const folders = new Set(['/']);
  for (const path of sources.keys())
    for (let folder = posix.dirname(path); folder !== '/'; folder = posix.dirname(folder))
      folders.add(folder);
  return {
    fileExists: (path: string) => sources.has(path) || (isLibrary(path) && ts.sys.fileExists(path)),
    directoryExists: (path: string) => folders.has(path.replace(/(.)\/$/, '$1')),
    getDirectories: () => [],
    readFile: (path: string) => sources.get(path),
    getSourceFile(path: string, options: TS.ScriptTarget | TS.CreateSourceFileOptions) {
      if (isLibrary(path)) return libraryFile(path);
      const source = sources.get(path);
      return source === undefined ? undefined : ts.createSourceFile(path, source, options);
    },
    getDefaultLibFileName: () => posix.join(LIBRARY, 'lib.d.ts'),
    getDefaultLibLocation: () => LIBRARY,
    getCurrentDirectory: () => '/',
    getCanonicalFileName: (name: string) => name,
    useCaseSensitiveFileNames: () => true,
    getNewLine: () => '\n',
    writeFile: (path: string, text: string) => void output.push([path.slice(OUT.length), text]),
  } satisfies TS.CompilerHost;
}

/** What is wrong with a program. What only declarations can be wrong with is found while they are written. */
const errorsIn = (program: TS.Program): TS.Diagnostic[] =>
  [
    ...program.getOptionsDiagnostics(),
    ...program.getSyntacticDiagnostics(),
    ...program.getGlobalDiagnostics(),
    ...program.getSemanticDiagnostics(),
  ].filter(({ category }) => category === ts.DiagnosticCategory.Error);

function compile(order: CompileOrder): CompileAnswer {
  const sources = sourcesOf(order);
  const output: CompileAnswer['output'] = [];
  const program = ts.createProgram({
    rootNames: [...sources.keys()].filter((path) => path.endsWith('.ts')),
    options: OPTIONS,
    host: hostOf(sources, output),
  });
  const unknown = new Set(
    order.files.filter(([, source]) => isAbout(source, order.externals)).map(([path]) => ROOT + path),
  );
  const isOwn = ({ file }: TS.Diagnostic): boolean =>
    file?.fileName !== EXAMPLE && !unknown.has(file?.fileName ?? '');
  const errors = errorsIn(program);
  let problems = errors.filter(isOwn);
  if (problems.length === 0) problems = program.emit().diagnostics.filter(isOwn);
  return {
    problems: problems.slice(0, MOST_PROBLEMS).map(problemOf),
    problemCount: problems.length,
    exampleIsGood: !errors.some(({ file }) => file?.fileName === EXAMPLE),
    output: problems.length > 0 ? [] : output.filter(([path]) => !path.startsWith('example.')),
  };
}

const problemOf = ({ file, start, messageText }: TS.Diagnostic): CompileProblem => ({
  file: file?.fileName.slice(ROOT.length) ?? '',
  line: file && start !== undefined ? file.getLineAndCharacterOfPosition(start).line + 1 : 0,
  message: ts.flattenDiagnosticMessageText(messageText, ' ').slice(0, LONGEST_MESSAGE),
});

/** A check of an empty program reads the library and makes its types, which every program needs. */
compile({ files: [['index.ts', 'export {};']], externals: [] });

await answerOrder<CompileOrder>(async (order) => {
  await writeFile(join('out', ANSWER), JSON.stringify(compile(order)));
});
