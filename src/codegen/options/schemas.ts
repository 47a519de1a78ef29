import { shapes } from '../../api/index.js';

const { id, label, line, orNull, text, time, webAddress } = shapes;

export const LONGEST_README = 64 * 1024;
export const MOST_KEYWORDS = 50;

/** A generator's name, or an older name of one. */
const language = {
  type: 'string',
  minLength: 1,
  maxLength: 64,
  pattern: '^[A-Za-z0-9][A-Za-z0-9._-]*$',
  description: 'The name of a generator, `typescript` (hey-api-fetch) or `angular2` (hey-api-angular).',
} as const;

const token = {
  type: ['string', 'null'],
  description: 'It is kept sealed, and goes to this address alone.',
  minLength: 1,
  maxLength: 1000,
  pattern: '^[\\x21-\\x7e]+$',
} as const;

const tokenHint = {
  type: ['string', 'null'],
  description:
    'The end of the token; null where none is set. A token is cleared when the address that it was set for changes and none is sent along.',
} as const;

/** Says what holds where nothing is set. A `default` of the schema would be filled in at each change. */
const unset = <const S extends object>(schema: S, value: string): S => ({
  ...schema,
  description: `${'description' in schema ? `${String(schema.description)} ` : ''}Where nothing is set: \`${value}\`.`,
});

const times = { createdAt: time, updatedAt: time } as const;
const flag = { type: ['boolean', 'null'] } as const;

export const API_PARAMS = shapes.params;

export const LANGUAGE_PARAMS = {
  type: 'object',
  additionalProperties: false,
  required: ['id', 'language'],
  properties: { id, language },
} as const;

const swaggerUrl = {
  ...webAddress,
  description: 'The address of the OpenAPI document: http or https.',
} as const;

const npm = {
  name: { ...label(100), description: 'What the package is called in the list of packages.' },
  sdkName: { ...label(214), description: 'The name of the package at the registry.' },
} as const;

/** Null where nothing is set, and what is then so in the description. */
const npmOptional = {
  homepage: orNull(webAddress),
  author: orNull(line(200)),
  description: orNull(text(1000)),
  README: orNull({ ...text(LONGEST_README), description: 'Markdown, at most 64 KiB.' }),
} as const;

const keywords = { type: 'array', maxItems: MOST_KEYWORDS, uniqueItems: true, items: label(50) } as const;
const version = {
  ...line(64),
  description:
    'As semantic versioning writes it. The next release is counted from it or from the latest version of the registry, whichever is higher, and it becomes that release. For exactly `1.0.0`, set `1.0.0-0`.',
} as const;
const license = { ...line(64), description: 'An id of the SPDX license list.' } as const;
const registry = { ...webAddress, description: 'The address of the registry.' } as const;

export const NPM_OPTIONS = {
  title: 'NpmOptions',
  type: 'object',
  additionalProperties: false,
  required: [
    ...['name', 'sdkName', 'version', 'homepage', 'author', 'keywords', 'description', 'license', 'README'],
    ...['registry', 'tokenHint', 'createdAt', 'updatedAt'],
  ],
  properties: {
    ...npm,
    version,
    ...npmOptional,
    keywords: { type: 'array', items: { type: 'string' } },
    license,
    registry,
    tokenHint,
    ...times,
  },
} as const;

export const NPM_OPTIONS_CHANGE = {
  title: 'NpmOptionsChange',
  description:
    'What is left out stays as it is; null clears, and the default holds. `name` and `sdkName` are required at first.',
  type: 'object',
  additionalProperties: false,
  properties: {
    ...npm,
    version: unset(orNull(version), '0.0.0'),
    ...npmOptional,
    keywords: { ...keywords, type: ['array', 'null'] },
    license: unset(orNull(license), 'Unlicense'),
    registry: unset(orNull(registry), 'https://registry.npmjs.org/'),
    token,
  },
} as const;

const github = {
  owner: { ...line(39), minLength: 1, description: 'The user or organization whose the repository is.' },
  repo: { ...line(100), minLength: 1, description: 'The name of the repository, without `.git`.' },
} as const;

const branch = {
  ...line(200),
  description: 'The branch that is written. It is made where there is none.',
} as const;
const remoteUrl = { ...webAddress, description: 'The address that Git pushes to.' } as const;
const apiUrl = {
  ...webAddress,
  description:
    'The address of GitHub’s REST API. It must be set where `remoteUrl` is not on github.com; labels and releases are not made otherwise.',
} as const;
const userAgent = {
  type: 'string',
  minLength: 1,
  maxLength: 200,
  pattern: '^[\\x21-\\x7e](?:[\\x20-\\x7e]*[\\x21-\\x7e])?$',
} as const;

export const GITHUB_OPTIONS = {
  title: 'GithubOptions',
  type: 'object',
  additionalProperties: false,
  required: [
    ...['owner', 'repo', 'branch', 'remoteUrl', 'apiUrl', 'tokenHint', 'swaggerUrl', 'language', 'userAgent'],
    ...['syncLabels', 'syncDocs', 'createdAt', 'updatedAt'],
  ],
  properties: {
    ...github,
    branch,
    remoteUrl,
    apiUrl,
    tokenHint,
    swaggerUrl: orNull(swaggerUrl),
    language,
    userAgent,
    syncLabels: { type: 'boolean' },
    syncDocs: { type: 'boolean' },
    ...times,
  },
} as const;

export const GITHUB_OPTIONS_CHANGE = {
  title: 'GithubOptionsChange',
  description:
    'What is left out stays as it is; null clears, and the default holds. `owner` and `repo` are required at first.',
  type: 'object',
  additionalProperties: false,
  properties: {
    ...github,
    branch: unset(orNull(branch), 'main'),
    remoteUrl: unset(orNull(remoteUrl), 'https://github.com/<owner>/<repo>.git'),
    apiUrl: unset(orNull(apiUrl), 'https://api.github.com'),
    token,
    swaggerUrl: orNull(swaggerUrl),
    language: unset(orNull(language), 'typescript'),
    userAgent: unset(orNull(userAgent), 'Gatehouse'),
    syncLabels: unset({ ...flag, description: 'Makes a label for each tag of the document.' }, 'true'),
    syncDocs: unset({ ...flag, description: 'Writes docs/reference/*.md.' }, 'true'),
  },
} as const;

export const COMMON_OPTIONS = {
  title: 'CommonOptions',
  type: 'object',
  additionalProperties: false,
  required: ['swaggerUrl', 'createdAt', 'updatedAt'],
  properties: { swaggerUrl, ...times },
} as const;

export const COMMON_OPTIONS_CHANGE = {
  title: 'CommonOptionsChange',
  description: 'What is left out stays as it is. `swaggerUrl` is required at first.',
  type: 'object',
  additionalProperties: false,
  properties: { swaggerUrl },
} as const;
