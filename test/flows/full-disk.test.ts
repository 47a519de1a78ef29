import assert from 'node:assert/strict';
import { StoreUnavailable } from '../../src/kernel/errors.js';
import { configFor, STORES, type StoreKind } from '../support/config.js';
import { APP, APP_SECRET, deviceApi } from '../support/devices.js';
import { basic, bodyOf, send, type Heard, type Said } from '../support/http.js';
import { EXAMPLES } from '../support/examples.js';
import { clientToken, operation, perform } from '../support/management.js';
import { ownPostgres } from '../support/postgres.js';
import { startServer, type TestServer } from '../support/server.js';
import { smallDisk, type SmallDisk } from '../support/small-disk.js';

/** What a store needs, with some room; for PostgreSQL a cluster with its log. */
const MEGABYTES = { sqlite: 16, postgres: 192 };
/** Some writes fit into pages that a store has already. */
const MOST_WRITES = 2000;

describe('a full disk', () => {
  let disk: SmallDisk;
  let server: TestServer;
  /** What a test has to end, the last first. */
  const ends: (() => unknown)[] = [];

  async function onDisk(kind: StoreKind): Promise<TestServer> {
    ends.push(() => disk.close());
    const postgres = kind === 'postgres' ? await ownPostgres(disk.folder) : undefined;
    if (postgres) ends.push(() => postgres.stop());
    const where = postgres ? { DATABASE_URL: postgres.url } : { GATEHOUSE_DATA_DIR: disk.folder };
    server = await startServer(kind, where);
    ends.push(
      () => server.stop(),
      () => disk.free(),
    );
    return server;
  }

  afterEach(async () => {
    for (const end of ends.splice(0).reverse()) await end();
  });

  const ask = (path: string, said?: Said): Promise<Heard> => send(new URL(path, server.issuer), said);

  for (const kind of ['sqlite', 'postgres'] as const)
    it(`is told by /readyz and to callers, and the store is used again afterwards, on ${kind} [SEC-R35]`, async function () {
      disk = smallDisk(this, MEGABYTES[kind]);
      const token = await clientToken(await onDisk(kind), ['isms.all']);
      const write = (name: string): Promise<Heard> =>
        ask('/api/Role', {
          headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
          body: JSON.stringify({ name }),
        });
      assert.equal((await write('before')).status, 200);
      assert.equal((await ask('/readyz')).status, 200);
      disk.fill();
      let status = 200;
      for (let n = 0; n < MOST_WRITES && status === 200; n += 1) ({ status } = await write(`role-${n}`));
      assert.equal(status, 503);
      const ready = await ask('/readyz');
      assert.equal(ready.headers.get('retry-after'), '5');
      assert.deepEqual(
        [ready.status, ready.text],
        [503, '{"status":"unavailable","reason":"the store is not available: the disk is full"}'],
      );
      disk.free();
      assert.equal((await ask('/readyz')).status, 200);
      assert.equal((await write('after')).status, 200);
    });

  for (const kind of ['sqlite', 'postgres'] as const)
    it(`is the status of an import that has answered nothing yet, on ${kind} [SEC-R35]`, async function () {
      disk = smallDisk(this, MEGABYTES[kind]);
      const token = await clientToken(await onDisk(kind), ['isms.all']);
      disk.fill();
      const headers = { authorization: `Bearer ${token}`, 'content-type': 'application/x-ndjson' };
      let answer: Heard;
      let made = 0;
      do {
        const lines = Array.from({ length: 100 }, () => `{"userName":"full-${(made += 1)}"}`);
        answer = await ask('/api/User/Import', { headers, body: lines.join('\n') });
      } while (answer.text.includes('created') && made < 100_000);
      assert.deepEqual(
        [answer.status, answer.headers.get('retry-after'), bodyOf(answer)['code']],
        [503, '5', 503],
      );
    });

  it('is 503 in EMQX’s shape where it gets full within a list of devices, and nothing of the list is written, on sqlite [SEC-R35]', async function () {
    disk = smallDisk(this, MEGABYTES.sqlite);
    const { call } = await deviceApi(await onDisk('sqlite'));
    const hash = '$2b$04$3rHD5g6p9Ah4w9l1bVQ9EeQG9ZbqH9b2y2nq4h8X0yWm2yYlqCq9K';
    const list = Array.from({ length: 60_000 }, (_, n) => ({ username: `device-${n}`, password: hash }));
    const { status, headers, text } = await ask('/api/v4/auth_username', {
      headers: { authorization: basic(APP, APP_SECRET) },
      body: JSON.stringify(list),
    });
    assert.deepEqual(
      [status, headers.get('retry-after'), JSON.parse(text)],
      [
        503,
        '5',
        { code: 900011, message: 'temporarily_unavailable: the store does not answer now; try again' },
      ],
    );
    assert.equal((await call('GET', 'auth_username/device-0')).status, 404);
    assert.equal((await call('POST', 'auth_username', list.slice(0, 10))).status, 200);
  });

  it('is 503 where it gets full within a transaction of this thread, on sqlite [SEC-R35]', async function () {
    disk = smallDisk(this, MEGABYTES.sqlite);
    const { context } = await onDisk('sqlite');
    const work = context.store.transaction(async (trx) => {
      for (let n = 0; n < 12_000; n += 1)
        await trx('meta').insert({ key: `full-${n}`, value: 'x'.repeat(3000) });
    });
    await assert.rejects(work, StoreUnavailable);
  });
});

for (const kind of STORES)
  describe(`a full disk for files, on ${kind}`, () => {
    let disk: SmallDisk;
    let server: TestServer;
    let token: string;
    /** What there is to end, the last first. */
    const ends: (() => unknown)[] = [];
    before(async function () {
      disk = smallDisk(this, MEGABYTES.sqlite);
      ends.push(() => disk.close());
      const { databaseUrl } = await configFor(kind, {}, {}, 'started');
      const inDatabase = databaseUrl !== undefined && { DATABASE_URL: databaseUrl };
      server = await startServer(kind, { GATEHOUSE_DATA_DIR: disk.folder, ...inDatabase });
      ends.push(() => server.stop());
      token = await clientToken(server, ['isms.all']);
    });
    after(async () => {
      for (const end of ends.reverse()) await end();
    });
    afterEach(() => disk.free());

    for (const id of ['blob.post', 'blob.image', 'blob.base64', 'file.post', 'file.image'])
      it(`makes ${id} answer 503, and the next upload is taken [SEC-R35]`, async () => {
        const upload = async () => {
          const example = (await EXAMPLES[id]?.(server, server.home.tenant, token)) ?? {};
          return perform(server, operation(id), example, { token });
        };
        disk.fill();
        const { status, headers, body } = await upload();
        assert.deepEqual([status, headers.get('retry-after'), body['code']], [503, '5', 503]);
        disk.free();
        assert.equal((await upload()).status, 200);
      });
  });
