import assert from 'node:assert/strict';
import { decodeJwt, type JWTPayload } from 'jose';
import { GRANT_TYPES } from '../../src/clients/index.js';
import { STORES } from '../support/config.js';
import { often } from '../support/profile.js';
import { PASSWORD, startServer, type TestServer } from '../support/server.js';
import { authorizePath, obtainCode, redeemForm, Visitor, type Page } from '../support/visitor.js';

const APP = 'https://app.example.com/callback';
const DAY = 86_400_000;
const SIGN_INS = often({ short: 100, long: 1000 });

for (const kind of STORES)
  describe(`sessions, on ${kind}`, () => {
    let server: TestServer;

    before(async () => {
      server = await startServer(kind, {}, { limits: { enabled: false } });
      await server.addClient('app', {
        grantTypes: [GRANT_TYPES.code, GRANT_TYPES.refresh, GRANT_TYPES.password],
        redirectUris: [APP],
        scopes: ['openid', 'profile', 'offline_access'],
        tokenEndpointAuthMethod: 'none',
        requireConsent: false,
      });
      for (const userName of ['alice', 'bob']) await server.addUser({ userName });
    });
    after(() => server.stop());

    const ask = (visitor: Visitor, more: Record<string, string> = {}): Promise<Page> =>
      visitor.go(authorizePath({ client_id: 'app', redirect_uri: APP, ...more }));
    const idToken = async (
      visitor: Visitor,
      more: Record<string, string> = {},
      user = 'alice',
    ): Promise<JWTPayload & { raw: string; auth_time: number; acr?: string; sid: string }> => {
      const { code, verifier } = await obtainCode(server, {
        clientId: 'app',
        redirectUri: APP,
        user,
        more: { max_age: '86400', ...more },
        visitor,
      });
      const { body } = await server.post(
        '/connect/token',
        redeemForm({ clientId: 'app', redirectUri: APP }, { code, verifier }),
      );
      const raw = String(body['id_token']);
      return { ...decodeJwt<{ auth_time: number; acr?: string; sid: string }>(raw), raw };
    };
    /** Lets all sessions be as if this much time had passed. */
    const pass = async (ms: number): Promise<void> => {
      const { knex } = server.context.store;
      const rows = (await knex('oidc_artifacts').where({ model: 'Session' })) as {
        id: string;
        payload: string;
      }[];
      for (const { id, payload } of rows) {
        const session = JSON.parse(payload) as Record<'iat' | 'exp' | 'loginTs', number>;
        for (const time of ['iat', 'exp', 'loginTs'] as const) session[time] -= ms / 1000;
        await knex('oidc_artifacts')
          .where({ id })
          .update({ payload: JSON.stringify(session) });
      }
    };

    it('change their id at sign-in and at every step-up [SEC-42]', async () => {
      const visitor = new Visitor(server.issuer);
      const ids = new Set<string | undefined>();
      await ask(visitor);
      ids.add(visitor.cookie('gatehouse'));
      await idToken(visitor);
      ids.add(visitor.cookie('gatehouse'));
      await idToken(visitor, { prompt: 'login' });
      ids.add(visitor.cookie('gatehouse'));
      assert.equal(ids.size, 3);
    });

    it('are worth nothing under the id that they had before', async () => {
      const visitor = new Visitor(server.issuer);
      await idToken(visitor);
      const before = visitor.cookie('gatehouse') as string;
      const signature = visitor.cookie('gatehouse.sig') as string;
      await idToken(visitor, { prompt: 'login' });
      const thief = await fetch(
        server.issuer + authorizePath({ client_id: 'app', redirect_uri: APP, prompt: 'none' }),
        { headers: { cookie: `gatehouse=${before}; gatehouse.sig=${signature}` }, redirect: 'manual' },
      );
      assert.match(thief.headers.get('location') ?? '', /error=login_required/);
    });

    it('are asked about without a page by prompt=none [SEC-6] [SEC-11]', async () => {
      const visitor = new Visitor(server.issuer);
      const page = await ask(visitor, { prompt: 'none' });
      assert.equal(page.url.origin, 'https://app.example.com');
      assert.equal(page.url.searchParams.get('error'), 'login_required');
      assert.equal(page.url.searchParams.get('iss'), server.issuer);
      await idToken(visitor);
      const answer = await ask(visitor, { prompt: 'none' });
      assert.ok(answer.url.searchParams.has('code'));
      assert.equal(answer.url.searchParams.get('iss'), server.issuer);
    });

    it('are renewed by prompt=login, and by max_age when they are too old [SEC-11]', async () => {
      const visitor = new Visitor(server.issuer);
      const first = await idToken(visitor);
      await pass(60_000);
      assert.equal((await idToken(visitor)).auth_time, first.auth_time - 60);
      assert.ok((await idToken(visitor, { prompt: 'login' })).auth_time >= first.auth_time);
      await pass(60_000);
      assert.ok((await ask(visitor, { max_age: '30' })).html.includes('/sign-in?'));
      const fresh = await idToken(visitor, { max_age: '30' });
      assert.ok(fresh.auth_time >= first.auth_time);
      const { url } = await ask(visitor, { max_age: '0', prompt: 'none' });
      assert.equal(url.searchParams.get('error'), 'login_required');
    });

    it('say how the person was recognised (acr_values)', async () => {
      const visitor = new Visitor(server.issuer);
      const { acr } = await idToken(visitor, { acr_values: 'urn:gatehouse:acr:password' });
      assert.equal(acr, 'urn:gatehouse:acr:password');
    });

    it('show the hint of who is to sign in, in the language asked for', async () => {
      const page = await ask(new Visitor(server.issuer), { login_hint: 'alice', ui_locales: 'fr zh-CN' });
      assert.match(page.html, /id="login"[^>]*value="alice"/);
      assert.match(page.html, /lang="zh-CN"/);
    });

    it('are not used for somebody other than the hint names (id_token_hint)', async () => {
      const bob = await idToken(new Visitor(server.issuer), {}, 'bob');
      const visitor = new Visitor(server.issuer);
      await idToken(visitor);
      const page = await ask(visitor, { id_token_hint: bob.raw, prompt: 'none' });
      assert.equal(page.url.searchParams.get('error'), 'login_required');
      const alice = await idToken(visitor);
      const same = await ask(visitor, { id_token_hint: alice.raw, prompt: 'none' });
      assert.ok(same.url.searchParams.has('code'));
    });

    it('end when they lie idle for three days [SEC-43]', async () => {
      const visitor = new Visitor(server.issuer);
      await idToken(visitor);
      await pass(2 * DAY);
      assert.ok((await ask(visitor, { prompt: 'none' })).url.searchParams.has('code'));
      await pass(3 * DAY);
      assert.equal((await ask(visitor, { prompt: 'none' })).url.searchParams.get('error'), 'login_required');
    });

    it('end after two weeks however much they are used [SEC-43]', async () => {
      const visitor = new Visitor(server.issuer);
      await idToken(visitor);
      for (let day = 0; day < 13; day++) {
        await pass(DAY);
        assert.ok((await ask(visitor, { prompt: 'none' })).url.searchParams.has('code'), `day ${day + 1}`);
      }
      await pass(DAY);
      assert.equal((await ask(visitor, { prompt: 'none' })).url.searchParams.get('error'), 'login_required');
    });

    it('take up the one grant of a user at a client, however often that one signs in', async function () {
      this.timeout(180_000);
      await server.addUser({ userName: 'often' });
      const form = {
        grant_type: 'password',
        client_id: 'app',
        username: 'often',
        password: PASSWORD,
        scope: 'openid profile',
      };
      const signIn = async (): Promise<void> =>
        assert.equal((await server.post('/connect/token', form)).status, 200);
      await signIn(); // makes the grant
      let left = SIGN_INS - 1;
      const goOn = async (): Promise<void> => {
        while (left-- > 0) await signIn();
      };
      await Promise.all([goOn(), goOn(), goOn(), goOn()]);
      const visitor = new Visitor(server.issuer);
      await idToken(visitor, {}, 'often');
      const rows = await server.context.store
        .knex<{ model: string; client_id: string; account_id: string; uid: string | null }>('oidc_artifacts')
        .where({ model: 'Grant', client_id: 'app' })
        .select('account_id', 'uid');
      assert.ok(rows.length > 1);
      // One of the consent page, and one of what came without.
      const kinds = rows.map(({ account_id: account, uid }) => `${account} ${uid ?? 'consent'}`);
      assert.equal(new Set(kinds).size, rows.length);
    });
  });
