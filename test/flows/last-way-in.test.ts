import assert from 'node:assert/strict';
import { GRANT_TYPES, revokeClientSecret } from '../../src/clients/index.js';
import { Conflict } from '../../src/kernel/errors.js';
import type { Tenant } from '../../src/tenants/index.js';
import type { Caller } from '../support/area.js';
import { STORES } from '../support/config.js';
import { send } from '../support/http.js';
import { call, clientToken } from '../support/management.js';
import { until } from '../support/raw.js';
import { PASSWORD, startServer, type TestServer } from '../support/server.js';
import { Visitor } from '../support/visitor.js';

const EVERYTHING = [{ type: 'permission', value: 'isms.all' }];
const NEXT_YEAR = '2030-01-01T00:00:00Z';
const LAST = /gatehouse user create --administrator/;

let made = 0;

for (const kind of STORES)
  describe(`the last way into a tenant, on ${kind}`, () => {
    let server: TestServer;
    before(async () => {
      server = await startServer(kind);
    });
    after(() => server.stop());

    interface Place {
      tenant: Tenant;
      /** A client that may do everything. */
      ask: Caller['ask'];
    }

    /** A tenant of its own, managed by a client. */
    async function place(): Promise<Place> {
      const name = `place-${++made}`;
      const tenant = await server.addTenant(name, `${name}.localhost:${server.port}`);
      const token = await clientToken(server, ['isms.all'], tenant);
      const ask: Caller['ask'] = (method, path, json) => call(server, { method, path, json, token, tenant });
      return { tenant, ask };
    }
    const addUser = async (tenant: Tenant, more: object): Promise<string> =>
      (await server.addUser({ userName: `person-${++made}`, ...more }, tenant)).id;
    const roleId = async (ask: Caller['ask'], name: string): Promise<string> => {
      const { body } = await ask('GET', `/api/Role?q.name=${name}`);
      return (body['data'] as { id: string }[])[0]?.id ?? '';
    };
    async function refused(
      answer: Promise<{ status: number; body: Record<string, unknown> }>,
    ): Promise<void> {
      const { status, body } = await answer;
      assert.equal(status, 409, JSON.stringify(body));
      assert.match(String(body['message']), LAST);
    }
    async function taken(answer: Promise<{ status: number; body: Record<string, unknown> }>): Promise<void> {
      const { status, body } = await answer;
      assert.equal(status, 200, JSON.stringify(body));
    }

    describe('a user who holds everything by a role', () => {
      const CHANGES: Record<string, (id: string, role: string) => [string, string, object?]> = {
        'is not deleted': (id) => ['DELETE', `/api/User/${id}`],
        'is not erased': (id) => ['DELETE', `/api/User/${id}?erase=true`],
        'is not disabled': (id) => ['PUT', '/api/User', { id, status: 'disabled' }],
        'is not locked': (id) => ['PUT', '/api/User', { id, lockedUntil: NEXT_YEAR }],
        'keeps the role': (id) => ['PUT', '/api/User', { id, roles: [] }],
        'has a role that is not emptied': (_id, role) => ['PUT', '/api/Role', { id: role, claims: [] }],
        'has a role that is not deleted from under them': (_id, role) => [
          'DELETE',
          `/api/Role/${role}?cascade=true`,
        ],
      };
      for (const [title, change] of Object.entries(CHANGES))
        it(`${title} [SEC-R3]`, async () => {
          const { tenant, ask } = await place();
          await taken(ask('POST', '/api/Role', { name: 'chief', claims: EVERYTHING }));
          const id = await addUser(tenant, { roles: ['chief'] });
          const [method, path, json] = change(id, await roleId(ask, 'chief'));
          await refused(ask(method, path, json));
          const { data } = await ask('GET', `/api/User/${id}`);
          assert.deepEqual(
            [data['status'], data['lockedUntil'], data['roleNames']],
            ['enabled', null, ['chief']],
          );
          await addUser(tenant, { claims: EVERYTHING });
          await taken(ask(method, path, json));
        });
    });

    it('is not a user’s own claim that is taken away', async () => {
      const { tenant, ask } = await place();
      const id = await addUser(tenant, { claims: [{ type: 'permission', value: 'ids4.ms.all' }] });
      await refused(ask('PUT', '/api/User', { id, claims: [] }));
      await addUser(tenant, { roles: ['administrator'] });
      await taken(ask('PUT', '/api/User', { id, claims: [] }));
    });

    it('is not left by what changes nothing of it', async () => {
      const { tenant, ask } = await place();
      const id = await addUser(tenant, { roles: ['administrator'] });
      await taken(
        ask('PUT', '/api/User', { id, roles: ['administrator'], status: 'enabled', nickName: 'Ada' }),
      );
      const role = await roleId(ask, 'administrator');
      await taken(ask('PUT', '/api/Role', { id: role, claims: EVERYTHING, displayName: 'Chief' }));
    });

    it('is nobody who is disabled, locked or deleted', async () => {
      const { tenant, ask } = await place();
      const id = await addUser(tenant, { claims: EVERYTHING });
      await addUser(tenant, { claims: EVERYTHING, enabled: false });
      await addUser(tenant, { claims: EVERYTHING, lockedUntil: Date.parse(NEXT_YEAR) });
      await taken(ask('DELETE', `/api/User/${await addUser(tenant, { claims: EVERYTHING })}`));
      await refused(ask('DELETE', `/api/User/${id}`));
    });

    it('is nobody who can not sign in: without password, e-mail address and phone number [SEC-R3]', async () => {
      const { tenant, ask } = await place();
      const id = await addUser(tenant, { claims: EVERYTHING });
      const nobody = await ask('POST', '/api/User', { userName: `person-${++made}`, claims: EVERYTHING });
      await refused(ask('DELETE', `/api/User/${id}`));
      await taken(ask('PUT', '/api/User', { id: nobody.data['id'], email: `p-${made}@example.com` }));
      await taken(ask('DELETE', `/api/User/${id}`));
      await refused(ask('PUT', '/api/User', { id: nobody.data['id'], email: null }));
    });

    it('is asked for in each tenant apart, and not where there was none before', async () => {
      const { tenant, ask } = await place();
      const id = await addUser(tenant, {});
      await taken(ask('PUT', '/api/User', { id, claims: EVERYTHING, status: 'disabled' }));
      await taken(ask('DELETE', `/api/User/${id}`));
    });

    describe('a client with the management scope, where there is no such user', () => {
      const clientsOf = async (ask: Caller['ask']): Promise<Record<string, unknown>[]> =>
        (await ask('GET', '/api/Client')).body['data'] as Record<string, unknown>[];
      const CHANGES: Record<string, (id: string) => [string, string, object?]> = {
        'is not deleted': (id) => ['DELETE', `/api/Client/${id}`],
        'is not disabled': (id) => ['PUT', '/api/Client', { id, enabled: false }],
        'keeps its scope': (id) => ['PUT', '/api/Client', { id, scopes: ['isms.user.get'] }],
        'keeps a secret': (id) => ['PUT', '/api/Client', { id, secrets: [] }],
        'keeps the grant': (id) => [
          'PUT',
          '/api/Client',
          { id, grantTypes: [GRANT_TYPES.code], redirectUris: ['https://app.example.com/cb'] },
        ],
      };
      for (const [title, change] of Object.entries(CHANGES))
        it(`${title} [SEC-R3]`, async () => {
          const { tenant, ask } = await place();
          const [only] = await clientsOf(ask);
          const [method, path, json] = change(String(only?.['id']));
          await refused(ask(method, path, json));
          await addUser(tenant, { roles: ['administrator'] });
          await taken(ask(method, path, json));
        });

      it('keeps a secret when the command line revokes one [SEC-R3]', async () => {
        const { tenant, ask } = await place();
        const [only] = await clientsOf(ask);
        const clientId = String(only?.['clientId']);
        const [secret] = only?.['secrets'] as [{ id: string }];
        const revoke = (): Promise<void> =>
          server.change((db) => revokeClientSecret(db, clientId, secret.id), tenant);
        await assert.rejects(revoke, (error) => error instanceof Conflict && LAST.test(error.message));
        await addUser(tenant, { roles: ['administrator'] });
        await revoke();
      });

      it('gets no owner who holds less [SEC-R3]', async () => {
        const { tenant, ask } = await place();
        const [only] = await clientsOf(ask);
        const { userKey } = await server.addUser({ userName: `person-${++made}` }, tenant);
        await refused(ask('PUT', '/api/Client', { id: only?.['id'], owner: userKey }));
      });

      it('may prove itself in another way: who has the keys, the server can not know [SEC-R3]', async () => {
        const { ask } = await place();
        const [only] = await clientsOf(ask);
        const jwksUri = 'https://app.example.com/keys';
        await taken(
          ask('PUT', '/api/Client', {
            id: only?.['id'],
            tokenEndpointAuthMethod: 'private_key_jwt',
            jwksUri,
          }),
        );
      });

      it('may go where another is left', async () => {
        const { tenant, ask } = await place();
        await clientToken(server, ['isms.all'], tenant);
        const [one] = await clientsOf(ask);
        await taken(ask('DELETE', `/api/Client/${String(one?.['id'])}`));
      });
    });

    it('stays when two who are all that there are go at once: exactly one goes [SEC-R3]', async () => {
      for (let round = 0; round < 10; round++) {
        const { tenant, ask } = await place();
        const ids = [
          await addUser(tenant, { roles: ['administrator'] }),
          await addUser(tenant, { claims: EVERYTHING }),
        ];
        const role = await roleId(ask, 'administrator');
        const answers = await Promise.all([
          round % 2 === 0
            ? ask('PUT', '/api/Role', { id: role, claims: [] })
            : ask('DELETE', `/api/User/${ids[0]}`),
          ask('PUT', '/api/User', { id: ids[1], status: 'disabled' }),
        ]);
        assert.deepEqual(answers.map(({ status }) => status).sort(), [200, 409]);
      }
    });

    it('stays when the only other’s role is given everything while that role is taken from them [SEC-R3]', async () => {
      const { tenant, ask } = await place();
      const { knex } = server.context.store;
      await taken(ask('POST', '/api/Role', { name: 'later', claims: [] }));
      const role = await roleId(ask, 'later');
      const other = await addUser(tenant, { roles: ['later'] });
      const last = await addUser(tenant, { claims: EVERYTHING });
      const brought = await addUser(tenant, { refereeId: other });
      const referee = await addUser(tenant, {});
      // On PostgreSQL the first change waits for this row in its middle while the others come.
      const held = kind === 'postgres' ? await knex.transaction() : undefined;
      await held?.('users').where({ id: brought }).forUpdate().first();
      const waiting = async (): Promise<number> => {
        const here = knex('pg_stat_activity').whereRaw('datname = current_database()');
        return (await here.where({ wait_event_type: 'Lock' }).pluck('pid')).length;
      };
      const answers: Promise<{ status: number }>[] = [];
      let done = 0;
      for (const [path, json] of [
        ['/api/User', { id: other, roles: [], refereeId: referee }],
        ['/api/Role', { id: role, claims: EVERYTHING }],
        ['/api/User', { id: last, claims: [] }],
      ] as const) {
        answers.push(ask('PUT', path, json).finally(() => void done++));
        if (held) await until(async () => done + (await waiting()) >= answers.length);
      }
      await held?.rollback();
      const statuses = (await Promise.all(answers)).map(({ status }) => status);
      assert.deepEqual(statuses.sort(), [200, 200, 409]);
    });

    it('is not what two administrators fight for: of two who demote each other at once, one does [SEC-R3]', async () => {
      // The administrator of the first start stays, so that neither of the two is the last.
      const scopes = ['isms.all'];
      const secret = await server.addClient('console', { grantTypes: [GRANT_TYPES.password], scopes });
      const administrator = async (): Promise<{ id: string; token: string }> => {
        const userName = `rival-${++made}`;
        const { id } = await server.addUser({ userName, roles: ['administrator'] });
        const form = { grant_type: 'password', username: userName, password: PASSWORD, scope: 'isms.all' };
        const { body } = await server.post('/connect/token', form, server.basic('console', secret));
        return { id, token: String(body['access_token']) };
      };
      for (let round = 0; round < 10; round++) {
        const [one, other] = [await administrator(), await administrator()];
        const remove = (by: { token: string }, { id }: { id: string }) =>
          round % 2 === 0
            ? call(server, { method: 'PUT', path: '/api/User', json: { id, roles: [] }, token: by.token })
            : call(server, { method: 'DELETE', path: `/api/User/${id}`, token: by.token });
        const answers = await Promise.all([remove(one, other), remove(other, one)]);
        const [first, second = 0] = answers.map(({ status }) => status).sort();
        assert.equal(first, 200);
        assert.ok([401, 403].includes(second), `${second} in round ${round}`);
      }
    });

    it('lets changes of administrators and of their role happen at once', async () => {
      const { tenant, ask } = await place();
      const ids = await Promise.all([1, 2, 3, 4].map(() => addUser(tenant, { roles: ['administrator'] })));
      const role = await roleId(ask, 'administrator');
      for (let round = 0; round < 10; round++) {
        const roles = round % 2 === 0 ? ['administrator', 'user'] : ['administrator'];
        const answers = await Promise.all([
          ...ids.map((id) => ask('PUT', '/api/User', { id, roles })),
          ask('PUT', '/api/Role', { id: role, displayName: `Chief ${round}` }),
          ask('PUT', '/api/Role', { id: role, claims: [...EVERYTHING, { type: 'shift', value: 'night' }] }),
        ]);
        assert.deepEqual(
          answers.map(({ status }) => status),
          Array(6).fill(200),
        );
      }
    });

    it('does not delete the own account [SEC-R3]', async () => {
      const { tenant } = await place();
      const userName = `person-${++made}`;
      const { id } = await server.addUser({ userName, roles: ['administrator'] }, tenant);
      const visitor = new Visitor(`http://${tenant.hosts[0]}`);
      const signIn = await visitor.go('/account/data');
      const page = await visitor.submit(signIn, '/sign-in', { login: userName, password: PASSWORD });
      const answer = await visitor.submit(page, '/account/data/delete', { sure: 'yes' });
      assert.equal(answer.status, 409);
      assert.match(answer.html, /You are the last administrator/);
      const row = (await server.context.store.knex('users').where({ id }).first()) as object | undefined;
      assert.ok(row);
      await addUser(tenant, { claims: EVERYTHING });
      const done = await visitor.submit(answer, '/account/data/delete', { sure: 'yes' });
      assert.equal(done.status, 200);
    });

    it('is not shut by its own registration', async () => {
      const { tenant, ask } = await place();
      const tokens = await ask('POST', '/api/Client/RegistrationTokens', { scopes: ['isms.all'] });
      const at = `http://${tenant.hosts[0]}`;
      const registered = await send(new URL('/connect/register', at), {
        method: 'POST',
        headers: {
          authorization: `Bearer ${String(tokens.data['token'])}`,
          'content-type': 'application/json',
        },
        body: JSON.stringify({ grant_types: ['client_credentials'], scope: 'isms.all' }),
      });
      const own = JSON.parse(registered.text) as Record<string, string>;
      const others = (await ask('GET', '/api/Client')).body['data'] as Record<string, string>[];
      for (const { id, clientId } of others)
        if (clientId !== own['client_id']) await taken(ask('DELETE', `/api/Client/${id}`));
      const answer = await send(new URL(String(own['registration_client_uri'])), {
        method: 'DELETE',
        headers: { authorization: `Bearer ${own['registration_access_token']}` },
      });
      assert.equal(answer.status, 409);
      assert.match(answer.text, LAST);
    });

    it('is not shut for long by wrong passwords: they are forgotten', async () => {
      const { tenant, ask } = await place();
      const id = await addUser(tenant, { roles: ['administrator'] });
      const { knex } = server.context.store;
      const { userName } = (await ask('GET', `/api/User/${id}`)).data;
      const { people } = server.context;
      for (let guess = 0; guess < 12; guess++)
        await people.signIn(tenant.id, String(userName), `guess ${guess}`, '203.0.113.7');
      const failures = (await knex('sign_in_failures').where({ account: id })) as Record<string, unknown>[];
      const { minutes } = server.context.config.lockout;
      for (const { expires_at: end } of failures)
        assert.ok(Number(end) <= Date.now() + minutes * 60_000, 'the lock ends by itself');
      assert.ok('user' in (await people.signIn(tenant.id, String(userName), PASSWORD, '203.0.113.99')));
    });
  });
