import { RATE_FIELDS } from '../../limits/index.js';
import type { LiveApi, LiveRevision, LiveVersion } from '../types.js';
import { AUTHORIZE_PATH } from './authorize.js';
import { configured } from './backend-names.js';
import { answerHeaders, NOT_ANSWERED, requestHeaders } from './nginx-headers.js';
import { revisionsOf, type Backend, type ServerParts } from './nginx-names.js';
import { block } from './nginx-text.js';

/** The locations of the server: of Gatehouse itself, of its question, of each API, and of problems. */

/** So many names of backends go with a question. */
const MOST_NAMES = 100;

/** What does not pass from backends as it comes. */
const HIDDEN = [...NOT_ANSWERED, ...RATE_FIELDS];

/** Headers to Gatehouse that it believes from a proxy, each with a value of nginx's own. */
const identity = ({ host, options: { certificateHeader } }: ServerParts): string[] => [
  `proxy_set_header Host "${host}";`,
  'proxy_set_header X-Forwarded-For $remote_addr;',
  'proxy_set_header X-Forwarded-Proto $scheme;',
  'proxy_set_header X-Forwarded-Host "";',
  'proxy_set_header Forwarded "";',
  `proxy_set_header ${certificateHeader} "";`,
];

/** The call as it came. */
export const toGatehouse = (parts: ServerParts): string[] => {
  const { prefix, variable } = parts.names;
  return [
    ...identity(parts),
    `proxy_set_header Upgrade $${variable('upgrade')};`,
    `proxy_set_header Connection $${variable('named')};`,
    'proxy_pass_header Server;',
    'proxy_pass_header Date;',
    `proxy_pass http://${prefix}_gatehouse$request_uri;`,
  ];
};

export const question = (parts: ServerParts): string[] => {
  const { prefix, variable } = parts.names;
  return [
    'internal;',
    ...identity(parts),
    'proxy_set_header Connection "";',
    'proxy_set_header Content-Length "";',
    'proxy_pass_request_body off;',
    'proxy_set_header Gatehouse-Method $request_method;',
    'proxy_set_header Gatehouse-Uri $request_uri;',
    'proxy_set_header Gatehouse-Connection $http_connection;',
    `proxy_set_header Gatehouse-Backends $${variable('backends')};`,
    `proxy_pass http://${prefix}_gatehouse${AUTHORIZE_PATH};`,
  ];
};

/** What the locations of all APIs have in common. */
export function ofCalls(parts: ServerParts): string[] {
  const { prefix, variable } = parts.names;
  return [
    `error_page 401 421 = @${prefix}_gatehouse;`,
    `error_page 403 500 = @${prefix}_problem;`,
    `error_page 502 = @${prefix}_backend;`,
    `error_page 504 = @${prefix}_timeout;`,
    '# A backend must not move the call to another location.',
    'proxy_ignore_headers X-Accel-Redirect X-Accel-Expires X-Accel-Limit-Rate X-Accel-Buffering X-Accel-Charset;',
    ...['cr', 'lf'].map((name) => `sub_filter $${variable(name)} "";`),
    'sub_filter_once off;',
    'sub_filter_types *;',
    'proxy_pass_header Server;',
    'proxy_pass_header Date;',
    ...HIDDEN.map((name) => `proxy_hide_header ${name};`),
    ...requestHeaders(parts, {}),
    ...answerHeaders(variable, {}),
  ];
}

const CORS = ['Credentials', 'Headers', 'Methods', 'Origin'].map((name) => `Access-Control-Allow-${name}`);

export function locationsOf(parts: ServerParts, api: LiveApi): string[] {
  const lines: string[] = [];
  for (const version of api.versions.values()) {
    const path = pathOf(api, version);
    if (path === undefined) continue;
    for (const [number, revision] of version.revisions) {
      if (revision.id === version.current.id) lines.push(...locationOf(parts, { api, path, revision }));
      lines.push(...locationOf(parts, { api, path: `${path};rev=${number}`, revision }));
    }
  }
  return lines;
}

const SEGMENT = /^[A-Za-z0-9][A-Za-z0-9.-]{0,63}$/;

/** Where a version is reached; undefined where a header or the query names it, and it has no path of its own. */
function pathOf({ suffix, scheme }: LiveApi, { name }: LiveVersion): string | undefined {
  const segments = name === '' ? [suffix] : [suffix, name];
  if (!segments.every((segment) => SEGMENT.test(segment))) return undefined;
  return name === '' || scheme.in === 'path' ? `/gateway/${segments.join('/')}` : undefined;
}

/** Backends that a call to the location can be for: the revision's, and others of the API that need the same configuration. */
function knownAt(backends: ReadonlyMap<string, Backend>, api: LiveApi, revision: LiveRevision): string[] {
  const same = configured(revision.policy ?? {});
  const others = revisionsOf([api]).filter(({ policy }) => configured(policy ?? {}) === same);
  const known = [revision, ...others].flatMap(({ id }) => backends.get(id)?.name ?? []);
  return [...new Set(known)].slice(0, MOST_NAMES);
}

function locationOf(
  parts: ServerParts,
  { api, path, revision }: { api: LiveApi; path: string; revision: LiveRevision },
): string[] {
  const { backends } = parts;
  const { variable } = parts.names;
  const known = knownAt(backends, api, revision);
  if (known.length === 0 || !backends.has(revision.id)) return [];
  const { request = {}, response = {} } = revision.policy?.setHeader ?? {};
  const hidden = [
    ...Object.keys(response),
    ...(revision.policy?.cors ? [...CORS, 'Access-Control-Expose-Headers', 'Access-Control-Max-Age'] : []),
  ];
  return block(`location ^~ "${path}"`, [
    `set $${variable('backends')} "${known.join(',')}";`,
    `auth_request ${AUTHORIZE_PATH};`,
    ...(Object.keys(request).length > 0 ? requestHeaders(parts, request) : []),
    ...(Object.keys(response).length > 0 ? answerHeaders(variable, response) : []),
    ...(hidden.length > 0 ? [...HIDDEN, ...hidden].map((name) => `proxy_hide_header ${name};`) : []),
    `proxy_pass $${variable('upstream')}$${variable('path')};`,
  ]);
}

const problem = (word: string, title: string, status: number, detail: string): string =>
  JSON.stringify({ type: `urn:gatehouse:gateway:${word}`, title, status, detail, requestId: '$request_id' });

/** The statuses of the gateway's problems that come before the backend. */
const STATUSES = [400, 401, 403, 404, 405, 413, 415, 429, 431, 500, 502, 503, 504];

export function problemLocations({ names: { prefix, variable } }: ServerParts): string[] {
  const common = [
    'default_type application/problem+json;',
    'add_header Cache-Control no-store always;',
    ...answerHeaders(variable, {}),
  ];
  const own = (name: string, status: number, text: string): string[] =>
    block(`location @${prefix}_${name}`, [...common, `return ${status} '${text}';`]);
  return [
    ...block(`location @${prefix}_problem`, [
      ...common,
      ...STATUSES.flatMap((status) =>
        block(`if ($${variable('status')} = ${status})`, [`return ${status} $${variable('problem')};`]),
      ),
      '# Gatehouse did not decide: it does not answer, or does not trust this nginx (GATEHOUSE_TRUST_PROXY).',
      `return 503 '${problem('undecided', 'The call cannot be decided now', 503, 'The call could not be decided. Try again.')}';`,
    ]),
    ...own(
      'backend',
      502,
      problem('backend', 'The backend did not answer', 502, 'The connection to the backend failed.'),
    ),
    ...own(
      'timeout',
      504,
      problem('timeout', 'The backend did not answer in time', 504, 'Try again, or ask for less.'),
    ),
  ];
}
