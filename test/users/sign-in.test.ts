import assert from 'node:assert/strict';
import { hash } from '@node-rs/argon2';
import { networkOf } from '../../src/kernel/addresses.js';
import { openPasswords, type User } from '../../src/users/index.js';
import { CLIENT_SECRET, COSTLY, STORES } from '../support/config.js';
import { PASSWORD, startServer, type Answer, type TestServer } from '../support/server.js';

const HERE = '127.0.0.1';

for (const kind of STORES)
  describe(`signing in with a password, on ${kind}`, () => {
    let server: TestServer;
    let counter = 0;

    before(async () => {
      // The tests speak for other addresses as a trusted proxy would.
      server = await startServer(kind, { GATEHOUSE_TRUST_PROXY: HERE }, COSTLY);
    });

    after(() => server.stop());

    const newUser = (): Promise<User> => server.addUser({ userName: `user-${++counter}` });
    const attempt = (username: string, password: string, address = '203.0.113.7'): Promise<Answer> =>
      server.post(
        '/connect/token',
        { grant_type: 'password', username, password, scope: 'openid' },
        { ...server.basic('gatehouse-cli', CLIENT_SECRET), 'x-forwarded-for': address },
      );
    const fail = async (username: string, times: number, address?: string): Promise<void> => {
      for (let i = 0; i < times; i++) assert.equal((await attempt(username, 'wrong', address)).status, 400);
    };
    const audited = async (userKey: string): Promise<string[]> => {
      const rows = (await server.context.store
        .knex('audit')
        .where({ event: 'grant.password', actor: userKey })
        .orderBy('id')) as { result: string; detail: string }[];
      return rows.map(({ result, detail }) =>
        `${result} ${(JSON.parse(detail) as { reason?: string }).reason ?? ''}`.trim(),
      );
    };

    it('answers a wrong password, an unknown, a locked and a disabled user in the same words [SEC-34] [SEC-35]', async () => {
      const [locked, disabled, wrong] = [await newUser(), await newUser(), await newUser()];
      await fail(locked.userName, 5);
      await server.context.store
        .knex('users')
        .where({ user_key: disabled.userKey })
        .update({ enabled: false });
      const answers = await Promise.all([
        attempt(wrong.userName, 'wrong'),
        attempt('nobody', PASSWORD),
        attempt(locked.userName, PASSWORD),
        attempt(disabled.userName, PASSWORD),
      ]);
      for (const { status, body } of answers) {
        assert.equal(status, 400);
        assert.deepEqual(body, { error: 'invalid_grant', error_description: 'grant request is invalid' });
      }
      assert.deepEqual(await audited(disabled.userKey), ['failure disabled']);
    });

    it('locks the account for an address after five failures, and for that address only [SEC-36]', async () => {
      const { userName, userKey } = await newUser();
      await fail(userName, 5);
      assert.equal((await attempt(userName, PASSWORD)).status, 400);
      assert.equal((await attempt(userName, PASSWORD, '198.51.100.9')).status, 200);
      assert.deepEqual(await audited(userKey), [
        ...Array<string>(5).fill('failure wrong_password'),
        'failure locked',
        'success',
      ]);
    });

    it('takes an IPv6 network for one address', async () => {
      const { userName } = await newUser();
      for (let i = 0; i < 5; i++) await fail(userName, 1, `2001:db8::${i + 1}`);
      assert.equal((await attempt(userName, PASSWORD, '2001:db8::ffff')).status, 400);
      assert.equal((await attempt(userName, PASSWORD, '2001:db8:1::1')).status, 200);
    });

    it('forgets failures when the right password comes', async () => {
      const { userName } = await newUser();
      await fail(userName, 4);
      assert.equal((await attempt(userName, PASSWORD)).status, 200);
      await fail(userName, 4);
      assert.equal((await attempt(userName, PASSWORD)).status, 200);
    });

    it('opens again when the time is over', async () => {
      const { userName, id } = await newUser();
      await fail(userName, 5);
      await server.context.store
        .knex('sign_in_failures')
        .where({ account: id })
        .update({ locked_until: Date.now() - 1, expires_at: Date.now() - 1 });
      assert.equal((await attempt(userName, PASSWORD)).status, 200);
    });

    it('does not let strangers lock the owner out: known addresses go on, others wait [SEC-36]', async () => {
      const { userName, id } = await newUser();
      assert.equal((await attempt(userName, PASSWORD, '192.0.2.1')).status, 200);
      const failures = Array.from({ length: 50 }, (_, i) => ({
        tenant_id: server.home.tenant.id,
        account: id,
        address: `203.0.113.${i}`,
        failures: 4,
        locked_until: 0,
        expires_at: Date.now() + 60_000,
      }));
      await server.context.store.knex('sign_in_failures').insert(failures);
      assert.equal((await attempt(userName, PASSWORD, '192.0.2.1')).status, 200);
      assert.equal((await attempt(userName, PASSWORD, '198.51.100.200')).status, 400);
    });

    it('believes a forwarded address only up to the first that is not a trusted proxy', async () => {
      const { userName } = await newUser();
      await fail(userName, 5, '6.6.6.6, 203.0.113.50');
      assert.equal((await attempt(userName, PASSWORD, '7.7.7.7, 203.0.113.50')).status, 400);
    });

    it('upgrades a weaker hash with the next good sign-in [SEC-34]', async () => {
      const { userName, userKey } = await newUser();
      const weak = await hash(PASSWORD, { algorithm: 2, memoryCost: 4096, timeCost: 1, parallelism: 1 });
      await server.context.store.knex('users').where({ user_key: userKey }).update({ password_hash: weak });
      assert.equal((await attempt(userName, PASSWORD)).status, 200);
      const row = (await server.context.store.knex('users').where({ user_key: userKey }).first()) as {
        password_hash: string;
      };
      assert.match(row.password_hash, /^\$argon2id\$v=19\$m=19456,t=2,p=1\$/);
      assert.equal((await attempt(userName, PASSWORD)).status, 200);
    });
  });

describe('the password queue', () => {
  it('sends back who does not fit, and serves who waits', async () => {
    const passwords = openPasswords({
      memoryKiB: 19456,
      iterations: 2,
      parallelism: 1,
      concurrency: 1,
      queue: 3,
    });
    const results = await Promise.allSettled(Array.from({ length: 6 }, () => passwords.verify(null, 'x')));
    const busy = results.filter((result) => result.status === 'rejected');
    assert.ok(busy.length > 0 && busy.length < 6, `${busy.length} of 6 were sent back`);
    for (const { reason } of busy) assert.equal((reason as { retryAfter: number }).retryAfter, 2);
  });

  it('answers 503 with Retry-After at the token endpoint', async () => {
    const server = await startServer('sqlite', {}, { ...COSTLY, limits: { enabled: false } });
    const ask = (): Promise<Answer> =>
      server.post(
        '/connect/token',
        { grant_type: 'password', username: 'admin', password: 'x'.repeat(8), scope: 'openid' },
        server.basic('gatehouse-cli', CLIENT_SECRET),
      );
    // Far more at once than two hashes at a time and a queue of 128 hold.
    const answers = await Promise.all(Array.from({ length: 300 }, ask));
    const busy = answers.filter(({ status }) => status === 503);
    assert.ok(busy.length > 0, 'nobody was sent back');
    for (const { body, headers } of busy) {
      assert.equal(body['error'], 'temporarily_unavailable');
      assert.equal(headers.get('retry-after'), '2');
    }
    assert.equal(answers.filter(({ body }) => body['error'] === 'invalid_grant').length, 300 - busy.length);
    await server.stop();
  });
});

describe('networks', () => {
  const cases: [string, string][] = [
    ['203.0.113.7', '203.0.113.7'],
    ['::ffff:203.0.113.7', '203.0.113.7'],
    ['2001:db8::1', '2001:db8:0:0::/64'],
    ['2001:0db8:0000:0000:ffff:1:2:3', '2001:db8:0:0::/64'],
    ['::1', '0:0:0:0::/64'],
  ];
  for (const [address, network] of cases)
    it(`${address} is ${network}`, () => assert.equal(networkOf(address), network));
});
