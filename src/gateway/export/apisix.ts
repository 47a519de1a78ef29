import type * as Yaml from 'yaml';
import { whenNeeded } from '../../kernel/when-needed.js';
import {
  backendPathOf,
  basePathOf,
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

type Plugins = Record<string, Record<string, unknown>>;

const refusal: Refusal = (_version, { steps, scopes }) => {
  if (scopes.length > 1) return 'it has alternatives of scopes';
  if (steps.ipFilter?.allow && steps.ipFilter.deny) return 'its policy ipFilter has allow and deny';
  const headers = Object.entries({ ...steps.setHeader?.request, ...steps.setHeader?.response });
  if (!headers.every(([name, value]) => isPlain(name) && isPlainText(value ?? '')))
    return 'its policy setHeader has values that APISIX would read as variables';
  if (![...(steps.cors?.origins ?? [])].every((origin) => origin === '*' || isPlain(origin)))
    return 'its policy cors has unusual characters';
  return undefined;
};

/** `conf/apisix.yaml` for Apache APISIX 3.9 or newer in its standalone mode. */
export async function exportApisix(source: ExportSource): Promise<string> {
  const { versions, leftOut } = await exportable(source, refusal);
  const notes = [...leftOut, ...versions.flatMap(limitsLeftOut)];
  const routes = versions.flatMap((version) =>
    version.operations.map((operation, at) => routeOf(version, operation, at)),
  );
  const introduction = [
    'Tokens are checked by the plugin openid-connect with the keys of the issuer, without revocation, DPoP and permissions.',
    'Each scope is asked by its whole name, so that a token with <api>.all alone is refused. Set GATEHOUSE_CLIENT_SECRET',
    'in the environment of APISIX to any text: the plugin wants one, and does not use it.',
  ];
  // APISIX reads the file when its last line is there.
  return `${commentsOf(source, 'apisix', introduction, notes)}${yaml().stringify({ routes }, { lineWidth: 0 })}#END\n`;
}

const MOST_PRIORITY = 1000;

function routeOf(version: ExportedVersion, exported: ExportedOperation, at: number): Record<string, unknown> {
  const { api, revision } = version;
  const { method, path } = exported.operation;
  const base = basePathOf(version);
  const { name } = version.version;
  const vars: unknown[] = [['uri', '~~', `^${patternOf(base + path)}$`]];
  if (name !== '' && api.scheme.in === 'header')
    vars.push([`http_${api.scheme.name.toLowerCase().replaceAll('-', '_')}`, '==', name]);
  if (name !== '' && api.scheme.in === 'query') vars.push([`arg_${api.scheme.name}`, '==', name]);
  const fixed = path.replace(/\{[^{}/]+\}/g, '').length;
  return {
    id: `${slugOf(version)}.${at + 1}`,
    name: `${slugOf(version)}.${at + 1}`,
    uris: [base, `${base}/*`],
    methods: method === 'GET' ? ['GET', 'HEAD'] : [method],
    vars,
    // Of routes that fit, the one of a named version and with more fixed text is taken.
    priority: Math.min(fixed, MOST_PRIORITY - 1) + (name === '' ? 0 : MOST_PRIORITY),
    enable_websocket: method === 'GET',
    plugins: pluginsOf(version, exported),
    upstream: {
      type: 'roundrobin',
      scheme: revision.serviceUrl.protocol.slice(0, -1),
      pass_host: 'node',
      nodes: [
        {
          host: revision.serviceUrl.hostname.replace(/^\[|\]$/g, ''),
          port: Number(revision.serviceUrl.port) || (revision.serviceUrl.protocol === 'https:' ? 443 : 80),
          weight: 1,
        },
      ],
      retries: 0,
      timeout: { connect: 5, send: 300, read: revision.policy?.timeout?.idleSeconds ?? 300 },
    },
  };
}

function pluginsOf(version: ExportedVersion, exported: ExportedOperation): Plugins {
  const { steps } = exported;
  return {
    ...tokenPlugin(version, exported),
    ...(version.productKey && {
      'key-auth': { header: 'Ocp-Apim-Subscription-Key', query: 'subscription-key', hide_credentials: true },
    }),
    ...limitPlugin(version),
    ...policyPlugins(exported),
    'proxy-rewrite': rewriting(version, steps.setHeader?.request ?? {}),
  };
}

/** The scope as tokens of Gatehouse have it: with the API's name in front. */
const wholeName = ({ api }: ExportedVersion, words: readonly string[]): string =>
  words.find((word) => word.startsWith(`${api.name}.`)) ?? (words[0] as string);

function tokenPlugin(version: ExportedVersion, { token, scopes }: ExportedOperation): Plugins {
  if (!token) return {};
  const required = (scopes[0] ?? []).map((words) => wholeName(version, words));
  return {
    'openid-connect': {
      client_id: token.audience,
      client_secret: '$ENV://GATEHOUSE_CLIENT_SECRET',
      discovery: `${token.issuer.replace(/\/$/, '')}/.well-known/openid-configuration`,
      bearer_only: true,
      use_jwks: true,
      ssl_verify: true,
      ...(required.length > 0 && { required_scopes: [...new Set(required)] }),
      claim_validator: {
        issuer: { valid_issuers: [token.issuer] },
        // The audience has to be the client_id, which stands above for it.
        audience: { required: true, match_with_client_id: true },
      },
      set_access_token_header: false,
      set_id_token_header: false,
      set_userinfo_header: false,
    },
  };
}

/** What APISIX counts calls by; undefined where it has no such thing. */
const counted = (by: string | undefined, apiId: string): { key_type: string; key: string } | undefined =>
  by === 'address'
    ? { key_type: 'var', key: 'remote_addr' }
    : by === 'key'
      ? { key_type: 'var', key: 'consumer_name' }
      : by === 'api'
        ? { key_type: 'constant', key: apiId }
        : undefined;

function limitPlugin({ rateLimit, version }: ExportedVersion): Plugins {
  const key = rateLimit && counted(rateLimit.by, version.apiId);
  if (!key) return {};
  return {
    'limit-count': {
      count: rateLimit.calls,
      time_window: rateLimit.seconds,
      ...key,
      rejected_code: 429,
      policy: 'local',
      // All operations of a version count together.
      group: version.apiId,
    },
  };
}

function limitsLeftOut(version: ExportedVersion): LeftOut[] {
  const what = slugOf(version);
  const { rateLimit, quota } = version;
  return [
    ...(rateLimit && !counted(rateLimit.by, version.version.apiId)
      ? [{ what, why: 'rateLimit is not exported: APISIX counts by address, API or key' }]
      : []),
    ...(quota
      ? [{ what, why: 'quota is not exported: windows of APISIX begin at no hour, day or month' }]
      : []),
    ...(version.version.products.some((product) => product.rateLimit ?? product.quota)
      ? [{ what, why: 'limits of products are not exported' }]
      : []),
  ];
}

function policyPlugins({ steps: { cors, ipFilter, setHeader } }: ExportedOperation): Plugins {
  return {
    ...(cors && {
      cors: {
        allow_origins: cors.origins.join(','),
        ...(cors.methods && { allow_methods: cors.methods.join(',') }),
        ...(cors.headers && { allow_headers: cors.headers.join(',') }),
        ...(cors.exposeHeaders && { expose_headers: cors.exposeHeaders.join(',') }),
        allow_credential: cors.credentials ?? false,
        max_age: cors.maxAge ?? 600,
      },
    }),
    ...(ipFilter?.allow && { 'ip-restriction': { whitelist: ipFilter.allow } }),
    ...(ipFilter?.deny && { 'ip-restriction': { blacklist: ipFilter.deny } }),
    ...(setHeader?.response && { 'response-rewrite': { headers: changesIn(setHeader.response) } }),
  };
}

function changesIn(headers: Readonly<Record<string, string | null>>): {
  set: Record<string, string>;
  remove: string[];
} {
  const entries = Object.entries(headers);
  return {
    set: Object.fromEntries(entries.flatMap(([name, value]) => (value === null ? [] : [[name, value]]))),
    remove: entries.flatMap(([name, value]) => (value === null ? [name] : [])),
  };
}

function rewriting(
  version: ExportedVersion,
  request: Readonly<Record<string, string | null>>,
): Record<string, unknown> {
  const { set, remove } = changesIn(request);
  const passes = version.version.passToken || version.version.authServer === 'none';
  return {
    regex_uri: [`^${patternOf(basePathOf(version))}(/.*)?$`, `${backendPathOf(version.revision)}$1`],
    headers: {
      set,
      remove: [...FORGED, ...(passes ? [] : ['Authorization', 'DPoP']), ...remove],
    },
  };
}
