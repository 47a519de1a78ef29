import assert from 'node:assert/strict';
import { GRANT_TYPES, setClientEnabled } from '../../src/clients/index.js';
import { setPassword } from '../../src/users/index.js';
import { STORES } from '../support/config.js';
import { PASSWORD, startServer, type Answer, type TestServer } from '../support/server.js';

for (const kind of STORES)
  describe(`refresh tokens that come again, on ${kind}`, () => {
    let server: TestServer;

    before(async () => {
      server = await startServer(kind);
      for (const [clientId, refreshTokenReuseWindow] of [
        ['strict', 0],
        ['patient', 60],
        ['hasty', 1],
      ] as const)
        await server.addClient(clientId, {
          grantTypes: [GRANT_TYPES.password, GRANT_TYPES.refresh],
          scopes: ['openid', 'offline_access', 'isms.user.get'],
          tokenEndpointAuthMethod: 'none',
          refreshTokenReuseWindow,
        });
      await server.addUser({ userName: 'alice' });
    });
    after(() => server.stop());

    const signIn = async (clientId: string): Promise<Record<string, unknown>> => {
      const form = {
        grant_type: 'password',
        client_id: clientId,
        username: 'alice',
        password: PASSWORD,
        scope: 'openid offline_access isms.user.get',
      };
      return (await server.post('/connect/token', form)).body;
    };
    const refresh = (clientId: string, token: unknown): Promise<Answer> =>
      server.post('/connect/token', {
        grant_type: 'refresh_token',
        client_id: clientId,
        refresh_token: String(token),
      });
    const liveTokens = async (): Promise<number> =>
      (
        await server.context.store
          .knex<{ model: string; consumed_at: number | null }>('oidc_artifacts')
          .where({ model: 'RefreshToken', consumed_at: null })
          .select('model')
      ).length;

    it('get the same answer within the client’s window, and never a second live token', async () => {
      const { refresh_token: first } = await signIn('patient');
      const before = await liveTokens();
      const once = await refresh('patient', first);
      const twice = await refresh('patient', first);
      assert.equal(twice.status, 200);
      assert.deepEqual(twice.body, once.body);
      assert.equal(await liveTokens(), before);
      assert.equal((await refresh('patient', once.body['refresh_token'])).status, 200);
    });

    it('get the same answer when they come at once, as from several tabs', async () => {
      const { refresh_token: token } = await signIn('patient');
      const before = await liveTokens();
      const answers = await Promise.all(Array.from({ length: 20 }, () => refresh('patient', token)));
      assert.deepEqual([...new Set(answers.map(({ status }) => status))], [200]);
      assert.equal(new Set(answers.map(({ body }) => body['refresh_token'])).size, 1);
      assert.equal(await liveTokens(), before);
    });

    it('get it from another node as well', async () => {
      const { refresh_token: token } = await signIn('patient');
      const once = await refresh('patient', token);
      await server.restart();
      assert.deepEqual((await refresh('patient', token)).body, once.body);
    });

    it('end the family after the window, and at once for a client without one [SEC-19]', async () => {
      for (const clientId of ['strict', 'hasty']) {
        const { refresh_token: first } = await signIn(clientId);
        const { body } = await refresh(clientId, first);
        // The window is over when the store says that the token was used before it began.
        await server.context.store
          .knex('oidc_artifacts')
          .whereNotNull('consumed_at')
          .decrement('consumed_at', 2000);
        assert.equal((await refresh(clientId, first)).body['error'], 'invalid_grant');
        assert.equal((await refresh(clientId, body['refresh_token'])).body['error'], 'invalid_grant');
      }
    });

    it('get nothing when another client presents them', async () => {
      const { refresh_token: token } = await signIn('patient');
      await refresh('patient', token);
      assert.equal((await refresh('strict', token)).body['error'], 'invalid_grant');
    });

    it('get nothing once the user has another password, or the client was disabled', async () => {
      const [{ refresh_token: first }, { refresh_token: second }] = [
        await signIn('patient'),
        await signIn('patient'),
      ];
      await refresh('patient', first);
      const hash = await server.context.passwords.hash(PASSWORD);
      await server.change((db) => setPassword(db, 'alice', hash));
      assert.equal((await refresh('patient', first)).body['error'], 'invalid_grant');
      assert.equal((await refresh('patient', second)).body['error'], 'invalid_grant');
      const { refresh_token: third } = await signIn('patient');
      await refresh('patient', third);
      for (const enabled of [false, true])
        await server.change((db) => setClientEnabled(db, 'patient', enabled));
      assert.equal((await refresh('patient', third)).body['error'], 'invalid_grant');
    });

    it('are kept nowhere in clear, nor is the answer', async () => {
      const { refresh_token: token } = await signIn('patient');
      const { body } = await refresh('patient', token);
      const rows = JSON.stringify(await server.context.store.knex('oidc_artifacts').select('*'));
      for (const secret of [token, body['refresh_token'], body['access_token']])
        assert.ok(!rows.includes(String(secret)));
    });
  });
