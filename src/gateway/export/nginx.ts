import { RATE_FIELDS } from '../../limits/index.js';
import type { LiveApi, LiveRevision } from '../types.js';
import { ANSWERED, AUTHORIZE_PATH, SENT } from './authorize.js';
import { backendName } from './backend-names.js';
import { limitVariable } from './nginx-headers.js';
import { locationsOf, ofCalls, problemLocations, question, toGatehouse } from './nginx-locations.js';
import {
  namesOf,
  revisionsOf,
  type Backend,
  type Names,
  type NginxOptions,
  type ServerParts,
} from './nginx-names.js';
import { commented, type ExportSource, type LeftOut } from './source.js';
import { block, isAnswerable, isPlainHost, isQuotable, isSettable } from './nginx-text.js';

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
      if (address !== undefined)
        backends.set(revision.id, { name: backendName(revision), revision, address });
      else reason = 'its backend has no address now that Gatehouse may connect to';
    }
    if (reason !== undefined) leftOut.push({ what: `revision ${commented(revision.id)}`, why: reason });
  }
  return { backends, leftOut };
}

const introduction = ({ tenant, apis }: ExportSource, leftOut: readonly LeftOut[]): string[] => [
  `# Gatehouse, tenant ${commented(tenant.name)}, APIs: ${apis.length}. Written by "gatehouse gateway export nginx"; do not edit.`,
  '# Include it in the http block of nginx 1.22 or newer, with "variables_hash_max_size 2048;" next to it. Gatehouse must trust this',
  '# nginx (GATEHOUSE_TRUST_PROXY).',
  '#',
  '# Gatehouse decides each call, and picks its backend; nginx carries it. An older file is never wrong: what it does not',
  '# know is handed over to Gatehouse. So are calls with one of these policies: cache, circuitBreaker, mock, retry, timeout,',
  '# validateRequest, a setHeader or cors of a single operation; and OPTIONS that the document does not have.',
  '#',
  '# docs/gateway-exports.md says what nginx does otherwise than Gatehouse.',
  ...(leftOut.length > 0 ? ['#', '# Handed over to Gatehouse:'] : []),
  ...leftOut.map(({ what, why }) => `# - ${what}: ${why}`),
  '',
];

/** What stands outside of the server: backends, and variables by them. */
function httpLevel(
  { prefix, variable }: Names,
  backends: readonly Backend[],
  options: NginxOptions,
): string[] {
  const byName = (name: string, valueOf: (backend: Backend) => string): string[] =>
    block(`map $${variable('backend')} $${variable(name)}`, [
      'default "";',
      ...backends.map((backend) => `"${backend.name}" "${valueOf(backend)}";`),
    ]);
  return [
    ...block(`geo $${variable('dollar')}`, ['default "$";']),
    '# Other protocols than WebSocket would get past the checks of the calls that they carry.',
    ...block(`map "$request_method $http_upgrade" $${variable('upgrade')}`, [
      'default "";',
      '"~*^GET websocket$" websocket;',
    ]),
    ...block(`map $${variable('upgrade')} $${variable('connection')}`, ['default "";', 'websocket upgrade;']),
    '# What the caller names there is dropped by Gatehouse. Its own connections do not end with those of callers.',
    ...block(`map $http_connection $${variable('named')}`, [
      'default $http_connection;',
      '"~*^(close|keep-alive)$" "";',
    ]),
    ...unread(variable),
    '# Where Gatehouse has counted the call, its own value wins.',
    ...RATE_FIELDS.flatMap((name) => {
      const own = variable(`answer_${name}`);
      return block(`map $${own} $${limitVariable(variable, name)}`, [
        `default $${own};`,
        `"" $upstream_http_${name.toLowerCase().replaceAll('-', '_')};`,
      ]);
    }),
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

/** Headers of which each answer has one. */
const COMMON_HEADERS = [
  'content_type',
  'content_length',
  'transfer_encoding',
  'connection',
  'date',
  'server',
];

/**
 * What nginx would let through unread: all that follows an interim answer (103, or a 101 that was not asked for), and an answer
 * whose first line it does not understand. Callers would take that for another answer, with all headers that must not reach
 * them. Without line ends it is no answer to anybody (`sub_filter` in nginx-locations.ts).
 */
const unread = (variable: Names['variable']): string[] => {
  const headers = COMMON_HEADERS.map((name) => `$upstream_http_${name}`).join('');
  return ['cr', 'lf'].flatMap((name) =>
    block(`map "$upstream_status|${headers}" $${variable(name)}`, [
      'default "";',
      `"~^(?:[0-9-]+[ ,:]+)*1[0-9][0-9]\\|" "${name === 'cr' ? '\r' : '\n'}";`,
      `"~^[0-9 ,:-]*[0-9]\\|$" "${name === 'cr' ? '\r' : '\n'}";`,
    ]),
  );
};

/** The address is the one that was checked: nginx would look the name up again, and connect to whatever it finds. */
function placeOf(address: string, { port, protocol }: URL): string {
  const host = address.includes(':') ? `[${address}]` : address;
  return `${host}:${port || (protocol === 'https:' ? 443 : 80)}`;
}

const upstream = (name: string, place: string): string[] =>
  block(`upstream ${name}`, [`server ${place} max_fails=0;`, 'keepalive 32;', 'keepalive_timeout 4s;']);

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
      // Not for the whole server: the question would set it again, of which the call has the same variables.
      `set $${variable('backends')} "";`,
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
