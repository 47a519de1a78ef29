import assert from 'node:assert/strict';
import { decodeJwt } from 'jose';
import { findClient, GRANT_TYPES, updateClientSettings } from '../../src/clients/index.js';
import type { TenantDb } from '../../src/store/index.js';
import { administrator, type Caller } from '../support/area.js';
import { GENEROUS, STORES } from '../support/config.js';
import { PASSWORD, startServer, type Answer, type TestServer } from '../support/server.js';
import { authorizePath, obtainCode, pkce, redeemForm, Visitor } from '../support/visitor.js';

const CALLBACK = 'https://app.example.com/callback';
const ORDERS = 'urn:resource:orders';
const STOCK = 'urn:resource:stock';
const REFUSED = 'the client has no scope of the API "stock": give it one, or name the API in its resources';

for (const kind of STORES)
  describe(`an API that is named by resource (RFC 8707), on ${kind}`, () => {
    let server: TestServer;
    let secret: string;
    let admin: Caller;
    before(async () => {
      server = await startServer(kind, {}, GENEROUS);
      admin = await administrator(server);
      await server.addApi('orders', ['orders.read'], { userClaims: ['role'] });
      await server.addApi('stock', ['stock.read']);
      await server.addApi('bare', []);
      await server.addUser({ userName: 'alice', roles: ['user'] });
      secret = await server.addClient('app', {
        grantTypes: [
          GRANT_TYPES.code,
          GRANT_TYPES.refresh,
          GRANT_TYPES.clientCredentials,
          GRANT_TYPES.device,
          GRANT_TYPES.password,
        ],
        redirectUris: [CALLBACK],
        scopes: ['openid', 'offline_access', 'orders.read'],
      });
    });
    after(() => server.stop());

    const post = async (path: string, form: Record<string, string>) => {
      const { status, body } = await server.post(path, form, server.basic('app', secret));
      return { status, error: body['error'], why: body['error_description'], token: body['access_token'] };
    };
    const audience = (token: unknown): unknown => decodeJwt(String(token)).aud;
    const CODE = {
      client_id: 'app',
      response_type: 'code',
      redirect_uri: CALLBACK,
      scope: 'openid',
      code_challenge: pkce().challenge,
      code_challenge_method: 'S256',
    };

    for (const [name, path, form] of [
      ['client credentials', '/connect/token', { grant_type: GRANT_TYPES.clientCredentials }],
      [
        'a password',
        '/connect/token',
        { grant_type: GRANT_TYPES.password, username: 'alice', password: PASSWORD, scope: 'openid' },
      ],
      ['a device code', '/connect/deviceauthorization', { scope: 'openid' }],
      ['a pushed authorization request', '/connect/par', CODE],
    ] as const)
      it(`is refused for ${name} where the client has no scope of it [SEC-R6]`, async () => {
        const { status, error, why } = await post(path, { ...form, resource: STOCK });
        assert.deepEqual([status, error, why], [400, 'invalid_target', REFUSED]);
        assert.ok((await post(path, { ...form, resource: ORDERS })).status < 300);
      });

    it('is refused at the authorization endpoint, before anybody signs in [SEC-R6]', async () => {
      const { url } = await new Visitor(server.issuer).go(
        authorizePath({ client_id: 'app', redirect_uri: CALLBACK, scope: 'openid', resource: STOCK }),
      );
      const { origin, searchParams } = url;
      assert.deepEqual(
        [origin, searchParams.get('error'), searchParams.get('error_description')],
        ['https://app.example.com', 'invalid_target', REFUSED],
      );
    });

    it('is given by one of its scopes alone', async () => {
      const { status, token } = await post('/connect/token', {
        grant_type: GRANT_TYPES.clientCredentials,
        resource: ORDERS,
      });
      assert.deepEqual([status, audience(token)], [200, 'orders']);
    });

    it('is given without a scope to the client that serves it', async () => {
      const serves = await server.addClient('serves', {
        grantTypes: [GRANT_TYPES.clientCredentials],
        scopes: [],
        resources: ['bare'],
      });
      const { status, body } = await server.post(
        '/connect/token',
        { grant_type: GRANT_TYPES.clientCredentials, resource: 'urn:resource:bare' },
        server.basic('serves', serves),
      );
      assert.deepEqual([status, audience(body['access_token'])], [200, 'bare']);
    });

    /** What stays of a sign-in that the client’s own settings, or the API, have changed under. */
    const PARTS = { clientId: 'app', redirectUri: CALLBACK, scope: 'openid offline_access orders.read' };
    const signIn = async (more: Record<string, string> = {}, scope = PARTS.scope) => {
      const asked = { ...PARTS, scope, user: 'alice', more };
      return redeemForm(PARTS, await obtainCode(server, asked));
    };
    const byDevice = async () => {
      const { visitor } = await obtainCode(server, { ...PARTS, user: 'alice' });
      const asked = await server.post(
        '/connect/deviceauthorization',
        { client_id: 'app', scope: PARTS.scope },
        server.basic('app', secret),
      );
      const page = await visitor.go('/device');
      const code = await visitor.submit(page, '/device', { user_code: String(asked.body['user_code']) });
      await visitor.submit(code, '/device', { confirm: 'yes' });
      return { grant_type: GRANT_TYPES.device, device_code: String(asked.body['device_code']) };
    };
    const token = async (form: Record<string, string>): Promise<Answer> =>
      server.post('/connect/token', form, server.basic('app', secret));
    const refreshForm = async (form: Record<string, string>) => ({
      grant_type: GRANT_TYPES.refresh,
      refresh_token: String((await token(form)).body['refresh_token']),
    });
    const setScopes = (scopes: string[]): Promise<void> =>
      server.change(async (db) => {
        const { settings } = await findClient(db, 'app');
        await updateClientSettings(db, 'app', { ...settings, scopes });
      });
    const ALL = ['openid', 'offline_access', 'orders.read'];
    /** How a client comes to have nothing of an API any more, and what gives it back. */
    const TAKEN: Record<string, { take(): Promise<unknown>; giveBack(): Promise<unknown> }> = {
      'the client’s last scope of it is taken': {
        take: () => setScopes(['openid', 'offline_access']),
        giveBack: () => setScopes(ALL),
      },
      'it is disabled': {
        take: () => server.change(async (db) => void (await orders(db).update({ enabled: false }))),
        giveBack: () => server.change(async (db) => void (await orders(db).update({ enabled: true }))),
      },
      'it is deleted': {
        async take() {
          const [row] = await server.change((db) => orders(db).select<{ id: string }[]>('id'));
          await admin.done('DELETE', `/api/ApiResource/${row?.id}?cascade=true`);
        },
        async giveBack() {
          await admin.done('POST', '/api/ApiResource', {
            name: 'orders',
            accessTokenFormat: 'jwt',
            scopes: [{ name: 'read' }],
          });
          await setScopes(ALL);
        },
      },
    };
    const orders = (db: TenantDb) => db.from('api_resources').where({ name: 'orders' });

    const BEGUN: Record<string, () => Promise<Record<string, string>>> = {
      'a refresh token': async () => refreshForm(await signIn()),
      'a refresh token of a request that named it': async () =>
        refreshForm(await signIn({ resource: ORDERS })),
      'a refresh token that asks for less': async () => ({
        ...(await refreshForm(await signIn())),
        scope: 'openid',
      }),
      'a refresh token of a password': async () =>
        refreshForm({
          grant_type: GRANT_TYPES.password,
          username: 'alice',
          password: PASSWORD,
          scope: PARTS.scope,
        }),
      'a code': signIn,
      'a device code': byDevice,
    };
    const checkLeftOut = async (
      form: Record<string, string>,
      { status, body }: Pick<Answer, 'status' | 'body'>,
    ): Promise<void> => {
      assert.equal(status, 200, JSON.stringify(body));
      const opaque = String(body['access_token']);
      const userinfo = await fetch(`${server.issuer}/connect/userinfo`, {
        headers: { authorization: `Bearer ${opaque}` },
      });
      const { aud, scope, role } = (
        await server.post('/connect/introspect', { token: opaque }, server.basic('app', secret))
      ).body;
      const left = form['scope'] ?? 'openid offline_access';
      assert.deepEqual(
        [opaque.includes('.'), body['scope'], aud, scope, role, userinfo.status],
        [false, left, server.issuer, left, undefined, 200],
      );
    };

    for (const [what, { take, giveBack }] of Object.entries(TAKEN))
      for (const [how, begin] of Object.entries(BEGUN))
        it(`is left out where ${what} before ${how} is redeemed, and the rest is given [SEC-R6]`, async () => {
          const form = await begin();
          await take();
          const answer = await token(form);
          await giveBack();
          await checkLeftOut(form, answer);
        });

    for (const [how, begin] of Object.entries(BEGUN)) {
      it(`is left out where another took its name before ${how} is redeemed [SEC-R4]`, async () => {
        const form = await begin();
        await TAKEN['it is deleted']?.take();
        await TAKEN['it is deleted']?.giveBack();
        await checkLeftOut(form, await token(form));
      });

      it(`is left out where another took its audience before ${how} is redeemed [SEC-R4]`, async () => {
        const form = await begin();
        const [row] = await server.change((db) => orders(db).select<{ id: string }[]>('id'));
        const setAudience = (id: string | undefined, audience: string): Promise<unknown> =>
          admin.done('PUT', '/api/ApiResource', { id, audience });
        await setAudience(row?.id, `${ORDERS}:moved`);
        const other = await admin.done('POST', '/api/ApiResource', {
          name: 'others',
          audience: ORDERS,
          tokenAudience: 'others',
          scopes: [{ name: 'read' }],
        });
        await setScopes([...ALL, 'others.read']);
        const answer = await token(form);
        await admin.done('DELETE', `/api/ApiResource/${String(other['id'])}?cascade=true`);
        await setAudience(row?.id, ORDERS);
        await setScopes(ALL);
        await checkLeftOut(form, answer);
      });
    }

    it('is refused to a refresh that names another of its name, which keeps its refresh token [SEC-R4]', async () => {
      const form = await refreshForm(await signIn());
      await TAKEN['it is deleted']?.take();
      await TAKEN['it is deleted']?.giveBack();
      assert.equal((await token({ ...form, resource: ORDERS })).body['error'], 'invalid_target');
      await checkLeftOut(form, await token(form));
    });

    it('is given to those who allow the next of its name, by a code and by a refresh token', async () => {
      await signIn();
      await TAKEN['it is deleted']?.take();
      await TAKEN['it is deleted']?.giveBack();
      const first = (await token(await signIn())).body;
      assert.equal(audience(first['access_token']), 'orders');
      const form = { grant_type: GRANT_TYPES.refresh, refresh_token: String(first['refresh_token']) };
      assert.equal(audience((await token(form)).body['access_token']), 'orders');
    });

    it('comes back for a refresh token with the client’s scope of it', async () => {
      const form = await refreshForm(await signIn());
      await setScopes(['openid', 'offline_access']);
      const { body } = await token(form);
      await setScopes(ALL);
      const again = await token({ ...form, refresh_token: String(body['refresh_token']) });
      assert.equal(audience(again.body['access_token']), 'orders');
    });

    it('leaves nothing, and the sign-in in place, where a refresh token is for it alone', async () => {
      const form = await refreshForm(await signIn({}, 'orders.read offline_access'));
      await setScopes(['openid', 'offline_access']);
      const { status, body } = await token(form);
      await setScopes(ALL);
      assert.deepEqual([status, body['scope']], [200, 'offline_access']);
      const again = await token({ ...form, refresh_token: String(body['refresh_token']) });
      assert.equal(again.body['scope'], 'offline_access orders.read');
    });

    it('is refused to a refresh that names it without reach, which keeps its refresh token [SEC-R6]', async () => {
      const form = await refreshForm(await signIn());
      await setScopes(['openid', 'offline_access']);
      const refused: unknown[] = [];
      for (const resource of [ORDERS, ORDERS, STOCK, 'urn:resource:nothing'])
        refused.push((await token({ ...form, resource })).body['error']);
      await setScopes(ALL);
      assert.deepEqual(refused, Array(4).fill('invalid_target'));
      const { body } = await token({ ...form, resource: ORDERS });
      assert.equal(audience(body['access_token']), 'orders', JSON.stringify(body));
    });

    it('is refused to a code that names it without reach [SEC-R6]', async () => {
      const form = await signIn();
      await setScopes(['openid', 'offline_access']);
      const { body } = await token({ ...form, resource: ORDERS });
      await setScopes(ALL);
      assert.equal(body['error'], 'invalid_target');
    });
  });
