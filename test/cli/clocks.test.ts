import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { CLIENT_SECRET, environment } from '../support/config.js';
import { basic, bodyOf, send } from '../support/http.js';
import { needsFiles } from '../support/needs.js';
import { freePort } from '../support/ports.js';
import { cli, kill, serve, type Running } from '../support/process.js';

const LIBRARIES = ['x86_64', 'aarch64'].map(
  (machine) => `/usr/lib/${machine}-linux-gnu/faketime/libfaketime.so.1`,
);
const LIBRARY = LIBRARIES.find((file) => existsSync(file)) ?? LIBRARIES[0] ?? '';

describe('two processes whose clocks differ', () => {
  const running: Running[] = [];
  before(function () {
    needsFiles(this, [LIBRARY], 'faketime');
  });
  afterEach(async () => {
    for (const server of running.splice(0)) await kill(server, 'SIGTERM');
  });

  /** Two servers of one store: the first has the right time, the second a time that is off. */
  async function twoServers(offset: string) {
    const env = await environment('postgres');
    const issuer = `http://localhost:${env['PORT']}`;
    const second = { ...env, PORT: String(await freePort()), GATEHOUSE_ISSUER: issuer };
    running.push(
      ...(await Promise.all([
        serve({ ...env, GATEHOUSE_ISSUER: issuer }),
        serve({ ...second, LD_PRELOAD: LIBRARY, FAKETIME: offset }),
      ])),
    );
    const at = (port = '', path: string): URL => new URL(path, `http://127.0.0.1:${port}`);
    const host = new URL(issuer).host;
    return {
      async token(): Promise<string> {
        const heard = await send(at(second.PORT, '/connect/token'), {
          form: { grant_type: 'client_credentials', scope: 'isms.all' },
          headers: { host, authorization: basic('gatehouse-cli', CLIENT_SECRET) },
        });
        return String(bodyOf(heard)['access_token']);
      },
      /** Whether the servers with the wrong and with the right time take a token. */
      async taken(token: string): Promise<{ wrong: boolean; right: boolean }> {
        const headers = { host, authorization: `Bearer ${token}` };
        const [wrong, right] = await Promise.all(
          [second.PORT, env['PORT']].map((port) => send(at(port, '/api/Role'), { headers })),
        );
        return { wrong: wrong?.status === 200, right: right?.status === 200 };
      },
      /** Revokes at the command line what the client was given. */
      async revoke(): Promise<void> {
        const home = { ...env, GATEHOUSE_ISSUER: issuer };
        for (const word of ['disable', 'enable']) {
          const { code, stderr } = await cli(['client', word, 'gatehouse-cli'], home);
          assert.equal(code, 0, stderr);
        }
      },
    };
  }

  for (const offset of ['-5s', '+5s', '-1h'])
    it(`order revocations and the tokens between them: ${offset}`, async () => {
      const { token, taken, revoke } = await twoServers(offset);
      await revoke();
      const between = await token();
      // By the right time, a token that was issued an hour ago has expired.
      const all = offset === '-1h' ? { wrong: true, right: false } : { wrong: true, right: true };
      assert.deepEqual(await taken(between), all);
      await revoke();
      assert.deepEqual(await taken(between), { wrong: false, right: false });
    }).timeout(180_000);
});
