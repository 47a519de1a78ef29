/**
 * Code generation: SDKs made of an API's OpenAPI document, checked, published, announced (`types.ts` is what the parts share).
 *
 * Never: generated code or a document that is run in this process, or a token in a job, a line, a log or an answer.
 */
import type { AnyJobKind } from '../jobs/index.js';

/** The kinds of jobs of code generation. */
export const codegenKinds = (): readonly AnyJobKind[] => [];
