import assert from 'node:assert/strict';
import { createHash, pbkdf2Sync } from 'node:crypto';
import { checkKept } from '../../src/mqtt/passwords.js';
import { STORES } from '../support/config.js';
import { deviceApi, type DeviceApi } from '../support/devices.js';
import { startServer, type TestServer } from '../support/server.js';

const LIMITS = { limits: { enabled: false } };

for (const store of STORES)
  describe(`how passwords of devices are kept, on ${store}`, () => {
    let server: TestServer;
    let api: DeviceApi;
    const open = async (passwords: Record<string, unknown>): Promise<void> => {
      server = await startServer(store, {}, { ...LIMITS, mqtt: { passwords } });
      api = await deviceApi(server);
    };
    afterEach(() => server.stop());

    const row = async (name: string): Promise<Record<string, string>> =>
      (await server.context.store.knex('mqtt_credentials').where({ name }).first()) as Record<string, string>;
    const signIn = async (username: string, password: string): Promise<unknown> =>
      (await api.ask('/mqtt/auth', { username, password, peerhost: '203.0.113.9' })).body['result'];
    const add = async (username: string, password: string): Promise<number> =>
      (await api.call('POST', 'auth_username', { username, password })).status;

    it('pbkdf2, as EMQX derives it: SHA-256, 32 bytes, the salt as text', async () => {
      await open({ algorithm: 'pbkdf2', iterations: 1000 });
      assert.equal(await add('a', 'secret'), 200);
      const { algorithm, salt = '', password_hash: hash } = await row('a');
      assert.equal(algorithm, 'pbkdf2-sha256:1000');
      assert.equal(hash, pbkdf2Sync('secret', salt, 1000, 32, 'sha256').toString('hex'));
      assert.deepEqual([await signIn('a', 'secret'), await signIn('a', 'wrong')], ['allow', 'deny']);
    });

    it('bcrypt, of passwords that it reads to their end', async () => {
      await open({ algorithm: 'bcrypt', cost: 8 });
      assert.equal(await add('a', 'secret'), 200);
      assert.match((await row('a'))['password_hash'] ?? '', /^\$2b\$08\$/);
      assert.deepEqual([await signIn('a', 'secret'), await signIn('a', 'wrong')], ['allow', 'deny']);
      assert.equal(await add('b', 'x'.repeat(73)), 422);
      const { body } = await api.call('POST', 'auth_username', [
        { username: 'c', password: 'x'.repeat(73) },
        { username: 'd', password: 'y' },
      ]);
      assert.deepEqual(body['data'], {
        c: 'password may have 72 bytes, which is all that bcrypt reads',
        d: 'ok',
      });
    });

    it('in another way than before: each is kept in the new one from its next good sign-in on', async () => {
      await open({ algorithm: 'pbkdf2', iterations: 1000 });
      await add('a', 'secret');
      const salt = 'salt of before';
      const password_hash = createHash('sha256').update(`secret${salt}`).digest('hex');
      await server.context.store
        .knex('mqtt_credentials')
        .where({ name: 'a' })
        .update({ algorithm: 'sha256-suffix', salt, password_hash });
      assert.equal(await signIn('a', 'wrong'), 'deny');
      assert.equal((await row('a'))['algorithm'], 'sha256-suffix');
      assert.equal(await signIn('a', 'secret'), 'allow');
      assert.equal((await row('a'))['algorithm'], 'pbkdf2-sha256:1000');
      assert.equal(await signIn('a', 'secret'), 'allow');
    });

    it('says of a device what is not as usual, and changes it without its password', async () => {
      await open({});
      await api.call('POST', 'auth_username', {
        username: 'a',
        password: 'secret',
        superuser: true,
        expiresAt: '2099-01-01T01:00:00+01:00',
      });
      const shown = async (): Promise<unknown> => (await api.call('GET', 'auth_username/a')).body['data'];
      assert.deepEqual(await shown(), {
        username: 'a',
        superuser: true,
        expiresAt: '2099-01-01T00:00:00.000Z',
      });
      const { password_hash: before } = await row('a');
      await api.call('PUT', 'auth_username/a', { superuser: false, enabled: false, expiresAt: null });
      assert.deepEqual(await shown(), { username: 'a', enabled: false });
      assert.equal((await row('a'))['password_hash'], before);
      for (const wrong of [
        {},
        { enabled: 'no' },
        { superuser: 1 },
        { expiresAt: 'tomorrow' },
        { password: '' },
      ])
        assert.equal((await api.call('PUT', 'auth_username/a', wrong)).status, 422, JSON.stringify(wrong));
    });
  });

describe('hashes of devices that were made elsewhere', () => {
  const HEX = 'ab'.repeat(32);
  for (const [algorithm, passwordHash] of [
    ['sha256', HEX],
    ['sha256-suffix', HEX],
    ['sha512', HEX + HEX],
    ['pbkdf2-sha256:1000', HEX],
    ['bcrypt', `$2b$10$${'a'.repeat(53)}`],
  ] as const)
    it(`${algorithm} can be compared`, () => assert.ok(checkKept({ algorithm, salt: 's', passwordHash })));

  for (const [algorithm, passwordHash, salt] of [
    ['md5', 'ab'.repeat(16), ''],
    ['sha256', 'ab', ''],
    ['sha256', 'zz'.repeat(32), ''],
    ['pbkdf2-sha256:9000000', HEX, ''],
    ['bcrypt', `$2b$20$${'a'.repeat(53)}`, ''],
    ['bcrypt', HEX, ''],
    ['sha256', HEX, 'x'.repeat(1001)],
    ['sha256', HEX, 'a\u0001'],
  ] as const)
    it(`${algorithm} ${passwordHash.slice(0, 10)}… ${JSON.stringify(salt.slice(0, 3))} is refused`, () =>
      assert.throws(() => checkKept({ algorithm, salt, passwordHash }), { name: 'Invalid' }));
});
