import assert from 'node:assert/strict';
import { decodeJwt } from 'jose';
import { deleteClient, findClient } from '../../src/clients/index.js';
import type { TenantDb } from '../../src/store/index.js';
import { administrator, caller, tokenFor, type Caller, type Data } from '../support/area.js';
import { STORES } from '../support/config.js';
import { bodyOf, send } from '../support/http.js';
import { userToken } from '../support/management.js';
import { startServer, type TestServer } from '../support/server.js';

const MAY = ['isms.client.all', 'isms.user.all', 'isms.apiresource.all'];
const WORDS = ['isms.user.all', 'isms.client.all'];

interface Owner {
  id: string;
  userKey: string;
  developer: Caller;
}

/** How an owner loses what they could do. */
const ENDS: Record<string, (admin: Caller, id: string) => Promise<unknown>> = {
  'the permissions': (admin, id) => admin.done('PUT', '/api/User', { id, claims: [] }),
  'the right to sign in': (admin, id) => admin.done('PUT', '/api/User', { id, status: 'disabled' }),
  'the account': (admin, id) => admin.done('DELETE', `/api/User/${id}`),
  'the account for good': (admin, id) => admin.done('DELETE', `/api/User/${id}?erase=true`),
};

for (const kind of STORES)
  describe(`what an owner has lost, on ${kind}`, () => {
    let server: TestServer;
    let admin: Caller;
    let reader: Data;

    before(async () => {
      server = await startServer(kind, {}, { limits: { enabled: false } });
      admin = await administrator(server);
      reader = await admin.done('POST', '/api/Client', { template: 'machine', resources: ['isms'] });
    });
    after(() => server.stop());

    async function owner(roles: string[] = ['developer']): Promise<Owner> {
      const token = await userToken(server, MAY, MAY, undefined, roles);
      const userKey = String(decodeJwt(token).sub);
      const users = (await admin.ask('GET', '/api/User?q.name=user-of&take=100')).body['data'] as Data[];
      const id = users.find((user) => user['userKey'] === userKey)?.['id'] as string;
      return { id, userKey, developer: caller(server, token) };
    }
    const machine = (by: Caller, scopes: string[], more: object = {}): Promise<Data> =>
      by.done('POST', '/api/Client', { template: 'machine', scopes, ...more });
    const asked = (client: Data, form: Record<string, string>) =>
      tokenFor(server, client['clientId'], client['newSecret'].secret, form);
    const tokenOf = async (client: Data, scope: string): Promise<string> => {
      const { status, body } = await asked(client, { scope });
      assert.equal(status, 200, JSON.stringify(body));
      return body['access_token'] as string;
    };
    const register = async (token: string, scope?: string): Promise<{ status: number; body: Data }> => {
      const heard = await send(new URL('/connect/register', server.issuer), {
        method: 'POST',
        headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
        body: JSON.stringify({
          grant_types: ['client_credentials'],
          ...(scope !== undefined && { scope }),
        }),
      });
      return { status: heard.status, body: bodyOf(heard) };
    };
    const introspected = async (token: string): Promise<unknown> => {
      const heard = await send(new URL('/connect/introspect', server.issuer), {
        form: { token },
        headers: server.basic(reader['clientId'], reader['newSecret'].secret),
      });
      const { active, scope } = bodyOf(heard) as Data;
      return [active, scope];
    };

    for (const [what, end] of Object.entries(ENDS)) {
      it(`opens nothing to a token that their client has already: ${what} [SEC-R4]`, async () => {
        const { id, developer } = await owner();
        const client = await machine(developer, WORDS);
        const own = caller(server, await tokenOf(client, 'isms.user.all'));
        const person = await admin.done('POST', '/api/User', { userName: `person-of-${id}` });
        const setPassword = (): Promise<{ status: number; body: Data }> =>
          own.ask('PUT', '/api/User', { id: person['id'], password: 'a new password of theirs' });
        assert.deepEqual(
          [(await own.ask('GET', '/api/User')).status, (await setPassword()).status],
          [200, 200],
        );
        await end(admin, id);
        const refusal = await setPassword();
        assert.deepEqual([(await own.ask('GET', '/api/User')).status, refusal.status], [403, 403]);
        assert.match(String(refusal.body['message']), /the owner of the client must hold it/);
      });

      it(`is refused to their client where it asks, and left out where it does not: ${what} [SEC-R4]`, async () => {
        const { id, developer } = await owner();
        const api = await developer.done('POST', '/api/ApiResource', {
          name: `api-of-${id}`,
          scopes: [{ name: 'read' }],
        });
        const client = await machine(developer, [...WORDS, `${api['name']}.read`]);
        const before = await tokenOf(client, 'isms.user.all isms.client.all');
        assert.deepEqual(await introspected(before), [true, 'isms.user.all isms.client.all']);
        await end(admin, id);
        const { status, body } = await asked(client, { scope: 'isms.user.all' });
        assert.deepEqual([status, body['error']], [400, 'invalid_scope']);
        assert.match(body['error_description'] as string, /the owner of the client does not hold the scope/);
        const rest = await asked(client, {});
        assert.deepEqual([rest.status, rest.body['scope']], [200, `${api['name']}.read`]);
        assert.deepEqual(await introspected(before), [true, '']);
      });

      it(`can not be registered for with their token: ${what} [SEC-R4]`, async () => {
        const { id, developer } = await owner();
        const scopes = ['openid', 'isms.user.all'];
        const { token } = await developer.done('POST', '/api/Client/RegistrationTokens', { scopes, uses: 5 });
        assert.equal((await register(token, 'isms.user.all')).status, 201);
        await end(admin, id);
        const { status, body } = await register(token, 'isms.user.all');
        const expected =
          what === 'the permissions' ? [400, 'invalid_client_metadata'] : [401, 'invalid_token'];
        assert.deepEqual([status, body['error']], expected, JSON.stringify(body));
      });
    }

    it('is not what a client that has registered can add to itself [SEC-R4]', async () => {
      const { id, developer } = await owner();
      const scopes = ['openid', 'isms.user.all'];
      const { token } = await developer.done('POST', '/api/Client/RegistrationTokens', { scopes });
      const { body: made } = await register(token, '');
      await ENDS['the permissions']?.(admin, id);
      const heard = await send(new URL(made['registration_client_uri'] as string), {
        method: 'PUT',
        headers: {
          authorization: `Bearer ${made['registration_access_token']}`,
          'content-type': 'application/json',
        },
        body: JSON.stringify({
          client_id: made['client_id'],
          grant_types: ['client_credentials'],
          scope: 'isms.user.all',
        }),
      });
      assert.deepEqual([heard.status, bodyOf(heard)['error']], [400, 'invalid_client_metadata']);
    });

    it('comes back to their client when they get it back [SEC-R4]', async () => {
      const { id, developer } = await owner();
      const client = await machine(developer, WORDS);
      const own = caller(server, await tokenOf(client, 'isms.user.all'));
      await ENDS['the permissions']?.(admin, id);
      assert.equal((await own.ask('GET', '/api/User')).status, 403);
      const claims = [
        { type: 'permission', value: 'isms.user.get' },
        ...WORDS.map((value) => ({ type: 'permission', value })),
      ];
      await admin.done('PUT', '/api/User', { id, claims });
      assert.equal((await own.ask('GET', '/api/User')).status, 200);
      await tokenOf(client, 'isms.user.all');
    });

    it('opens nothing to a token that their client has had issued [SEC-R4]', async () => {
      const { id, developer } = await owner();
      const client = await machine(developer, WORDS);
      const own = caller(server, await tokenOf(client, 'isms.client.all isms.user.all'));
      const issued = await own.done('POST', '/api/Client/IssueToken', {});
      const later = caller(server, issued['accessToken'] as string);
      assert.equal((await later.ask('GET', '/api/User')).status, 200);
      await ENDS['the permissions']?.(admin, id);
      assert.equal((await later.ask('GET', '/api/User')).status, 403);
    });

    it('is not undone by a client with isms.all: it gives its owner nothing back [SEC-R4]', async () => {
      const { id, userKey } = await owner(['administrator']);
      const client = await machine(admin, ['isms.all'], { owner: userKey });
      const own = caller(server, await tokenOf(client, 'isms.all'));
      assert.equal((await own.ask('GET', '/api/Client')).status, 200);
      await admin.done('PUT', '/api/User', { id, roles: [] });
      const raise = await own.ask('PUT', '/api/User', { id, roles: ['administrator'] });
      assert.equal(raise.status, 403, JSON.stringify(raise.body));
      assert.equal((await asked(client, { scope: 'isms.all' })).body['error'], 'invalid_scope');
    });

    it('is had by a client again that an administrator takes the owner from [SEC-R4]', async () => {
      const { id, developer } = await owner();
      const client = await machine(developer, WORDS);
      await ENDS['the account']?.(admin, id);
      await admin.done('PUT', '/api/Client', { id: client['id'], owner: null });
      const own = caller(server, await tokenOf(client, 'isms.user.all'));
      assert.equal((await own.ask('GET', '/api/User')).status, 200);
    });

    it('is no way into the tenant by a client that has isms.all [SEC-R3]', async () => {
      const name = `owned-${kind}`;
      const tenant = await server.addTenant(name, `${name}.localhost:${server.port}`);
      const { userKey } = await server.addUser({ userName: 'nobody' }, tenant);
      for (const clientId of ['owned', 'free'])
        await server.addClient(
          clientId,
          { grantTypes: ['client_credentials'], scopes: ['isms.all'] },
          tenant,
        );
      const inTenant = (work: (db: TenantDb) => Promise<unknown>): Promise<unknown> =>
        server.change(async (db) => void (await work(db)), tenant);
      await inTenant((db) =>
        db.from('clients').where({ client_id: 'owned' }).update({ owner_user_key: userKey }),
      );
      const deleteFree = () => inTenant(async (db) => deleteClient(db, await findClient(db, 'free')));
      await assert.rejects(deleteFree, /last client that can manage the tenant/);
      // A lock keeps the user out, but not what is theirs.
      const everything = JSON.stringify([{ type: 'permission', value: 'isms.all' }]);
      await inTenant((db) =>
        db
          .from('users')
          .where({ user_key: userKey })
          .update({ claims: everything, locked_until: Date.now() + 3_600_000 }),
      );
      await deleteFree();
    });
  });
