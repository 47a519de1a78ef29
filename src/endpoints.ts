import type { Area } from './limits/index.js';
import { documentPath, ROUTES } from './oidc/index.js';

/** What answers at a path. `nowhere` is a path under a prefix of the protocol's at which nothing answers. */
export type Face =
  'provider' | 'management' | 'devices' | 'brokers' | 'gateway' | 'health' | 'pages' | 'nowhere';

/** What a path is, decided once for each request: routing, limits, metrics and the log all go by it. */
export interface Endpoint {
  readonly face: Face;
  /** What metrics and the log call it (RFC 8414's names where it has one). */
  readonly name: string;
  /** Which limit its requests count under. Undefined where another place counts them, or nothing does. */
  readonly area: Area | undefined;
  /** The same for POST, where that is another. */
  readonly postArea?: Area;
  /** The library's path of a published document. */
  readonly document?: string;
}

const AREAS: Partial<Record<keyof typeof ROUTES, Area>> = {
  authorization: 'authorize',
  pushed_authorization_request: 'authorize',
  code_verification: 'authorize',
  introspection: 'introspection',
  userinfo: 'introspection',
};

const provider = (name: keyof typeof ROUTES): Endpoint => ({
  face: 'provider',
  name,
  area: AREAS[name] ?? 'token',
  ...(name === 'code_verification' && { postArea: 'userCode' }),
});

const DOCUMENTS = [
  '/.well-known/openid-configuration',
  '/.well-known/oauth-authorization-server',
  ROUTES.jwks,
  '/.well-known/jwks.json',
];

const HEALTH: Endpoint = { face: 'health', name: 'health', area: undefined };
/** Brokers ask often, and from one address: mqtt/broker.ts counts those whose secret is wrong. */
const BROKERS: Endpoint = { face: 'brokers', name: 'mqtt', area: undefined };
/** The data plane counts by products and policies. */
const GATEWAY: Endpoint = { face: 'gateway', name: 'gateway', area: undefined };
const DEVICES: Endpoint = { face: 'devices', name: 'api', area: 'api' };
const MANAGEMENT: Endpoint = { face: 'management', name: 'api', area: 'api' };
const PAGES: Endpoint = { face: 'pages', name: 'pages', area: 'pages' };
const NOWHERE: Endpoint = { face: 'nowhere', name: 'pages', area: 'pages' };

const EXACT = new Map<string, Endpoint>([
  ...(Object.keys(ROUTES) as (keyof typeof ROUTES)[]).map((name) => [ROUTES[name], provider(name)] as const),
  [`${ROUTES.end_session}/confirm`, provider('end_session')],
  [`${ROUTES.end_session}/success`, provider('end_session')],
  ...DOCUMENTS.map((path): [string, Endpoint] => [
    path,
    { face: 'provider', name: 'documents', area: 'pages', document: documentPath(path) ?? path },
  ]),
  ['/livez', HEALTH],
  ['/readyz', HEALTH],
]);

/** Endpoints whose path ends with one segment that differs: an interaction, a client. */
const WITH_ID: readonly (readonly [string, Endpoint])[] = (
  ['authorization', 'code_verification', 'registration'] as const
).map((name) => [`${ROUTES[name]}/`, { ...provider(name), postArea: AREAS[name] ?? 'token' }]);

/** Nothing but the library answers under these, so that no other spelling of an endpoint reaches it. */
const RESERVED = ['/connect', '/.well-known', ROUTES.code_verification];

const isUnder = (path: string, prefix: string): boolean =>
  path.length >= prefix.length &&
  path.slice(0, prefix.length).toLowerCase() === prefix &&
  (path.length === prefix.length || path[prefix.length] === '/');

/**
 * The endpoint at a path, which is a request's without its query. An endpoint of the protocol has one spelling. The paths
 * of the management API may have letters of either case, as its clients know them; all of them count under one limit.
 */
export function endpointAt(path: string): Endpoint {
  const exact = EXACT.get(path);
  if (exact) return exact;
  if (path.startsWith('/mqtt/')) return BROKERS;
  if (path.startsWith('/gateway/')) return GATEWAY;
  if (path.startsWith('/api/v4/')) return DEVICES;
  if (isUnder(path, '/api')) return MANAGEMENT;
  for (const [prefix, endpoint] of WITH_ID)
    if (path.startsWith(prefix)) return isOneSegment(path, prefix.length) ? endpoint : NOWHERE;
  return RESERVED.some((prefix) => isUnder(path, prefix)) ? NOWHERE : PAGES;
}

const isOneSegment = (path: string, from: number): boolean => path.length > from && !path.includes('/', from);
