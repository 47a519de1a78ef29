import assert from 'node:assert/strict';
import { loadConfig } from '../../src/config.js';
import { openStore } from '../../src/store/index.js';
import type { Data } from '../support/area.js';
import { environment, STORES, temporaryFolder } from '../support/config.js';
import { documentOf } from '../support/gateway.js';
import { send } from '../support/http.js';
import { freePort } from '../support/ports.js';
import { kill, managementToken, serve } from '../support/process.js';

const KEY = 'ocp-apim-subscription-key';
const FORGED = 'unmistakable-forged-token';
const WRONG_KEY = 'unmistakable-wrong-key';

for (const kind of STORES)
  describe(`what calls of the gateway are made with, on ${kind}`, () => {
    it('is in no log, no audit and no answer [SEC-G17]', async () => {
      // Nothing listens there: the failure of each call that is let through is in the log.
      const backend = `127.0.0.1:${await freePort()}`;
      const env = await environment(
        kind,
        { LOG_LEVEL: 'trace', GATEHOUSE_OUTBOUND_ALLOW: backend },
        'started',
      );
      const issuer = `http://localhost:${env['PORT']}`;
      const server = await serve(env);
      const token = await managementToken(issuer);
      const manage = async (method: string, path: string, json: object): Promise<Data> => {
        const { status, text } = await send(new URL(`/api/${path}`, issuer), {
          method,
          headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
          body: JSON.stringify(json),
        });
        assert.equal(status, 200, text);
        return (JSON.parse(text) as { data: Data }).data;
      };
      const { id } = await manage('POST', 'ApiResource', { name: 'orders', scopes: [{ name: 'read' }] });
      await manage('PUT', `ApiResource/${id}/Publish`, {
        suffix: 'orders',
        serviceUrl: `http://${backend}`,
        document: documentOf({ 'GET /items': ['orders.read'], 'GET /open': null }),
      });
      const product = await manage('POST', 'Gateway/Products', { name: 'Starter', apiIds: [id] });
      const keys = `Gateway/Products/${product['id']}/Keys`;
      const made = await manage('POST', keys, { name: 'shop' });
      const { secondaryKey } = await manage('POST', `${keys}/${made['id']}/Regenerate`, {
        which: 'secondary',
      });
      const used = [String(made['primaryKey']), String(secondaryKey)] as const;

      const answers: unknown[] = [];
      const heard: string[] = [];
      for (const [path, headers] of [
        ['open', { [KEY]: used[0] }],
        [`open?subscription-key=${used[1]}`, {}],
        [`open?subscription-key=${WRONG_KEY}`, {}],
        ['items', { [KEY]: used[0], authorization: `Bearer ${FORGED}` }],
        ['items', { [KEY]: used[0], authorization: `Bearer ${token}` }],
        [`nothing?access_token=${FORGED}&subscription-key=${used[0]}`, {}],
      ] as [string, Record<string, string>][]) {
        const {
          status,
          text,
          headers: answered,
        } = await send(new URL(`/gateway/orders/${path}`, issuer), { headers });
        answers.push(status);
        heard.push(text, JSON.stringify([...answered]));
      }
      assert.deepEqual(answers, [502, 502, 401, 401, 401, 404]);

      const { stdout, stderr } = await kill(server, 'SIGTERM');
      const store = await openStore(loadConfig(env, temporaryFolder()));
      const audit = JSON.stringify(await store.knex('audit'));
      await store.close();
      assert.match(stdout + stderr, /"msg":"backend failed"/);
      assert.match(audit, /regenerate/i);
      for (const said of [stdout + stderr, audit, heard.join('\n')])
        for (const secret of [...used, String(made['secondaryKey']), token, FORGED, WRONG_KEY])
          assert.ok(!said.includes(secret), secret);
    });
  });
