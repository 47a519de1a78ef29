import assert from 'node:assert/strict';
import { request } from 'node:http';
import { decodeJwt } from 'jose';
import type { Knex } from 'knex';
import { writes, type AnyOperation } from '../../src/api/index.js';
import { clientSettings, GRANT_TYPES, updateClientSettings } from '../../src/clients/index.js';
import { OPERATIONS } from '../../src/management.js';
import { changeApp, insertApp } from '../../src/mqtt/apps.js';
import { revokeAllOf } from '../../src/revocations/index.js';
import { setUserEnabled } from '../../src/users/index.js';
import { administrator, caller, type Caller, type Data } from '../support/area.js';
import { STORES } from '../support/config.js';
import { EXAMPLES } from '../support/examples.js';
import { basic } from '../support/http.js';
import { clientToken, perform, userToken, type ApiAnswer } from '../support/management.js';
import { until } from '../support/raw.js';
import { PASSWORD, startServer, type TestServer } from '../support/server.js';
import { Visitor } from '../support/visitor.js';

const EVERYTHING = [{ type: 'permission', value: 'isms.all' }];

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
      const listed =
        kind === 'sqlite'
          ? await knex('sqlite_schema').where({ type: 'table' }).select<{ name: string }[]>('name')
          : await knex('pg_tables')
              .where({ schemaname: 'public' })
              .select<{ name: string }[]>('tablename as name');
      tables = listed
        .map(({ name }) => name)
        .filter((name) => !NOT_THE_CALLS.includes(name) && !/^sqlite_/.test(name));
    });
    after(() => server.stop());

    /** All rows of all tables, but for files that nothing refers to. */
    async function rows(): Promise<Record<string, string[]>> {
      const found: Record<string, string[]> = {};
      for (const table of tables) {
        const all = (await knex(table)) as Record<string, unknown>[];
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

    for (const operation of OPERATIONS.filter((each) => writes(each) && each.access.kind !== 'open'))
      it(`does nothing by ${operation.id}`, async () => {
        const who = await newAdministrator();
        for (const [what, status, lose, restore] of LOSSES) {
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

    it('does not make anybody an administrator when disabled while a body is on its way', async () => {
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

    it('does not take back what was taken: ten calls at once', async () => {
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

    it('imports no more: the lines say so, and the answer ends', async () => {
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
      it(`makes no app when the app that calls ${how} by then`, async () => {
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

    it('does not change the password of an account from which everybody was signed out', async () => {
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

    it('does not hold up honest callers: 300 changes at once', async () => {
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
    }).timeout(120_000);

    it('is not the last to go while the role is only about to be given what it opens', async () => {
      const name = `place-${++made}`;
      const tenant = await server.addTenant(name, `${name}.localhost:${server.port}`);
      const role = 'later';
      const person = async (userName: string, more: object): Promise<string> =>
        (await server.addUser({ userName, ...more }, tenant)).id;
      await server.change(async (db) => {
        await db.insert('roles', {
          id: `${name}-role`,
          name: role,
          claims: '[]',
          created_at: Date.now(),
          updated_at: Date.now(),
        });
      }, tenant);
      const [first, last] = [
        await person('first', { roles: [role] }),
        await person('last', { claims: EVERYTHING }),
      ];
      const brought = await person('brought', { refereeId: first });
      const referee = await person('referee', {});
      const chief = caller(server, await clientToken(server, ['isms.all'], tenant));
      // On PostgreSQL the first change waits for this row in its middle, while the others come.
      const held = kind === 'postgres' ? await knex.transaction() : undefined;
      await held?.('users').where({ id: brought }).forUpdate().first();
      const waiting = async (): Promise<number> =>
        ((await knex('pg_stat_activity').where({ wait_event_type: 'Lock' }).select('pid')) as unknown[])
          .length;
      const answers: Promise<ApiAnswer>[] = [];
      let done = 0;
      for (const [path, json] of [
        ['/api/User', { id: first, roles: [], refereeId: referee }],
        ['/api/Role', { id: `${name}-role`, claims: EVERYTHING }],
        ['/api/User', { id: last, claims: [] }],
      ] as const) {
        answers.push(chief.ask('PUT', path, json, { tenant }).finally(() => void done++));
        const sent = answers.length;
        if (held) await until(async () => done + (await waiting()) >= sent);
      }
      await held?.rollback();
      const statuses = (await Promise.all(answers)).map(({ status }) => status);
      assert.deepEqual(statuses.sort(), [200, 200, 409]);
    });
  });
