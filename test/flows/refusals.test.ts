import assert from 'node:assert/strict';
import { request } from 'node:http';
import { insertApiResource, newApiResource } from '../../src/api-resources/index.js';
import { GRANT_TYPES } from '../../src/clients/index.js';
import { tenantDb } from '../../src/store/index.js';
import { CLIENT_SECRET, STORES } from '../support/config.js';
import { answerOf, PASSWORD, startServer, type Answer, type TestServer } from '../support/server.js';
import { authorizePath, obtainCode, pkce, Visitor, type Page } from '../support/visitor.js';

const REDIRECT = 'https://app.example.com/callback';

for (const kind of STORES)
  describe(`refusals, on ${kind}`, () => {
    let server: TestServer;
    let management: Record<string, string>;

    before(async () => {
      server = await startServer(kind);
      await server.addUser({ userName: 'alice' });
      await insertApiResource(
        tenantDb(server.context.store.knex, server.home.tenant.id),
        newApiResource('orders', ['orders.read']),
      );
      const app = {
        grantTypes: [GRANT_TYPES.code, GRANT_TYPES.refresh],
        redirectUris: [REDIRECT],
        scopes: ['openid', 'offline_access'],
        tokenEndpointAuthMethod: 'none' as const,
      };
      await server.addClient('app', app);
      await server.addClient('other-app', app);
      management = server.basic('gatehouse-cli', CLIENT_SECRET);
    });

    after(() => server.stop());

    const artifacts = async (): Promise<number> => {
      const row = await server.context.store
        .prepare('SELECT COUNT(*) AS n FROM oidc_artifacts WHERE tenant_id = ?')
        .first(server.home.tenant.id);
      return Number(row?.['n']);
    };

    /** Asks, and checks the status, the OAuth error, and that nothing was written. */
    async function refused(ask: () => Promise<Answer>, status: number, error: string): Promise<Answer> {
      const before = await artifacts();
      const answer = await ask();
      assert.deepEqual([answer.status, answer.body['error']], [status, error]);
      assert.equal(await artifacts(), before);
      return answer;
    }

    const token = (form: Record<string, string> | URLSearchParams, headers = management): Promise<Answer> =>
      server.post('/connect/token', form, headers);
    const raw = async (type: string, body: string): Promise<Answer> =>
      answerOf(
        await fetch(`${server.issuer}/connect/token`, {
          method: 'POST',
          headers: { ...management, 'content-type': type },
          body,
        }),
      );
    const authorize = (query: Record<string, string>): Promise<Page> =>
      new Visitor(server.issuer).go(authorizePath({ client_id: 'app', redirect_uri: REDIRECT, ...query }));

    describe('at the token endpoint', () => {
      it('refuses a wrong client secret', () =>
        refused(
          () => token({ grant_type: 'client_credentials' }, server.basic('gatehouse-cli', 'wrong')),
          401,
          'invalid_client',
        ));

      it('refuses the stored hash of a secret as a secret', async () => {
        const row = await server.context.store
          .prepare('SELECT hash FROM client_secrets WHERE tenant_id = ? LIMIT 1')
          .first(server.home.tenant.id);
        await refused(
          () =>
            token({ grant_type: 'client_credentials' }, server.basic('gatehouse-cli', String(row?.['hash']))),
          401,
          'invalid_client',
        );
      });

      it('refuses an unknown client, in the words of a wrong secret', async () => {
        const unknown = await refused(
          () => token({ grant_type: 'client_credentials' }, server.basic('nobody', 'x')),
          401,
          'invalid_client',
        );
        const wrong = await token({ grant_type: 'client_credentials' }, server.basic('gatehouse-cli', 'x'));
        assert.deepEqual(unknown.body, wrong.body);
      });

      it('refuses two ways of client authentication at once', () =>
        refused(
          () =>
            token({
              grant_type: 'client_credentials',
              client_id: 'gatehouse-cli',
              client_secret: CLIENT_SECRET,
            }),
          400,
          'invalid_request',
        ));

      it('refuses a grant that nobody knows', () =>
        refused(() => token({ grant_type: 'magic' }), 400, 'unsupported_grant_type'));

      it('refuses a grant that the client was not given [SEC-25] [SEC-29]', () =>
        refused(
          () =>
            token({ grant_type: 'password', client_id: 'app', username: 'alice', password: PASSWORD }, {}),
          400,
          'unauthorized_client',
        ));

      it('refuses a scope that the client may not have, and says which [SEC-18]', async () => {
        const answer = await refused(
          () => token({ grant_type: 'client_credentials', scope: 'isms.user.get orders.read' }),
          400,
          'invalid_scope',
        );
        assert.equal(answer.body['scope'], 'orders.read');
      });

      it('refuses scopes about a person where there is none', () =>
        refused(() => token({ grant_type: 'client_credentials', scope: 'openid' }), 400, 'invalid_scope'));

      it('refuses scopes of two APIs without resource, and says what to do [SEC-17]', async () => {
        const secret = await server.addClient('two-apis', {
          grantTypes: [GRANT_TYPES.clientCredentials],
          scopes: ['orders.read', 'isms.user.get'],
        });
        const two = server.basic('two-apis', secret);
        const answer = await refused(
          () => token({ grant_type: 'client_credentials', scope: 'orders.read isms.user.get' }, two),
          400,
          'invalid_target',
        );
        assert.equal(
          answer.body['error_description'],
          'the scopes belong to 2 APIs (orders, isms), a token is for one: ask for the scopes of one, or name it with the resource parameter',
        );
        assert.equal(
          (
            await token(
              { grant_type: 'client_credentials', scope: 'orders.read', resource: 'urn:resource:orders' },
              two,
            )
          ).status,
          200,
        );
        await refused(
          () =>
            token(
              { grant_type: 'client_credentials', scope: 'orders.read', resource: 'urn:resource:isms' },
              two,
            ),
          400,
          'invalid_scope',
        );
      });

      it('refuses a resource that does not exist', () =>
        refused(
          () => token({ grant_type: 'client_credentials', resource: 'urn:resource:nothing' }),
          400,
          'invalid_target',
        ));

      it('refuses a parameter that comes twice', () =>
        refused(
          () =>
            token(new URLSearchParams('grant_type=client_credentials&scope=isms.user.get&scope=isms.all')),
          400,
          'invalid_request',
        ));

      it('refuses a scope of 10,000 words', () =>
        refused(
          () =>
            token({
              grant_type: 'client_credentials',
              scope: Array.from({ length: 10_000 }, (_, i) => `s${i}`).join(' '),
            }),
          400,
          'invalid_request',
        ));

      it('refuses a scope of as many words as fit in a body', () =>
        refused(
          () =>
            token({
              grant_type: 'client_credentials',
              scope: Array.from({ length: 8000 }, (_, i) => `s${i}`).join(' '),
            }),
          400,
          'invalid_scope',
        ));

      it('refuses NUL bytes everywhere', async () => {
        await refused(
          () => token({ grant_type: 'client_credentials', scope: 'isms.user.get\u0000' }),
          400,
          'invalid_scope',
        );
        await refused(() => token({ grant_type: 'client_credentials\u0000' }), 400, 'unsupported_grant_type');
        await refused(
          () => token({ grant_type: 'password', username: 'alice\u0000', password: PASSWORD }),
          400,
          'invalid_grant',
        );
        await refused(
          () => token({ grant_type: 'password', username: 'alice', password: `${PASSWORD}\u0000` }),
          400,
          'invalid_grant',
        );
        await refused(
          () => token({ grant_type: 'client_credentials', client_id: 'app\u0000' }, {}),
          401,
          'invalid_client',
        );
        await refused(
          () => token({ grant_type: 'refresh_token', refresh_token: 'a\u0000b' }),
          400,
          'invalid_grant',
        );
      });

      it('refuses a body that is no form', () =>
        refused(
          () => raw('application/json', '{"grant_type":"client_credentials"}'),
          400,
          'invalid_request',
        ));

      it('takes a malformed form for what it says, and refuses that', () =>
        refused(
          () => raw('application/x-www-form-urlencoded', '%%%&&&==grant_type'),
          400,
          'invalid_request',
        ));

      it('refuses a body of 10 MB without reading it', () =>
        refused(() => tenMegabytes(server, management), 400, 'invalid_request'));
    });

    describe('of codes', () => {
      const redeem = (form: Record<string, string>): Promise<Answer> =>
        token({ grant_type: 'authorization_code', client_id: 'app', redirect_uri: REDIRECT, ...form }, {});

      it('refuses an expired one [SEC-15]', async () => {
        const { code, verifier } = await obtainCode(server, { clientId: 'app', redirectUri: REDIRECT });
        const { knex } = server.context.store;
        const rows = (await knex('oidc_artifacts').where({ model: 'AuthorizationCode' })) as {
          id: string;
          payload: string;
        }[];
        for (const { id, payload } of rows)
          await knex('oidc_artifacts')
            .where({ id })
            .update({ payload: JSON.stringify({ ...(JSON.parse(payload) as object), exp: 1 }) });
        await refused(() => redeem({ code, code_verifier: verifier }), 400, 'invalid_grant');
      });

      it('refuses one of another client [SEC-16]', async () => {
        const { code, verifier } = await obtainCode(server, { clientId: 'app', redirectUri: REDIRECT });
        await refused(
          () => redeem({ client_id: 'other-app', code, code_verifier: verifier }),
          400,
          'invalid_grant',
        );
      });

      it('refuses another verifier, and none [SEC-4]', async () => {
        const { code } = await obtainCode(server, { clientId: 'app', redirectUri: REDIRECT });
        await refused(() => redeem({ code, code_verifier: pkce().verifier }), 400, 'invalid_grant');
        await refused(() => redeem({ code }), 400, 'invalid_grant');
      });

      it('refuses another redirect URI [SEC-16]', async () => {
        const { code, verifier } = await obtainCode(server, { clientId: 'app', redirectUri: REDIRECT });
        await refused(
          () => redeem({ code, code_verifier: verifier, redirect_uri: `${REDIRECT}/` }),
          400,
          'invalid_grant',
        );
      });
    });

    describe('at the authorization endpoint', () => {
      it('demands PKCE of every client [SEC-3]', async () => {
        const { url } = await authorize({ code_challenge: '', code_challenge_method: '' });
        assert.equal(url.searchParams.get('error'), 'invalid_request');
        assert.equal(
          url.searchParams.get('error_description'),
          'Authorization Server policy requires PKCE to be used for this request',
        );
      });

      it('refuses the plain method [SEC-3]', async () => {
        const { url } = await authorize({ code_challenge_method: 'plain' });
        assert.equal(url.searchParams.get('error'), 'invalid_request');
        assert.equal(
          url.searchParams.get('error_description'),
          'not supported value of code_challenge_method',
        );
      });

      for (const [what, uri] of [
        ['one more', `${REDIRECT}s`],
        ['one less', REDIRECT.slice(0, -1)],
        ['another case', REDIRECT.replace('/c', '/C')],
      ])
        it(`shows an error page, and sends nobody anywhere, for a redirect URI with ${what} character [SEC-1]`, async () => {
          const page = await authorize({ redirect_uri: uri as string });
          assert.equal(page.status, 400);
          assert.equal(page.url.origin, server.issuer);
          assert.match(page.html, /invalid_redirect_uri/);
        });

      it('shows an error page for an unknown client [SEC-2]', async () => {
        const page = await authorize({ client_id: 'nobody' });
        assert.equal(page.url.origin, server.issuer);
        assert.match(page.html, /invalid_client/);
      });

      it('gives no token without a code [SEC-5]', async () => {
        for (const type of ['token', 'id_token', 'id_token token', 'code token', 'code id_token']) {
          const { url } = await authorize({ response_type: type, nonce: 'n' });
          assert.equal(
            url.searchParams.get('error') ?? new URLSearchParams(url.hash.slice(1)).get('error'),
            'unsupported_response_type',
          );
        }
      });

      it('refuses a scope that the client may not have', async () => {
        const { url } = await authorize({ scope: 'openid isms.all' });
        assert.equal(url.searchParams.get('error'), 'invalid_scope');
        assert.equal(url.searchParams.get('iss'), server.issuer);
      });

      it('gives a state with line breaks back as data', async () => {
        const state = 'x\r\nSet-Cookie: hacked=1';
        const { answer, visitor } = await obtainCode(server, {
          clientId: 'app',
          redirectUri: REDIRECT,
          more: { state },
        });
        assert.equal(answer.searchParams.get('state'), state);
        assert.ok(!visitor.cookies().includes('hacked'));
      });

      it('says who issued the code [SEC-6]', async () => {
        const { answer } = await obtainCode(server, { clientId: 'app', redirectUri: REDIRECT });
        assert.equal(answer.searchParams.get('iss'), server.issuer);
      });
    });

    describe('at userinfo', () => {
      const userinfo = (bearer: string): Promise<Response> =>
        fetch(`${server.issuer}/connect/userinfo`, { headers: { authorization: `Bearer ${bearer}` } });

      it("refuses a client's own token", async () => {
        const { body } = await token({ grant_type: 'client_credentials', scope: 'isms.user.get' });
        assert.equal((await userinfo(String(body['access_token']))).status, 401);
      });

      it('refuses a token without openid', async () => {
        const { body } = await token({
          grant_type: 'password',
          username: 'alice',
          password: PASSWORD,
          scope: 'isms.user.get',
        });
        assert.equal((await userinfo(String(body['access_token']))).status, 403);
      });

      it('refuses a changed, an unsigned and a foreign token [SEC-23]', async () => {
        const { body } = await token({
          grant_type: 'password',
          username: 'alice',
          password: PASSWORD,
          scope: 'openid isms.user.get',
        });
        const good = String(body['access_token']);
        assert.equal((await userinfo(good)).status, 200);
        const [header = '', claims = '', signature = ''] = good.split('.');
        const forged = Buffer.from(
          JSON.stringify({
            ...(JSON.parse(Buffer.from(claims, 'base64url').toString()) as object),
            sub: 'somebody',
          }),
        ).toString('base64url');
        const none = Buffer.from(JSON.stringify({ alg: 'none', typ: 'at+jwt' })).toString('base64url');
        for (const bad of [
          `${header}.${forged}.${signature}`,
          `${none}.${claims}.`,
          `${header}.${claims}.${signature.slice(2)}AA`,
          String(body['id_token']),
          'a.b.c',
        ])
          assert.equal((await userinfo(bad)).status, 401);
      });
    });
  });

/** Announces ten megabytes and sends until it is answered. */
function tenMegabytes(server: TestServer, headers: Record<string, string>): Promise<Answer> {
  const size = 10 * 1024 * 1024;
  return new Promise((resolve, reject) => {
    const sending = request(
      new URL('/connect/token', server.issuer),
      {
        method: 'POST',
        headers: { ...headers, 'content-type': 'application/x-www-form-urlencoded', 'content-length': size },
      },
      (response) => {
        let text = '';
        response.on('data', (chunk: Buffer) => (text += chunk.toString()));
        response.on('end', () => {
          sending.destroy();
          resolve({
            status: response.statusCode ?? 0,
            headers: new Headers(),
            body: JSON.parse(text) as Record<string, unknown>,
          });
        });
      },
    );
    sending.on('error', reject);
    sending.write(`grant_type=client_credentials&x=${'x'.repeat(1024 * 1024)}`);
  });
}
