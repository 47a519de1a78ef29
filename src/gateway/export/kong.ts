import type * as Yaml from 'yaml';
import { whenNeeded } from '../../kernel/when-needed.js';
import type { Quota, RateLimit } from '../types.js';
import {
  backendPathOf,
  basePathOf,
  expanded,
  exportable,
  isPlain,
  isPlainText,
  patternOf,
  slugOf,
  type ExportedOperation,
  type ExportedVersion,
  type Refusal,
} from './requirements.js';
import { commentsOf, FORGED, type ExportSource, type LeftOut } from './source.js';

const yaml = whenNeeded<typeof Yaml>('yaml');

interface Plugin {
  name: string;
  config: Record<string, unknown>;
}

/** So many lists of scopes a plugin is given. */
const MOST_LISTS = 100;

const refusal: Refusal = ({ api, version }, { steps, scopes }) => {
  if (version.name !== '' && api.scheme.in === 'query') return 'Kong does not route by query parameters';
  if (expanded(scopes).length > MOST_LISTS) return 'it has too many alternatives of scopes';
  const headers = Object.entries({ ...steps.setHeader?.request, ...steps.setHeader?.response });
  if (!headers.every(([name, value]) => isPlain(name) && isPlainText(value ?? '')))
    return 'its policy setHeader has values that Kong would read as templates';
  if (![...(steps.cors?.origins ?? [])].every(isPlain)) return 'its policy cors has unusual characters';
  return undefined;
};

/** A declarative file for Kong Gateway 3.4 or newer, as decK and `kong config db_import` read it. */
export async function exportKong(source: ExportSource): Promise<string> {
  const { versions, leftOut } = await exportable(source, refusal);
  const notes = [...leftOut, ...versions.flatMap(limitsLeftOut)];
  const document = {
    _format_version: '3.0',
    services: versions.filter(({ operations }) => operations.length > 0).map(serviceOf),
  };
  const introduction = [
    'Tokens are checked by the plugin openid-connect of Kong Gateway Enterprise, without revocation, DPoP and permissions.',
    'Other plugins: key-auth, rate-limiting, cors, ip-restriction, request-transformer, response-transformer.',
  ];
  return `${commentsOf(source, 'kong', introduction, notes)}${yaml().stringify(document, { lineWidth: 0 })}`;
}

const SECONDS_MS = 1000;
const CONNECT_MS = 5000;
const IDLE_SECONDS = 300;

function serviceOf(version: ExportedVersion): Record<string, unknown> {
  const { serviceUrl, policy } = version.revision;
  const idle = (policy?.timeout?.idleSeconds ?? IDLE_SECONDS) * SECONDS_MS;
  return {
    name: slugOf(version),
    protocol: serviceUrl.protocol.slice(0, -1),
    host: serviceUrl.hostname.replace(/^\[|\]$/g, ''),
    port: Number(serviceUrl.port) || (serviceUrl.protocol === 'https:' ? 443 : 80),
    connect_timeout: CONNECT_MS,
    read_timeout: idle,
    write_timeout: idle,
    retries: 0,
    tags: ['gatehouse'],
    routes: version.operations.map((operation, at) => routeOf(version, operation, at)),
  };
}

function routeOf(version: ExportedVersion, exported: ExportedOperation, at: number): Record<string, unknown> {
  const { api } = version;
  const { method, path } = exported.operation;
  const byHeader = version.version.name !== '' && api.scheme.in === 'header';
  const plugins = pluginsOf(version, exported);
  return {
    name: `${slugOf(version)}.${at + 1}`,
    protocols: ['http', 'https'],
    methods: method === 'GET' ? ['GET', 'HEAD'] : [method],
    paths: [`~${patternOf(basePathOf(version) + path)}$`],
    // Of paths that fit, the one with more fixed text is tried first.
    regex_priority: path.replace(/\{[^{}/]+\}/g, '').length,
    ...(byHeader && api.scheme.in === 'header' && { headers: { [api.scheme.name]: [version.version.name] } }),
    strip_path: false,
    preserve_host: false,
    request_buffering: false,
    response_buffering: false,
    tags: ['gatehouse'],
    plugins,
  };
}

const pluginsOf = (version: ExportedVersion, exported: ExportedOperation): Plugin[] => [
  ...tokenPlugin(version, exported),
  ...(version.productKey
    ? [
        {
          name: 'key-auth',
          config: { key_names: ['Ocp-Apim-Subscription-Key', 'subscription-key'], hide_credentials: true },
        },
      ]
    : []),
  ...limitPlugin(version),
  ...policyPlugins(exported),
  requestTransformer(version, exported),
];

function tokenPlugin({ version }: ExportedVersion, { token, scopes }: ExportedOperation): Plugin[] {
  if (!token) return [];
  const lists = expanded(scopes).map((words) => [...new Set(words)].join(' '));
  return [
    {
      name: 'openid-connect',
      config: {
        issuer: token.issuer,
        ...(token.jwksUri !== undefined && { extra_jwks_uris: [token.jwksUri] }),
        auth_methods: ['bearer'],
        bearer_token_param_type: ['header'],
        audience_required: [token.audience],
        ...(!lists.includes('') && { scopes_claim: ['scope'], scopes_required: [...new Set(lists)] }),
        ...(version.passToken ? {} : { hide_credentials: true, upstream_access_token_header: null }),
      },
    },
  ];
}

const WINDOWS: Readonly<Record<number, string>> = { 1: 'second', 60: 'minute', 3600: 'hour' };

/** What Kong counts calls by; undefined where it has no such thing. */
const limitBy = ({ by = 'client' }: RateLimit | Quota): string | undefined =>
  ({ address: 'ip', api: 'service', key: 'consumer' })[by as string];

/** The limits that Kong has, as its windows. */
function windowsOf({
  rateLimit,
  quota,
}: ExportedVersion): { by: string; windows: Record<string, number> } | undefined {
  const windows: Record<string, number> = {};
  let by: string | undefined;
  const second = rateLimit && WINDOWS[rateLimit.seconds];
  if (rateLimit && second !== undefined && limitBy(rateLimit) !== undefined) {
    by = limitBy(rateLimit);
    windows[second] = rateLimit.calls;
  }
  if (
    quota &&
    isExportedQuota(quota) &&
    (by ?? limitBy(quota)) === limitBy(quota) &&
    !(quota.period in windows)
  ) {
    by = limitBy(quota);
    windows[quota.period] = quota.calls;
  }
  return by === undefined ? undefined : { by, windows };
}

const isExportedQuota = (quota: Quota): boolean =>
  quota.period !== 'week' && (quota.timeZone ?? 'UTC') === 'UTC' && limitBy(quota) !== undefined;

const limitPlugin = (version: ExportedVersion): Plugin[] => {
  const limits = windowsOf(version);
  if (!limits) return [];
  return [{ name: 'rate-limiting', config: { ...limits.windows, limit_by: limits.by, policy: 'local' } }];
};

function limitsLeftOut(version: ExportedVersion): LeftOut[] {
  const { windows = {} } = windowsOf(version) ?? {};
  const { rateLimit, quota } = version;
  const what = slugOf(version);
  return [
    ...(rateLimit && windows[WINDOWS[rateLimit.seconds] ?? ''] === undefined
      ? [
          {
            what,
            why: 'rateLimit is not exported: Kong counts by address, API or key, in a second, minute or hour',
          },
        ]
      : []),
    ...(quota && windows[quota.period] === undefined
      ? [
          {
            what,
            why: 'quota is not exported: Kong counts by address, API or key, in an hour, day or month of UTC',
          },
        ]
      : []),
    ...(version.version.products.some((product) => product.rateLimit ?? product.quota)
      ? [{ what, why: 'limits of products are not exported' }]
      : []),
  ];
}

function policyPlugins({ steps: { cors, ipFilter, setHeader } }: ExportedOperation): Plugin[] {
  const plugins: Plugin[] = [];
  if (cors)
    plugins.push({
      name: 'cors',
      config: {
        origins: cors.origins.map((origin) =>
          origin === '*' ? origin : origin.replace(/[.*+?^$()|[\]\\]/g, '\\$&'),
        ),
        ...(cors.methods && { methods: cors.methods }),
        ...(cors.headers && { headers: cors.headers }),
        ...(cors.exposeHeaders && { exposed_headers: cors.exposeHeaders }),
        credentials: cors.credentials ?? false,
        max_age: cors.maxAge ?? 600,
      },
    });
  if (ipFilter)
    plugins.push({
      name: 'ip-restriction',
      config: {
        ...(ipFilter.allow && { allow: ipFilter.allow }),
        ...(ipFilter.deny && { deny: ipFilter.deny }),
      },
    });
  if (setHeader?.response)
    plugins.push({ name: 'response-transformer', config: changesIn(setHeader.response) });
  return plugins;
}

/** Kong replaces headers that are there, and adds those that are not: to set one is both. */
function changesIn(headers: Readonly<Record<string, string | null>>): Record<string, unknown> {
  const set = Object.entries(headers).flatMap(([name, value]) =>
    value === null ? [] : [`${name}:${value}`],
  );
  const removed = Object.keys(headers).filter((name) => headers[name] === null);
  return {
    ...(removed.length > 0 && { remove: { headers: removed } }),
    ...(set.length > 0 && { replace: { headers: set }, add: { headers: set } }),
  };
}

/** Puts the backend's path in place of the gateway's, and drops what callers say of themselves. */
function requestTransformer(version: ExportedVersion, { operation, steps }: ExportedOperation): Plugin {
  let group = 0;
  const path = operation.path.replace(/\{[^{}/]+\}/g, () => `$(uri_captures[${(group += 1)}])`);
  const changes = changesIn(steps.setHeader?.request ?? {}) as {
    remove?: { headers: string[] };
    replace?: { headers: string[] };
    add?: { headers: string[] };
  };
  return {
    name: 'request-transformer',
    config: {
      remove: { headers: [...FORGED, ...(changes.remove?.headers ?? [])] },
      replace: { uri: backendPathOf(version.revision) + path, headers: changes.replace?.headers ?? [] },
      add: { headers: changes.add?.headers ?? [] },
    },
  };
}
