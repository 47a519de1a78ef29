import assert from 'node:assert/strict';
import { exportJWK, generateKeyPair } from 'jose';
import { GRANT_TYPES } from '../../src/clients/index.js';
import { OPERATIONS } from '../../src/management.js';
import { isTooDeep, openJsonDepth } from '../../src/kernel/json-depth.js';
import { firstMistake } from '../../src/kernel/json-mistake.js';
import { APP, APP_SECRET, deviceApi, type DeviceApi } from '../support/devices.js';
import { basic, bodyOf, send, type Heard } from '../support/http.js';
import { clientToken } from '../support/management.js';
import { dial } from '../support/raw.js';
import { startServer, type TestServer } from '../support/server.js';

const MEGABYTE = '['.repeat(1024 * 1024);
const nested = (depth: number): string => '['.repeat(depth) + ']'.repeat(depth);
/** Bodies of 60 KB that are no JSON, and that count as flat where brackets are only counted or strings end elsewhere. */
const BROKEN = [
  ['brackets of two kinds', '[},'.repeat(20_000), 1],
  ['more ends than beginnings', `{"a":1${']'.repeat(30_000)},"b":${'['.repeat(30_050)}`, 6],
  ['a string that a line break ends', `["\n${'['.repeat(60_000)}`, 1],
  ['a quote in a comment', `[/*"*/${'['.repeat(60_000)}`, 1],
] as const;
const JSON_BODY = { 'content-type': 'application/json' };

describe('the depth of JSON', () => {
  for (const [text, deep] of [
    [nested(64), false],
    [nested(65), true],
    [`{"a":${nested(63)}}`, false],
    [`{"a":${nested(64)}}`, true],
    [JSON.stringify('['.repeat(100)), false],
    [`["\\"${'['.repeat(100)}"]`, false],
    [`["\\\\",${nested(64)}]`, true],
    ['[],'.repeat(1000), false],
  ] as const)
    it(`is found in ${text.slice(0, 12)}… of ${text.length} characters`, () =>
      assert.equal(isTooDeep(text), deep));

  it('is followed from piece to piece, and nothing is read behind the end', () => {
    const depth = openJsonDepth();
    assert.equal(depth.read(Buffer.from('["[')), true);
    assert.equal(depth.read(Buffer.from(`["${'['.repeat(63)}`)), true);
    assert.equal(depth.read(Buffer.from('[')), false);
    assert.equal(depth.read(Buffer.from(']]]]')), false);
  });
});

describe('the first mistake in JSON', () => {
  for (const [text, at] of [
    ['', 0],
    ['[', 1],
    ['{"a":1,}', 7],
    ['[1,]', 3],
    ['[1 2]', 3],
    ['{"a" 1}', 5],
    ['{a:1}', 1],
    ['{"a":1}}', 7],
    ['[1,2],3', 5],
    ['["\\x"]', 1],
    ['[01]', 2],
    ['// none', 0],
    ['{"a":[1,{"b":nil}]}', 13],
    ...BROKEN.map(([, text, at]) => [text, at] as const),
  ] as const)
    it(`is found in ${JSON.stringify(text.slice(0, 20))} of ${text.length} characters`, () => {
      assert.throws(() => JSON.parse(text) as unknown, SyntaxError);
      assert.equal(firstMistake(text), at);
    });
});

describe('a body of JSON that nests deep', () => {
  let server: TestServer;
  let token: string;
  let devices: DeviceApi;
  before(async () => {
    server = await startServer('sqlite');
    token = await clientToken(server, ['isms.all']);
    await server.addClient('app', {
      grantTypes: [GRANT_TYPES.code],
      redirectUris: ['https://app.example.com/callback'],
      scopes: ['openid'],
      tokenEndpointAuthMethod: 'none',
    });
    await server.addClient('signer', {
      grantTypes: [GRANT_TYPES.clientCredentials, GRANT_TYPES.tokenExchange],
      tokenEndpointAuthMethod: 'private_key_jwt',
      jwks: { keys: [await exportJWK((await generateKeyPair('ES256', { extractable: true })).publicKey)] },
    });
    devices = await deviceApi(server);
  });
  after(() => server.stop());

  const post = (path: string, body: string, headers: Record<string, string> = {}): Promise<Heard> =>
    send(new URL(path, server.issuer), { body, headers: { ...JSON_BODY, ...headers } });

  const TAKES_JSON = OPERATIONS.filter(
    ({ method, schemas, receive, stream, home, form }) =>
      method === 'POST' && schemas.body !== undefined && !receive && !stream && !home && !form,
  );

  for (const { path, access } of TAKES_JSON)
    for (const [what, body] of [
      ['a megabyte of [', MEGABYTE],
      ['10,000 lists in one another', nested(10_000)],
    ] as const)
      it(`is refused at ${path}: ${what}`, async () => {
        const headers = access.kind === 'open' ? {} : { authorization: `Bearer ${token}` };
        const { status } = await post(path.replace(/\{\w+\}/g, 'x'), body, headers);
        assert.ok(status === 400 || status === 404 || status === 413, String(status));
        const large = access.kind === 'open' && body === MEGABYTE;
        if (!path.includes('{')) assert.equal(status, large ? status : 400);
      });

  for (const { path, access } of TAKES_JSON)
    for (const [what, body, at] of BROKEN)
      it(`that is broken has its first mistake named at ${path}: ${what}`, async () => {
        const headers = access.kind === 'open' ? {} : { authorization: `Bearer ${token}` };
        const { status, text } = await post(path.replace(/\{\w+\}/g, 'x'), body, headers);
        if (path.includes('{') && status === 404) return;
        assert.equal(status, 400, text);
        assert.match(text, new RegExp(`not JSON from character ${at} on|nests deeper`));
      });

  it('that is broken is refused at dynamic registration and by what manages devices', async () => {
    const made = await post('/api/Client/RegistrationTokens', '{}', { authorization: `Bearer ${token}` });
    const authorization = `Bearer ${(bodyOf(made) as { data: { token: string } }).data.token}`;
    for (const [what, body] of BROKEN) {
      assert.equal((await post('/connect/register', body, { authorization })).status, 400, what);
      for (const path of ['auth_username', 'acl'])
        assert.equal((await devices.call('POST', path, body)).status, 400, what);
      const asked = await send(new URL('/mqtt/auth', server.issuer), {
        body,
        headers: { ...JSON_BODY, authorization: basic(APP, APP_SECRET) },
      });
      assert.equal(asked.status, 400, what);
    }
  });

  const STREAMS = OPERATIONS.filter(({ stream }) => stream !== undefined);
  for (const { path } of STREAMS)
    it(`that is broken is the mistake of its line alone at ${path}`, async () => {
      for (const [what, body] of BROKEN) {
        const { status, text } = await post(path, `${body.replace('\n', ' ')}\n{}\n`, {
          'content-type': 'application/x-ndjson',
          authorization: `Bearer ${token}`,
        });
        assert.equal(status, 200, what);
        assert.equal(text.trim().split('\n').length, 2, what);
        assert.match(text, /the line is not JSON/, what);
      }
    });

  const UPLOADS = OPERATIONS.filter(({ receive }) => receive !== undefined);
  for (const { path, method } of UPLOADS)
    it(`is no file at ${path}`, async () => {
      for (const [what, body] of BROKEN) {
        const { status } = await send(new URL(path.replace(/\{\w+\}/g, 'x'), server.issuer), {
          method,
          body,
          headers: { ...JSON_BODY, authorization: `Bearer ${token}` },
        });
        assert.ok(status >= 400 && status < 500, `${what}: ${status}`);
      }
    });

  it('is refused at dynamic registration, where its token is right', async () => {
    const made = await post('/api/Client/RegistrationTokens', '{}', { authorization: `Bearer ${token}` });
    const { data } = bodyOf(made) as { data: { token: string } };
    const authorization = `Bearer ${data.token}`;
    for (const body of [MEGABYTE, nested(10_000), `{"jwks":{"keys":[{"kty":${nested(10_000)}}]}}`])
      assert.equal((await post('/connect/register', body, { authorization })).status, 400);
  });

  it('is refused by what manages devices, and by what brokers ask [SEC-R25]', async () => {
    for (const body of [MEGABYTE, nested(10_000), `{"a":${nested(10_000)}}`]) {
      assert.equal((await devices.call('POST', 'auth_username', body)).status, 400);
      assert.equal((await devices.call('POST', 'acl', body)).status, 400);
    }
    const { status } = await send(new URL('/mqtt/auth', server.issuer), {
      body: `{"username":${nested(10_000)}}`,
      headers: { ...JSON_BODY, authorization: basic(APP, APP_SECRET) },
    });
    assert.equal(status, 400);
  });

  const part = (json: string): string => Buffer.from(json).toString('base64url');
  const header = part('{"alg":"ES256","typ":"JWT"}');
  const JWTS = [
    [`${header}.${part('['.repeat(6000))}.x`, 'a payload of ['],
    [`${header}.${part(`{"iss":"signer","a":${nested(5000)}}`)}.x`, 'a deep claim'],
    [`${part(`{"alg":"ES256","typ":"dpop+jwt","jwk":${nested(5000)}}`)}.${part('{}')}.x`, 'a deep header'],
  ] as const;
  for (const [jwt, what] of JWTS)
    it(`breaks nothing where it is in a JWT: ${what}`, async () => {
      const answers = await Promise.all([
        server.post('/connect/token', {
          grant_type: 'client_credentials',
          client_assertion_type: 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer',
          client_assertion: jwt,
        }),
        server.post('/connect/token', { grant_type: 'client_credentials', client_id: 'app' }, { dpop: jwt }),
        server.post('/connect/par', {
          client_id: 'app',
          request: jwt,
          response_type: 'code',
          claims: nested(5000),
        }),
        server.post('/connect/introspect', { token: jwt, client_id: 'app' }),
        server.post('/connect/revocation', { token: jwt, client_id: 'app' }),
        server.post('/connect/token', {
          grant_type: GRANT_TYPES.tokenExchange,
          client_id: 'app',
          subject_token: jwt,
          subject_token_type: 'urn:ietf:params:oauth:token-type:access_token',
        }),
        send(new URL(`/connect/userinfo`, server.issuer), { headers: { authorization: `Bearer ${jwt}` } }),
        send(new URL(`/api/Role`, server.issuer), { headers: { authorization: `Bearer ${jwt}` } }),
        send(new URL(`/connect/endsession?id_token_hint=${jwt}`, server.issuer)),
        send(
          new URL(
            `/connect/authorize?client_id=app&response_type=code&redirect_uri=https://app.example.com/callback&code_challenge=${'a'.repeat(43)}&code_challenge_method=S256&scope=openid&prompt=none&id_token_hint=${jwt}`,
            server.issuer,
          ),
        ),
        devices.ask('auth', { username: 'valve', clientid: 'valve', password: jwt }),
      ]);
      for (const { status } of answers) assert.ok(status < 500, answers.map((each) => each.status).join());
    });
});

describe('a caller who may not call', () => {
  let server: TestServer;
  before(async () => {
    server = await startServer('sqlite');
  });
  after(() => server.stop());

  /** The answer to a request of whose body nothing comes. */
  const withoutBody = async (method: string, path: string, authorization = ''): Promise<string> => {
    const socket = await dial(server.port);
    const answer = new Promise<string>((resolve) =>
      socket.on('data', (chunk: Buffer) => resolve(chunk.toString())),
    );
    const lines = [
      `${method} ${path} HTTP/1.1`,
      `Host: ${new URL(server.issuer).host}`,
      'Content-Type: application/json',
      'Content-Length: 100',
    ];
    socket.write(`${lines.join('\r\n')}\r\n${authorization && `Authorization: ${authorization}\r\n`}\r\n`);
    const text = await answer;
    socket.destroy();
    return text;
  };

  for (const [method, path, authorization] of [
    ...OPERATIONS.filter(({ access, schemas }) => access.kind !== 'open' && schemas.body !== undefined).map(
      ({ method, path }) => [method, path.replace(/\{\w+\}/g, 'x'), 'Bearer nobody'] as const,
    ),
    ['POST', '/connect/register', 'Bearer nobody'],
    ['POST', '/connect/register', ''],
    ['PUT', '/connect/register/app', 'Bearer nobody'],
    ['POST', '/api/v4/auth_username', basic('nobody', 'x')],
    ['POST', '/mqtt/auth', basic('nobody', 'x')],
  ] as const)
    it(`is told so before the body comes: ${method} ${path}, ${authorization.split(' ')[0] || 'nobody'}`, async () => {
      assert.match(await withoutBody(method, path, authorization), /^HTTP\/1\.1 401 /);
    });

  it('is told of the first mistake of an open call, and of a field only as much as is needed [SEC-R25]', async () => {
    const { status, text } = await send(new URL('/api/User/Register', server.issuer), {
      body: JSON.stringify({ ['x'.repeat(10_000)]: 1, ['y'.repeat(10_000)]: 1 }),
      headers: JSON_BODY,
    });
    assert.equal(status, 422);
    assert.ok(text.length < 1000, String(text.length));
    assert.equal((JSON.parse(text) as { data: unknown[] }).data.length, 1);
  });

  it('sends an open call no more than 64 KiB', async () => {
    const { status } = await send(new URL('/api/User/Register', server.issuer), {
      body: JSON.stringify({ userName: 'x'.repeat(65_536) }),
      headers: JSON_BODY,
    });
    assert.equal(status, 413);
  });
});
