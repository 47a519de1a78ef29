import type { Code } from './codes.js';

/** A field that is not as it has to be: its path in the input, the rule that it breaks, and words. */
export interface FieldProblem {
  field: string;
  rule: string;
  message: string;
  /** Where in a document that was sent in the field: a JSON pointer, and from 1 on its line and column. */
  path?: string | undefined;
  line?: number | undefined;
  column?: number | undefined;
}

/** What a failure answers, beside its code. */
export interface FailureParts {
  /** What to change, for a developer. */
  message?: string | undefined;
  data?: unknown;
  headers?: Record<string, string>;
}

/** The answer of an operation that did not do what was asked. Nothing was changed. */
export class Failure extends Error {
  override name = 'Failure';
  readonly data: unknown;
  readonly headers: Record<string, string>;

  constructor(
    /** The HTTP status. */
    readonly status: number,
    readonly code: Code,
    { message, data = null, headers = {} }: FailureParts = {},
  ) {
    super(message ?? '');
    this.data = data;
    this.headers = headers;
  }
}
