import assert from 'node:assert/strict';
import { decodeJwt } from 'jose';
import * as oidc from 'openid-client';
import { GRANT_TYPES } from '../../src/clients/index.js';
import { newCertificate, clientCert } from '../support/certificates.js';
import { STORES } from '../support/config.js';
import { discover, PASSWORD, startServer, type Answer, type TestServer } from '../support/server.js';
import { proofOf, newDpopKey } from '../support/dpop.js';
import { obtainCode } from '../support/visitor.js';

const APP = 'https://app.example.com/callback';

for (const kind of STORES)
  describe(`tokens bound to a key (DPoP), on ${kind}`, () => {
    let server: TestServer;
    let secret: string;

    before(async () => {
      server = await startServer(kind);
      await server.addApi('orders', ['orders.read']);
      await server.addApi('stock', ['stock.read'], { accessTokenFormat: 'opaque' });
      secret = await server.addClient('machine', {
        grantTypes: [GRANT_TYPES.clientCredentials],
        scopes: ['orders.read', 'stock.read'],
        resources: ['orders', 'stock'],
      });
      await server.addClient('app', {
        grantTypes: [GRANT_TYPES.code, GRANT_TYPES.refresh, GRANT_TYPES.password],
        redirectUris: [APP],
        scopes: ['openid', 'offline_access', 'orders.read'],
        tokenEndpointAuthMethod: 'none',
        requireConsent: false,
        dpopBoundAccessTokens: true,
      });
      await server.addUser({ userName: 'alice' });
    });
    after(() => server.stop());

    const tokenUrl = (): string => `${server.issuer}/connect/token`;
    const machineToken = (proof: string, scope = 'orders.read'): Promise<Answer> =>
      server.post(
        '/connect/token',
        { grant_type: 'client_credentials', scope },
        { ...server.basic('machine', secret), dpop: proof },
      );
    const introspect = async (token: unknown): Promise<Record<string, unknown>> =>
      (await server.post('/connect/introspect', { token: String(token) }, server.basic('machine', secret)))
        .body;

    for (const scope of ['orders.read', 'stock.read'])
      it(`names the key in the token and at introspection, for ${scope}`, async () => {
        const key = await newDpopKey();
        const { status, body } = await machineToken(await proofOf(key, 'POST', tokenUrl()), scope);
        assert.equal(status, 200, JSON.stringify(body));
        assert.equal(body['token_type'], 'DPoP');
        const { active, cnf, token_type } = await introspect(body['access_token']);
        assert.deepEqual([active, cnf, token_type], [true, { jkt: key.thumbprint }, 'DPoP']);
      });

    it('refuses a proof that comes a second time, on another node and after a restart as well', async () => {
      const proof = await proofOf(await newDpopKey(), 'POST', tokenUrl());
      assert.equal((await machineToken(proof)).status, 200);
      assert.equal((await machineToken(proof)).body['error'], 'invalid_grant');
      await server.restart();
      assert.equal((await machineToken(proof)).body['error'], 'invalid_grant');
    });

    it('takes one of many copies of a proof that come at once', async () => {
      const proof = await proofOf(await newDpopKey(), 'POST', tokenUrl());
      const answers = await Promise.all(Array.from({ length: 20 }, () => machineToken(proof)));
      assert.equal(answers.filter(({ status }) => status === 200).length, 1);
    });

    it('refuses a proof for another address, another method, of another time or with another signature', async () => {
      const key = await newDpopKey();
      const other = await newDpopKey();
      for (const wrong of [
        await proofOf(key, 'POST', `${server.issuer}/connect/par`),
        await proofOf(key, 'GET', tokenUrl()),
        await proofOf(key, 'POST', tokenUrl(), { signWith: other }),
        'no proof',
      ])
        assert.equal((await machineToken(wrong)).body['error'], 'invalid_dpop_proof');
      const late = await machineToken(await proofOf(key, 'POST', tokenUrl(), { iat: 1_000_000 }));
      assert.equal(late.body['error'], 'use_dpop_nonce');
      assert.ok(late.headers.get('dpop-nonce'));
    });

    it('takes a late clock with a nonce that another node gave', async () => {
      const key = await newDpopKey();
      const late = await machineToken(await proofOf(key, 'POST', tokenUrl(), { iat: 1_000_000 }));
      const nonce = late.headers.get('dpop-nonce') as string;
      await server.restart();
      const proof = await proofOf(key, 'POST', tokenUrl(), { iat: 1_000_000, nonce });
      assert.equal((await machineToken(proof)).status, 200);
      const wrong = await proofOf(key, 'POST', tokenUrl(), { nonce: 'A'.repeat(43) });
      assert.equal((await machineToken(wrong)).body['error'], 'use_dpop_nonce');
    });

    it('gives a client that must send a proof nothing without one', async () => {
      const form = {
        grant_type: 'password',
        client_id: 'app',
        username: 'alice',
        password: PASSWORD,
        scope: 'openid orders.read',
      };
      assert.equal((await server.post('/connect/token', form)).body['error'], 'invalid_grant');
      const key = await newDpopKey();
      const { body } = await server.post('/connect/token', form, {
        dpop: await proofOf(key, 'POST', tokenUrl()),
      });
      assert.equal(body['token_type'], 'DPoP');
      assert.deepEqual((decodeJwt(String(body['access_token'])) as { cnf: unknown }).cnf, {
        jkt: key.thumbprint,
      });
    });

    it('works with openid-client from the code to userinfo and refresh, and with no other key', async () => {
      const config = await discover(server.issuer, 'app');
      const handle = oidc.getDPoPHandle(config, await oidc.randomDPoPKeyPair('ES256'));
      const { answer, verifier } = await obtainCode(server, {
        clientId: 'app',
        redirectUri: APP,
        scope: 'openid offline_access orders.read',
      });
      const tokens = await oidc.authorizationCodeGrant(
        config,
        answer,
        { pkceCodeVerifier: verifier, expectedState: 'state-of-the-test' },
        undefined,
        { DPoP: handle },
      );
      assert.equal(tokens.token_type, 'dpop');
      const sub = tokens.claims()?.sub as string;
      const info = await oidc.fetchUserInfo(config, tokens.access_token, sub, { DPoP: handle });
      assert.equal(info.sub, sub);
      const bearer = await fetch(`${server.issuer}/connect/userinfo`, {
        headers: { authorization: `Bearer ${tokens.access_token}` },
      });
      assert.equal(bearer.status, 401);
      const thief = oidc.getDPoPHandle(config, await oidc.randomDPoPKeyPair('ES256'));
      await assert.rejects(
        oidc.refreshTokenGrant(config, tokens.refresh_token as string, undefined, { DPoP: thief }),
        (error: oidc.ResponseBodyError) => error.error === 'invalid_grant',
      );
      const next = await oidc.refreshTokenGrant(config, tokens.refresh_token as string, undefined, {
        DPoP: handle,
      });
      assert.equal(next.token_type, 'dpop');
    });

    it('binds a code to the key that it was asked for with (dpop_jkt) [SEC-16]', async () => {
      const [key, other] = [await newDpopKey(), await newDpopKey()];
      for (const [used, expected] of [
        [other, 400],
        [key, 200],
      ] as const) {
        const { code, verifier } = await obtainCode(server, {
          clientId: 'app',
          redirectUri: APP,
          more: { dpop_jkt: key.thumbprint },
        });
        const form = {
          grant_type: 'authorization_code',
          client_id: 'app',
          code,
          code_verifier: verifier,
          redirect_uri: APP,
        };
        const { status } = await server.post('/connect/token', form, {
          dpop: await proofOf(used, 'POST', tokenUrl()),
        });
        assert.equal(status, expected);
      }
    });
  });

describe('tokens bound to a certificate (mutual TLS behind a proxy)', () => {
  let server: TestServer;
  let direct: TestServer;
  const mine = newCertificate('/C=CH/O=Example, Inc/CN=client.example.com', 'DNS:client.example.com');
  const theirs = newCertificate('/CN=client.example.com', 'DNS:other.example.com');

  before(async () => {
    server = await startServer(
      'sqlite',
      { GATEHOUSE_TRUST_PROXY: '127.0.0.0/8,::1' },
      {
        mtls: { header: 'client-cert', verifiedByProxy: true },
      },
    );
    direct = await startServer('sqlite');
    for (const each of [server, direct]) {
      await each.addApi('orders', ['orders.read']);
      const service = {
        grantTypes: [GRANT_TYPES.clientCredentials],
        scopes: ['orders.read'],
        tlsClientCertificateBoundAccessTokens: true,
      };
      await each.addClient('self-signed', {
        ...service,
        tokenEndpointAuthMethod: 'self_signed_tls_client_auth',
        jwks: { keys: [{ ...mine.publicKey.export({ format: 'jwk' }), x5c: [mine.raw.toString('base64')] }] },
      });
    }
    const pki = { grantTypes: [GRANT_TYPES.clientCredentials], scopes: ['orders.read'] };
    await server.addClient('by-dns', {
      ...pki,
      tokenEndpointAuthMethod: 'tls_client_auth',
      tlsClientAuthSanDns: 'client.example.com',
    });
    await server.addClient('by-dn', {
      ...pki,
      tokenEndpointAuthMethod: 'tls_client_auth',
      tlsClientAuthSubjectDn: 'CN=client.example.com,O=Example\\, Inc,C=CH',
    });
  });
  after(async () => {
    await server.stop();
    await direct.stop();
  });

  const ask = (to: TestServer, clientId: string, headers: Record<string, string>): Promise<Answer> =>
    to.post(
      '/connect/token',
      { grant_type: 'client_credentials', client_id: clientId, scope: 'orders.read' },
      headers,
    );

  it('authenticates a client by its registered certificate, and names that in the token', async () => {
    const { status, body } = await ask(server, 'self-signed', clientCert(mine));
    assert.equal(status, 200, JSON.stringify(body));
    const { cnf } = decodeJwt(String(body['access_token'])) as { cnf: Record<string, string> };
    assert.deepEqual(cnf, {
      'x5t#S256': Buffer.from(mine.fingerprint256.replaceAll(':', ''), 'hex').toString('base64url'),
    });
  });

  it('takes the certificate as nginx escapes it', async () => {
    const headers = { 'client-cert': encodeURIComponent(mine.toString()) };
    assert.equal((await ask(server, 'self-signed', headers)).status, 200);
  });

  it('refuses another certificate, something that is none, and none at all', async () => {
    for (const headers of [clientCert(theirs), { 'client-cert': ':AAAA:' }, {}])
      assert.equal((await ask(server, 'self-signed', headers)).body['error'], 'invalid_client');
  });

  it('believes no header of somebody who is not the proxy [SEC-32]', async () => {
    assert.equal((await ask(direct, 'self-signed', clientCert(mine))).body['error'], 'invalid_client');
  });

  for (const clientId of ['by-dns', 'by-dn'])
    it(`authenticates by what a certificate says that the proxy has verified, ${clientId}`, async () => {
      assert.equal((await ask(server, clientId, clientCert(mine))).status, 200);
      assert.equal((await ask(server, clientId, clientCert(theirs))).body['error'], 'invalid_client');
    });
});
