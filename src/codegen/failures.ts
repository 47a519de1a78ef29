import { BASIC, Failure, type Code, type FieldProblem } from '../api/index.js';
import { CODEGEN_CODES as CODES } from './codes.js';
import { changeOf, partAt } from './parts.js';
import type { ToolFailed } from './process/index.js';

/** Failures that several parts of code generation answer. */

/** A field that is not as it has to be. */
export const refusedField = (
  field: string,
  rule: string,
  message: string,
  code: Code = BASIC.unprocessable,
): Failure => new Failure(422, code, { message: `${field}: ${message}`, data: [{ field, rule, message }] });

export const documentMissing = (): Failure =>
  refusedField('document', 'required', 'send document, or swaggerUrl', CODES.documentFailed);

/**
 * What the caller of a tool is answered when it fails.
 * @param problems the parts of the document that have to be changed, where the tool does not name one.
 */
export function generatorFailed(
  { message, lastLines, path }: ToolFailed,
  problems: readonly FieldProblem[] = path === undefined ? [] : [changeOf(partAt(path), 'generate', message)],
): Failure {
  return new Failure(422, CODES.generateFailed, {
    message,
    data: { lastLines, ...(problems.length > 0 && { problems }) },
  });
}
