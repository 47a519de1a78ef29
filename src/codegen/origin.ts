import { Failure, type FieldProblem } from '../api/index.js';
import { Busy } from '../kernel/errors.js';
import type { SourceBase } from '../gateway/index.js';
import { CODEGEN_CODES } from './codes.js';

/** Where a document comes from: what is wrong with a part of it is said with the line of its text. */
export interface Origin {
  /** The field that it was named by. */
  field: 'document' | 'swaggerUrl';
  /** Its text as its author wrote it; undefined where it was an object. */
  text(): Promise<string | undefined>;
}

interface GenerateFailedData {
  lastLines: readonly string[];
  problems?: readonly FieldProblem[];
}

/** Does work on a document. A failure of it names the lines of the parts that have to be changed. */
export async function naming<T>(
  { locate }: Pick<SourceBase, 'locate'>,
  origin: Origin,
  work: () => Promise<T>,
): Promise<T> {
  try {
    return await work();
  } catch (error) {
    const { problems = [], ...data } = dataOf(error) ?? {};
    if (!(error instanceof Failure) || problems.length === 0) throw error;
    const named = await withLines(locate, origin, problems);
    throw new Failure(error.status, error.code, {
      message: messageOf(named[0]) ?? error.message,
      data: { ...data, problems: named },
    });
  }
}

const dataOf = (error: unknown): GenerateFailedData | undefined =>
  error instanceof Failure && error.code === CODEGEN_CODES.generateFailed
    ? (error.data as GenerateFailedData)
    : undefined;

function messageOf(problem: FieldProblem | undefined): string | undefined {
  if (!problem) return undefined;
  const { field, line, path = '', message } = problem;
  return `${field}, ${line === undefined ? path : `line ${line}`}: ${message}`;
}

async function withLines(
  locate: SourceBase['locate'],
  { field, text }: Origin,
  problems: readonly FieldProblem[],
): Promise<FieldProblem[]> {
  const source = await text();
  // An object that was sent, and was written down as JSON, has one line.
  const hasLines = source?.includes('\n') ?? false;
  const pointers = problems.map(({ path = '' }) => path);
  const positions = hasLines ? await locate(source ?? '', pointers).catch(withoutPlace) : [];
  return problems.map((problem, index) => ({ ...problem, field, ...positions[index] }));
}

/** Where too many documents are read at once, the failure is said without lines. */
function withoutPlace(error: unknown): [] {
  if (error instanceof Busy) return [];
  throw error;
}
