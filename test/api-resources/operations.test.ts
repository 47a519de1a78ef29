import assert from 'node:assert/strict';
import { decodeJwt } from 'jose';
import { STORES } from '../support/config.js';
import { administrator, caller, tokenFor, type Caller, type Data } from '../support/area.js';
import { clientToken, userToken } from '../support/management.js';
import { startServer, type TestServer } from '../support/server.js';

for (const kind of STORES)
  describe(`API resources over REST, on ${kind}`, () => {
    let server: TestServer;
    let admin: Caller;

    before(async () => {
      server = await startServer(kind);
      admin = await administrator(server);
    });
    after(() => server.stop());

    const machine = async (scopes: string[]): Promise<{ id: string; clientId: string; secret: string }> => {
      const made = await admin.done('POST', '/api/Client', { template: 'machine', scopes });
      return { id: made['id'], clientId: made['clientId'], secret: made['newSecret'].secret };
    };

    it('issue tokens from the next request on, and none once they are disabled', async () => {
      const api = await admin.done('POST', '/api/ApiResource', {
        name: 'orders',
        scopes: [{ name: 'read', displayName: 'Read orders' }, { name: 'orders.write' }],
        accessTokenLifetime: 120,
      });
      assert.deepEqual(
        [api['audience'], api['tokenAudience'], api['scopes'].map(({ name }: { name: string }) => name)],
        ['urn:resource:orders', 'orders', ['orders.read', 'orders.write']],
      );
      const { clientId, secret } = await machine(['orders.read']);
      const { body } = await tokenFor(server, clientId, secret, { scope: 'orders.read' });
      const claims = decodeJwt(body['access_token']);
      assert.deepEqual([claims.aud, claims['scope'], body['expires_in']], ['orders', 'orders.read', 120]);
      await admin.done('PUT', '/api/ApiResource', { id: api['id'], enabled: false });
      const refused = await tokenFor(server, clientId, secret, { scope: 'orders.read' });
      assert.deepEqual([refused.status, refused.body['error']], [400, 'invalid_scope']);
    });

    it('say their audience in tokens where they have been given one', async () => {
      const audience = 'https://stock.example.com/api';
      await admin.done('POST', '/api/ApiResource', { name: 'stock', audience, scopes: [{ name: 'read' }] });
      const { clientId, secret } = await machine(['stock.read']);
      const { body } = await tokenFor(server, clientId, secret, { resource: audience });
      assert.equal(decodeJwt(body['access_token']).aud, audience);
    });

    it('tell of the scopes that they show, by API', async () => {
      await admin.done('POST', '/api/ApiResource', {
        name: 'shown',
        scopes: [
          { name: 'read', displayName: 'Read', emphasize: true },
          { name: 'secret', showInDiscoveryDocument: false },
        ],
      });
      const scopes = await admin.done('GET', '/api/ApiResource/Scopes');
      assert.deepEqual(scopes['shown'], [
        { code: 'shown.read', name: 'Read', description: null, emphasize: true },
      ]);
      assert.ok(scopes['isms'].some(({ code }: { code: string }) => code === 'isms.all'));
    });

    it('take a scope away only where no client has it, or from all of them', async () => {
      const { id } = await admin.done('POST', '/api/ApiResource', {
        name: 'lent',
        scopes: [{ name: 'read' }, { name: 'write' }],
      });
      const { id: client, clientId, secret } = await machine(['lent.read', 'lent.write']);
      const less = { id, scopes: [{ name: 'read' }] };
      const refused = await admin.ask('PUT', '/api/ApiResource', less);
      assert.deepEqual(
        [refused.status, refused.body['codeName'], refused.body['data']],
        [409, 'ApiResource_InUse', { clients: 1 }],
      );
      await admin.done('PUT', '/api/ApiResource?cascade=true', less);
      assert.deepEqual((await admin.done('GET', `/api/Client/${client}`))['scopes'], ['lent.read']);
      assert.equal((await tokenFor(server, clientId, secret, { scope: 'lent.write' })).status, 400);
      assert.equal((await admin.ask('DELETE', `/api/ApiResource/${id}`)).status, 409);
      await admin.done('DELETE', `/api/ApiResource/${id}?cascade=true`);
      assert.deepEqual((await admin.done('GET', `/api/Client/${client}`))['scopes'], []);
    });

    describe('leave no permission of theirs behind', () => {
      const permissions = (...values: string[]): { claims: object[] } => ({
        claims: values.map((value) => ({ type: 'permission', value })),
      });
      const valuesOf = (thing: Data): string[] =>
        (thing['claims'] as { value: string }[]).map(({ value }) => value);
      let names = 0;
      let name: string;
      let id: string;
      beforeEach(async () => {
        name = `bill-${++names}`;
        ({ id } = await admin.done('POST', '/api/ApiResource', { name }));
      });

      it('in roles and users, of which 409 says how many they are [SEC-R4]', async () => {
        const given = permissions('isms.role.get', `${name}.admin`, `${name}er.see`, 'plain', `${name}.root`);
        const role = await admin.done('POST', '/api/Role', { name, ...given });
        const user = await admin.done('POST', '/api/User', { userName: name, ...given });
        const refused = await admin.ask('DELETE', `/api/ApiResource/${id}`);
        assert.deepEqual(
          [refused.status, refused.body['codeName'], refused.body['data']],
          [409, 'ApiResource_InUse', { roles: 1, users: 1 }],
        );
        await admin.done('DELETE', `/api/ApiResource/${id}?cascade=true`);
        await admin.done('POST', '/api/ApiResource', { name });
        const left = ['isms.role.get', `${name}er.see`, 'plain'];
        assert.deepEqual(valuesOf(await admin.done('GET', `/api/Role/${role['id']}`)), left);
        assert.deepEqual(valuesOf(await admin.done('GET', `/api/User/${user['id']}`)), left);
      });

      it('but for those that another API could mean as well [SEC-R4]', async () => {
        const below = await admin.done('POST', '/api/ApiResource', { name: `${name}.orders` });
        const given = permissions(`${name}.admin`, `${name}.orders.cancel`);
        const role = await admin.done('POST', '/api/Role', { name, ...given });
        await admin.done('DELETE', `/api/ApiResource/${id}?cascade=true`);
        assert.deepEqual(valuesOf(await admin.done('GET', `/api/Role/${role['id']}`)), [
          `${name}.orders.cancel`,
        ]);
        await admin.done('DELETE', `/api/ApiResource/${below['id']}?cascade=true`);
        assert.deepEqual(valuesOf(await admin.done('GET', `/api/Role/${role['id']}`)), []);
      });

      it('with users who were deleted, or claims of other types, in no way', async () => {
        const claims = [{ type: 'level', value: `${name}.gold` }];
        const user = await admin.done('POST', '/api/User', { userName: name, claims });
        const gone = await admin.done('POST', '/api/User', permissions(`${name}.root`));
        await admin.done('DELETE', `/api/User/${gone['id']}`);
        await admin.done('DELETE', `/api/ApiResource/${id}`);
        assert.deepEqual(valuesOf(await admin.done('GET', `/api/User/${user['id']}`)), [`${name}.gold`]);
      });

      it('however many users have them', async () => {
        const claims = JSON.stringify(permissions(`${name}.root`).claims);
        await server.change(async (db) => {
          const now = Date.now();
          const users = Array.from({ length: 2100 }, (_each, n) => ({
            id: `many-${name}-${n}`,
            user_key: `many-${name}-${n}`,
            user_name: `many-${name}-${n}`,
            user_name_key: `many-${name}-${n}`,
            claims,
            created_at: now,
            updated_at: now,
          }));
          await db.insertAll('users', users);
        });
        const refused = await admin.ask('DELETE', `/api/ApiResource/${id}`);
        assert.deepEqual(refused.body['data'], { roles: 0, users: 2100 });
        await admin.done('DELETE', `/api/ApiResource/${id}?cascade=true`);
        const { left } = (await server.context.store
          .knex('users')
          .where({ claims })
          .count({ left: '*' })
          .first()) as { left: number | string };
        assert.equal(Number(left), 0);
      });
    });

    it('keep to their own words: nobody makes a scope of the management API, or of another [SEC-X2]', async () => {
      const problem = async (body: unknown): Promise<unknown> => {
        const { status, body: answer } = await admin.ask('POST', '/api/ApiResource', body);
        return [status, answer['codeName']];
      };
      const invalid = [422, 'UnprocessableEntity'];
      assert.deepEqual(await problem({ name: 'isms' }), invalid);
      assert.deepEqual(await problem({ name: 'isms.user' }), invalid);
      assert.deepEqual(await problem({ name: 'ids4', scopes: [{ name: 'ids4.ms.all' }] }), invalid);
      assert.deepEqual(await problem({ name: 'x', audience: 'not a uri' }), invalid);
      await admin.done('POST', '/api/ApiResource', { name: 'a', scopes: [{ name: 'b.c' }] });
      assert.deepEqual(await problem({ name: 'a' }), [409, 'ApiResource_NameExists']);
      assert.deepEqual(await problem({ name: 'a.b', scopes: [{ name: 'c' }] }), [
        409,
        'ApiResource_ScopeExists',
      ]);
      await admin.done('POST', '/api/ApiResource', { name: 'd', audience: 'urn:example:d' });
      assert.deepEqual(await problem({ name: 'b', audience: 'urn:example:d' }), [
        409,
        'ApiResource_AudienceExists',
      ]);
    });

    it('do not let anybody change what the program stands on', async () => {
      const { body } = await admin.ask('GET', '/api/ApiResource?q.name=isms');
      const [{ id }] = body['data'] as [{ id: string }];
      for (const change of [{ enabled: false }, { scopes: [] }, { tokenAudience: 'x' }]) {
        const refused = await admin.ask('PUT', '/api/ApiResource', { id, ...change });
        assert.deepEqual([refused.status, refused.body['codeName']], [409, 'ApiResource_BuiltIn']);
      }
      assert.equal((await admin.ask('DELETE', `/api/ApiResource/${id}?cascade=true`)).status, 409);
      await admin.done('PUT', '/api/ApiResource', { id, displayName: 'Ours' });
    });

    it('can be sent back as they were read, and say which field nobody can change', async () => {
      const { id } = await admin.done('POST', '/api/ApiResource', {
        name: 'echo',
        scopes: [{ name: 'read' }],
      });
      const read = await admin.done('GET', `/api/ApiResource/${id}`);
      const changed = await admin.done('PUT', '/api/ApiResource', { ...read, description: 'Again' });
      assert.deepEqual([changed['description'], changed['scopes']], ['Again', read['scopes']]);
      const refused = await admin.ask('PUT', '/api/ApiResource', { ...changed, name: 'other' });
      assert.deepEqual(
        [refused.status, refused.body['data']],
        [422, [{ field: 'name', rule: 'readOnly', message: 'can not be changed; leave it out' }]],
      );
    });

    it('show a secret once, and take it away when it is left out', async () => {
      const made = await admin.done('POST', '/api/ApiResource', {
        name: 'guarded',
        secrets: [{ description: 'deployment' }],
      });
      const [{ secret, id }] = made['newSecrets'];
      const read = await admin.done('GET', `/api/ApiResource/${made['id']}`);
      assert.deepEqual([read['secrets'][0].id, read['newSecrets']], [id, undefined]);
      assert.ok(!JSON.stringify(read).includes(secret));
      const importing = caller(server, 'none');
      const send = (service: string) =>
        importing.ask(
          'POST',
          '/api/ApiResource/Import',
          { microServiceName: service, microServiceClientIDs: ['management'] },
          { token: undefined, headers: server.basic('guarded', secret) },
        );
      const imported = await send('guarded');
      assert.deepEqual(
        [imported.status, imported.data['clients']],
        [200, [{ clientId: 'management', result: 'not_allowed' }]],
      );
      assert.equal((await send('another')).status, 403);
      const lists = await importing.ask('GET', '/api/ApiResource', undefined, {
        token: undefined,
        headers: server.basic('guarded', secret),
      });
      assert.equal(lists.status, 401);
      await admin.done('PUT', '/api/ApiResource', { id: made['id'], secrets: [] });
      assert.equal((await send('guarded')).status, 401);
    });

    describe('from a service’s own description', () => {
      const description = (service: string) => ({
        microServiceName: service,
        microServiceDisplayName: 'Billing',
        microServicePolicies: [
          {
            controllerName: 'invoice',
            scopes: ['invoice.get', 'invoice.post'],
            permissions: ['invoice.get'],
          },
        ],
      });

      it('are made once, and added to after that', async () => {
        const first = await admin.done('POST', '/api/ApiResource/Import', description('billing'));
        assert.deepEqual(
          [first['created'], first['addedScopes']],
          [true, ['billing.all', 'billing.invoice.get', 'billing.invoice.post', 'billing.invoice.all']],
        );
        assert.deepEqual(first['resource'].userClaims, ['role', 'permission']);
        const again = await admin.done('POST', '/api/ApiResource/Import', description('billing'));
        assert.deepEqual([again['created'], again['addedScopes'], again['id']], [false, [], first['id']]);
        assert.equal(again['resource'].scopes.length, 4);
      });

      it('open themselves to the clients that are named, where the caller may change clients', async () => {
        const client = await admin.done('POST', '/api/Client', {
          template: 'web',
          redirectUris: ['https://app.example.com/callback'],
        });
        const more = {
          ...description('shipping'),
          microServiceClientIDs: [client['clientId'], 'nobody'],
          microServiceRedirectUrls: ['https://shipping.example.com/callback'],
        };
        const few = caller(server, await clientToken(server, ['isms.apiresource.import']));
        assert.deepEqual((await few.done('POST', '/api/ApiResource/Import', more))['clients'], [
          { clientId: client['clientId'], result: 'not_allowed' },
          { clientId: 'nobody', result: 'not_allowed' },
        ]);
        assert.deepEqual((await admin.done('POST', '/api/ApiResource/Import', more))['clients'], [
          { clientId: client['clientId'], result: 'changed' },
          { clientId: 'nobody', result: 'unknown' },
        ]);
        const read = await admin.done('GET', `/api/Client/${client['id']}`);
        assert.ok(read['scopes'].includes('shipping.all'));
        assert.deepEqual(read['redirectUris'], [
          'https://app.example.com/callback',
          'https://shipping.example.com/callback',
        ]);
      });

      it('come of the security requirements of an OpenAPI document', async () => {
        const openApi = {
          openapi: '3.1.0',
          security: [{ oauth: ['read'] }],
          paths: { '/x': { get: { security: [{ oauth: ['parcels.write', 'not a scope'] }] } } },
          components: {
            securitySchemes: {
              oauth: { flows: { clientCredentials: { scopes: { read: 'Read parcels', other: 'Unused' } } } },
            },
          },
        };
        const { resource } = await admin.done('POST', '/api/ApiResource/Import', {
          microServiceName: 'parcels',
          openApi,
        });
        assert.deepEqual(
          resource.scopes.map(({ name, description }: Record<string, string>) => [name, description]),
          [
            ['parcels.all', null],
            ['parcels.read', 'Read parcels'],
            ['parcels.write', null],
          ],
        );
      });
    });

    it('are a developer’s own: others’ are not there', async () => {
      const verbs = ['get', 'detail', 'post', 'put', 'delete'].map((verb) => `isms.apiresource.${verb}`);
      await server.change((db) =>
        db
          .from('roles')
          .where({ name: 'developer' })
          .update({
            claims: JSON.stringify(verbs.map((value) => ({ type: 'permission', value }))),
          }),
      );
      const developer = caller(server, await userToken(server, verbs, [], undefined, ['developer']));
      const other = caller(server, await userToken(server, verbs, [], undefined, ['developer']));
      const mine = await developer.done('POST', '/api/ApiResource', { name: 'mine', owner: 'somebody' });
      assert.notEqual(mine['owner'], 'somebody');
      assert.equal((await other.ask('GET', `/api/ApiResource/${mine['id']}`)).status, 404);
      assert.equal((await other.ask('PUT', '/api/ApiResource', { id: mine['id'] })).status, 404);
      assert.equal((await other.ask('DELETE', `/api/ApiResource/${mine['id']}`)).status, 404);
      assert.equal((await other.ask('GET', '/api/ApiResource')).body['total'], 0);
      assert.equal((await developer.ask('GET', '/api/ApiResource')).body['total'], 1);
      await admin.done('GET', `/api/ApiResource/${mine['id']}`);
    });
  });
