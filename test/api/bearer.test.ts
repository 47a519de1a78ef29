import assert from 'node:assert/strict';
import { findClient, GRANT_TYPES, setClientEnabled, updateClientSettings } from '../../src/clients/index.js';
import { endSessions } from '../../src/oidc/index.js';
import { setUserEnabled } from '../../src/users/index.js';
import { STORES } from '../support/config.js';
import { newDpopKey, proofOf } from '../support/dpop.js';
import { call } from '../support/management.js';
import { PASSWORD, startServer, type TestServer } from '../support/server.js';
import { obtainCode, redeemForm } from '../support/visitor.js';

const REDIRECT = 'https://console.example.com/callback';

for (const kind of STORES)
  for (const format of ['jwt', 'opaque'] as const)
    describe(`${format} tokens at the management API, on ${kind}`, () => {
      let server: TestServer;
      let secret: string;

      before(async () => {
        server = await startServer(kind);
        await server.change((db) =>
          db.from('api_resources').where({ name: 'isms' }).update({ access_token_format: format }),
        );
        secret = await server.addClient('job', {
          grantTypes: [GRANT_TYPES.clientCredentials, GRANT_TYPES.password],
          scopes: ['openid', 'isms.all'],
        });
        await server.addClient('console', {
          grantTypes: [GRANT_TYPES.code],
          redirectUris: [REDIRECT],
          tokenEndpointAuthMethod: 'none',
          requireConsent: false,
          scopes: ['openid', 'isms.all'],
        });
        await server.addUser({ userName: 'ada', roles: ['administrator'] });
      });
      after(() => server.stop());

      const token = async (
        form: Record<string, string>,
        headers: Record<string, string> = {},
      ): Promise<string> => {
        const sent = { scope: 'isms.all', ...form };
        const { body } = await server.post('/connect/token', sent, {
          ...server.basic('job', secret),
          ...headers,
        });
        assert.equal(typeof body['access_token'], 'string', JSON.stringify(body));
        return String(body['access_token']);
      };
      const own = { grant_type: 'client_credentials' };
      const person = { grant_type: 'password', username: 'ada', password: PASSWORD };
      const status = async (sent: string): Promise<number> =>
        (await call(server, { path: '/api/Role', token: sent })).status;

      it('open it, a client’s and a user’s', async () => {
        const sent = await token(own);
        assert.equal(sent.includes('.'), format === 'jwt');
        assert.deepEqual([await status(sent), await status(await token(person))], [200, 200]);
      });

      it('open nothing where they are bound to a key, which sending them does not prove', async () => {
        const proof = await proofOf(await newDpopKey(), 'POST', `${server.issuer}/connect/token`);
        assert.equal(await status(await token(own, { dpop: proof })), 401);
      });

      it('open no more than the client may still have', async () => {
        const sent = await token(own);
        const settings = await server.change(async (db) => (await findClient(db, 'job')).settings);
        await server.change((db) => updateClientSettings(db, 'job', { ...settings, scopes: ['openid'] }));
        assert.equal(await status(sent), 403);
        await server.change((db) => updateClientSettings(db, 'job', settings));
        assert.equal(await status(sent), 200);
      });

      it('end with the session', async () => {
        const asked = { clientId: 'console', redirectUri: REDIRECT };
        const code = await obtainCode(server, { ...asked, scope: 'openid isms.all', user: 'ada' });
        const { body } = await server.post('/connect/token', redeemForm(asked, code));
        const sent = String(body['access_token']);
        assert.equal(await status(sent), 200);
        const { id } = server.home.tenant;
        const ada = (await server.context.store
          .knex('users')
          .where({ tenant_id: id, user_name: 'ada' })
          .first()) as {
          user_key: string;
        };
        await server.change((db) => endSessions(db, ada.user_key, {}, 86_400));
        assert.equal(await status(sent), 401);
      });

      it('end with the user, and with the client', async () => {
        const [users, clients] = [await token(person), await token(own)];
        await server.change((db) => setUserEnabled(db, 'ada', false));
        assert.deepEqual([await status(users), await status(clients)], [401, 200]);
        await server.change((db) => setClientEnabled(db, 'job', false));
        assert.equal(await status(clients), 401);
      });
    });
