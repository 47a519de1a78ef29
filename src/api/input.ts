import type { IncomingMessage } from 'node:http';
import type { Context } from 'koa';
import { hasBody } from '../kernel/request.js';
import { LARGEST_BODY, LARGEST_OPEN_BODY, openBodies, readJson } from './body.js';
import { DEEPEST_JSON } from '../kernel/json-depth.js';
import { Failure, type FieldProblem } from './failure.js';
import { readForm } from './form.js';
import type { AnyOperation } from './operation.js';
import { validateJson, validateText, type Validate } from './validation.js';

/** What an operation takes that says nothing of what it takes. */
export const NOTHING = { type: 'object', additionalProperties: false } as const;

export interface Given {
  params: unknown;
  query: unknown;
  body: unknown;
  /** What the body says of fields that the answer has and nobody can change: a thing may be sent back as it was read. */
  echoed: Record<string, unknown>;
  /** Fields that a rule refuses, and what it says: they may stay where they say what is there already. */
  stay?: Stay | undefined;
}

export interface Stay {
  fields: Record<string, unknown>;
  failure: Failure;
}

/** Reads and checks what an operation takes: parameters of the path, query, body. */
export function reader({
  access,
  schemas,
  current,
  receive,
  limits,
  form,
}: AnyOperation): (ctx: Context) => Promise<Given> {
  const isOpen = access.kind === 'open';
  const most = limits ?? { bytes: isOpen ? LARGEST_OPEN_BODY : LARGEST_BODY, levels: DEEPEST_JSON };
  const checkParams: Validate = validateText(schemas.params ?? NOTHING);
  const checkQuery: Validate = validateText(schemas.query ?? NOTHING);
  // In a body that may be larger than others there are millions of problems to find.
  const checkBody: Validate | undefined =
    schemas.body === undefined || receive
      ? undefined
      : validateJson(schemas.body, isOpen || most.bytes > LARGEST_BODY);
  const optional = mayBeLeftOut(schemas.body);
  const readBody = form
    ? readForm
    : isOpen && limits
      ? openBodies(limits)
      : (request: IncomingMessage) => readJson(request, most);
  const readOnly = namesIn(current?.answer).filter((name) => !namesIn(schemas.body).includes(name));
  const changeable = namesIn(current?.answer).filter(
    (name) => name !== 'id' && namesIn(schemas.body).includes(name),
  );
  return async (ctx) => {
    const params = { ...(ctx as Context & { params: Record<string, string> }).params };
    checkParams(params);
    const query = { ...ctx.query };
    checkQuery(query);
    if (!checkBody) return { params, query, body: undefined, echoed: {} };
    const sent = optional && !hasBody(ctx.req) ? {} : await readBody(ctx.req);
    const { body, echoed } = isObject(sent) ? without(sent, readOnly) : { body: sent, echoed: {} };
    const stay = checkButFor(checkBody, body, changeable);
    return { params, query, body, echoed, stay };
  };
}

/**
 * Checks a body. Fields that break a rule are taken out of it where the thing has them as well: what is stored may be older
 * than the rule, and is left as it is. @throws Failure
 */
function checkButFor(check: Validate, body: unknown, changeable: readonly string[]): Stay | undefined {
  try {
    check(body);
    return undefined;
  } catch (failure) {
    if (!(failure instanceof Failure) || !isObject(body)) throw failure;
    const broken = (failure.data as FieldProblem[]).map(({ field }) => field.split('/')[0] ?? '');
    const names = changeable.filter((name) => broken.includes(name));
    if (names.length === 0) throw failure;
    const { echoed: fields } = without(body, names);
    check(body);
    return { fields, failure };
  }
}

/** Whether a body may be left out: an object of which nothing is required. */
export const mayBeLeftOut = (schema: unknown): boolean => {
  const {
    type,
    required = [],
    oneOf,
  } = (schema ?? {}) as {
    type?: unknown;
    required?: readonly string[];
    oneOf?: unknown;
  };
  return type === 'object' && required.length === 0 && oneOf === undefined;
};

const namesIn = (schema: unknown): string[] =>
  Object.keys((schema as { properties?: object } | undefined)?.properties ?? {});

const isObject = (value: unknown): value is Record<string, unknown> =>
  value !== null && typeof value === 'object' && !Array.isArray(value);

function without(
  sent: Record<string, unknown>,
  names: string[],
): { body: Record<string, unknown>; echoed: Record<string, unknown> } {
  const echoed = Object.fromEntries(names.filter((name) => name in sent).map((name) => [name, sent[name]]));
  for (const name of names) delete sent[name];
  return { body: sent, echoed };
}
