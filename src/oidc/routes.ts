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
