import { listQuery, shapes, TAGS } from '../../api/index.js';

const { id, label, line, orNull, time, webAddress } = shapes;

/** The name of a generator, as routes and bodies say it. */
export const GENERATOR_NAME = {
  type: 'string',
  minLength: 1,
  maxLength: 64,
  pattern: '^[A-Za-z0-9][A-Za-z0-9._-]*$',
  description: 'A client’s `name` of Clients, or `typescript`, or `angular2`.',
} as const;

const swaggerUrl = orNull({
  ...webAddress,
  description:
    'Where the OpenAPI document is. Its query and fragment are not kept: they can have a key in them.',
});

export const HISTORY = {
  title: 'SdkRelease',
  type: 'object',
  additionalProperties: false,
  required: [
    ...['id', 'sdkName', 'language', 'version', 'swaggerUrl', 'tags', 'releaseDate'],
    ...['createdAt', 'updatedAt'],
  ],
  properties: {
    id,
    sdkName: label(214),
    language: label(64),
    version: label(100),
    swaggerUrl,
    tags: { type: 'array', items: { type: 'string' } },
    releaseDate: time,
    createdAt: time,
    updatedAt: time,
  },
} as const;

export const NEW_HISTORY = {
  title: 'NewSdkRelease',
  type: 'object',
  additionalProperties: false,
  required: ['sdkName', 'language', 'version'],
  properties: {
    sdkName: { ...label(214), description: 'What the package is called in its registry.' },
    language: GENERATOR_NAME,
    version: { ...label(100), description: 'As its registry has it: `1.2.3`.' },
    swaggerUrl,
    tags: TAGS,
    releaseDate: { ...time, description: 'Now, where it is left out.' },
  },
} as const;

export const HISTORY_QUERY = listQuery({
  orderby: { type: 'string', enum: ['createdAt', 'releaseDate'] },
  'q.sdkName': { ...line(214), description: 'Part of the name.' },
  'q.language': { ...line(64), description: 'The language, as it was written.' },
});
