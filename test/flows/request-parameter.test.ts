import assert from 'node:assert/strict';
import { UnsecuredJWT } from 'jose';
import { STORES } from '../support/config.js';
import { startServer, type TestServer } from '../support/server.js';

/** What is no request object that anybody signed, and names a scope where it can. */
const UNSIGNED = new UnsecuredJWT({ scope: 'shop.write', client_id: 'program' }).encode();
const REQUESTS = ['', 'abc', 'a.b.c', '..', 'eyJhbGciOiJub25lIn0.bnVsbA.', UNSIGNED];

for (const kind of STORES)
  describe(`the parameter "request" where nobody has verified it, on ${kind}`, () => {
    let server: TestServer;
    let headers: Record<string, string>;
    before(async () => {
      server = await startServer(kind);
      await server.addApi('shop', ['shop.read', 'shop.write']);
      const secret = await server.addClient('program', {
        grantTypes: [
          'client_credentials',
          'authorization_code',
          'urn:ietf:params:oauth:grant-type:device_code',
        ],
        redirectUris: ['https://program.example.com/cb'],
        scopes: ['openid', 'shop.read', 'shop.write'],
      });
      headers = server.basic('program', secret);
    });
    after(() => server.stop());

    for (const request of REQUESTS) {
      const shown = JSON.stringify(request.slice(0, 20));
      it(`is no part of a client’s own request for a token: ${shown} [SEC-R25]`, async () => {
        const form = { grant_type: 'client_credentials', scope: 'shop.read', request };
        const { status, body } = await server.post('/connect/token', form, headers);
        assert.deepEqual([status, body['scope']], [200, 'shop.read']);
      });

      const asked = {
        ...{ client_id: 'program', response_type: 'code', scope: 'openid', request },
        ...{ redirect_uri: 'https://program.example.com/cb', code_challenge_method: 'S256' },
        code_challenge: 'E9Melhoa2OwvFrEMTJguCHaoeGDWZ1oYzaxSQ5DF6V8',
      };
      for (const [path, good] of [
        ['/connect/par', 201],
        ['/connect/deviceauthorization', 200],
      ] as const)
        it(`is refused at ${path} unless it is empty: ${shown}`, async () => {
          const { status } = await server.post(path, asked, headers);
          assert.equal(status, request === '' ? good : 400);
        });

      it(`is refused at /connect/authorize unless it is empty: ${shown}`, async () => {
        const url = `${server.issuer}/connect/authorize?${new URLSearchParams(asked).toString()}`;
        const { status, headers: sent } = await fetch(url, { redirect: 'manual' });
        const error = URL.parse(sent.get('location') ?? '', server.issuer)?.searchParams.get('error');
        assert.deepEqual([status, error], [303, request === '' ? null : 'invalid_request_object']);
      });
    }
  });
