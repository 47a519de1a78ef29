import { createHash } from 'node:crypto';
import type { LiveApi, LiveRevision, LiveVersion } from '../types.js';
import { AUTHORIZE_PATH, ANSWERED, DROPPED, SENT } from './authorize.js';
import { backendName } from './backend-names.js';
import { commented, type ExportSource, type LeftOut } from './source.js';
import { block, isAnswerable, isPlainHost, isQuotable, isSettable, quoted } from './nginx-text.js';

export interface NginxOptions {
  /** What the server listens at: a port, or an address with one. */
  listen: string;
  /** Where nginx reaches Gatehouse: `http://host:port`. */
  gatehouse: string;
  /** The header that certificates of clients are believed from (`mtls.header`). */
  certificateHeader: string;
  /** A file of the authorities that backends' certificates are checked by. */
  authorities: string;
  /** The address to connect to for a backend, checked; undefined where there is none that may be connected to. */
  addressOf(serviceUrl: URL): Promise<string | undefined>;
}

/** A revision that nginx can forward to. */
interface Backend {
  name: string;
  revision: LiveRevision;
  address: string;
}

/** Names of this tenant's, so that files of several tenants can be included by one nginx. */
interface Names {
  /** The beginning of names of upstreams and locations. */
  prefix: string;
  /** A variable's name without `$`. */
  variable(name: string): string;
}

const DIGITS = 8;

function namesOf(tenantId: string): Names {
  const digest = createHash('sha256').update(tenantId).digest('hex').slice(0, DIGITS);
  // nginx keeps names of variables in buckets of 64 bytes, where nothing else is configured.
  const short = (name: string): string => name.toLowerCase().replaceAll('-', '_').replace('access_control', 'ac');
  return { prefix: `gatehouse_${digest}`, variable: (name) => `gh_${digest}_${short(name)}` };
}

/** So many names of backends go with a question. */
const MOST_NAMES = 100;

/** A configuration for nginx's `http` block: docs/gateway-exports.md says what it does and what it does not. */
export async function exportNginx(source: ExportSource, options: NginxOptions): Promise<string> {
  const names = namesOf(source.tenant.id);
  const { backends, leftOut } = await backendsOf(source.apis, options);
  const host = new URL(source.tenant.issuer).host;
  const server = serverOf({ source, options, names, backends, host });
  return [
    ...introduction(source, leftOut),
    ...httpLevel(names, [...backends.values()], options),
    ...block('server', server),
    '',
  ].join('\n');
}

const revisionsOf = (apis: readonly LiveApi[]): LiveRevision[] =>
  apis.flatMap((api) => [...api.versions.values()].flatMap((version) => [...version.revisions.values()]));

/** Why a revision's calls are handed over to Gatehouse, whatever they are; undefined where nginx forwards them. */
function reasonOf({ serviceUrl, policy }: LiveRevision): string | undefined {
  if (!isPlainHost(serviceUrl.hostname)) return 'its backend has a host that is no plain name or address';
  const { request = {}, response = {} } = policy?.setHeader ?? {};
  const odd =
    Object.entries(request).find(([name, value]) => !isSettable(name) || !isQuotable(value ?? '')) ??
    Object.entries(response).find(([name, value]) => !isAnswerable(name) || !isQuotable(value ?? ''));
  return odd && `nginx cannot set the header ${commented(odd[0])} as its policy says`;
}

async function backendsOf(apis: readonly LiveApi[], { addressOf }: NginxOptions) {
  const backends = new Map<string, Backend>();
  const leftOut: LeftOut[] = [];
  const addresses = new Map<string, Promise<string | undefined>>();
  for (const revision of revisionsOf(apis)) {
    const { origin } = revision.serviceUrl;
    let reason = reasonOf(revision);
    if (reason === undefined) {
      const known = addresses.get(origin) ?? addressOf(revision.serviceUrl);
      addresses.set(origin, known);
      const address = await known;
      if (address !== undefined) backends.set(revision.id, { name: backendName(revision), revision, address });
      else reason = 'its backend has no address now that Gatehouse may connect to';
    }
    if (reason !== undefined) leftOut.push({ what: `revision ${commented(revision.id)}`, why: reason });
  }
  return { backends, leftOut };
}

const introduction = ({ tenant, apis }: ExportSource, leftOut: readonly LeftOut[]): string[] => [
  `# Gatehouse, tenant ${commented(tenant.name)}: ${apis.length} APIs. Written by "gatehouse gateway export nginx"; do not edit.`,
  '# Include it in the http block of nginx 1.22 or newer, with "variables_hash_max_size 2048;" beside it. Gatehouse must trust this',
  '# nginx (GATEHOUSE_TRUST_PROXY).',
  '#',
  '# Gatehouse decides each call, and picks its backend; nginx carries it. An older file is never wrong: what it does not',
  '# know is handed over to Gatehouse. So are calls with one of these policies: cache, circuitBreaker, mock, retry, timeout,',
  '# validateRequest, a setHeader or cors of a single operation; and OPTIONS.',
  '#',
  '# What nginx does otherwise than Gatehouse: it answers 400, 414 and 431 of its own without a problem document; does not pass on',
  '# trailers and TE; says 100 Continue itself; waits 300 s for headers of a backend as well; does not drop headers of answers that',
  '# Connection names; does not pass on certificates of clients. Usage and metrics do not count the calls that it forwards.',
  ...(leftOut.length > 0 ? ['#', '# Handed over to Gatehouse:'] : []),
  ...leftOut.map(({ what, why }) => `# - ${what}: ${why}`),
  '',
];

/** What stands outside of the server: backends, and variables by them. */
function httpLevel({ prefix, variable }: Names, backends: readonly Backend[], options: NginxOptions): string[] {
  const byName = (name: string, valueOf: (backend: Backend) => string): string[] =>
    block(`map $${variable('backend')} $${variable(name)}`, [
      'default "";',
      ...backends.map((backend) => `"${backend.name}" "${valueOf(backend)}";`),
    ]);
  return [
    ...block(`geo $${variable('dollar')}`, ['default "$";']),
    '# Other protocols than WebSocket would get past the checks of the calls that they carry.',
    ...block(`map "$request_method $http_upgrade" $${variable('upgrade')}`, ['default "";', '"~*^GET websocket$" websocket;']),
    ...block(`map $${variable('upgrade')} $${variable('connection')}`, ['default "";', 'websocket upgrade;']),
    ...byName('upstream', ({ name, revision }) => `${revision.serviceUrl.protocol}//${prefix}_${name}`),
    ...byName('host', ({ revision }) => revision.serviceUrl.host),
    ...byName('name', ({ revision }) => revision.serviceUrl.hostname.replace(/^\[|\]$/g, '')),
    ...upstream(`${prefix}_gatehouse`, new URL(options.gatehouse).host),
    ...backends.flatMap(({ name, revision, address }) =>
      upstream(`${prefix}_${name}`, placeOf(address, revision.serviceUrl)),
    ),
    '',
  ];
}

/** The address is the one that was checked: nginx would look the name up again, and connect to whatever it finds. */
function placeOf(address: string, { port, protocol }: URL): string {
  const host = address.includes(':') ? `[${address}]` : address;
  return `${host}:${port || (protocol === 'https:' ? 443 : 80)}`;
}

const upstream = (name: string, place: string): string[] =>
  block(`upstream ${name}`, [`server ${place} max_fails=0;`, 'keepalive 32;', 'keepalive_timeout 4s;']);

interface ServerParts {
  source: ExportSource;
  options: NginxOptions;
  names: Names;
  backends: ReadonlyMap<string, Backend>;
  host: string;
}

function serverOf(parts: ServerParts): string[] {
  const { source, options, names, host } = parts;
  const { prefix, variable } = names;
  const variables = ['backend', 'path', 'status', 'problem'].map(
    (name) => `auth_request_set $${variable(name)} $upstream_http_gatehouse_${name};`,
  );
  const carried = (kind: string, list: readonly string[]): string[] =>
    list.map((name) => {
      const words = name.toLowerCase().replaceAll('-', '_');
      return `auth_request_set $${variable(`${kind}_${words}`)} $upstream_http_gatehouse_${kind}_${words};`;
    });
  return [
    `listen ${options.listen};`,
    `server_name ${host.replace(/:\d+$/, '')};`,
    '# TLS and what else this server needs: files of your own.',
    `include ${prefix}.d/*.conf;`,
    'server_tokens off;',
    'client_max_body_size 0;',
    'gzip off;',
    ...STREAMING,
    ...(source.apis.length > 0 ? tls(options.authorities, variable('name')) : []),
    '',
    ...variables,
    ...carried('send', SENT),
    ...carried('answer', ANSWERED),
    '',
    ...block('location /', toGatehouse(parts)),
    ...block(`location = ${AUTHORIZE_PATH}`, question(parts)),
    ...block('location ^~ /gateway/', [
      ...ofCalls(parts),
      '',
      '# What is published since this file was written.',
      'return 421;',
      '',
      ...source.apis.flatMap((api) => locationsOf(parts, api)),
    ]),
    ...block(`location @${prefix}_gatehouse`, toGatehouse(parts)),
    ...problemLocations(parts),
  ];
}

const STREAMING = [
  'proxy_http_version 1.1;',
  'proxy_request_buffering off;',
  'proxy_buffering off;',
  'proxy_max_temp_file_size 0;',
  'proxy_buffer_size 32k;',
  'proxy_buffers 4 32k;',
  'proxy_connect_timeout 5s;',
  'proxy_send_timeout 300s;',
  'proxy_read_timeout 300s;',
  'proxy_redirect off;',
  '# Only for a connection that the other side has closed meanwhile.',
  'proxy_next_upstream error;',
];

const tls = (authorities: string, name: string): string[] => [
  'proxy_ssl_server_name on;',
  `proxy_ssl_name $${name};`,
  'proxy_ssl_verify on;',
  'proxy_ssl_verify_depth 5;',
  `proxy_ssl_trusted_certificate "${authorities}";`,
];

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
const toGatehouse = (parts: ServerParts): string[] => {
  const { prefix, variable } = parts.names;
  return [
    ...identity(parts),
    `proxy_set_header Upgrade $${variable('upgrade')};`,
    `proxy_set_header Connection $${variable('connection')};`,
    `proxy_pass http://${prefix}_gatehouse$request_uri;`,
  ];
};

const question = (parts: ServerParts): string[] => {
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
function ofCalls({ names: { prefix, variable } }: ServerParts): string[] {
  return [
    `error_page 401 421 = @${prefix}_gatehouse;`,
    `error_page 403 500 = @${prefix}_problem;`,
    `error_page 502 = @${prefix}_backend;`,
    `error_page 504 = @${prefix}_timeout;`,
    '# A backend must not move the call to another location.',
    'proxy_ignore_headers X-Accel-Redirect X-Accel-Expires X-Accel-Limit-Rate X-Accel-Buffering X-Accel-Charset;',
    'proxy_pass_header Server;',
    'proxy_pass_header Date;',
    ...NOT_ANSWERED.map((name) => `proxy_hide_header ${name};`),
    ...requestHeaders(variable, {}, 'dollar'),
    ...answerHeaders(variable, {}, 'dollar'),
  ];
}

/** What does not reach the caller: the gateway says it, or it acts on the whole origin, which is the issuer's. */
const NOT_ANSWERED = [
  'Accept-CH',
  'Alt-Svc',
  'Clear-Site-Data',
  'HTTP2-Settings',
  'NEL',
  'Proxy-Authenticate',
  'Proxy-Authentication-Info',
  'Report-To',
  'Service-Worker-Allowed',
  'Set-Cookie',
  'Set-Cookie2',
  'Set-Login',
  'Strict-Transport-Security',
  'X-Content-Type-Options',
  'X-Request-Id',
];

type Headers = Readonly<Record<string, string | null>>;

/** nginx takes all `proxy_set_header` of one level: a location that adds one has to repeat the others. */
function requestHeaders(variable: Names['variable'], set: Headers, dollar: string): string[] {
  const own = [
    `proxy_set_header Host $${variable('host')};`,
    `proxy_set_header Upgrade $${variable('upgrade')};`,
    `proxy_set_header Connection $${variable('connection')};`,
    ...SENT.map((name) => `proxy_set_header ${name} $${variable(`send_${name}`)};`),
    ...DROPPED.map((name) => `proxy_set_header ${name} "";`),
  ];
  return [
    ...own,
    ...Object.entries(set).map(([name, value]) => `proxy_set_header ${name} ${quoted(value ?? '', dollar)};`),
  ];
}

function answerHeaders(variable: Names['variable'], set: Headers, dollar: string): string[] {
  return [
    'add_header Content-Security-Policy sandbox always;',
    'add_header X-Content-Type-Options nosniff always;',
    ...ANSWERED.map((name) => `add_header ${name} $${variable(`answer_${name}`)} always;`),
    ...Object.entries(set).flatMap(([name, value]) =>
      value === null ? [] : [`add_header ${name} ${quoted(value, dollar)} always;`],
    ),
  ];
}

const CORS = ['Credentials', 'Headers', 'Methods', 'Origin'].map((name) => `Access-Control-Allow-${name}`);

function locationsOf(parts: ServerParts, api: LiveApi): string[] {
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
  const same = JSON.stringify([revision.policy?.setHeader, revision.policy?.cors !== undefined]);
  const others = revisionsOf([api]).filter(
    ({ policy }) => JSON.stringify([policy?.setHeader, policy?.cors !== undefined]) === same,
  );
  const known = [revision, ...others].flatMap(({ id }) => backends.get(id)?.name ?? []);
  return [...new Set(known)].slice(0, MOST_NAMES);
}

function locationOf(
  { names: { variable }, backends }: ServerParts,
  { api, path, revision }: { api: LiveApi; path: string; revision: LiveRevision },
): string[] {
  const known = knownAt(backends, api, revision);
  if (known.length === 0 || !backends.has(revision.id)) return [];
  const { request = {}, response = {} } = revision.policy?.setHeader ?? {};
  const dollar = variable('dollar');
  const hidden = [
    ...Object.keys(response),
    ...(revision.policy?.cors ? [...CORS, 'Access-Control-Expose-Headers', 'Access-Control-Max-Age'] : []),
  ];
  return block(`location ^~ "${path}"`, [
    `set $${variable('backends')} "${known.join(',')}";`,
    `auth_request ${AUTHORIZE_PATH};`,
    ...(Object.keys(request).length > 0 ? requestHeaders(variable, request, dollar) : []),
    ...(Object.keys(response).length > 0 ? answerHeaders(variable, response, dollar) : []),
    ...(hidden.length > 0 ? [...NOT_ANSWERED, ...hidden].map((name) => `proxy_hide_header ${name};`) : []),
    `proxy_pass $${variable('upstream')}$${variable('path')};`,
  ]);
}

const problem = (word: string, title: string, status: number, detail: string): string =>
  JSON.stringify({ type: `urn:gatehouse:gateway:${word}`, title, status, detail, requestId: '$request_id' });

/** The statuses of the gateway's problems that come before the backend. */
const STATUSES = [400, 401, 403, 404, 405, 413, 415, 429, 431, 500, 502, 503, 504];

function problemLocations({ names: { prefix, variable } }: ServerParts): string[] {
  const common = ['default_type application/problem+json;', ...answerHeaders(variable, {}, 'dollar')];
  const own = (name: string, status: number, text: string): string[] =>
    block(`location @${prefix}_${name}`, [...common, `return ${status} '${text}';`]);
  return [
    ...block(`location @${prefix}_problem`, [
      ...common,
      ...STATUSES.flatMap((status) =>
        block(`if ($${variable('status')} = ${status})`, [`return ${status} $${variable('problem')};`]),
      ),
      `return 503 '${problem('undecided', 'The call cannot be decided now', 503, 'Gatehouse does not answer. Try again.')}';`,
    ]),
    ...own('backend', 502, problem('backend', 'The backend did not answer', 502, 'The connection to the backend failed.')),
    ...own('timeout', 504, problem('timeout', 'The backend did not answer in time', 504, 'Try again, or ask for less.')),
  ];
}
