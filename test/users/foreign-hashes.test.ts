import assert from 'node:assert/strict';
import { hash as argon2 } from '@node-rs/argon2';
import { hash as bcrypt } from '@node-rs/bcrypt';
import { checkForeignHash } from '../../src/users/foreign-hashes.js';
import { openPasswords } from '../../src/users/index.js';
import { checkKept } from '../../src/mqtt/passwords.js';
import { STORES } from '../support/config.js';
import { send } from '../support/http.js';
import { clientToken } from '../support/management.js';
import { startServer, type TestServer } from '../support/server.js';

const [SALT, HASH, LONG] = ['c29tZXNhbHRzb21lc2FsdA', 'A'.repeat(43), 'A'.repeat(86)];
const BCRYPT = '.'.repeat(53);

const aspNet = (prf: number, rounds: number): string => {
  const head = Buffer.alloc(13);
  head[0] = 1;
  head.writeUInt32BE(prf, 1);
  head.writeUInt32BE(rounds, 5);
  head.writeUInt32BE(16, 9);
  return Buffer.concat([head, Buffer.alloc(16, 7), Buffer.alloc(32, 8)]).toString('base64');
};

/** As far as the peers write them. */
const TAKEN = {
  'bcrypt of cost 4': `$2y$04$${BCRYPT}`,
  'bcrypt of cost 12': `$2b$12$${BCRYPT}`,
  'a million rounds of SHA-256': `$pbkdf2-sha256$i=1000000$${SALT}$${HASH}`,
  'two million rounds of SHA-1': `$pbkdf2-sha1$2000000$${SALT}$${'A'.repeat(27)}`,
  '350,000 rounds of SHA-512': `$pbkdf2-sha512$350000$${SALT}$${LONG}`,
  'Django’s million': `pbkdf2_sha256$1000000$saltysalt$${HASH}=`,
  'ASP.NET Identity’s 100,000 of SHA-512': aspNet(2, 100_000),
  'scrypt of 128 MiB': `$scrypt$ln=17,r=8,p=1$${SALT}$${HASH}`,
  'scrypt of as much N as a block of 1 allows': `$scrypt$ln=15,r=1,p=1$${SALT}$${HASH}`,
  'Argon2id with a salt of 8 bytes': `$argon2id$v=19$m=4096,t=1,p=1$${'A'.repeat(11)}$${HASH}`,
  'scrypt of 16 MiB five times': `$scrypt$ln=14,r=8,p=5$${SALT}$${HASH}`,
  'Argon2id of 128 MiB, 4 passes': `$argon2id$v=19$m=131072,t=4,p=4$${SALT}$${HASH}`,
  'Keycloak’s Argon2id': `$argon2id$v=19$m=7168,t=5,p=1$${SALT}$${HASH}`,
  'Argon2id of 32 MiB, 16 passes': `$argon2id$v=19$m=32768,t=16,p=1$${SALT}$${HASH}`,
  'Argon2i of version 16': `$argon2i$v=16$m=4096,t=3,p=1$${SALT}$${HASH}`,
};

const TOO_DEAR = {
  'bcrypt of cost 13': `$2b$13$${BCRYPT}`,
  'more rounds of SHA-256': `$pbkdf2-sha256$i=1000001$${SALT}$${HASH}`,
  'more rounds of SHA-1': `$pbkdf2-sha1$2000001$${SALT}$${'A'.repeat(27)}`,
  'rounds of SHA-1 for more bytes than it has': `$pbkdf2-sha1$1500000$${SALT}$${HASH}`,
  'more rounds of SHA-512': `$pbkdf2-sha512$350001$${SALT}$${LONG}`,
  'Django’s million and one': `pbkdf2_sha256$1000001$saltysalt$${HASH}=`,
  'ASP.NET Identity with 4 billion rounds': aspNet(1, 4_000_000_000),
  'scrypt of 256 MiB': `$scrypt$ln=18,r=8,p=1$${SALT}$${HASH}`,
  'scrypt of 128 MiB twice': `$scrypt$ln=17,r=8,p=2$${SALT}$${HASH}`,
  'Argon2id of more memory': `$argon2id$v=19$m=131073,t=1,p=1$${SALT}$${HASH}`,
  'Argon2id of 128 MiB, 5 passes': `$argon2id$v=19$m=131072,t=5,p=1$${SALT}$${HASH}`,
  'Argon2id of 17 passes': `$argon2id$v=19$m=4096,t=17,p=1$${SALT}$${HASH}`,
};

const NONSENSE = {
  'Argon2 without a pass': `$argon2id$v=19$m=4096,t=0,p=1$${SALT}$${HASH}`,
  'Argon2 without a lane': `$argon2id$v=19$m=4096,t=1,p=0$${SALT}$${HASH}`,
  'Argon2 without memory': `$argon2id$v=19$m=0,t=1,p=1$${SALT}$${HASH}`,
  'Argon2 with less memory than its lanes need': `$argon2id$v=19$m=31,t=1,p=4$${SALT}$${HASH}`,
  'Argon2 with 255 lanes': `$argon2id$v=19$m=4096,t=1,p=255$${SALT}$${HASH}`,
  'Argon2 with a salt of 7 bytes': `$argon2id$v=19$m=4096,t=1,p=1$${'A'.repeat(10)}$${HASH}`,
  'Argon2 with a salt that is no base64': `$argon2id$v=19$m=4096,t=1,p=1$${'A'.repeat(13)}$${HASH}`,
  'Argon2 with a salt that has bits to spare': `$argon2id$v=19$m=4096,t=1,p=1$${SALT.slice(0, -1)}B$${HASH}`,
  'Argon2 with a hash that has bits to spare': `$argon2id$v=19$m=4096,t=1,p=1$${SALT}$${'A'.repeat(42)}B`,
  'Argon2 with a number that begins with 0': `$argon2id$v=19$m=04096,t=1,p=1$${SALT}$${HASH}`,
  'bcrypt with a salt that has bits to spare': `$2b$04$${'.'.repeat(21)}/${'.'.repeat(31)}`,
  'bcrypt with a hash that has bits to spare': `$2b$04$${'.'.repeat(52)}/`,
  'bcrypt of cost 0': `$2b$00$${BCRYPT}`,
  'bcrypt of cost 99': `$2b$99$${BCRYPT}`,
  'PBKDF2 without a round': `$pbkdf2-sha256$i=0$${SALT}$${HASH}`,
  'PBKDF2 without a salt': `$pbkdf2-sha256$i=1000$$${HASH}`,
  'Django without a salt': `pbkdf2_sha256$1000$$${HASH}=`,
  'ASP.NET Identity without a round': aspNet(1, 0),
  'scrypt of N 1': `$scrypt$ln=0,r=8,p=1$${SALT}$${HASH}`,
  'scrypt of more N than its block allows': `$scrypt$ln=16,r=1,p=1$${SALT}$${HASH}`,
  'scrypt without a block': `$scrypt$ln=14,r=0,p=1$${SALT}$${HASH}`,
  'scrypt without a lane': `$scrypt$ln=14,r=8,p=0$${SALT}$${HASH}`,
  'scrypt without a salt': `$scrypt$ln=14,r=8,p=1$$${HASH}`,
  'scrypt with a few bytes': `$scrypt$ln=14,r=8,p=1$${SALT}$${'A'.repeat(20)}`,
};

/** What is no hash at all; the last ones were read as hashes of no bytes, which every password has. */
const UNKNOWN = {
  'Argon2 of version 1': `$argon2id$v=1$m=4096,t=1,p=1$${SALT}$${HASH}`,
  'a plain text': 'a password',
  'scrypt of no bytes': `$scrypt$ln=14,r=8,p=1$${SALT}$${'='.repeat(24)}`,
  'PBKDF2 of no bytes': `$pbkdf2-sha256$i=1000$${SALT}$${'='.repeat(24)}`,
};

describe('hashes of other systems', () => {
  for (const [what, hash] of Object.entries(TAKEN)) it(`are taken: ${what}`, () => checkForeignHash(hash));

  for (const [what, hash] of Object.entries(TOO_DEAR))
    it(`are refused for their cost: ${what}`, () =>
      assert.throws(() => checkForeignHash(hash), /costs too much/));

  for (const [what, hash] of Object.entries(NONSENSE))
    it(`are refused as nonsense: ${what}`, () =>
      assert.throws(() => checkForeignHash(hash), /parameters that \w+ does not have/));

  for (const [what, hash] of Object.entries(UNKNOWN))
    it(`are refused as unknown: ${what}`, () =>
      assert.throws(() => checkForeignHash(hash), /none that is known/));

  it('of devices are bounded in the same way', () => {
    const hex = 'ab'.repeat(32);
    const kept = (algorithm: string, passwordHash = hex, salt = 'salt') => ({
      algorithm,
      passwordHash,
      salt,
    });
    checkKept(kept('pbkdf2-sha256:1000000'));
    checkKept(kept('bcrypt', `$2b$12$${BCRYPT}`));
    checkKept(kept('sha256', hex, ''));
    checkKept(kept('bcrypt', `$2b$14$${BCRYPT}`), 14); // as it is configured here
    for (const wrong of [
      kept('pbkdf2-sha256:0'),
      kept('pbkdf2-sha256:1000001'),
      kept('pbkdf2-sha256:1000', hex, ''),
      kept('bcrypt', `$2b$13$${BCRYPT}`),
      kept('bcrypt', `$2b$00$${BCRYPT}`),
    ])
      assert.throws(() => checkKept(wrong), /is no hash of/, JSON.stringify(wrong));
  });
});

describe('comparing passwords', () => {
  const settings = { memoryKiB: 19456, iterations: 2, parallelism: 1, concurrency: 1, queue: 8 };

  it('lets nobody wait for the dear hashes of others [SEC-R28]', async () => {
    const passwords = openPasswords(settings);
    const ours = await passwords.hash('a long enough password');
    const dear = await bcrypt('another', 12);
    const order: string[] = [];
    const note = (name: string) => () => void order.push(name);
    await Promise.all([
      ...Array.from({ length: 3 }, () => passwords.verify(dear, 'another').then(note('dear'))),
      passwords.verify(ours, 'a long enough password').then(note('ours')),
    ]);
    assert.deepEqual(order, ['ours', 'dear', 'dear', 'dear']);
  });

  it('lets no more than 16 dear ones wait, and still takes ours', async () => {
    const passwords = openPasswords(settings);
    const ours = await passwords.hash('a long enough password');
    const dear = await bcrypt('another', 11);
    const answers = await Promise.allSettled(
      Array.from({ length: 18 }, () => passwords.verify(dear, 'another')),
    );
    assert.equal(answers.filter(({ status }) => status === 'rejected').length, 1);
    assert.equal(await passwords.verify(ours, 'a long enough password'), true);
  });

  it('reads stored nonsense as a wrong password, and says whose it is without it', async () => {
    const lines: unknown[][] = [];
    const passwords = openPasswords(settings, { warn: (...line: unknown[]) => void lines.push(line) });
    for (const hash of [...Object.values(NONSENSE), ...Object.values(UNKNOWN), aspNet(1, 4_000_000_000)])
      assert.equal(await passwords.verify(hash, 'a password', { account: 'u-1' }), false, hash);
    assert.equal(lines.length, Object.keys({ ...NONSENSE, ...UNKNOWN }).length + 1);
    for (const line of lines)
      assert.deepEqual(line, [
        { account: 'u-1' },
        'a stored password hash can not be compared; set a new password',
      ]);
  });

  it('still compares what earlier releases took, and every Argon2id that can be configured', async () => {
    const passwords = openPasswords(settings);
    assert.equal(await passwords.verify(await bcrypt('before', 13), 'before'), true);
    const options = { algorithm: 2, memoryCost: 19456, timeCost: 12, parallelism: 1 };
    assert.equal(await passwords.verify(await argon2('before', options), 'before'), true);
  });
});

for (const kind of STORES)
  describe(`users of another system with hashes that can not be, on ${kind}`, () => {
    let server: TestServer;
    let secret: string;
    before(async () => {
      server = await startServer(kind);
      secret = await server.addClient('app', { grantTypes: ['password'], scopes: ['openid'] });
    });
    after(() => server.stop());

    const signIn = (username: string): Promise<{ status: number; text: string }> =>
      send(new URL('/connect/token', server.issuer), {
        form: { grant_type: 'password', username, password: 'a password of theirs', scope: 'openid' },
        headers: server.basic('app', secret),
      });

    it('are refused at import, with the reason of the line [SEC-R28]', async () => {
      const token = await clientToken(server, ['isms.user.import']);
      const lines = [
        TAKEN['bcrypt of cost 4'],
        TOO_DEAR['bcrypt of cost 13'],
        NONSENSE['Argon2 without a pass'],
      ];
      const body = lines
        .map((passwordHash, n) => JSON.stringify({ userName: `line-${n}`, passwordHash }))
        .join('\n');
      const { text } = await send(new URL('/api/User/Import', server.issuer), {
        body,
        headers: { authorization: `Bearer ${token}`, 'content-type': 'application/x-ndjson' },
      });
      const answers = text
        .split('\n')
        .filter(Boolean)
        .map((line) => JSON.parse(line) as { result: string; problem?: { field: string; message: string } });
      assert.deepEqual(
        answers.map(({ result, problem }) => [result, problem?.field, problem?.message.slice(0, 30)]),
        [
          ['created', undefined, undefined],
          ['refused', 'passwordHash', 'costs too much at each sign-in'],
          ['refused', 'passwordHash', 'has parameters that argon2 doe'],
        ],
      );
    });

    it('that are stored already are wrong passwords at sign-in, never an error [SEC-R28]', async () => {
      for (const [n, hash] of [...Object.values(NONSENSE), ...Object.values(UNKNOWN)].entries()) {
        const { id } = await server.addUser({ userName: `stored-${n}` });
        await server.context.store.knex('users').where({ id }).update({ password_hash: hash });
        const { status, text } = await signIn(`stored-${n}`);
        assert.deepEqual(
          [status, (JSON.parse(text) as { error: string }).error],
          [400, 'invalid_grant'],
          hash,
        );
      }
    });

    it('make an unknown name cost as much as a name of the tenant [SEC-R28]', async () => {
      const compared: string[] = [];
      const { passwords } = server.context;
      const verify = passwords.verify.bind(passwords);
      await server.change((db) => db.from('users').update({ password_hash: TAKEN['bcrypt of cost 12'] }));
      await server.restart();
      const there = server.context.passwords;
      there.verify = (stored, password, more) => {
        compared.push(more?.usual?.algorithm ?? 'ours');
        return verify(stored, password, more);
      };
      assert.equal((await signIn('nobody-of-that-name')).status, 400);
      assert.deepEqual(compared, ['bcrypt']);
    });
  });
