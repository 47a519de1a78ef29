import assert from 'node:assert/strict';
import { STORES } from '../support/config.js';
import { administrator, type Caller, type Data } from '../support/area.js';
import { bodyOf, send } from '../support/http.js';
import { PASSWORD, startServer, type TestServer } from '../support/server.js';

for (const kind of STORES)
  for (const accessTokenFormat of ['jwt', 'opaque'] as const)
    describe(`introspection of ${accessTokenFormat} tokens that are out already, on ${kind}`, () => {
      let server: TestServer;
      let admin: Caller;
      let app: Data;
      let api: Data;
      let token: string;

      before(async () => {
        server = await startServer(kind);
        admin = await administrator(server);
        await admin.done('POST', '/api/ApiResource', {
          name: 'orders',
          scopes: [{ name: 'read' }, { name: 'write' }],
          accessTokenFormat,
        });
        await admin.done('POST', '/api/Role', {
          name: 'clerk',
          claims: [{ type: 'permission', value: 'orders.cancel' }],
        });
        await admin.done('POST', '/api/User', { userName: 'carl', password: PASSWORD, roles: ['clerk'] });
        app = await admin.done('POST', '/api/Client', {
          grantTypes: ['password'],
          scopes: ['openid', 'orders.read', 'orders.write'],
        });
        api = await admin.done('POST', '/api/Client', { template: 'machine', resources: ['orders'] });
        const form = {
          grant_type: 'password',
          username: 'carl',
          password: PASSWORD,
          scope: 'orders.read orders.write',
        };
        const heard = await send(new URL('/connect/token', server.issuer), {
          form,
          headers: server.basic(app['clientId'], app['newSecret'].secret),
        });
        token = bodyOf(heard)['access_token'] as string;
      });
      after(() => server.stop());

      /** Whether the answer is asked for in the usual way, or in one that the library answers. */
      for (const way of ['the usual way', 'another way'] as const)
        it(`says what the client and the user may do now, asked in ${way} [SEC-X3]`, async () => {
          const { clientId, newSecret } = api;
          const said = async (): Promise<unknown> => {
            const heard = await send(new URL('/connect/introspect', server.issuer), {
              form:
                way === 'the usual way'
                  ? { token }
                  : { token, client_id: clientId as string, client_secret: newSecret.secret as string },
              headers: way === 'the usual way' ? server.basic(clientId, newSecret.secret) : {},
            });
            const { active, scope, role, permission } = bodyOf(heard) as Data;
            return [active, scope, role, permission];
          };
          assert.deepEqual(await said(), [true, 'orders.read orders.write', ['clerk'], ['orders.cancel']]);
          const [{ id }] = (await admin.ask('GET', '/api/Role?q.name=clerk')).body['data'] as [Data];
          const claims = [{ type: 'permission', value: 'orders.cancel' }];
          await admin.done('PUT', '/api/Role', { id, claims: [] });
          await admin.done('PUT', '/api/Client', { id: app['id'], scopes: ['openid', 'orders.read'] });
          assert.deepEqual(await said(), [true, 'orders.read', ['clerk'], []]);
          await admin.done('PUT', '/api/Role', { id, claims });
          const scopes = ['openid', 'orders.read', 'orders.write'];
          await admin.done('PUT', '/api/Client', { id: app['id'], scopes });
          assert.deepEqual(await said(), [true, 'orders.read orders.write', ['clerk'], ['orders.cancel']]);
        });
    });
