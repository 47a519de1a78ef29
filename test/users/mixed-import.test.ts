import assert from 'node:assert/strict';
import fc from 'fast-check';
import { insertRows } from '../../src/store/insert-rows.js';
import { IMPORTED_USER } from '../../src/users/shapes.js';
import { administrator, type Caller, type Data } from '../support/area.js';
import { STORES } from '../support/config.js';
import { valid } from '../support/from-schema.js';
import { send } from '../support/http.js';
import { clientToken } from '../support/management.js';
import { often, SEED } from '../support/profile.js';
import { startServer, type TestServer } from '../support/server.js';
import { onEveryStore } from '../support/stores.js';

const PASSWORD_HASH = '$2b$10$N9qo8uLOickgx2ZMRZoMyeIjZAgcfl7p92ldGxad68LJZdL17lhWy';

/** Fields that chance alone does not fit together: what each says has to be there, or to be nobody else's. */
const { userName, email, countryCode, phoneNumber, refereeId, roles, userKey, passwordHash, ...free } =
  IMPORTED_USER.properties;

/** Lines with names of their own; whatever else they say differs from line to line. */
const lines = fc
  .array(
    fc.record({
      said: valid({ type: 'object', properties: free }) as fc.Arbitrary<Data>,
      email: fc.boolean(),
      phone: fc.boolean(),
      roles: fc.constantFrom(undefined, [], ['user'], ['partner', 'user']),
    }),
    { minLength: 2, maxLength: 6 },
  )
  .map((drawn) =>
    drawn.map(({ said, email, phone, roles }, n) => ({
      ...said,
      userName: `mixed-${n}`,
      ...(email && { email: `mixed-${n}@example.com` }),
      ...(phone && { phoneNumber: `1380013800${n}`, countryCode: '86' }),
      ...(roles && { roles }),
    })),
  );

for (const kind of STORES)
  describe(`imports of lines that say different things, on ${kind}`, () => {
    let server: TestServer;
    let admin: Caller;
    let token: string;

    before(async () => {
      server = await startServer(kind);
      admin = await administrator(server);
      token = await clientToken(server, ['isms.all']);
    });
    after(() => server.stop());

    /** The users that an import made, as the API answers them. */
    async function imported(users: object[]): Promise<Data[]> {
      const heard = await send(new URL('/api/User/Import', server.issuer), {
        body: users.map((user) => JSON.stringify(user)).join('\n'),
        headers: { authorization: `Bearer ${token}`, 'content-type': 'application/x-ndjson' },
      });
      assert.equal(heard.status, 200, heard.text);
      const answers = heard.text
        .trim()
        .split('\n')
        .map((line) => JSON.parse(line) as Data);
      assert.deepEqual(
        answers.map(({ result }) => result as string),
        users.map(() => 'created'),
        heard.text,
      );
      return Promise.all(answers.map(({ id }) => admin.done('GET', `/api/User/${id}`)));
    }
    const forgotten = async (users: Data[]): Promise<void> => {
      for (const { id } of users) await admin.done('DELETE', `/api/User/${id}?erase=true`);
    };
    const told = ({ id, userKey, createdAt, updatedAt, ...rest }: Data): object => {
      assert.ok(id && userKey && createdAt && updatedAt);
      return rest;
    };

    it('leave a user disabled who comes after one of whom nothing is said', async () => {
      const [, gone] = await imported([
        { userName: 'plain2' },
        {
          userName: 'gone2',
          status: 'disabled',
          passwordHash: PASSWORD_HASH,
          nickName: 'Gone',
          email: 'gone2@example.com',
          lockedUntil: '2035-01-01T00:00:00.000Z',
          claims: [{ type: 'dept', value: 'sales' }],
          stature: 170.5,
        },
      ]);
      assert.deepEqual(
        [gone?.['status'], gone?.['nickName'], gone?.['email'], gone?.['lockedUntil'], gone?.['stature']],
        ['disabled', 'Gone', 'gone2@example.com', '2035-01-01T00:00:00.000Z', 170.5],
      );
      assert.deepEqual(gone?.['claims'], [{ type: 'dept', value: 'sales' }]);
      const row = await server.context.store.knex('users').where({ user_name: 'gone2' }).first<Data>();
      assert.equal(row['password_hash'], PASSWORD_HASH);
    });

    it('take a user who says less than the one before', async () => {
      const users = await imported([
        { userName: 'more', email: 'more@example.com', emailVerified: true, status: 'disabled' },
        { userName: 'less', email: 'less@example.com' },
      ]);
      assert.deepEqual(
        users.map(({ emailVerified, status }) => [emailVerified, status] as unknown),
        [
          [true, 'disabled'],
          [false, 'enabled'],
        ],
      );
    });

    it('make the users that the same lines make one by one', async function () {
      await fc.assert(
        fc.asyncProperty(lines, async (users) => {
          const together = await imported(users);
          await forgotten(together);
          const alone: Data[] = [];
          for (const user of users) alone.push(await admin.done('POST', '/api/User', user));
          await forgotten(alone);
          assert.deepEqual(together.map(told), alone.map(told));
        }),
        { numRuns: often({ short: 15, long: 150 }), seed: SEED },
      );
    });
  });

onEveryStore('rows that are inserted together', (open) => {
  for (const [title, second] of [
    ['leaves out a column of the first', { value: 'b' }],
    ['has a column that the first has not', { key: 'b', value: 'b', more: 1 }],
  ] as const)
    it(`are refused where one ${title}`, async () => {
      const { knex } = open();
      await assert.rejects(
        insertRows(knex, 'meta', {}, [{ key: 'a', value: 'a' }, second]),
        /rows of "meta" differ in their columns/,
      );
      assert.equal(await knex('meta').where({ key: 'a' }).first(), undefined);
    });
});
