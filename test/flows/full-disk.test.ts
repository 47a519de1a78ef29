import assert from 'node:assert/strict';
import type { StoreKind } from '../support/config.js';
import { send, type Heard, type Said } from '../support/http.js';
import { clientToken } from '../support/management.js';
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
    it(`is told by /readyz and to callers, and the store is used again afterwards, on ${kind}`, async function () {
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
      assert.deepEqual(
        [ready.status, ready.text],
        [503, '{"status":"unavailable","reason":"the store is not available: the disk is full"}'],
      );
      disk.free();
      assert.equal((await ask('/readyz')).status, 200);
      assert.equal((await write('after')).status, 200);
    }).timeout(120_000);
});
