import type { Failure, FieldProblem } from '../../api/index.js';
import { childEntry } from '../../kernel/child-entry.js';
import { parse } from '../../kernel/json.js';
import { generatorFailed } from '../failures.js';
import {
  JOB_MILLISECONDS,
  librariesOf,
  LIMITS,
  ToolFailed,
  WarmTool,
  type Limits,
} from '../process/index.js';
import type { Files, OpenApi } from '../types.js';
import { documentProblems } from './blame.js';
import { ANSWER, type CompileAnswer, type CompileOrder, type CompileProblem } from './compile-order.js';
import { operationsIn } from './generated.js';

export interface Compiled {
  /** JavaScript and declarations, by their path. */
  files: Files;
  /** Whether the example compiles with them. */
  exampleIsGood: boolean;
}

interface CompileOptions {
  /** A program that uses the code, as `example.ts`. */
  example?: string | undefined;
  /** What the code was generated of: a failure names its parts. */
  document?: OpenApi | undefined;
  signal?: AbortSignal | undefined;
}

export interface Compiler {
  /**
   * Checks generated TypeScript strictly and compiles it to ES modules.
   * @throws Failure 422 200006 with the compiler's lines, and the parts of the document that they are of (`problems`)
   */
  compile(code: Files, externals: readonly string[], options?: CompileOptions): Promise<Compiled>;
  /** Ends the process, where it still waits for code. */
  close(): Promise<void>;
}

const ENTRY = childEntry('compile-entry', import.meta.url);
const HEAP_MEGABYTES = 1024;

const failed = (
  message: string,
  lastLines: readonly string[] = [],
  problems: readonly FieldProblem[] = [],
): Failure => generatorFailed(new ToolFailed(message, lastLines), problems);

/** Starts the compiler, in a process of its own: it takes a second until it is ready for code. Only jobs compile. */
export function startCompiler(limits: Partial<Limits> = {}): Compiler {
  const libraries = librariesOf('typescript');
  const tool = new WarmTool(ENTRY, {
    name: 'the compiler',
    limits: { ...LIMITS, milliseconds: JOB_MILLISECONDS, heapMegabytes: HEAP_MEGABYTES, ...limits },
    libraries: libraries ?? [],
  });
  if (libraries) tool.expect();
  return {
    async compile(code, externals, { example, document, signal } = {}) {
      if (!libraries)
        throw failed('the code cannot be checked: install the package "typescript" where Gatehouse runs');
      const files = [...code].filter(([path]) => path.endsWith('.ts'));
      return compiledIn(await answerOf(tool, { files, externals, example }, signal), code, document);
    },
    close: () => tool.close(),
  };
}

/** Compiles with a compiler that is not started ahead. @throws Failure as `Compiler.compile` */
export async function compile(
  code: Files,
  externals: readonly string[],
  { example, document, signal, ...limits }: CompileOptions & Partial<Limits> = {},
): Promise<Compiled> {
  const compiler = startCompiler(limits);
  try {
    return await compiler.compile(code, externals, { example, document, signal });
  } finally {
    await compiler.close();
  }
}

async function answerOf(
  tool: WarmTool,
  order: CompileOrder,
  signal: AbortSignal | undefined,
): Promise<CompileAnswer> {
  try {
    const written = await tool.run(order, undefined, { signal });
    return parse<CompileAnswer>(written.get(ANSWER));
  } catch (error) {
    if (!(error instanceof ToolFailed)) throw error;
    throw failed(`${error.message}; make the document smaller`, error.lastLines);
  }
}

function compiledIn(answer: CompileAnswer, code: Files, document: OpenApi | undefined): Compiled {
  if (answer.problemCount === 0)
    return { files: new Map(answer.output), exampleIsGood: answer.exampleIsGood };
  const operations = operationsIn(code);
  const lines = answer.problems.map((problem) => lineOf(problem, operations));
  const more = answer.problemCount - lines.length;
  if (more > 0) lines.push(`and ${more} more`);
  const problems = document ? documentProblems(answer.problems, code, document) : [];
  throw failed(`the generated code does not compile: ${lines[0] ?? ''}`, lines, problems);
}

/** A problem as a compiler prints it, with the document's operation where one is known. */
function lineOf(
  { file, line, message }: CompileProblem,
  operations: ReturnType<typeof operationsIn>,
): string {
  const place = file === '' ? '' : `${file}${line > 0 ? `:${line}` : ''}: `;
  const found = operations.find(
    (each) => each.file === file && each.lines[0] <= line && line <= each.lines[1],
  );
  return `${place}${message}${found ? ` (${found.operation})` : ''}`;
}
