import assert from 'node:assert/strict';
import { basic } from '../support/http.js';
import { environment, STORES } from '../support/config.js';
import { cli, kill, serveHere, type Running } from '../support/process.js';

const SECRET = 'mqtt-secret-0123456789-0123456789';

for (const kind of STORES)
  describe(`gatehouse mqtt-app, on ${kind}`, function () {
    let env: Record<string, string>;
    let api: string;
    let server: Running;
    before(async () => {
      env = await environment(kind, { GATEHOUSE_MQTT_APP_ID: 'first', GATEHOUSE_MQTT_APP_SECRET: SECRET });
      api = `http://localhost:${env['PORT']}/api/v4`;
      server = await serveHere(env);
    });
    after(() => kill(server, 'SIGTERM'));

    const list = async (appId: string, secret: string): Promise<number> =>
      (
        await fetch(`${api}/auth_username`, {
          headers: { authorization: basic(appId, secret) },
        })
      ).status;
    const json = async (...args: string[]): Promise<Record<string, unknown>> =>
      JSON.parse((await cli(['mqtt-app', ...args, '--json'], env)).stdout) as Record<string, unknown>;

    it('finds the app that the environment names on the first start', async () => {
      assert.equal(await list('first', SECRET), 200);
      const apps = (await json('list')) as unknown as { appId: string; rights: string[] }[];
      assert.deepEqual(
        apps.map(({ appId, rights }) => [appId, rights]),
        [['first', ['read', 'write', 'broker']]],
      );
    });

    it('makes one with the rights that are named, and shows its secret once', async () => {
      const { secret, rights } = await json('create', 'reader', '--right', 'read', 'mqtt.hash.read');
      assert.deepEqual(rights, ['read', 'mqtt.hash.read']);
      assert.equal(await list('reader', secret as string), 200);
      assert.ok(!JSON.stringify(await json('list')).includes(secret as string));
    });

    it('replaces a secret: the one before opens nothing any more', async () => {
      const { secret: before } = await json('create', 'renewed');
      const { secret: after } = await json('secret', 'renewed');
      assert.deepEqual(
        [await list('renewed', before as string), await list('renewed', after as string)],
        [401, 200],
      );
    });

    it('disables one, and enables it again, at once', async () => {
      const { secret } = await json('create', 'switched');
      await json('disable', 'switched');
      assert.equal(await list('switched', secret as string), 401);
      await json('enable', 'switched');
      assert.equal(await list('switched', secret as string), 200);
    });

    it('refuses a name that is taken, one that can not be, and a right that there is not', async () => {
      const codes = await Promise.all(
        [
          ['create', 'first'],
          ['create', 'a b'],
          ['create', 'x', '--right', 'everything'],
          ['secret', 'nobody'],
        ].map(async (args) => (await cli(['mqtt-app', ...args], env)).code),
      );
      assert.deepEqual(codes, [4, 5, 5, 3]);
    });
  });
