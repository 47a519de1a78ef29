import type { Area } from '../limits/index.js';

/** Where the provider answers: the paths that IdentityServer4's clients know. */
export const ROUTES = {
  authorization: '/connect/authorize',
  token: '/connect/token',
  userinfo: '/connect/userinfo',
  introspection: '/connect/introspect',
  revocation: '/connect/revocation',
  end_session: '/connect/endsession',
  device_authorization: '/connect/deviceauthorization',
  registration: '/connect/register',
  pushed_authorization_request: '/connect/par',
  code_verification: '/device',
  jwks: '/.well-known/openid-configuration/jwks',
} as const;

/** Whether the management API answers at this path, however its letters are. */
export const isApiPath = (path: string): boolean => /^\/api\//i.test(path);

/** Which limit a request falls under; signing in is counted where the form is read. */
export function areaOf(path: string, method: string | undefined): Area | undefined {
  if (isApiPath(path)) return 'api';
  if (path === ROUTES.introspection || path === ROUTES.userinfo) return 'introspection';
  if (path.startsWith(ROUTES.authorization) || path === ROUTES.pushed_authorization_request)
    return 'authorize';
  if (path === ROUTES.code_verification) return method === 'POST' ? 'userCode' : 'authorize';
  return path.startsWith('/connect/') ? 'token' : undefined;
}

/** Whether the library answers at this path; all else is pages. */
export const isProviderPath = (path: string): boolean =>
  path.startsWith('/connect/') ||
  path.startsWith('/.well-known/') ||
  path === '/device' ||
  path.startsWith('/device/');

const ENDPOINTS = new Map<string, string>(Object.entries(ROUTES).map(([name, path]) => [path, name]));

/** What a path is counted as (RFC 8414's names where it has one). */
export function endpointOf(path: string): string {
  if (path.startsWith('/.well-known/')) return 'documents';
  if (isApiPath(path)) return 'api';
  if (path.startsWith('/mqtt/')) return 'mqtt';
  if (path.startsWith(ROUTES.authorization)) return 'authorization';
  return ENDPOINTS.get(path) ?? (path === '/livez' || path === '/readyz' ? 'health' : 'pages');
}
