import assert from 'node:assert/strict';
import { GRANT_TYPES } from '../../src/clients/index.js';
import { STORES } from '../support/config.js';
import { startServer, type Answer, type TestServer } from '../support/server.js';
import { obtainCode } from '../support/visitor.js';

const REDIRECT = 'https://app.example.com/callback';
const AT_ONCE = 50;

const outcomes = (answers: Answer[]): string[] =>
  answers.map(({ status, body }) => (status === 200 ? '200' : `${status} ${String(body['error'])}`)).sort();
const EXACTLY_ONE = ['200', ...Array<string>(AT_ONCE - 1).fill('400 invalid_grant')];

for (const kind of STORES)
  describe(`what may be used once, on ${kind}`, () => {
    let server: TestServer;

    before(async () => {
      server = await startServer(kind);
      await server.addUser({ userName: 'alice' });
      await server.addClient('app', {
        grantTypes: [GRANT_TYPES.code, GRANT_TYPES.refresh],
        redirectUris: [REDIRECT],
        scopes: ['openid', 'offline_access'],
        tokenEndpointAuthMethod: 'none',
      });
    });

    after(() => server.stop());

    const redeem = ({ code, verifier }: { code: string; verifier: string }): Promise<Answer> =>
      server.post('/connect/token', {
        grant_type: 'authorization_code',
        client_id: 'app',
        code,
        code_verifier: verifier,
        redirect_uri: REDIRECT,
      });
    const refresh = (token: unknown): Promise<Answer> =>
      server.post('/connect/token', {
        grant_type: 'refresh_token',
        client_id: 'app',
        refresh_token: String(token),
      });
    const signIn = async (): Promise<Answer> =>
      redeem(
        await obtainCode(server, { clientId: 'app', redirectUri: REDIRECT, scope: 'openid offline_access' }),
      );

    it('redeems a code once, however many ask at once [SEC-13]', async () => {
      const code = await obtainCode(server, { clientId: 'app', redirectUri: REDIRECT });
      const answers = await Promise.all(Array.from({ length: AT_ONCE }, () => redeem(code)));
      assert.deepEqual(outcomes(answers), EXACTLY_ONE);
    });

    it('uses a refresh token once, however many ask at once', async () => {
      const { body } = await signIn();
      const answers = await Promise.all(
        Array.from({ length: AT_ONCE }, () => refresh(body['refresh_token'])),
      );
      assert.deepEqual(outcomes(answers), EXACTLY_ONE);
    });

    it('ends the tokens of a code that comes a second time [SEC-14]', async () => {
      const code = await obtainCode(server, {
        clientId: 'app',
        redirectUri: REDIRECT,
        scope: 'openid offline_access',
      });
      const first = await redeem(code);
      assert.equal(first.status, 200);
      assert.equal((await redeem(code)).body['error'], 'invalid_grant');
      assert.equal((await refresh(first.body['refresh_token'])).body['error'], 'invalid_grant');
    });

    it('ends the whole family of a refresh token that comes a second time [SEC-19]', async () => {
      const first = await signIn();
      const second = await refresh(first.body['refresh_token']);
      assert.equal(second.status, 200);
      assert.equal((await refresh(first.body['refresh_token'])).body['error'], 'invalid_grant');
      assert.equal((await refresh(second.body['refresh_token'])).body['error'], 'invalid_grant');
    });

    it('ends the family that a race was lost in, for the winner as well', async () => {
      const { body } = await signIn();
      const answers = await Promise.all([1, 2, 3].map(() => refresh(body['refresh_token'])));
      const winner = answers.find(({ status }) => status === 200);
      assert.equal((await refresh(winner?.body['refresh_token'])).body['error'], 'invalid_grant');
      const code = await obtainCode(server, {
        clientId: 'app',
        redirectUri: REDIRECT,
        scope: 'openid offline_access',
      });
      const redeemed = await Promise.all([1, 2, 3].map(() => redeem(code)));
      const first = redeemed.find(({ status }) => status === 200);
      assert.equal((await refresh(first?.body['refresh_token'])).body['error'], 'invalid_grant');
      const userinfo = await fetch(`${server.issuer}/connect/userinfo`, {
        headers: { authorization: `Bearer ${String(first?.body['access_token'])}` },
      });
      assert.equal(userinfo.status, 401);
    });

    it('leaves the person’s other devices signed in', async () => {
      const [phone, laptop] = [await signIn(), await signIn()];
      await refresh(phone.body['refresh_token']);
      assert.equal((await refresh(phone.body['refresh_token'])).status, 400);
      assert.equal((await refresh(laptop.body['refresh_token'])).status, 200);
    });

    it('keeps the absolute end of a family through every rotation [SEC-20]', async () => {
      const { body } = await signIn();
      const { store, config } = server.context;
      const live = () =>
        store
          .knex('oidc_artifacts')
          .where({ model: 'RefreshToken', consumed_at: null })
          .orderBy('expires_at', 'desc')
          .first();
      const row = (await live()) as { id: string; payload: string };
      const almostOver = Math.floor(Date.now() / 1000) - config.lifetimes.refreshTokenAbsolute + 100;
      const payload = JSON.stringify({ ...(JSON.parse(row.payload) as object), iiat: almostOver });
      await store.knex('oidc_artifacts').where({ id: row.id }).update({ payload });
      await store.knex('oidc_artifacts').where({ model: 'RefreshToken' }).whereNot({ id: row.id }).delete();
      assert.equal((await refresh(body['refresh_token'])).status, 200);
      const next = (await live()) as { expires_at: number };
      assert.ok(next.expires_at <= Date.now() + 100_000, `${next.expires_at - Date.now()} ms left`);
    });
  });
