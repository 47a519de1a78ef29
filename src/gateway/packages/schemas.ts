import { listQuery, shapes, TAGS } from '../../api/index.js';
import { PLATFORMS } from './types.js';

const { id, label, line, orNull, text, time, webAddress } = shapes;

export const MOST_SHOW_INDEX = 1_000_000;

const fields = {
  name: label(214),
  publisher: label(200),
  link: { ...webAddress, description: 'Where the package is found: http or https.' },
  packagePlatform: { type: 'string', enum: PLATFORMS },
  language: { ...label(50), description: 'The programming language.' },
} as const;

/** Those that a package may be without; null is none. */
const optional = {
  icon: orNull({
    ...webAddress,
    description: 'The https address of a picture, or the address of a file of /api/Blob.',
  }),
  description: orNull(text(2000)),
  showIndex: {
    type: ['integer', 'null'],
    minimum: -MOST_SHOW_INDEX,
    maximum: MOST_SHOW_INDEX,
    description: 'The list is in this order, then by name; 0 where nothing is given.',
  },
  tags: TAGS,
} as const;

export const PACKAGE = {
  title: 'Package',
  type: 'object',
  additionalProperties: false,
  required: [
    ...['id', 'name', 'publisher', 'link', 'icon', 'description', 'packagePlatform', 'language'],
    ...['showIndex', 'tags', 'createdAt', 'updatedAt'],
  ],
  properties: {
    id,
    ...fields,
    icon: optional.icon,
    description: optional.description,
    showIndex: { type: 'integer' },
    tags: { type: 'array', items: { type: 'string' } },
    createdAt: time,
    updatedAt: time,
  },
} as const;

export const NEW_PACKAGE = {
  title: 'NewPackage',
  type: 'object',
  additionalProperties: false,
  required: ['name', 'publisher', 'link', 'packagePlatform', 'language'],
  properties: { ...fields, ...optional },
} as const;

export const PACKAGE_CHANGE = {
  title: 'PackageChange',
  description: 'What is left out stays as it is; null clears.',
  type: 'object',
  additionalProperties: false,
  properties: { ...fields, ...optional },
} as const;

export const PACKAGE_PARAMS = {
  type: 'object',
  additionalProperties: false,
  required: ['id', 'packageId'],
  properties: { id, packageId: id },
} as const;

export const PACKAGES_QUERY = listQuery({
  orderby: {
    type: 'string',
    enum: ['showIndex', 'name', 'createdAt', 'updatedAt'],
    description: 'By `showIndex` and then by `name`, upwards, where nothing is given.',
  },
  'q.name': { ...line(214), description: 'Part of the name.' },
  'q.packagePlatform': fields.packagePlatform,
  'q.language': { ...line(50), description: 'The language, as it was written.' },
});
