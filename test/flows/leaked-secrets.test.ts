import assert from 'node:assert/strict';
import { addClientSecret, endTokensOfClient, GRANT_TYPES } from '../../src/clients/index.js';
import type { Gatehouse } from '../../src/main.js';
import { replaceAppSecret } from '../../src/mqtt/apps.js';
import { tenantTransaction, type TenantDb } from '../../src/store/index.js';
import { administrator, type Caller } from '../support/area.js';
import { STORES } from '../support/config.js';
import { APP as MQTT_APP, APP_SECRET, deviceApi } from '../support/devices.js';
import { newDpopKey, proofOf } from '../support/dpop.js';
import { basic, bodyOf, send } from '../support/http.js';
import { PASSWORD, startServer, type Answer, type TestServer } from '../support/server.js';
import { authorizePath, obtainCode, Visitor } from '../support/visitor.js';

const APP = 'https://app.example.com/callback';

for (const kind of STORES)
  describe(`a secret that has leaked, on ${kind}`, () => {
    let server: TestServer;
    let other: Gatehouse;
    let admin: Caller;
    let secret: string;

    before(async () => {
      server = await startServer(kind);
      other = await server.addNode();
      await server.addApi('orders', ['orders.read']);
      secret = await server.addClient('machine', {
        grantTypes: [GRANT_TYPES.clientCredentials],
        scopes: ['orders.read'],
      });
      await server.addClient('app', {
        grantTypes: [GRANT_TYPES.code],
        redirectUris: [APP],
        scopes: ['openid'],
        tokenEndpointAuthMethod: 'none',
        requireConsent: false,
      });
      await server.addUser({ userName: 'alice' });
      admin = await administrator(server);
    });
    after(async () => {
      await other.stop();
      await server.stop();
    });

    it('is renewed for cookies: sessions of before open nothing [SEC-R12]', async () => {
      const visitor = new Visitor(server.issuer);
      await obtainCode(server, { clientId: 'app', redirectUri: APP, scope: 'openid', visitor });
      const silent = async (): Promise<URLSearchParams> =>
        (
          await visitor.go(
            authorizePath({ client_id: 'app', redirect_uri: APP, scope: 'openid', prompt: 'none' }),
          )
        ).url.searchParams;
      assert.ok((await silent()).has('code'));
      const { ends } = await admin.done('POST', '/api/Key/Renew', { secret: 'cookies' });
      assert.match(String(ends), /people sign in again/);
      assert.equal((await silent()).get('error'), 'login_required');
      await obtainCode(server, { clientId: 'app', redirectUri: APP, scope: 'openid', visitor });
    });

    it('is renewed for DPoP nonces: those of before are refused, with a new one [SEC-R12]', async () => {
      const key = await newDpopKey();
      const ask = async (nonce?: string): Promise<Answer> => {
        const proof = await proofOf(key, 'POST', `${server.issuer}/connect/token`, {
          ...(nonce !== undefined && { nonce }),
        });
        const form = { grant_type: 'client_credentials', scope: 'orders.read' };
        return server.post('/connect/token', form, { ...server.basic('machine', secret), dpop: proof });
      };
      const before = (await ask('none of yours')).headers.get('dpop-nonce') ?? '';
      assert.equal((await ask(before)).status, 200);
      await admin.done('POST', '/api/Key/Renew', { secret: 'dpop' });
      const refused = await ask(before);
      assert.deepEqual([refused.status, refused.body['error']], [400, 'use_dpop_nonce']);
      assert.equal((await ask(refused.headers.get('dpop-nonce') ?? '')).status, 200);
    });

    it('is replaced for an MQTT app: the one before opens nothing, on every node [SEC-R12]', async () => {
      await deviceApi(server);
      const ask = async (port: number, value: string): Promise<number> => {
        const heard = await send(new URL('/mqtt/auth', `http://127.0.0.1:${port}`), {
          body: JSON.stringify({ username: 'nobody', clientid: 'c', password: 'x' }),
          headers: {
            host: new URL(server.issuer).host,
            'content-type': 'application/json',
            authorization: basic(MQTT_APP, value),
          },
        });
        return heard.status;
      };
      const nodes = [server.port, other.port];
      for (const port of nodes) assert.equal(await ask(port, APP_SECRET), 200);
      const replaced = await server.change((db) => replaceAppSecret(db, server.context.vault, MQTT_APP));
      await other.refresh();
      for (const port of nodes)
        assert.deepEqual([await ask(port, APP_SECRET), await ask(port, replaced)], [401, 200]);

      const heard = await send(new URL(`/api/v4/apps/${MQTT_APP}/secret`, server.issuer), {
        method: 'POST',
        headers: { authorization: basic(MQTT_APP, replaced), 'content-type': 'application/json' },
      });
      assert.equal(heard.status, 200);
      await other.refresh();
      for (const port of nodes) assert.equal(await ask(port, replaced), 401);
    });

    it('is ended for a client that has registered itself: nobody changes the client with it [SEC-R12]', async () => {
      const initial = await admin.done('POST', '/api/Client/RegistrationTokens', {});
      const json = { 'content-type': 'application/json' };
      const registered = bodyOf(
        await send(new URL('/connect/register', server.issuer), {
          method: 'POST',
          body: JSON.stringify({ redirect_uris: [APP], token_endpoint_auth_method: 'none' }),
          headers: { ...json, authorization: `Bearer ${String(initial['token'])}` },
        }),
      );
      const own = { authorization: `Bearer ${String(registered['registration_access_token'])}` };
      const read = async (): Promise<number> =>
        (await send(new URL(String(registered['registration_client_uri'])), { headers: own })).status;
      assert.equal(await read(), 200);
      const found = await admin.ask('GET', `/api/Client?q.clientId=${String(registered['client_id'])}`);
      const [{ id }] = found.body['data'] as [{ id: string }];
      await admin.done('DELETE', `/api/Client/${id}/RegistrationAccess`);
      assert.equal(await read(), 401);
      assert.equal((await admin.ask('DELETE', `/api/Client/${id}/RegistrationAccess`)).status, 404);
      assert.equal((await admin.ask('GET', `/api/Client/${id}`)).status, 200);
    });

    /** A client with such a grant, whose secret the second node knows, and what it asks for with the grant. */
    const warm = async (clientId: string, grantType: string, form: Record<string, string>) => {
      const made = await server.addClient(clientId, {
        grantTypes: [grantType, GRANT_TYPES.clientCredentials],
        scopes: ['orders.read'],
        resources: ['orders'],
      });
      await other.refresh();
      const ask = async (value: string, more: Record<string, string>): Promise<unknown> => {
        const heard = await send(new URL('/connect/token', `http://127.0.0.1:${other.port}`), {
          form: more,
          headers: { ...server.basic(clientId, value), host: new URL(server.issuer).host },
        });
        const { error, access_token: token } = bodyOf(heard);
        return error ?? typeof token;
      };
      assert.equal(await ask(made, { grant_type: GRANT_TYPES.clientCredentials }), 'string');
      return { made, ask: (value: string) => ask(value, { grant_type: grantType, ...form }) };
    };
    const usersToken = async (): Promise<string> => {
      const clientId = `front-${++made}`;
      await server.addClient(clientId, {
        grantTypes: [GRANT_TYPES.password],
        scopes: ['orders.read'],
        tokenEndpointAuthMethod: 'none',
      });
      const { body } = await server.post('/connect/token', {
        ...{ grant_type: GRANT_TYPES.password, client_id: clientId, username: 'alice', password: PASSWORD },
      });
      return String(body['access_token']);
    };
    let made = 0;
    /** The node hears nothing: no change is announced. */
    const unheard = <T>(work: (db: TenantDb) => Promise<T>): Promise<T> =>
      tenantTransaction(server.context.store, server.home.tenant.id, work);
    const GRANTS: Record<string, () => Promise<[string, Record<string, string>]>> = {
      exchange: async () => [
        GRANT_TYPES.tokenExchange,
        {
          subject_token: await usersToken(),
          subject_token_type: 'urn:ietf:params:oauth:token-type:access_token',
        },
      ],
      'a password': async () => [GRANT_TYPES.password, { username: 'alice', password: PASSWORD }],
      'a mobile code': async () => [GRANT_TYPES.mobileCode, { email: 'alice@example.com', code: '123456' }],
    };

    for (const [what, grant] of Object.entries(GRANTS))
      it(`gives nothing by ${what} at a node that has not heard yet that it ended [SEC-R7]`, async () => {
        const clientId = `service-${++made}`;
        const { made: leaked, ask } = await warm(clientId, ...(await grant()));
        const replaced = await unheard(async (db) => {
          await endTokensOfClient(db, clientId);
          return addClientSecret(db, server.context.vault, clientId, { replace: true });
        });
        assert.deepEqual([await ask(leaked), await ask(leaked)], ['invalid_client', 'invalid_client']);
        assert.equal(await ask(replaced), what === 'a mobile code' ? 'invalid_grant' : 'string');
      });

    it('refuses no request of a client whose tokens end while its secret stays [SEC-R7]', async () => {
      const clientId = `service-${++made}`;
      const { made: own, ask } = await warm(clientId, ...(await GRANTS['a password']!()));
      for (let round = 0; round < 8; round++) {
        const answers = Promise.all(Array.from({ length: 4 }, () => ask(own)));
        await unheard((db) => endTokensOfClient(db, clientId));
        assert.deepEqual(
          [...new Set([...(await answers), await ask(own), await ask(own)])],
          ['string'],
          `round ${round}`,
        );
      }
    });

    it('and the end of one client leave the others as they are', async () => {
      const { made: own, ask } = await warm(`service-${++made}`, ...(await GRANTS['exchange']!()));
      await unheard((db) => endTokensOfClient(db, 'machine'));
      assert.deepEqual([await ask(own), await ask(own)], ['string', 'string']);
    });
  });
