import type { JSONSchema } from 'json-schema-to-ts';
import { spellings } from './access.js';
import { BASIC, type Code } from './codes.js';
import type { AnyOperation, CallTenant } from './operation.js';
import { FORM_TYPES } from './form.js';
import { sampleOf } from './samples.js';
import { mayBeLeftOut } from './input.js';

type Json = Record<string, unknown>;

const ENVELOPE = {
  type: 'object',
  required: ['code', 'codeName', 'message', 'data'],
  properties: {
    code: { type: 'integer', description: '200 when it was done; else a code of the area’s table.' },
    codeName: { type: 'string' },
    message: { type: 'string', description: 'What to change, for a developer.' },
  },
} as const;

const PROBLEMS = {
  type: 'array',
  items: {
    type: 'object',
    required: ['field', 'rule', 'message'],
    properties: {
      field: { type: 'string' },
      rule: { type: 'string' },
      message: { type: 'string' },
      path: { type: 'string', description: 'Of a document: a JSON pointer into it.' },
      line: { type: 'integer', description: 'Of a document that was sent as text, from 1 on.' },
      column: { type: 'integer' },
    },
  },
} as const;

/** Another way to call an operation of the access `import`, for the documentation. */
export const BY_SECRET =
  'Or Basic authentication with the name of an API and one of its secrets (`secrets`): it opens what is about this API, without a token.';

/** Named schemas (those with a title) stand once, and are referred to. */
class Components {
  readonly schemas: Json = {};

  of(schema: unknown): unknown {
    if (Array.isArray(schema)) return schema.map((each) => this.of(each));
    if (schema === null || typeof schema !== 'object') return schema;
    const { title, ...rest } = schema as { title?: unknown };
    const inner = Object.fromEntries(Object.entries(rest).map(([key, value]) => [key, this.of(value)]));
    if (typeof title !== 'string') return inner;
    this.schemas[title] = { title, ...inner };
    return { $ref: `#/components/schemas/${title}` };
  }
}

const content =
  (type: string) =>
  (schema: unknown, example?: unknown): Json => ({
    [type]: { schema, ...(example !== undefined && { example }) },
  });
const json = content('application/json');
const ndjson = content('application/x-ndjson');
const html = (): Json => content('text/html')({ type: 'string' });
/** A form, in either of its types. */
const form = (schema: unknown, example?: unknown): Json =>
  Object.assign({}, ...FORM_TYPES.map((type) => content(type)(schema, example))) as Json;

const enveloped = (data: unknown, more: Json = {}): Json => ({
  ...ENVELOPE,
  properties: { ...ENVELOPE.properties, data, ...more },
});

const LIST = {
  total: { type: 'integer', description: 'How many there are; with `totalRelation`, so many at least.' },
  totalRelation: { const: 'gte', description: 'Present where there are more than `total`.' },
  skip: { type: 'integer' },
  take: { type: 'integer' },
  next: { type: 'string', description: 'What `after` takes to go on; absent on the last page.' },
} as const;

const done = (data: unknown): Json => ({ code: BASIC.ok.code, codeName: BASIC.ok.name, message: '', data });

const refusal = ([first = BASIC.error]: Code[]): Json => ({
  code: first.code,
  codeName: first.name,
  message: first.description.en,
  data: first === BASIC.unprocessable ? [{ field: 'name', rule: 'required', message: 'is missing' }] : null,
});

const header = (name: string, description: string): Json => ({
  ...{ name, in: 'header', required: false, description },
  schema: { type: 'string' },
});

const LAST_EVENT_ID = header(
  'Last-Event-ID',
  'Of a stream of events: the `id` of the last one that you got. Nothing is sent until there is a newer one.',
);
const PREFER = header(
  'Prefer',
  '`respond-async`: do not wait for the end of the work; the answer is 202 (RFC 7240).',
);

/** What a call answers that no longer waits for the work that it has started. */
const accepted = (data: unknown, sample: unknown): Json => ({
  description: 'The work goes on. Read it at `Location`.',
  headers: { Location: { description: 'Where the work is read.', schema: { type: 'string' } } },
  content: json(enveloped(data), done(sample)),
});

/** Events of a thing, each with the thing as JSON in its `data`. */
const eventStream = (): Json =>
  content('text/event-stream')({
    type: 'string',
    description: 'Server-sent events whose `data` is what `data` of the JSON answer is.',
  });

function parametersOf(operation: AnyOperation, components: Components): Json[] {
  const of = (where: 'path' | 'query', schema: JSONSchema | undefined): Json[] => {
    const { properties = {}, required = [] } = (schema ?? {}) as {
      properties?: Record<string, Json>;
      required?: readonly string[];
    };
    return Object.entries(properties).map(([name, { description, ...rest }]) => ({
      name,
      in: where,
      // What has a default is there in any case by the time that a handler sees it; callers may leave it out.
      required: where === 'path' || (required.includes(name) && rest['default'] === undefined),
      ...(description !== undefined && { description }),
      schema: components.of(rest),
    }));
  };
  const conditional =
    operation.current === undefined
      ? []
      : [header('If-Match', 'The ETag of what you read; 412 when it was changed since.')];
  return [
    ...of('path', operation.schemas.params),
    ...of('query', operation.schemas.query),
    ...conditional,
    ...(operation.events ? [LAST_EVENT_ID] : []),
    ...(operation.starts ? [PREFER] : []),
  ];
}

function failuresOf({
  access,
  schemas: { body, params },
  current,
  conflicts = {},
}: AnyOperation): Map<number, Code[]> {
  const basic: Code[] = [
    ...(access.kind !== 'open' ? [BASIC.noPermission, BASIC.forbidden] : []),
    ...(body === undefined ? [] : [BASIC.error, BASIC.payloadTooLarge, BASIC.unsupportedMediaType]),
    ...(params === undefined ? [] : [BASIC.notFound]),
    ...(current === undefined ? [] : [BASIC.preconditionFailed]),
    BASIC.unprocessable,
    BASIC.tooManyRequests,
  ];
  const failures = new Map<number, Code[]>(basic.map((code) => [code.code, [code]]));
  // Several conflicts can have one code.
  const own = [...new Set(Object.values(conflicts))];
  if (own.length > 0) failures.set(409, own);
  return failures;
}

/** Paths, and the schemas that they refer to: the same for every tenant. */
export interface Described {
  paths: Record<string, Json>;
  schemas: Json;
  /** Of what is not called with a token. */
  securitySchemes?: Json;
}

export function describe(operations: readonly AnyOperation[]): Described {
  const components = new Components();
  const paths: Record<string, Json> = {};
  for (const operation of operations) {
    const { access, method, path, summary, id, list, stream, example, receive, raw } = operation;
    const inBody = stream ? ndjson : operation.form ? form : json;
    const { body, answer } = operation.schemas;
    const data = components.of(answer);
    const sample = sampleOf(answer, example);
    const responses: Json = {
      200: {
        description: BASIC.ok.description.en,
        content: raw
          ? Object.fromEntries(raw.flatMap((type) => Object.entries(content(type)(data))))
          : stream
            ? ndjson(data, sample)
            : {
                ...json(
                  list ? enveloped({ type: 'array', items: data }, LIST) : enveloped(data),
                  list ? { ...done([sample]), total: 1, skip: 0, take: 10 } : done(sample),
                ),
                ...(operation.link && html()),
                ...(operation.events && eventStream()),
                ...(operation.download &&
                  content(operation.download.type)({ type: 'string', format: 'binary' })),
              },
      },
      ...(operation.starts && { 202: accepted(data, sample) }),
    };
    for (const [status, codes] of failuresOf(operation))
      responses[status] = {
        description: codes.map((code) => `${code.code} ${code.name}: ${code.description.en}`).join('\n\n'),
        content: json(enveloped(status === 422 ? PROBLEMS : {}), refusal(codes)),
      };
    paths[path] = {
      ...paths[path],
      [method.toLowerCase()]: {
        operationId: id.replace('.', '_'),
        summary,
        tags: [path.split('/')[2]],
        ...(access.kind !== 'open'
          ? {
              description: `Any of these scopes: ${spellings(access.area, access.verb)
                .map((word) => `\`${word}\``)
                .join(', ')}. With a user's token the user needs a permission of the same name as well.${
                access.kind === 'import' ? ` ${BY_SECRET}` : ''
              }`,
              security: [
                { oauth: [spellings(access.area, access.verb)[0]] },
                ...(access.kind === 'import' ? [{ apiSecret: [] }] : []),
              ],
            }
          : { security: [] }),
        parameters: parametersOf(operation, components),
        ...(body !== undefined && {
          requestBody: {
            required: receive !== undefined || stream !== undefined || !mayBeLeftOut(body),
            content: receive
              ? { [receive.type]: { schema: components.of(body) } }
              : inBody(components.of(body), example),
          },
        }),
        responses,
      },
    };
  }
  return { paths, schemas: components.schemas };
}

/** What is the same for every tenant, as bytes: half a megabyte that no tenant's document copies. */
export interface DescribedBytes extends Pick<Described, 'securitySchemes'> {
  bytes: Buffer;
}

export const describedBytes = ({ paths, schemas, securitySchemes }: Described): DescribedBytes => ({
  bytes: Buffer.from(`"paths":${JSON.stringify(paths)},"components":{"schemas":${JSON.stringify(schemas)},`),
  ...(securitySchemes && { securitySchemes }),
});

/**
 * The operations as an OpenAPI 3.1 document, in pieces of JSON.
 * @param scopes that the tenant's management API offers, with what they are for.
 */
export function openApiDocument(
  { bytes, securitySchemes }: DescribedBytes,
  { issuer, name }: Pick<CallTenant, 'issuer' | 'name'>,
  version: string,
  scopes: Record<string, string>,
): Buffer[] {
  const about = {
    openapi: '3.1.0',
    info: { title: `${name}: management API`, version },
    servers: [{ url: issuer }],
  };
  const schemes = {
    oauth: {
      type: 'oauth2',
      flows: {
        authorizationCode: {
          authorizationUrl: `${issuer}/connect/authorize`,
          tokenUrl: `${issuer}/connect/token`,
          refreshUrl: `${issuer}/connect/token`,
          scopes,
        },
        clientCredentials: { tokenUrl: `${issuer}/connect/token`, scopes },
      },
    },
    apiSecret: { type: 'http', scheme: 'basic', description: 'The name of an API, and one of its secrets.' },
    ...securitySchemes,
  };
  return [
    Buffer.from(`${JSON.stringify(about).slice(0, -1)},`),
    bytes,
    Buffer.from(`"securitySchemes":${JSON.stringify(schemes)}}}`),
  ];
}
