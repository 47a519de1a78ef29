import assert from 'node:assert/strict';
import { loadConfig } from '../../src/config.js';
import { openStore } from '../../src/store/index.js';
import { environment, STORES } from '../support/config.js';
import { basic } from '../support/http.js';
import { kill, serve } from '../support/process.js';
import { often } from '../support/profile.js';

const SECRET = 'mqtt-secret-0123456789-0123456789';
const DEVICES = often({ short: 20_000, long: 100_000 });
/**
 * When the kill falls: after a part of the time that a list takes, while it is on its way, is written, or is done; or as soon as
 * another connection sees a row of it.
 */
const KILLED_AFTER = often({ short: [0.85, 'seen'], long: [0.2, 0.4, 0.6, 0.75, 0.9, 1.1, 'seen', 'seen'] });

for (const store of STORES)
  describe(`a list of ${DEVICES} devices through kill -9, on ${store}`, function () {
    this.timeout(180_000);

    it('is there whole when it was acknowledged, and else whole or not at all', async () => {
      const env = await environment(
        store,
        {
          GATEHOUSE_MQTT_APP_ID: 'app',
          GATEHOUSE_MQTT_APP_SECRET: SECRET,
        },
        'started',
      );
      const api = `http://localhost:${env['PORT']}/api/v4/auth_username`;
      const headers = { authorization: basic('app', SECRET) };
      const count = async (): Promise<number> => {
        const answer = await fetch(`${api}?_limit=1`, { headers });
        return ((await answer.json()) as { meta: { count: number } }).meta.count;
      };
      const post = async (round: string): Promise<boolean> => {
        const list = Array.from({ length: DEVICES }, (_, n) => ({
          username: `${round}-${n}`,
          password: `p${n}`,
        }));
        const answer = await fetch(api, { method: 'POST', headers, body: JSON.stringify(list) });
        return (await answer.text()).endsWith('"code":0}');
      };
      const inStore = await openStore(loadConfig(env));
      const rows = async (): Promise<number> => {
        const [{ n = 0 } = {}] = await inStore
          .knex('mqtt_credentials')
          .count<{ n: number | string }[]>({ n: '*' });
        return Number(n);
      };
      const seen = async (before: number): Promise<void> => {
        while ((await rows()) === before) await new Promise((resolve) => setImmediate(resolve));
      };
      let server = await serve(env);
      const began = performance.now();
      assert.ok(await post('first'));
      const usual = performance.now() - began;
      let expected = DEVICES;
      for (const [round, part] of KILLED_AFTER.entries()) {
        const acknowledged = post(String(round)).catch(() => false); // it died before the answer's end
        if (part === 'seen') await seen(expected);
        else await new Promise((resolve) => setTimeout(resolve, Number(part) * usual));
        await kill(server, 'SIGKILL');
        const whole = await acknowledged;
        server = await serve(env);
        const there = await count();
        assert.equal(await rows(), there);
        if (whole) assert.equal(there, expected + DEVICES);
        else assert.ok(there === expected || there === expected + DEVICES, `${there} of ${expected}`);
        if (there > expected) {
          const last = await fetch(`${api}?_like_username=${round}-${DEVICES - 1}`, { headers });
          assert.equal(((await last.json()) as { meta: { count: number } }).meta.count, 1);
          const signIn = await fetch(api.replace('/api/v4/auth_username', '/mqtt/auth'), {
            method: 'POST',
            headers: { ...headers, 'content-type': 'application/json' },
            body: JSON.stringify({ username: `${round}-0`, password: 'p0' }),
          });
          assert.deepEqual(await signIn.json(), { result: 'allow', is_superuser: false });
        }
        expected = there;
      }
      await kill(server, 'SIGTERM');
      await inStore.close();
    });
  });
