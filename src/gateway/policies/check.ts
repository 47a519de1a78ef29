import type { ErrorObject, ValidateFunction } from 'ajv';
import type { FieldProblem } from '../../api/failure.js';
import { openAjv } from '../../kernel/ajv.js';
import { readNetwork } from '../../kernel/addresses.js';
import { once } from '../../kernel/once.js';
import { schemaWords } from '../../kernel/schema-words.js';
import type { CompiledDocument, CompiledOperation, Policy, PolicySteps } from '../types.js';
import { documentProblems } from './check-document.js';
import { below } from './fields.js';
import { headerProblem } from './header-rules.js';
import { LARGEST_POLICY, POLICY_SCHEMA } from './schemas.js';
import { hasDotSegment, namesIn } from './templates.js';

const MOST_PROBLEMS = 50;
const LONGEST_FIELD = 300;

const validator = once((): ValidateFunction<Policy> =>
  openAjv({ allErrors: true, verbose: true, strictTypes: false, validateSchema: false }).compile<Policy>(
    POLICY_SCHEMA,
  ),
);

/**
 * What is wrong with a policy: each problem names the field (`policy/<step>/<key>`, with `~1` for `/` in names of operations)
 * and says what to change. Empty where the policy can be stored; it is then a `Policy`.
 */
export function checkPolicy(policy: unknown, document: CompiledDocument): FieldProblem[] {
  if (JSON.stringify(policy ?? null).length > LARGEST_POLICY)
    return [problem('policy', 'maxLength', `may have ${LARGEST_POLICY} characters; make it shorter`)];
  const check = validator();
  const found = check(policy)
    ? [
        ...checkSteps('policy', policy),
        ...checkOperations(policy.operations ?? {}, document),
        ...documentProblems(policy, document),
      ]
    : (check.errors ?? []).filter(({ keyword }) => keyword !== 'propertyNames').map(problemOf);
  return found.slice(0, MOST_PROBLEMS);
}

/** Whether a time zone is known to this platform, such as `Europe/Berlin`. */
export function isTimeZone(name: string): boolean {
  try {
    new Intl.DateTimeFormat('en', { timeZone: name });
    return true;
  } catch {
    return false;
  }
}

const problem = (field: string, rule: string, message: string): FieldProblem => ({
  field: field.length > LONGEST_FIELD ? `${field.slice(0, LONGEST_FIELD)}…` : field,
  rule,
  message,
});

function problemOf(error: ErrorObject): FieldProblem {
  const { instancePath, keyword, params, parentSchema, propertyName } = error;
  const { additionalProperty, missingProperty } = params as {
    additionalProperty?: string;
    missingProperty?: string;
  };
  const name = additionalProperty ?? missingProperty ?? propertyName;
  const field = `policy${name === undefined ? instancePath : below(instancePath, name)}`;
  if (additionalProperty !== undefined)
    return problem(field, 'unknown', unknownWords(instancePath, name, parentSchema));
  if (missingProperty !== undefined) return problem(field, 'required', 'is missing; add it');
  return problem(field, keyword, schemaWords(error));
}

function unknownWords(path: string, name: string | undefined, schema: ErrorObject['parentSchema']): string {
  if (path === '/rewrite' && name === 'path') return 'belongs to one operation; move it into operations';
  const known = Object.keys((schema?.['properties'] ?? {}) as object);
  return known.length === 0
    ? 'is not known here; take it out'
    : `is not known here; take it out, or write one of ${known.join(', ')}`;
}

function checkOperations(
  operations: Record<string, PolicySteps>,
  document: CompiledDocument,
): FieldProblem[] {
  const known = operationNames(document);
  const seen = new Map<CompiledOperation, string>();
  return Object.entries(operations).flatMap(([name, steps]) => {
    const field = below('policy/operations', name);
    const operation = known.get(name);
    if (!operation) return [problem(field, 'operation', noOperation(name, known))];
    const before = seen.get(operation);
    if (before !== undefined)
      return [problem(field, 'operation', `is the same operation as "${before}"; put both together`)];
    seen.set(operation, name);
    return [...checkSteps(field, steps), ...checkPath(field, steps, operation)];
  });
}

/** The operations of a document by the names that a policy can call them: `operationId` and key. */
function operationNames({ operations }: CompiledDocument): ReadonlyMap<string, CompiledOperation> {
  const names = new Map<string, CompiledOperation>();
  for (const operation of operations)
    if (operation.operationId !== undefined) names.set(operation.operationId, operation);
  for (const operation of operations) names.set(operation.key, operation);
  return names;
}

function noOperation(name: string, known: ReadonlyMap<string, CompiledOperation>): string {
  const folded = name.trim().toLowerCase();
  for (const other of known.keys())
    if (other.toLowerCase() === folded) return `is no operation of the document; write "${other}"`;
  return 'is no operation of the document; write an operationId, or method and path such as "GET /items/{id}"';
}

function checkPath(field: string, { rewrite }: PolicySteps, operation: CompiledOperation): FieldProblem[] {
  if (rewrite?.path === undefined) return [];
  const at = `${field}/rewrite/path`;
  const names = namesIn(operation.path);
  const missing = namesIn(rewrite.path).find((name) => !names.includes(name));
  if (missing !== undefined)
    return [
      problem(at, 'template', `has {${missing}}, which ${operation.path} does not have; ${offer(names)}`),
    ];
  return hasDotSegment(rewrite.path) ? [dotSegment(at)] : [];
}

const offer = (names: readonly string[]): string =>
  names.length === 0
    ? 'take it out: this operation has no parameters in its path'
    : `use ${names.map((name) => `{${name}}`).join(', ')}`;

const dotSegment = (field: string): FieldProblem =>
  problem(field, 'path', 'has a segment "." or ".."; write the path without it');

/** What a schema cannot say of the steps, of the policy or of one operation. */
function checkSteps(field: string, steps: PolicySteps): FieldProblem[] {
  return [
    ...checkTimeZone(`${field}/quota/timeZone`, steps.quota?.timeZone),
    ...checkCors(`${field}/cors`, steps.cors),
    ...checkNetworks(`${field}/ipFilter/allow`, steps.ipFilter?.allow),
    ...checkNetworks(`${field}/ipFilter/deny`, steps.ipFilter?.deny),
    ...checkHeaders(`${field}/setHeader/request`, 'request', steps.setHeader?.request),
    ...checkHeaders(`${field}/setHeader/response`, 'response', steps.setHeader?.response),
    ...(hasDotSegment(steps.rewrite?.prefix ?? '') ? [dotSegment(`${field}/rewrite/prefix`)] : []),
  ];
}

const checkTimeZone = (field: string, name: string | undefined): FieldProblem[] =>
  name === undefined || isTimeZone(name)
    ? []
    : [problem(field, 'timeZone', 'is no time zone; write a name such as "Europe/Berlin" or "UTC"')];

function checkCors(field: string, cors: PolicySteps['cors']): FieldProblem[] {
  if (!cors) return [];
  const found = cors.origins.flatMap((origin, at) => {
    const message = originProblem(origin, cors.origins.length);
    return message === undefined ? [] : [problem(`${field}/origins/${at}`, 'origin', message)];
  });
  if (cors.credentials !== true) return found;
  if (cors.origins.includes('*'))
    found.push(
      problem(
        `${field}/credentials`,
        'origin',
        'cannot go with the origin "*": every page could call with the credentials of its visitor; name the origins',
      ),
    );
  if (cors.exposeHeaders?.includes('*'))
    found.push(
      problem(
        `${field}/exposeHeaders`,
        'header',
        '"*" is no wildcard where there are credentials; name the headers',
      ),
    );
  return found;
}

const WEB_ORIGIN = /^https?:/i;
const OTHER_ORIGIN = /^[a-z][a-z0-9+.-]*:\/\/[a-z0-9._~-]+(?::[0-9]{1,5})?$/;

function originProblem(origin: string, among: number): string | undefined {
  if (origin === '*')
    return among === 1 ? undefined : 'stands for all origins; take the others out, or this one';
  if (origin === 'null') return 'is the origin of every sandboxed page and local file; name an origin';
  if (origin.includes('*')) return 'has a wildcard; write each origin out, or "*" alone';
  if (!WEB_ORIGIN.test(origin))
    return OTHER_ORIGIN.test(origin)
      ? undefined
      : 'is no origin; write scheme and host, such as "https://app.example.com"';
  const url = URL.parse(origin);
  if (!url || url.hostname === '')
    return 'is no origin; write scheme and host, such as "https://app.example.com"';
  return url.origin === origin ? undefined : `is not as browsers send it; write "${url.origin}"`;
}

function checkNetworks(field: string, networks: readonly string[] = []): FieldProblem[] {
  return networks.flatMap((network, at) =>
    readNetwork(network)
      ? []
      : [
          problem(
            `${field}/${at}`,
            'cidr',
            'is no address and no network; write one such as "203.0.113.0/24" or "2001:db8::/32"',
          ),
        ],
  );
}

function checkHeaders(
  field: string,
  direction: 'request' | 'response',
  headers: Record<string, string | null> = {},
): FieldProblem[] {
  const seen = new Set<string>();
  return Object.keys(headers).flatMap((name) => {
    const folded = name.toLowerCase();
    const message = seen.has(folded)
      ? 'stands here twice in different case; keep one'
      : headerProblem(direction, name);
    seen.add(folded);
    return message === undefined ? [] : [problem(below(field, name), 'header', message)];
  });
}
