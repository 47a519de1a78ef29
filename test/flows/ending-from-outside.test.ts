import assert from 'node:assert/strict';
import { decodeJwt } from 'jose';
import { GRANT_TYPES } from '../../src/clients/index.js';
import { endGrants, endSessions, listGrants, listSessions } from '../../src/oidc/index.js';
import { tenantDb, type TenantDb } from '../../src/store/index.js';
import { setUserEnabled } from '../../src/users/index.js';
import { STORES } from '../support/config.js';
import { listen, type Listener } from '../support/listener.js';
import { startServer, type Answer, type TestServer } from '../support/server.js';
import { authorizePath, obtainCode, redeemForm, Visitor } from '../support/visitor.js';

const REDIRECT = 'https://app.example.com/callback';
const DAY = 86_400;

for (const kind of STORES)
  describe(`an end from outside, on ${kind}`, () => {
    let server: TestServer;
    let listener: Listener;
    let users = 0;
    let user: string;
    let userKey: string;
    let api: string;

    before(async () => {
      listener = await listen();
      server = await startServer(kind);
      await server.addApi('orders', ['orders.read']);
      await server.addApi('stock', ['stock.read'], { accessTokenFormat: 'opaque' });
      api = await server.addClient('api', {
        grantTypes: [GRANT_TYPES.clientCredentials],
        scopes: [],
        resources: ['orders', 'stock'],
      });
      const web = {
        grantTypes: [GRANT_TYPES.code, GRANT_TYPES.refresh],
        redirectUris: [REDIRECT],
        scopes: ['openid', 'offline_access', 'orders.read', 'stock.read'],
        tokenEndpointAuthMethod: 'none' as const,
        requireConsent: true,
        backchannelLogoutUri: listener.uri,
      };
      await server.addClient('app', web);
      await server.addClient('strict', { ...web, endOfflineAccessOnSignOut: true });
    });
    beforeEach(async () => {
      user = `user-${++users}`;
      ({ userKey } = await server.addUser({ userName: user }));
    });
    after(async () => {
      await server.stop();
      await listener.close();
    });

    const read = <T>(look: (db: TenantDb) => Promise<T>): Promise<T> =>
      look(tenantDb(server.context.store.knex, server.home.tenant.id));
    const signIn = async (
      scope: string,
      clientId = 'app',
      visitor = new Visitor(server.issuer),
    ): Promise<{ visitor: Visitor; tokens: Record<string, unknown> }> => {
      const asked = { clientId, redirectUri: REDIRECT };
      const got = await obtainCode(server, { ...asked, scope, user, visitor });
      const { status, body } = await server.post('/connect/token', redeemForm(asked, got));
      assert.equal(status, 200, JSON.stringify(body));
      return { visitor, tokens: body };
    };
    const isActive = async ({ access_token: token }: Record<string, unknown>): Promise<unknown> => {
      const asked = { token: String(token) };
      return (await server.post('/connect/introspect', asked, server.basic('api', api))).body['active'];
    };
    const refresh = (clientId: string, { refresh_token: token }: Record<string, unknown>): Promise<Answer> =>
      server.post('/connect/token', {
        grant_type: 'refresh_token',
        client_id: clientId,
        refresh_token: String(token),
      });
    const sidOf = ({ id_token: token }: Record<string, unknown>): unknown => decodeJwt(String(token))['sid'];

    for (const scope of ['openid orders.read', 'openid stock.read'])
      it(`of a session ends what hangs on it, and nothing of another, with ${scope} [SEC-43]`, async () => {
        const laptop = await signIn(scope);
        const phone = await signIn(scope);
        const [first, second] = await read((db) => listSessions(db, userKey));
        assert.deepEqual([first?.clients, second?.clients], [['app'], ['app']]);
        assert.equal(await server.change((db) => endSessions(db, userKey, { uid: first?.uid }, DAY)), 1);
        assert.deepEqual([await isActive(laptop.tokens), await isActive(phone.tokens)], [false, true]);
        assert.ok(await listener.told(sidOf(laptop.tokens)));
        const again = await laptop.visitor.go(authorizePath({ client_id: 'app', redirect_uri: REDIRECT }));
        assert.match(again.html, /sign-in/);
        assert.equal((await read((db) => listSessions(db, userKey))).length, 1);
      });

    it('of a session leaves offline access, except to clients that want it to end as well', async () => {
      const { visitor, tokens: kept } = await signIn('openid offline_access orders.read');
      const { tokens: ended } = await signIn('openid offline_access orders.read', 'strict', visitor);
      assert.equal(await server.change((db) => endSessions(db, userKey, {}, DAY)), 1);
      assert.equal((await refresh('app', kept)).status, 200);
      assert.equal((await refresh('strict', ended)).body['error'], 'invalid_grant');
      assert.deepEqual([await isActive(kept), await isActive(ended)], [true, false]);
    });

    for (const scope of ['orders.read', 'stock.read'])
      it(`of a grant ends every token of it, and the person is asked anew, with ${scope} [SEC-43]`, async () => {
        const { visitor, tokens } = await signIn(`openid offline_access ${scope}`);
        const { tokens: others } = await signIn(`openid offline_access ${scope}`, 'strict', visitor);
        assert.deepEqual(
          (await read((db) => listGrants(db, userKey))).map(({ clientId, scopes }) => [clientId, scopes]),
          [
            ['app', ['openid', 'offline_access', scope]],
            ['strict', ['openid', 'offline_access', scope]],
          ],
        );
        assert.equal(await server.change((db) => endGrants(db, userKey, 'app')), 1);
        assert.deepEqual([await isActive(tokens), await isActive(others)], [false, true]);
        assert.equal((await refresh('app', tokens)).body['error'], 'invalid_grant');
        assert.equal((await refresh('strict', others)).status, 200);
        const page = await visitor.go(authorizePath({ client_id: 'app', redirect_uri: REDIRECT }));
        assert.match(page.html, /\/consent\?/);
      });

    it('of a user is told to every application that the user was signed in at [SEC-43]', async () => {
      const { tokens } = await signIn('openid');
      await server.change((db) => setUserEnabled(db, user, false));
      assert.ok(await listener.told(sidOf(tokens)));
      assert.deepEqual(await read((db) => listSessions(db, userKey)), []);
    });

    it('of one user is no other’s', async () => {
      const { tokens } = await signIn('openid orders.read');
      const { userKey: other } = await server.addUser({ userName: `${user}-other` });
      assert.equal(await server.change((db) => endSessions(db, other, {}, DAY)), 0);
      assert.equal(await server.change((db) => endGrants(db, other, 'app')), 0);
      assert.equal(await isActive(tokens), true);
    });
  });
