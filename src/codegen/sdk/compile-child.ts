import { dirname, posix } from 'node:path';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import type TS from 'typescript';
import { parse } from '../../kernel/json.js';

/**
 * The process that checks and compiles a package: it reads a CompileOrder and writes a CompileAnswer. Its files are in memory, and
 * nothing else is read but the library of TypeScript. No code of the package runs.
 */

export interface CompileOrder {
  /** Path and text of each module of TypeScript. */
  files: readonly (readonly [path: string, text: string])[];
  /** Packages that it depends on. They are not here, so what comes from them has no types. */
  externals: readonly string[];
  /** A program that uses the package, as `example.ts`: it is checked, and not part of the package. */
  example?: string | undefined;
}

export interface CompileProblem {
  /** Empty where no file is to blame. */
  file: string;
  /** From 1 on; 0 where there is none. */
  line: number;
  message: string;
}

export interface CompileAnswer {
  /** Set where TypeScript is not installed. */
  missing?: true;
  /** The first of them. */
  problems: CompileProblem[];
  /** How many there are. */
  problemCount: number;
  exampleIsGood: boolean;
  /** Empty where there are problems. */
  output: [path: string, text: string][];
}

type TypeScript = typeof TS;

const ROOT = '/sdk/';
const OUT = '/out/';
const EXAMPLE = `${ROOT}example.ts`;
const EXTERNALS = '/externals.d.ts';
const MOST_PROBLEMS = 20;
const LONGEST_MESSAGE = 500;

/** Node resolves only whole file names: `./client` becomes `./client.js` or `./client/index.js`. */
function withExtensions(ts: TypeScript, path: string, source: string, files: ReadonlySet<string>): string {
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

function sourcesOf(ts: TypeScript, { files, externals, example }: CompileOrder): Map<string, string> {
  const paths = new Set(files.map(([path]) => path));
  const sources = new Map(
    files.map(([path, source]) => [ROOT + path, withExtensions(ts, path, source, paths)]),
  );
  sources.set(`${ROOT}package.json`, '{"type":"module"}');
  if (example !== undefined) sources.set(EXAMPLE, example);
  sources.set(EXTERNALS, declarationsOf(ts, [...sources.values()], externals));
  return sources;
}

/**
 * Whether code imports a package that is not here. What it does with it cannot be checked: a type that is `any` does not go through
 * generic types as the package's own would.
 */
const isAbout = (source: string, externals: readonly string[]): boolean =>
  externals.some((external) => source.includes(`'${external}`) || source.includes(`"${external}`));

/** Declarations of the names that code imports from packages that are not here: each is `any`, as a type and as a value. */
function declarationsOf(ts: TypeScript, sources: readonly string[], externals: readonly string[]): string {
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

function hostOf(ts: TypeScript, sources: ReadonlyMap<string, string>, output: CompileAnswer['output']) {
  const library = dirname(fileURLToPath(import.meta.resolve('typescript')));
  const folders = new Set(['/']);
  for (const path of sources.keys())
    for (let folder = posix.dirname(path); folder !== '/'; folder = posix.dirname(folder))
      folders.add(folder);
  const isLibrary = (path: string): boolean => dirname(path) === library && /\/lib\.[\w.]*d\.ts$/.test(path);
  const read = (path: string): string | undefined =>
    sources.get(path) ?? (isLibrary(path) ? ts.sys.readFile(path) : undefined);
  return {
    fileExists: (path: string) => sources.has(path) || (isLibrary(path) && ts.sys.fileExists(path)),
    directoryExists: (path: string) => folders.has(path.replace(/(.)\/$/, '$1')),
    getDirectories: () => [],
    readFile: read,
    getSourceFile(path: string, options: TS.ScriptTarget | TS.CreateSourceFileOptions) {
      const source = read(path);
      return source === undefined ? undefined : ts.createSourceFile(path, source, options);
    },
    getDefaultLibFileName: () => posix.join(library, 'lib.d.ts'),
    getDefaultLibLocation: () => library,
    getCurrentDirectory: () => '/',
    getCanonicalFileName: (name: string) => name,
    useCaseSensitiveFileNames: () => true,
    getNewLine: () => '\n',
    writeFile: (path: string, text: string) => void output.push([path.slice(OUT.length), text]),
  } satisfies TS.CompilerHost;
}

function compile(ts: TypeScript, order: CompileOrder): CompileAnswer {
  const sources = sourcesOf(ts, order);
  const output: CompileAnswer['output'] = [];
  const program = ts.createProgram({
    rootNames: [...sources.keys()].filter((path) => path.endsWith('.ts')),
    options: {
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
    },
    host: hostOf(ts, sources, output),
  });
  const errors = ts
    .getPreEmitDiagnostics(program)
    .filter(({ category }) => category === ts.DiagnosticCategory.Error);
  const unknown = new Set(
    order.files.filter(([, source]) => isAbout(source, order.externals)).map(([path]) => path),
  );
  const problems = errors.filter(
    ({ file }) => file?.fileName !== EXAMPLE && !(file && unknown.has(file.fileName.slice(ROOT.length))),
  );
  if (problems.length === 0) program.emit();
  return {
    problems: problems.slice(0, MOST_PROBLEMS).map(({ file, start, messageText }) => ({
      file: file?.fileName.slice(ROOT.length) ?? '',
      line: file && start !== undefined ? file.getLineAndCharacterOfPosition(start).line + 1 : 0,
      message: ts.flattenDiagnosticMessageText(messageText, ' ').slice(0, LONGEST_MESSAGE),
    })),
    problemCount: problems.length,
    exampleIsGood: !errors.some(({ file }) => file?.fileName === EXAMPLE),
    output: output.filter(([path]) => !path.startsWith('example.')),
  };
}

async function typescript(): Promise<TypeScript | undefined> {
  try {
    return (await import('typescript')).default;
  } catch {
    return undefined;
  }
}

const ts = await typescript();
const answer: CompileAnswer = ts
  ? compile(ts, parse<CompileOrder>(await text(process.stdin)))
  : { missing: true, problems: [], problemCount: 0, exampleIsGood: false, output: [] };
process.stdout.write(JSON.stringify(answer));
