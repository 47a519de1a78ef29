import { textAt, without, type Tree } from './tree.js';

const FORM = 'application/x-www-form-urlencoded';
const MULTIPART = 'multipart/form-data';

/** What of a parameter of Swagger 2 is not its schema. */
const NOT_SCHEMA = ['name', 'in', 'required', 'collectionFormat', 'allowEmptyValue'];

/**
 * The request body of OpenAPI 3 that an operation's parameters in `body` or `formData` are.
 * @param parameters without references; both kinds do not come together.
 * @param consumes the operation's media types, else the document's; none means JSON.
 */
export function bodyOf(parameters: readonly Tree[], consumes: readonly unknown[]): Tree | undefined {
  const types = consumes.filter((type): type is string => typeof type === 'string');
  const [body] = parameters;
  if (!body) return undefined;
  if (textAt(body, 'in') === 'formData') return formOf(parameters, types);
  const media = types.length > 0 ? types : ['application/json'];
  return {
    ...without(body, ['name', 'in', 'schema', 'required']),
    content: Object.fromEntries(media.map((type) => [type, { schema: body['schema'] ?? {} }])),
    required: body['required'] === true,
  };
}

function formOf(fields: readonly Tree[], consumes: readonly string[]): Tree {
  const required = fields.filter((field) => field['required'] === true).map((field) => field['name']);
  const schema: Tree = {
    type: 'object',
    properties: Object.fromEntries(fields.map((field) => [field['name'], schemaOf(field)])),
    ...(required.length > 0 && { required }),
  };
  const encoding = Object.fromEntries(fields.flatMap(encodingOf));
  const media = { schema, ...(Object.keys(encoding).length > 0 && { encoding }) };
  const given = consumes.filter((type) => [FORM, MULTIPART].includes(type));
  const hasFile = fields.some((field) => field['type'] === 'file');
  const types = given.length > 0 ? given : [hasFile ? MULTIPART : FORM];
  return {
    content: Object.fromEntries(types.map((type) => [type, media])),
    required: required.length > 0,
  };
}

const schemaOf = (field: Tree): Tree =>
  field['type'] === 'file'
    ? { ...without(field, [...NOT_SCHEMA, 'type', 'format']), type: 'string', format: 'binary' }
    : without(field, NOT_SCHEMA);

const STYLES: Readonly<Record<string, Tree>> = {
  csv: { style: 'form', explode: false },
  ssv: { style: 'spaceDelimited', explode: false },
  pipes: { style: 'pipeDelimited', explode: false },
  multi: { style: 'form', explode: true },
};

function encodingOf(field: Tree): [string, Tree][] {
  const name = textAt(field, 'name');
  const style = field['type'] === 'array' ? STYLES[textAt(field, 'collectionFormat') ?? 'csv'] : undefined;
  return name === undefined || !style ? [] : [[name, style]];
}
