import { BASIC, Failure, type Code, type FieldProblem } from '../../api/index.js';

/** A request whose fields break a rule; nothing was stored. */
export const refusal = (problems: readonly FieldProblem[], code: Code = BASIC.unprocessable): Failure =>
  new Failure(422, code, {
    message: problems
      .slice(0, 3)
      .map(({ field, line, message }) => {
        const place = line === undefined ? field : `${field}, line ${line}`;
        return `${place}: ${message.replace(/\.$/, '')}`;
      })
      .join('; '),
    data: problems,
  });

export const refused = (field: string, rule: string, message: string, code?: Code): Failure =>
  refusal([{ field, rule, message }], code);

export const missing = (kind: string, id: string, code: Code = BASIC.notFound): Failure =>
  new Failure(404, code, { message: `there is no ${kind} "${id}" here` });
