import assert from 'node:assert/strict';
import { decodeProtectedHeader } from 'jose';
import { GRANT_TYPES, setClientEnabled } from '../../src/clients/index.js';
import { rotateKeys, scheduleOf } from '../../src/oidc/index.js';
import { setUserEnabled } from '../../src/users/index.js';
import { CLIENT_SECRET, STORES } from '../support/config.js';
import { send } from '../support/http.js';
import { PASSWORD, startServer, type Answer, type TestServer } from '../support/server.js';
import { authorizePath } from '../support/visitor.js';

for (const kind of STORES)
  describe(`a change while the server runs, on ${kind}`, () => {
    let server: TestServer;
    before(async () => {
      server = await startServer(kind);
    });
    after(() => server.stop());

    const token = (
      form: Record<string, string>,
      id = 'gatehouse-cli',
      secret = CLIENT_SECRET,
    ): Promise<Answer> => server.post('/connect/token', form, server.basic(id, secret));

    it('lets a new client ask at once, and a disabled one no more', async () => {
      const secret = await server.addClient('job', {
        grantTypes: [GRANT_TYPES.clientCredentials],
        scopes: ['isms.user.get'],
      });
      assert.equal((await token({ grant_type: 'client_credentials' }, 'job', secret)).status, 200);
      await server.change((db) => setClientEnabled(db, 'job', false));
      assert.equal(
        (await token({ grant_type: 'client_credentials' }, 'job', secret)).body['error'],
        'invalid_client',
      );
      await server.change((db) => setClientEnabled(db, 'job', true));
      assert.equal((await token({ grant_type: 'client_credentials' }, 'job', secret)).status, 200);
    });

    it('ends a disabled user’s refresh tokens and userinfo', async () => {
      const user = await server.addUser({ userName: 'leaver' });
      const form = {
        grant_type: 'password',
        username: 'leaver',
        password: PASSWORD,
        scope: 'openid offline_access',
      };
      const { body } = await token(form);
      const userinfo = async (): Promise<number> =>
        (
          await fetch(`${server.issuer}/connect/userinfo`, {
            headers: { authorization: `Bearer ${String(body['access_token'])}` },
          })
        ).status;
      assert.equal(await userinfo(), 200);
      await server.change((db) => setUserEnabled(db, user.userName, false));
      assert.equal(await userinfo(), 401);
      const refreshed = await token({
        grant_type: 'refresh_token',
        refresh_token: String(body['refresh_token']),
      });
      assert.equal(refreshed.body['error'], 'invalid_grant');
    });

    it('signs with rotated keys, and still takes what the old ones signed', async () => {
      await server.addUser({ userName: 'stayer' });
      const form = {
        grant_type: 'password',
        username: 'stayer',
        password: PASSWORD,
        scope: 'openid isms.user.get',
      };
      const kid = (answer: Answer): string | undefined =>
        decodeProtectedHeader(String(answer.body['access_token'])).kid;
      const published = async (): Promise<string[]> => {
        const { keys } = (await (await fetch(`${server.issuer}/.well-known/jwks.json`)).json()) as {
          keys: { kid: string }[];
        };
        return keys.map((key) => key.kid);
      };
      const before = await token(form);
      const { config, store, vault } = server.context;
      await rotateKeys(store, vault, server.home.tenant.id, scheduleOf(config), { now: true });
      await server.refresh();
      const after = await token(form);
      assert.notEqual(kid(after), kid(before));
      for (const answer of [before, after]) {
        assert.ok((await published()).includes(kid(answer) as string));
        const headers = { authorization: `Bearer ${String(answer.body['access_token'])}` };
        assert.equal((await fetch(`${server.issuer}/connect/userinfo`, { headers })).status, 200);
      }
    });
  });

describe('the published documents', () => {
  let server: TestServer;
  before(async () => {
    server = await startServer('sqlite');
  });
  after(() => server.stop());

  for (const path of [
    '/.well-known/openid-configuration',
    '/.well-known/openid-configuration/jwks',
    '/.well-known/jwks.json',
    '/.well-known/oauth-authorization-server',
  ])
    it(`${path} is the same bytes each time, and nothing when they are known`, async () => {
      const url = server.issuer + path;
      const [first, second] = [await fetch(url), await fetch(url)];
      assert.equal(first.headers.get('cache-control'), 'public, max-age=300');
      assert.equal(first.headers.get('access-control-allow-origin'), '*');
      assert.equal(first.headers.get('etag'), second.headers.get('etag'));
      assert.equal(await first.text(), await second.text());
      const known = await fetch(url, { headers: { 'if-none-match': first.headers.get('etag') as string } });
      assert.deepEqual([known.status, await known.text()], [304, '']);
      const head = await fetch(url, { method: 'HEAD' });
      assert.deepEqual([head.status, await head.text()], [200, '']);
    });
});

describe('an issuer at https, behind a proxy', () => {
  it('is https in every link and cookie, whatever the connection to the server is [SEC-42]', async () => {
    const server = await startServer('sqlite', { GATEHOUSE_ISSUER: 'https://id.example.com' });
    const at = (path: string): Promise<{ headers: Headers; text: string }> =>
      send(new URL(path, `http://127.0.0.1:${server.port}`), { headers: { host: 'id.example.com' } });
    const discovery = JSON.parse((await at('/.well-known/openid-configuration')).text) as Record<
      string,
      string
    >;
    assert.equal(discovery['token_endpoint'], 'https://id.example.com/connect/token');
    const page = await at('/device');
    assert.equal(page.headers.get('strict-transport-security'), 'max-age=31536000');
    const [session = ''] = page.headers.getSetCookie();
    assert.match(session, /^__Host-gatehouse=[^;]+; path=\/; /);
    const redirect = { client_id: 'gatehouse-demo', redirect_uri: 'https://id.example.com/demo/callback' };
    for (const cookie of [session, ...(await at(authorizePath(redirect))).headers.getSetCookie()])
      assert.match(cookie, /; secure/i, cookie);
    await server.stop();
  });
});
