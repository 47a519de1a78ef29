import { Failure } from '../../api/index.js';
import { parse } from '../../kernel/json.js';
import { CODEGEN_CODES } from '../codes.js';
import type { Files, OpenApi } from '../types.js';
import { documentProblems } from './blame.js';
import { ChildFailed, runChild, type ChildLimits } from './child.js';
import type { CompileAnswer, CompileOrder, CompileProblem } from './compile-child.js';
import { operationsIn } from './generated.js';

export interface Compiled {
  /** JavaScript and declarations, by their path. */
  files: Files;
  /** Whether the example compiles with them. */
  exampleIsGood: boolean;
}

export interface CompileOptions {
  /** A program that uses the package. */
  example?: string | undefined;
  /** What the code was generated of: a failure names its parts. */
  document?: OpenApi;
}

const LIMITS: ChildLimits = { milliseconds: 60_000, heapMegabytes: 1024, mostOutput: 50 * 1024 * 1024 };

const failed = (message: string, lastLines: readonly string[], more: object = {}): Failure =>
  new Failure(422, CODEGEN_CODES.generateFailed, { message, data: { lastLines, ...more } });

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

/**
 * Checks generated TypeScript strictly and compiles it to ES modules, in a process of its own.
 * @throws Failure 422 200006 with the compiler's lines, and the parts of the document that they are of (`problems`)
 */
export async function compile(
  code: Files,
  externals: readonly string[],
  { example, document, ...limits }: CompileOptions & Partial<ChildLimits> = {},
): Promise<Compiled> {
  const files = [...code].filter(([path]) => path.endsWith('.ts'));
  const order: CompileOrder = { files, externals, example };
  const answer = await answerTo(order, { ...LIMITS, ...limits });
  if (answer.missing)
    throw failed('the code cannot be checked: install the package "typescript" where Gatehouse runs', []);
  if (answer.problemCount > 0) {
    const operations = operationsIn(code);
    const lines = answer.problems.map((problem) => lineOf(problem, operations));
    const more = answer.problemCount - lines.length;
    if (more > 0) lines.push(`and ${more} more`);
    const problems = document ? documentProblems(answer.problems, code, document) : [];
    throw failed(`the generated code does not compile: ${lines[0] ?? ''}`, lines, {
      ...(problems.length > 0 && { problems }),
    });
  }
  return { files: new Map(answer.output), exampleIsGood: answer.exampleIsGood };
}

const REASONS: Readonly<Record<ChildFailed['reason'], string>> = {
  time: 'checking the generated code takes too long; make the document smaller',
  output: 'the compiled code is too large; make the document smaller',
  ended: 'the compiler ended before its time; make the document smaller',
};

async function answerTo(order: CompileOrder, limits: ChildLimits): Promise<CompileAnswer> {
  try {
    return parse<CompileAnswer>(
      await runChild('compile-child', import.meta.url, JSON.stringify(order), limits),
    );
  } catch (error) {
    if (!(error instanceof ChildFailed)) throw error;
    throw failed(REASONS[error.reason], error.lastLines);
  }
}
