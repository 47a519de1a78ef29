import type { CompiledOperation } from '../../types.js';
import type { DocumentReader } from '../openapi/reader.js';
import { bodyChecks, contentOf, type BodyCheck } from './body-checks.js';
import type { RequestError } from './errors.js';
import { headerFields, parameterCheck, parametersOf } from './parameter-checks.js';
import { readFields } from './parameters.js';
import { SchemaTranslator } from './schemas.js';
import { openValidators } from './validators.js';

/** The checks of one operation. All of them throw `TooMuchWork` where a request costs too much. */
export interface OperationCheck {
  /** How many schemas they are made of. */
  readonly size: number;
  readonly takesBody: boolean;
  readonly needsBody: boolean;
  /** @param query as it was sent, without `?` */
  query(query: string | undefined): RequestError[];
  /** @param headers see endToEndHeaders */
  headers(headers: Readonly<Record<string, string>>): RequestError[];
  /** The check of a body of this `Content-Type`; undefined where the document has no such type. */
  body(contentType: string | undefined): BodyCheck | undefined;
  /** To be called at the beginning of all checks of one request that run without a pause. */
  begin(): void;
}

/** Makes the checks of an operation. @throws DocumentPartError where its schemas cannot be used */
export function openOperationCheck(reader: DocumentReader, operation: CompiledOperation): OperationCheck {
  const translator = new SchemaTranslator(reader);
  const alternatives = reader.operations(operation);
  const parameters = parametersOf(reader, translator, alternatives);
  const bodies = alternatives.map((each) => reader.resolve(each.operation['requestBody']));
  const contents = contentOf(reader, translator, bodies);
  const validators = openValidators(translator.definitions());
  const checks = parameters.map((parameter) => parameterCheck(parameter, validators));
  return {
    size: 1 + translator.size,
    takesBody: contents.length > 0,
    needsBody: bodies.length > 0 && bodies.every(({ required }) => required === true),
    query(query) {
      const fields = readFields(query ?? '');
      if (!fields) return [{ in: 'query', message: 'must be percent-encoded UTF-8' }];
      return checks.flatMap((check) => (check.in === 'query' ? check.run(fields) : []));
    },
    headers(headers) {
      const fields = headerFields(headers);
      return checks.flatMap((check) => (check.in === 'header' ? check.run(fields) : []));
    },
    body: bodyChecks(contents, validators),
    begin: () => validators.refill(),
  };
}
