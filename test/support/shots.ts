import { GRANT_TYPES } from '../../src/clients/index.js';
import { newDpopKey, proofOf } from './dpop.js';
import { PASSWORD, type TestServer } from './server.js';
import { pkce } from './visitor.js';

const APP = 'https://app.example.com/callback';

export interface Shot {
  method: string;
  path: string;
  query: [string, string][];
  headers: Record<string, string>;
  form: [string, string][];
  raw?: Buffer;
}

/** A request to each endpoint of the protocol, in the ways that it can be asked, by the endpoint. */
export async function protocolShots(server: TestServer): Promise<Map<string, Shot[]>> {
  const secret = await server.addClient('machine', {
    grantTypes: Object.values(GRANT_TYPES),
    redirectUris: [APP],
    scopes: ['openid', 'offline_access', 'isms.user.get'],
  });
  const form = { 'content-type': 'application/x-www-form-urlencoded', ...server.basic('machine', secret) };
  await server.addUser({ userName: 'alice' });
  const person = { grant_type: 'password', username: 'alice', password: PASSWORD };
  const token = String(
    (await server.post('/connect/token', { ...person, scope: 'openid isms.user.get' }, form)).body[
      'access_token'
    ],
  );
  const shot = (method: string, path: string, fields: Record<string, string>, headers = {}): Shot => ({
    method,
    path,
    query: method === 'GET' ? Object.entries(fields) : [],
    form: method === 'POST' ? Object.entries(fields) : [],
    headers,
  });
  const authorize = {
    client_id: 'machine',
    redirect_uri: APP,
    response_type: 'code',
    scope: 'openid isms.user.get',
    state: 's',
    nonce: 'n',
    code_challenge: pkce().challenge,
    code_challenge_method: 'S256',
    prompt: 'none',
    max_age: '10',
    ui_locales: 'en',
    id_token_hint: 'a.b.c',
    resource: 'urn:resource:isms',
  };
  const dpop = await proofOf(await newDpopKey(), 'POST', `${server.issuer}/connect/token`);
  const grants = [
    { grant_type: 'client_credentials', scope: 'isms.user.get' },
    { grant_type: 'refresh_token', refresh_token: 'x', scope: 'openid' },
    { grant_type: 'authorization_code', code: 'x', code_verifier: 'y'.repeat(43), redirect_uri: APP },
    { grant_type: GRANT_TYPES.device, device_code: 'x' },
    {
      grant_type: GRANT_TYPES.tokenExchange,
      subject_token: token,
      subject_token_type: 'urn:ietf:params:oauth:token-type:access_token',
    },
  ];
  return new Map([
    [
      '/connect/token',
      [
        ...grants.map((each) => shot('POST', '/connect/token', each, form)),
        shot('POST', '/connect/token', grants[0] as Record<string, string>, { ...form, dpop }),
      ],
    ],
    ['/connect/authorize', [shot('GET', '/connect/authorize', authorize)]],
    ['/connect/par', [shot('POST', '/connect/par', authorize, form)]],
    [
      '/connect/userinfo',
      [
        shot('GET', '/connect/userinfo', {}, { authorization: `Bearer ${token}` }),
        shot('POST', '/connect/userinfo', { access_token: token }, form),
      ],
    ],
    [
      '/connect/introspect',
      [shot('POST', '/connect/introspect', { token, token_type_hint: 'access_token' }, form)],
    ],
    [
      '/connect/revocation',
      [shot('POST', '/connect/revocation', { token: 'x', token_type_hint: 'refresh_token' }, form)],
    ],
    [
      '/connect/endsession',
      [
        shot('GET', '/connect/endsession', {
          id_token_hint: 'a.b.c',
          post_logout_redirect_uri: APP,
          state: 's',
          client_id: 'machine',
        }),
        shot('POST', '/connect/endsession/confirm', { xsrf: 'x', logout: 'yes' }, form),
      ],
    ],
    [
      '/connect/deviceauthorization',
      [shot('POST', '/connect/deviceauthorization', { scope: 'openid' }, form)],
    ],
    [
      '/device',
      [
        shot('GET', '/device', { user_code: 'BCDF-GHJK' }),
        shot(
          'POST',
          '/device',
          { xsrf: 'x', user_code: 'BCDFGHJK', confirm: 'yes' },
          { 'content-type': 'application/x-www-form-urlencoded' },
        ),
      ],
    ],
    [
      '/.well-known',
      [
        shot('GET', '/.well-known/openid-configuration', { a: 'b' }),
        shot('GET', '/.well-known/jwks.json', {}),
      ],
    ],
    [
      '/interaction',
      [
        shot('GET', '/interaction/x', { app: 'machine' }),
        shot('POST', '/interaction/x/sign-in', { csrf: 'x', login: 'y', password: 'z' }, form),
      ],
    ],
  ]);
}
