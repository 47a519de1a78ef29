import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { exportJWK, generateKeyPair, SignJWT, type CryptoKey, type JWK } from 'jose';
import * as oidc from 'openid-client';
import { GRANT_TYPES } from '../../src/clients/index.js';
import { STORES } from '../support/config.js';
import { startServer, type Answer, type TestServer } from '../support/server.js';
import { authorizePath, pkce, Visitor } from '../support/visitor.js';
import { PASSWORD } from '../support/server.js';

const APP = 'https://app.example.com/callback';
const ASSERTION = 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer';

for (const kind of STORES)
  describe(`clients that sign, on ${kind}`, () => {
    let server: TestServer;
    let key: CryptoKey;
    let stranger: CryptoKey;
    let jwk: JWK;
    let secret: string;

    before(async () => {
      server = await startServer(kind);
      const pair = await generateKeyPair('ES256');
      key = pair.privateKey;
      stranger = (await generateKeyPair('ES256')).privateKey;
      jwk = { ...(await exportJWK(pair.publicKey)), kid: 'k1', alg: 'ES256' };
      await server.addApi('orders', ['orders.read']);
      await server.addClient('signer', {
        grantTypes: [GRANT_TYPES.code, GRANT_TYPES.clientCredentials],
        redirectUris: [APP],
        scopes: ['openid', 'orders.read'],
        tokenEndpointAuthMethod: 'private_key_jwt',
        jwks: { keys: [{ ...jwk }] },
        requireConsent: false,
      });
      await server.addClient('strict', {
        grantTypes: [GRANT_TYPES.code],
        redirectUris: [APP],
        scopes: ['openid', 'orders.read'],
        tokenEndpointAuthMethod: 'private_key_jwt',
        jwks: { keys: [{ ...jwk }] },
        requireConsent: false,
        requirePushedAuthorizationRequests: true,
        requireSignedRequestObject: true,
      });
      secret = await server.addClient('plain', {
        grantTypes: [GRANT_TYPES.clientCredentials],
        scopes: ['orders.read'],
      });
      await server.addUser({ userName: 'alice' });
    });
    after(() => server.stop());

    const assertion = (
      claims: Record<string, unknown> = {},
      { alg = 'ES256', by = key }: { alg?: string; by?: CryptoKey | Uint8Array } = {},
    ): Promise<string> =>
      new SignJWT({ iss: 'signer', sub: 'signer', aud: server.issuer, jti: randomUUID(), ...claims })
        .setProtectedHeader({ alg, ...(alg === 'ES256' && { kid: 'k1' }) })
        .setIssuedAt()
        .setExpirationTime(typeof claims['exp'] === 'number' ? claims['exp'] : '1 minute')
        .sign(by);
    const ask = (jwt: string): Promise<Answer> =>
      server.post('/connect/token', {
        grant_type: 'client_credentials',
        scope: 'orders.read',
        client_assertion_type: ASSERTION,
        client_assertion: jwt,
      });

    it('authenticate with an assertion for the issuer', async () => {
      const { status, body } = await ask(await assertion());
      assert.equal(status, 200, JSON.stringify(body));
    });

    it('are refused when the assertion is for an endpoint, for several, or for somebody else [SEC-27]', async () => {
      for (const aud of [
        `${server.issuer}/connect/token`,
        [server.issuer, 'https://other.example.com'],
        'https://other.example.com',
      ])
        assert.equal((await ask(await assertion({ aud }))).body['error'], 'invalid_client', String(aud));
    });

    it('are refused with an assertion that came before, also at another node and after a restart', async () => {
      const jwt = await assertion();
      assert.equal((await ask(jwt)).status, 200);
      assert.equal((await ask(jwt)).body['error'], 'invalid_client');
      await server.restart();
      assert.equal((await ask(jwt)).body['error'], 'invalid_client');
    });

    it('are let in once with one of many copies of an assertion [SEC-27]', async () => {
      const jwt = await assertion();
      const answers = await Promise.all(Array.from({ length: 20 }, () => ask(jwt)));
      assert.equal(answers.filter(({ status }) => status === 200).length, 1);
    });

    it('are refused when the assertion is expired, of another, of another key, unsigned, or signed with the public key', async () => {
      const none = (text: object): string => Buffer.from(JSON.stringify(text)).toString('base64url');
      const claims = { iss: 'signer', sub: 'signer', aud: server.issuer, jti: 'j', exp: 9_999_999_999 };
      for (const wrong of [
        await assertion({ exp: 1_000_000 }),
        await assertion({ iss: 'plain' }),
        await assertion({ jti: undefined }),
        await assertion({}, { by: stranger }),
        await assertion({}, { alg: 'HS256', by: new TextEncoder().encode(JSON.stringify(jwk)) }),
        `${none({ alg: 'none' })}.${none(claims)}.`,
      ])
        assert.equal((await ask(wrong)).body['error'], 'invalid_client');
    });

    it('may not authenticate in two ways at once [SEC-26]', async () => {
      const answer = await server.post(
        '/connect/token',
        {
          grant_type: 'client_credentials',
          client_assertion_type: ASSERTION,
          client_assertion: await assertion(),
        },
        server.basic('plain', secret),
      );
      assert.equal(answer.status, 400);
      assert.equal(answer.body['error'], 'invalid_request');
    });

    for (const path of ['/connect/token', '/connect/par', '/connect/revocation', '/connect/introspect'])
      it(`are authenticated at ${path} [SEC-26]`, async () => {
        const form = { grant_type: 'client_credentials', token: 'x' };
        for (const [more, headers] of [
          [{ client_id: 'plain' }, {}],
          [{ client_id: 'plain', client_secret: 'wrong' }, {}],
          [{}, server.basic('plain', 'wrong')],
          [{}, server.basic('nobody', 'wrong')],
        ] as const) {
          const { status, body } = await server.post(path, { ...form, ...more }, headers);
          assert.deepEqual([status, body['error']], [401, 'invalid_client']);
        }
      });

    it('push a signed request with openid-client, and sign in with it once', async () => {
      const config = await oidc.discovery(
        new URL(server.issuer),
        'strict',
        undefined,
        oidc.PrivateKeyJwt({ key, kid: 'k1' }),
        { execute: [oidc.allowInsecureRequests] },
      );
      const { verifier, challenge } = pkce();
      const signed = await oidc.buildAuthorizationUrlWithJAR(
        config,
        {
          redirect_uri: APP,
          scope: 'openid orders.read',
          state: 'of-the-test',
          code_challenge: challenge,
          code_challenge_method: 'S256',
        },
        { key, kid: 'k1' },
      );
      const url = await oidc.buildAuthorizationUrlWithPAR(config, signed.searchParams);
      const visitor = new Visitor(server.issuer);
      const page = await visitor.go(url);
      const back = await visitor.submit(page, '/sign-in', { login: 'alice', password: PASSWORD });
      assert.equal(back.url.searchParams.get('iss'), server.issuer);
      const tokens = await oidc.authorizationCodeGrant(config, back.url, {
        pkceCodeVerifier: verifier,
        expectedState: 'of-the-test',
      });
      assert.equal(tokens.scope, 'openid orders.read');
      const again = await visitor.go(url);
      assert.equal(again.url.searchParams.get('code'), null);
      assert.equal(again.url.searchParams.get('error'), 'invalid_request_uri');
    });

    it('that have to push are refused at the authorization endpoint, and that have to sign when they do not', async () => {
      const visitor = new Visitor(server.issuer);
      const path = authorizePath({ client_id: 'strict', redirect_uri: APP });
      assert.equal((await visitor.go(path)).url.searchParams.get('error'), 'invalid_request');
      const { status, body } = await server.post('/connect/par', {
        client_id: 'strict',
        response_type: 'code',
        redirect_uri: APP,
        code_challenge: pkce().challenge,
        code_challenge_method: 'S256',
        client_assertion_type: ASSERTION,
        client_assertion: await assertion({ iss: 'strict', sub: 'strict' }),
      });
      assert.deepEqual([status, body['error']], [400, 'invalid_request']);
    });

    it('send requests that count only as they were signed', async () => {
      const visitor = new Visitor(server.issuer);
      const object = (by: CryptoKey, more: Record<string, unknown> = {}): Promise<string> =>
        new SignJWT({
          iss: 'signer',
          aud: server.issuer,
          client_id: 'signer',
          response_type: 'code',
          redirect_uri: APP,
          scope: 'openid',
          state: 'signed',
          code_challenge: pkce().challenge,
          code_challenge_method: 'S256',
          prompt: 'none',
          ...more,
        })
          .setProtectedHeader({ alg: 'ES256', kid: 'k1' })
          .setExpirationTime('1 minute')
          .sign(by);
      const send = async (request: string): Promise<URLSearchParams> => {
        const path = authorizePath({ client_id: 'signer', redirect_uri: APP, state: 'plain', request });
        return (await visitor.go(path)).url.searchParams;
      };
      const answer = await send(await object(key));
      assert.deepEqual([answer.get('error'), answer.get('state')], ['login_required', 'signed']);
      for (const wrong of [await object(stranger), await object(key, { aud: 'https://other.example.com' })])
        assert.equal((await send(wrong)).get('error'), 'invalid_request_object');
      const evil = await visitor.go(
        authorizePath({
          client_id: 'signer',
          redirect_uri: APP,
          request: await object(key, { redirect_uri: 'https://evil.example' }),
        }),
      );
      assert.deepEqual([evil.status, evil.url.origin], [400, server.issuer]);
      const byReference = await visitor.go(
        authorizePath({ client_id: 'signer', redirect_uri: APP, request_uri: 'https://evil.example/r' }),
      );
      assert.notEqual(byReference.url.searchParams.get('error'), null);
    });
  });
