/** What the process that compiles packages (compile-entry.ts) is sent, and what it writes. */

/** The file that has its CompileAnswer. */
export const ANSWER = 'answer.json';

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
  /** The first of them. */
  problems: CompileProblem[];
  /** How many there are. */
  problemCount: number;
  exampleIsGood: boolean;
  /** Empty where there are problems. */
  output: [path: string, text: string][];
}
