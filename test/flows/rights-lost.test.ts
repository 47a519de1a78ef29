import assert from 'node:assert/strict';
import { request } from 'node:http';
import { decodeJwt } from 'jose';
import type { Knex } from 'knex';
import { writes, type AnyOperation } from '../../src/api/index.js';
import {
  clientSettings,
  GRANT_TYPES,
  setClientEnabled,
  updateClientSettings,
} from '../../src/clients/index.js';
import { OPERATIONS } from '../../src/management.js';
import { changeApp, insertApp } from '../../src/mqtt/apps.js';
import { endGrants, endSessions } from '../../src/oidc/index.js';
import { revokeAllOf, revokeTokenIn } from '../../src/revocations/index.js';
import { setUserEnabled } from '../../src/users/index.js';
import { administrator, caller, tokenFor, type Caller, type Data } from '../support/area.js';
import { STORES } from '../support/config.js';
import { EXAMPLES } from '../support/examples.js';
import { basic } from '../support/http.js';
import { perform, userToken, type ApiAnswer } from '../support/management.js';
import { someOf } from '../support/profile.js';
import { until } from '../support/raw.js';
import { PASSWORD, startServer, type TestServer } from '../support/server.js';
import { obtainCode, redeemForm, Visitor } from '../support/visitor.js';

/** What is written by the program itself, and not by the call. */
const NOT_THE_CALLS = [
  'audit',
  'meta',
  'oidc_artifacts',
  'outbox',
  'rate_counts',
  'revocations',
  'revocation_counters',
];

let made = 0;

for (const kind of STORES)
  describe(`a caller who loses rights while the request is under way, on ${kind}`, () => {
    let server: TestServer;
    let admin: Caller;
    let knex: Knex;
    let administrators: string;
    let tables: string[];

    before(async () => {
      server = await startServer(kind, {}, { limits: { enabled: false } });
      admin = await administrator(server);
      ({ knex } = server.context.store);
      administrators = ((await admin.ask('GET', '/api/Role?q.name=administrator')).body['data'] as [Data])[0][
        'id'
      ];
      const [catalogue, where, column] =
        kind === 'sqlite'
          ? (['sqlite_schema', { type: 'table' }, 'name'] as const)
          : (['pg_tables', { schemaname: 'public' }, 'tablename'] as const);
      const names: unknown[] = await knex(catalogue).where(where).pluck(column);
      tables = names.map(String).filter((name) => !NOT_THE_CALLS.includes(name) && !/^sqlite_/.test(name));
    });
    after(() => server.stop());

    /** All rows of all tables, but for files that nothing refers to. */
    async function rows(): Promise<Record<string, string[]>> {
      const found: Record<string, string[]> = {};
      for (const table of tables) {
        const all: Record<string, unknown>[] = await knex(table);
        const kept = all.filter((row) => table !== 'blobs' || row['expires_at'] === null);
        found[table] = kept.map((row) => JSON.stringify(row)).sort();
      }
      return found;
    }

    /** Does something once the next call has been let in, before that call goes on. */
    function onceAdmitted(work: () => Promise<void>): void {
      const { people } = server.context;
      const { standing } = people;
      people.standing = async (...about) => {
        people.standing = standing;
        const known = await standing.apply(people, about);
        await work();
        return known;
      };
    }

    interface Person {
      token: string;
      id: string;
      userKey: string;
      userName: string;
      clientId: string;
    }
    async function newAdministrator(): Promise<Person> {
      const token = await userToken(server, ['isms.all'], [], undefined, ['administrator']);
      const { sub: userKey = '', client_id: clientId } = decodeJwt<{ client_id: string }>(token);
      const row = (await knex('users').where({ user_key: userKey }).first()) as {
        id: string;
        user_name: string;
      };
      return { token, id: row.id, userKey, userName: row.user_name, clientId };
    }

    const scopesOf = ({ clientId }: Person, scopes: string[]): Promise<void> =>
      server.change((db) =>
        updateClientSettings(db, clientId, clientSettings({ grantTypes: [GRANT_TYPES.password], scopes })),
      );

    /** How a caller loses what the call needs, and gets it back; what ends for good comes last. */
    const LOSSES: readonly [
      string,
      number,
      (who: Person) => Promise<unknown>,
      (who: Person) => Promise<unknown>,
    ][] = [
      [
        'the role',
        403,
        ({ id }) => admin.done('PUT', '/api/User', { id, roles: [] }),
        ({ id }) => admin.done('PUT', '/api/User', { id, roles: ['administrator'] }),
      ],
      ['the client’s scope', 403, (who) => scopesOf(who, []), (who) => scopesOf(who, ['isms.all'])],
      [
        'every session',
        401,
        ({ userKey }) => server.change((db) => revokeAllOf(db, 'user', userKey)),
        async () => undefined,
      ],
    ];

    const statusOf = ({ status, body }: ApiAnswer, { stream }: AnyOperation): unknown =>
      stream ? (JSON.parse(String(body['text']).split('\n')[1] ?? '') as Data)['code'] : status;

    const CHANGES = OPERATIONS.filter((each) => writes(each) && each.access.kind !== 'open');
    for (const [at, operation] of CHANGES.entries())
      it(`does nothing by ${operation.id} [SEC-R1]`, async () => {
        const who = await newAdministrator();
        for (const [what, status, lose, restore] of someOf(LOSSES, at)) {
          const example = (await EXAMPLES[operation.id]?.(server, server.home.tenant, who.token)) ?? {};
          let before: Record<string, string[]> = {};
          onceAdmitted(async () => {
            await lose(who);
            before = await rows();
          });
          const answer = await perform(server, operation, example, { token: who.token });
          assert.equal(statusOf(answer, operation), status, `${what}: ${JSON.stringify(answer.body)}`);
          assert.deepEqual(await rows(), before, what);
          await restore(who);
        }
      });

    /** What else ends a token, or the caller; one call is enough for each. */
    const ENDS: Readonly<Record<string, (who: Person) => Promise<unknown>>> = {
      'the user is disabled': ({ userName }) => server.change((db) => setUserEnabled(db, userName, false)),
      'the user is deleted': ({ id }) => admin.done('DELETE', `/api/User/${id}`),
      'the user is erased': ({ id }) => admin.done('DELETE', `/api/User/${id}?erase=true`),
      'the user has another password': ({ id }) =>
        admin.done('PUT', '/api/User', { id, password: 'another good long password' }),
      'the client is disabled': ({ clientId }) =>
        server.change((db) => setClientEnabled(db, clientId, false)),
      'the client lost all tokens': ({ clientId }) =>
        server.change((db) => revokeAllOf(db, 'client', clientId)),
      'the token is revoked': ({ token }) =>
        server.change((db) => revokeTokenIn(db, decodeJwt(token).jti ?? '', Date.now() + 3_600_000)),
      'the user has taken the application away': ({ userKey, clientId }) =>
        server.change((db) => endGrants(db, userKey, clientId)),
    };
    for (const [why, end] of Object.entries(ENDS))
      it(`makes no role once ${why} [SEC-R1]`, async () => {
        const who = await newAdministrator();
        const name = `new-role-${++made}`;
        onceAdmitted(async () => void (await end(who)));
        const { status } = await caller(server, who.token).ask('POST', '/api/Role', { name });
        assert.ok([401, 403].includes(status), String(status));
        assert.equal(await knex('roles').where({ name }).first(), undefined);
      });

    it('makes no role once the session has ended that the token belongs to [SEC-R1]', async () => {
      const userName = `person-${++made}`;
      const { userKey } = await server.addUser({ userName, roles: ['administrator'] });
      const clientId = `page-${made}`;
      const asked = { clientId, redirectUri: 'https://app.example.com/callback', scope: 'openid isms.all' };
      await server.addClient(clientId, {
        grantTypes: [GRANT_TYPES.code],
        redirectUris: [asked.redirectUri],
        scopes: ['openid', 'isms.all'],
        tokenEndpointAuthMethod: 'none',
      });
      const form = redeemForm(asked, await obtainCode(server, { ...asked, user: userName }));
      const { body } = await server.post('/connect/token', form);
      const { ask } = caller(server, String(body['access_token']));
      assert.equal((await ask('POST', '/api/Role', { name: `new-role-${++made}` })).status, 200);
      onceAdmitted(() => server.change(async (db) => void (await endSessions(db, userKey, {}, 3600))));
      const { status } = await ask('POST', '/api/Role', { name: `new-role-${++made}` });
      assert.equal(status, 401);
    });

    it('makes no role by a token that was exchanged, once the client behind it lost the scope', async () => {
      const who = await newAdministrator();
      const secret = await server.addClient(`exchange-${++made}`, {
        grantTypes: [GRANT_TYPES.tokenExchange],
        scopes: ['isms.all'],
        resources: ['isms'],
      });
      const { body } = await server.post(
        '/connect/token',
        {
          grant_type: GRANT_TYPES.tokenExchange,
          subject_token: who.token,
          subject_token_type: 'urn:ietf:params:oauth:token-type:access_token',
        },
        server.basic(`exchange-${made}`, secret),
      );
      const { ask } = caller(server, String(body['access_token']));
      assert.equal((await ask('POST', '/api/Role', { name: `new-role-${++made}` })).status, 200);
      onceAdmitted(() => scopesOf(who, []));
      const { status } = await ask('POST', '/api/Role', { name: `new-role-${++made}` });
      assert.equal(status, 403);
    });

    it('changes nothing of others by a client whose owner holds everything no more [SEC-R1]', async () => {
      const owner = await newAdministrator();
      const own = await admin.done('POST', '/api/Client', {
        template: 'machine',
        scopes: ['isms.client.all'],
        owner: owner.userKey,
      });
      const other = await admin.done('POST', '/api/Client', { template: 'machine' });
      const { body } = await tokenFor(server, own['clientId'], own['newSecret']['secret'], {
        scope: 'isms.client.all',
      });
      const { people } = server.context;
      const { permissionsOfOwner } = people;
      people.permissionsOfOwner = async (...about) => {
        people.permissionsOfOwner = permissionsOfOwner;
        const held = await permissionsOfOwner.apply(people, about);
        await admin.done('PUT', '/api/User', { id: owner.id, roles: [] });
        return held;
      };
      const change = { id: other['id'], description: 'Changed' };
      const { status } = await caller(server, String(body['access_token'])).ask('PUT', '/api/Client', change);
      assert.equal(status, 403);
    });

    it('does not make anybody an administrator when disabled while a body is on its way [SEC-R1]', async () => {
      const who = await newAdministrator();
      const [first, rest] = [`{"userName":"slow-${++made}",`, '"roles":["administrator"]}'];
      const status = await new Promise<number>((resolve) => {
        const asking = request(new URL('/api/User', server.issuer), {
          method: 'POST',
          headers: { authorization: `Bearer ${who.token}`, 'content-type': 'application/json' },
        });
        asking.on('response', (response) => resolve(response.resume().statusCode ?? 0));
        onceAdmitted(async () => {
          await server.change((db) => setUserEnabled(db, who.userName, false));
          asking.end(rest);
        });
        asking.write(first);
      });
      assert.equal(status, 401);
      assert.equal(
        await knex('users')
          .where({ user_name: `slow-${made}` })
          .first(),
        undefined,
      );
    });

    it('does not take back what was taken: ten calls at once [SEC-R1]', async () => {
      for (let round = 0; round < 5; round++) {
        const who = await newAdministrator();
        const again = (): Promise<ApiAnswer> =>
          caller(server, who.token).ask('PUT', '/api/User', { id: who.id, roles: ['administrator'] });
        const calls = Array.from({ length: 5 }, again);
        const demotion = admin.ask('PUT', '/api/User', { id: who.id, roles: [] });
        calls.push(...Array.from({ length: 5 }, again));
        assert.equal((await demotion).status, 200);
        for (const { status } of await Promise.all(calls))
          assert.ok([200, 403].includes(status), String(status));
        assert.equal(await knex('user_roles').where({ user_id: who.id }).first(), undefined);
      }
    });

    it('imports no more: the lines say so, and the answer ends [SEC-R1]', async () => {
      const who = await newAdministrator();
      const prefix = `imported-${++made}`;
      const line = (at: number, more = {}): string =>
        `${JSON.stringify({ userName: `${prefix}-${at}`, ...more })}\n`;
      const asking = request(new URL('/api/User/Import', server.issuer), {
        method: 'POST',
        headers: { authorization: `Bearer ${who.token}`, 'content-type': 'application/x-ndjson' },
      });
      let text = '';
      const ended = new Promise<void>((resolve) =>
        asking.on('response', (response) => {
          response.on('data', (chunk: Buffer) => (text += chunk.toString()));
          response.on('end', resolve);
        }),
      );
      // So many lines are a batch.
      for (let at = 1; at <= 100; at++) asking.write(line(at));
      await until(() => text.split('\n').length > 100);
      await admin.done('PUT', '/api/User', { id: who.id, roles: [] });
      asking.write(line(101, { roles: ['administrator'] }));
      asking.end(line(102));
      await ended;
      const answers = text
        .trim()
        .split('\n')
        .map((each) => JSON.parse(each) as Data);
      assert.deepEqual(
        answers.slice(100).map(({ line: number, result, codeName }) => [number, result, codeName]),
        [
          [101, 'refused', undefined],
          [102, 'refused', undefined],
          [undefined, undefined, 'Forbidden'],
        ],
      );
      const imported: unknown[] = await knex('users').whereLike('user_name', `${prefix}-%`);
      assert.equal(imported.length, 100);
    });

    for (const [how, change, status] of [
      ['is disabled', { enabled: false }, 401],
      ['may only read', { rights: ['read'] }, 403],
    ] as const)
      it(`makes no app when the app that calls ${how} by then [SEC-R1]`, async () => {
        const appId = `parent-${++made}`;
        const secret = await server.change((db) => insertApp(db, server.context.vault, { appId }));
        const asking = request(new URL('/api/v4/apps', server.issuer), {
          method: 'POST',
          headers: { authorization: basic(appId, secret), 'content-type': 'application/json' },
        });
        const admitted = new Promise<void>((resolve) => {
          const look = (_answer: unknown, { sql }: { sql: string }): void => {
            if (!sql.includes('mqtt_apps')) return;
            knex.off('query-response', look);
            resolve();
          };
          knex.on('query-response', look);
        });
        const answered = new Promise<number>((resolve) =>
          asking.on('response', (response) => resolve(response.resume().statusCode ?? 0)),
        );
        asking.write(`{"app_id":"child-of-${appId}",`);
        await admitted;
        await server.change((db) => changeApp(db, appId, change));
        asking.end('"rights":["read"]}');
        assert.equal(await answered, status);
        assert.equal(
          await knex('mqtt_apps')
            .where({ app_id: `child-of-${appId}` })
            .first(),
          undefined,
        );
      });

    it('does not change the password of an account from which everybody was signed out [SEC-R1]', async () => {
      const userName = `resident-${++made}`;
      const { id, userKey } = await server.addUser({ userName });
      const visitor = new Visitor(server.issuer);
      const asked = await visitor.go('/account/password');
      const page = await visitor.submit(asked, '/sign-in', { login: userName, password: PASSWORD });
      const hash = async (): Promise<unknown> =>
        ((await knex('users').where({ id }).first()) as Record<string, unknown>)['password_hash'];
      const before = await hash();
      const { people } = server.context;
      const { signIn } = people;
      people.signIn = async (...given) => {
        people.signIn = signIn;
        const outcome = await signIn.apply(people, given);
        await server.change((db) => revokeAllOf(db, 'user', userKey));
        return outcome;
      };
      const form = { current: PASSWORD, password: 'another good long password' };
      await visitor.submit(page, '/account/password', form);
      assert.equal(people.signIn, signIn);
      assert.equal(await hash(), before);
    });

    if (kind === 'postgres')
      it('meets changes that hold the lock alone from the start, where they take rights', async () => {
        const user = await server.addUser({ userName: `locked-${++made}` });
        const role = await admin.done('POST', '/api/Role', { name: `locked-${made}` });
        const { id } = user;
        const MORE: Readonly<Record<string, readonly object[]>> = {
          'user.put': [
            { id, claims: [] },
            { id, roles: [] },
            { id, status: 'enabled' },
            { id, lockedUntil: '2030-01-01T00:00:00Z' },
            { id, email: null },
            { id, phoneNumber: null },
          ],
          'role.put': [{ id: role['id'], claims: [] }],
        };
        const { token } = await newAdministrator();
        const locks: string[] = [];
        const ofRights = /pg_advisory_xact_lock(_shared)?(?=\(\$1::int, hashtext\(\$2\)\))/;
        const look = ({ sql }: { sql: string }): void => {
          const [lock] = ofRights.exec(sql) ?? [];
          if (lock !== undefined) locks.push(lock);
        };
        for (const operation of OPERATIONS.filter((each) => writes(each) && each.access.kind !== 'open')) {
          const example = (await EXAMPLES[operation.id]?.(server, server.home.tenant, token)) ?? {};
          const bodies = (MORE[operation.id] ?? []).map((body) => ({ body }));
          for (const each of [example, ...bodies]) {
            locks.length = 0;
            knex.on('query', look);
            await perform(server, operation, each, { token });
            knex.off('query', look);
            const both = locks.indexOf('pg_advisory_xact_lock') > 0;
            assert.ok(!both, `${operation.id} ${JSON.stringify(each)}: ${locks.join()}`);
          }
        }
      });

    it('does not hold up honest callers: 300 changes at once [SEC-R1]', async () => {
      const who = await newAdministrator();
      const { ask } = caller(server, who.token);
      const other = await server.addUser({ userName: `other-${++made}` });
      const answers = await Promise.all(
        Array.from({ length: 300 }, (_, at) =>
          at % 3 === 0
            ? ask('POST', '/api/Role', { name: `role-${made}-${at}` })
            : at % 3 === 1
              ? ask('PUT', '/api/User', { id: other.id, nickName: `Name ${at}` })
              : ask('PUT', '/api/User', { id: who.id, roles: [administrators], nickName: `Own ${at}` }),
        ),
      );
      assert.deepEqual(
        answers.filter(({ status }) => status !== 200).map(({ body }) => body),
        [],
      );
    });
  });
