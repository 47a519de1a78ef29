import assert from 'node:assert/strict';
import { createHash, pbkdf2Sync, randomBytes, scryptSync } from 'node:crypto';
import { Agent, request } from 'node:http';
import { hash as argon2 } from '@node-rs/argon2';
import { hash as bcrypt } from '@node-rs/bcrypt';
import { decodeJwt } from 'jose';
import { revokeTokenIn } from '../../src/revocations/index.js';
import { COSTLY, STORES } from '../support/config.js';
import { administrator, caller, type Caller, type Data } from '../support/area.js';
import { send } from '../support/http.js';
import { clientToken, userToken } from '../support/management.js';
import { startServer, type TestServer } from '../support/server.js';

const PASSWORD = 'as it was before';

/** Base64 of a password as ASP.NET Identity keeps it. */
function aspNet(version: 2 | 3): string {
  const salt = randomBytes(16);
  if (version === 2)
    return Buffer.concat([Buffer.from([0]), salt, pbkdf2Sync(PASSWORD, salt, 1000, 32, 'sha1')]).toString(
      'base64',
    );
  const head = Buffer.alloc(13);
  head[0] = 1;
  head.writeUInt32BE(2, 1); // SHA-512
  head.writeUInt32BE(100_000, 5);
  head.writeUInt32BE(16, 9);
  return Buffer.concat([head, salt, pbkdf2Sync(PASSWORD, salt, 100_000, 32, 'sha512')]).toString('base64');
}

const unpadded = (bytes: Buffer): string => bytes.toString('base64').replace(/=+$/, '');

const HASHES: Record<string, () => Promise<string> | string> = {
  'ASP.NET Identity v2': () => aspNet(2),
  'ASP.NET Identity v3': () => aspNet(3),
  bcrypt: () => bcrypt(PASSWORD, 5),
  'PBKDF2 as a PHC string': () => {
    const salt = randomBytes(16);
    return `$pbkdf2-sha256$i=20000$${unpadded(salt)}$${unpadded(pbkdf2Sync(PASSWORD, salt, 20_000, 32, 'sha256'))}`;
  },
  'PBKDF2 of passlib': () => {
    const salt = randomBytes(16);
    const ab64 = (bytes: Buffer): string => unpadded(bytes).replaceAll('+', '.');
    return `$pbkdf2-sha512$20000$${ab64(salt)}$${ab64(pbkdf2Sync(PASSWORD, salt, 20_000, 64, 'sha512'))}`;
  },
  'PBKDF2 of Django': () =>
    `pbkdf2_sha256$20000$saltysalt$${pbkdf2Sync(PASSWORD, 'saltysalt', 20_000, 32, 'sha256').toString('base64')}`,
  scrypt: () => {
    const salt = randomBytes(16);
    return `$scrypt$ln=14,r=8,p=1$${unpadded(salt)}$${unpadded(scryptSync(PASSWORD, salt, 32, { N: 2 ** 14 }))}`;
  },
  Argon2i: () => argon2(PASSWORD, { algorithm: 1, memoryCost: 4096, timeCost: 3 }),
  'a weaker Argon2id': () => argon2(PASSWORD, { algorithm: 2, memoryCost: 4096, timeCost: 1 }),
};

for (const kind of STORES)
  describe(`users of another system, on ${kind}`, () => {
    let server: TestServer;
    let admin: Caller;
    let token: string;
    let secret: string;

    before(async () => {
      server = await startServer(kind, {}, COSTLY);
      admin = await administrator(server);
      token = await clientToken(server, ['isms.user.import']);
      secret = await server.addClient('app', { grantTypes: ['password'], scopes: ['openid'] });
    });
    after(() => server.stop());

    const upload = async (lines: (object | string)[], query = '', as = token): Promise<Data[]> => {
      const body = lines.map((line) => (typeof line === 'string' ? line : JSON.stringify(line))).join('\n');
      const heard = await send(new URL(`/api/User/Import${query}`, server.issuer), {
        body,
        headers: { authorization: `Bearer ${as}`, 'content-type': 'application/x-ndjson' },
      });
      assert.equal(heard.status, 200, heard.text);
      return heard.text
        .split('\n')
        .filter(Boolean)
        .map((line) => JSON.parse(line) as Data);
    };
    const signIn = async (username: string, password = PASSWORD): Promise<number> =>
      (
        await send(new URL('/connect/token', server.issuer), {
          form: { grant_type: 'password', username, password, scope: 'openid' },
          headers: server.basic('app', secret),
        })
      ).status;
    const hashOf = async (userName: string): Promise<string> =>
      (await server.context.store.knex('users').where({ user_name: userName }).first<Data>())[
        'password_hash'
      ];

    for (const [system, make] of Object.entries(HASHES))
      it(`sign in with their password of ${system}, which becomes one of ours`, async () => {
        const userName = `of-${createHash('md5').update(system).digest('hex')}`;
        const passwordHash = await make();
        const [answer] = await upload([{ userName, passwordHash }]);
        assert.equal(answer?.['result'], 'created', JSON.stringify(answer));
        assert.equal(await signIn(userName, 'something else'), 400);
        assert.equal(await hashOf(userName), passwordHash);
        assert.equal(await signIn(userName), 200);
        assert.match(await hashOf(userName), /^\$argon2id\$v=19\$m=19456,t=2,p=1\$/);
        assert.equal(await signIn(userName), 200);
      });

    it('are answered line by line; a bad line costs only itself', async () => {
      const userKey = '6f1c1a52-8f6e-4c39-9d0e-0d8d9b0f7a11';
      const answers = await upload([
        { userName: 'first', userKey, email: 'first@example.com', roles: ['partner'] },
        '{"userName":',
        { userName: 'second', colour: 'red' },
        { userName: 'third', passwordHash: 'plain text' },
        '',
        { userName: 'FIRST' },
        { userName: 'fourth', email: 'First@example.com' },
        { userName: 'fifth', roles: ['nothing'] },
        'x'.repeat(70_000),
        { userName: 'sixth' },
      ]);
      assert.deepEqual(
        answers.map(({ line, result, problem }) => [line, result, problem?.field] as unknown),
        [
          [1, 'created', undefined],
          [2, 'refused', ''],
          [3, 'refused', 'colour'],
          [4, 'refused', 'passwordHash'],
          [6, 'exists', 'userName'],
          [7, 'exists', 'email'],
          [8, 'refused', 'roles'],
          [9, 'refused', ''],
          [10, 'created', undefined],
        ],
      );
      const first = await admin.done('GET', `/api/User/${answers[0]?.['id']}`);
      assert.deepEqual([first['userKey'], first['roleNames']], [userKey, ['partner']]);
      assert.equal((await admin.ask('GET', '/api/User/Head?userName=fourth')).status, 404);
    });

    it('leaves a connection that serves the next request where it breaks off', async () => {
      const token = await clientToken(server, ['isms.user.import']);
      const agent = new Agent({ keepAlive: true, maxSockets: 1 });
      const ask = (method: string, path: string, begun: () => void, body = ''): Promise<string> =>
        new Promise((resolve, reject) => {
          const headers = { authorization: `Bearer ${token}`, 'content-type': 'application/x-ndjson' };
          const asking = request(new URL(path, server.issuer), { agent, method, headers }, (answer) => {
            let text = '';
            answer.on('data', (chunk: Buffer) => {
              if (text === '') begun();
              text += String(chunk);
            });
            answer.on('end', () => resolve(text));
          });
          asking.on('error', reject);
          asking.end(body);
        });
      const lines = Array.from({ length: 20_000 }, (_, n) => JSON.stringify({ userName: `broken-off-${n}` }));
      const revoke = (): void =>
        void server.change((db) => revokeTokenIn(db, decodeJwt(token).jti ?? '', Date.now() + 3_600_000));
      const answer = await ask('POST', '/api/User/Import', revoke, lines.join('\n'));
      assert.match(answer, /"code":401/);
      assert.match(await ask('GET', '/livez', () => undefined), /ok/);
      agent.destroy();
    });

    it('can be sent again after a break: those that are there stay as they are', async () => {
      const users = Array.from({ length: 1200 }, (_, n) => ({ userName: `again-${n}` }));
      await upload(users.slice(0, 700));
      const answers = await upload(users);
      const count = (result: string): number =>
        answers.filter((answer) => answer['result'] === result).length;
      assert.deepEqual([count('exists'), count('created'), answers.length], [700, 500, 1200]);
      const rest = await upload([...users, { userName: 'again-last' }], '?from=1201');
      assert.deepEqual(
        rest.map(({ line, result }) => [line, result] as unknown),
        [[1201, 'created']],
      );
      assert.equal((await admin.ask('GET', '/api/User?q.name=again-')).body['total'], 1201);
    });

    it('race with others for a name, and lose only that', async () => {
      const many = (who: string) =>
        Array.from({ length: 300 }, (_, n) => ({ userName: n === 150 ? 'contested' : `${who}-${n}` }));
      const [left, right] = await Promise.all([upload(many('left')), upload(many('right'))]);
      const results = [...left, ...right].map(({ result }) => result as string);
      assert.deepEqual(
        [
          results.filter((each) => each === 'created').length,
          results.filter((each) => each === 'exists').length,
        ],
        [599, 1],
      );
    });

    it('are made no stronger than who brings them [SEC-X1]', async () => {
      const few = await userToken(server, ['isms.all'], ['isms.user.import']);
      const [refused, created] = await upload(
        [
          { userName: 'climber', roles: ['administrator'] },
          { userName: 'plain', roles: ['user'] },
        ],
        '',
        few,
      );
      assert.deepEqual([refused?.['result'], created?.['result']], ['refused', 'created']);
      assert.equal((await caller(server, few).ask('GET', '/api/User')).status, 403);
    });

    it('may take their time, longer than a body may that is read as a whole', async () => {
      const patient = await startServer(kind, {}, { server: { requestTimeoutSeconds: 1 } });
      try {
        const bearer = await clientToken(patient, ['isms.user.import']);
        const lines = async function* () {
          for (let n = 0; n < 6; n += 1) {
            yield Buffer.from(`{ "userName": "slow-${n}" }\n`);
            await new Promise((resolve) => setTimeout(resolve, 500));
          }
        };
        const heard = await fetch(`${patient.issuer}/api/User/Import`, {
          method: 'POST',
          headers: { authorization: `Bearer ${bearer}`, 'content-type': 'application/x-ndjson' },
          body: ReadableStream.from(lines()),
          duplex: 'half',
        });
        assert.equal((await heard.text()).match(/"created"/g)?.length, 6);
      } finally {
        await patient.stop();
      }
    });

    it('come as NDJSON and as nothing else', async () => {
      const heard = await send(new URL('/api/User/Import', server.issuer), {
        body: '{}',
        headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
      });
      assert.equal(heard.status, 415);
    });
  });
