import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { revokeAllOf } from '../../src/revocations/index.js';
import { CLIENT_SECRET, environment } from '../support/config.js';
import { basic, bodyOf, send } from '../support/http.js';
import { needsFiles } from '../support/needs.js';
import { newDatabase } from '../support/postgres.js';
import { kill, serve, type Running } from '../support/process.js';
import { startServer, type TestServer } from '../support/server.js';

const LIBRARIES = ['x86_64', 'aarch64'].map(
  (machine) => `/usr/lib/${machine}-linux-gnu/faketime/libfaketime.so.1`,
);
const LIBRARY = LIBRARIES.find((file) => existsSync(file)) ?? LIBRARIES[0] ?? '';
const CLIENT = 'gatehouse-cli';

/** Two servers of one store: that of the tests has the right time, the other a time that is off. */
describe('two processes whose clocks differ', () => {
  let server: TestServer;
  let database: string;
  let wrong: Running | undefined;
  before(async function () {
    needsFiles(this, [LIBRARY], 'faketime');
    database = await newDatabase();
    server = await startServer('postgres', { DATABASE_URL: database });
  });
  afterEach(async () => {
    if (wrong) await kill(wrong, 'SIGTERM');
    wrong = undefined;
  });
  after(() => server?.stop());

  const host = (): string => new URL(server.issuer).host;
  const at = (port: string | number, path: string): URL => new URL(path, `http://127.0.0.1:${port}`);

  async function token(port: string): Promise<string> {
    const heard = await send(at(port, '/connect/token'), {
      form: { grant_type: 'client_credentials', scope: 'isms.all' },
      headers: { host: host(), authorization: basic(CLIENT, CLIENT_SECRET) },
    });
    return String(bodyOf(heard)['access_token']);
  }

  /** Whether the servers with the wrong and with the right time take a token. */
  async function taken(token: string, wrongPort: string): Promise<{ wrong: boolean; right: boolean }> {
    const headers = { host: host(), authorization: `Bearer ${token}` };
    const [wrong, right] = await Promise.all(
      [wrongPort, server.port].map((port) => send(at(port, '/api/Role'), { headers })),
    );
    return { wrong: wrong?.status === 200, right: right?.status === 200 };
  }

  /** Revokes, by the right time, what the client was given. */
  const revoke = (): Promise<void> => server.change((db) => revokeAllOf(db, 'client', CLIENT));

  for (const offset of ['-5s', '+5s', '-1h'])
    it(`order revocations and the tokens between them: ${offset}`, async () => {
      const env = await environment('postgres', { DATABASE_URL: database, GATEHOUSE_ISSUER: server.issuer });
      const { PORT: port = '' } = env;
      wrong = await serve({ ...env, LD_PRELOAD: LIBRARY, FAKETIME: offset });
      await revoke();
      const between = await token(port);
      // By the right time, a token that was issued an hour ago has expired.
      const all = offset === '-1h' ? { wrong: true, right: false } : { wrong: true, right: true };
      assert.deepEqual(await taken(between, port), all);
      await revoke();
      assert.deepEqual(await taken(between, port), { wrong: false, right: false });
    });
});
