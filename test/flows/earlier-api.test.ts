import assert from 'node:assert/strict';
import { findClient, GRANT_TYPES, updateClientSettings } from '../../src/clients/index.js';
import { administrator, type Caller } from '../support/area.js';
import { GENEROUS, STORES } from '../support/config.js';
import { dial, drained } from '../support/raw.js';
import { PASSWORD, startServer, type TestServer } from '../support/server.js';

const NOTES = { name: 'notes', scopes: [{ name: 'read' }] };

/** What makes the audience of an API's tokens another's, by what the next API has in common with it. */
const NEXT: Record<string, (admin: Caller, id: string) => Promise<unknown>> = {
  async 'the next API of its name'(admin, id) {
    await admin.done('DELETE', `/api/ApiResource/${id}?cascade=true`);
    return admin.done('POST', '/api/ApiResource', NOTES);
  },
  async 'the API that gets its audience'(admin, id) {
    await admin.done('PUT', '/api/ApiResource', { id, tokenAudience: 'notes-2' });
    return admin.done('POST', '/api/ApiResource', { ...NOTES, name: 'papers', tokenAudience: 'notes' });
  },
};

const GRANTS: Record<string, Record<string, string>> = {
  'a user': { grant_type: GRANT_TYPES.password, username: 'alice', password: PASSWORD },
  'a client': { grant_type: GRANT_TYPES.clientCredentials },
};

for (const kind of STORES)
  for (const accessTokenFormat of ['jwt', 'opaque'])
    describe(`${accessTokenFormat} tokens of an API, on ${kind}`, () => {
      let server: TestServer;
      let admin: Caller;
      let api: string;
      let secrets: Record<'app' | 'service', string>;
      const ask = async (clientId: 'app' | 'service', path: string, form: Record<string, string>) =>
        (await server.post(path, form, server.basic(clientId, secrets[clientId]))).body;
      const askForToken = async (form: Record<string, string> = {}) =>
        String((await ask('app', '/connect/token', { ...form, scope: 'notes.read' }))['access_token']);
      const isActive = async (clientId: 'app' | 'service', token: string): Promise<unknown> =>
        (await ask(clientId, '/connect/introspect', { token }))['active'];

      beforeEach(async () => {
        server = await startServer(kind, {}, GENEROUS);
        admin = await administrator(server);
        const made = await admin.done('POST', '/api/ApiResource', { ...NOTES, accessTokenFormat });
        api = String(made['id']);
        await server.addUser({ userName: 'alice' });
        secrets = {
          app: await server.addClient('app', {
            grantTypes: [GRANT_TYPES.clientCredentials, GRANT_TYPES.password],
            scopes: ['notes.read'],
          }),
          service: await server.addClient('service', {
            grantTypes: [GRANT_TYPES.tokenExchange],
            scopes: ['notes.read'],
            resources: ['notes', 'papers'],
          }),
        };
      });
      afterEach(() => server.stop());

      /** Gives both clients again what the API took with it. */
      const giveBack = (): Promise<void> =>
        server.change(async (db) => {
          for (const clientId of ['app', 'service']) {
            const { settings } = await findClient(db, clientId);
            const reach = {
              scopes: ['notes.read'],
              resources: clientId === 'app' ? [] : ['notes', 'papers'],
            };
            await updateClientSettings(db, clientId, { ...settings, ...reach });
          }
        });
      const exchange = (token: string) =>
        ask('service', '/connect/token', {
          grant_type: GRANT_TYPES.tokenExchange,
          subject_token: token,
          subject_token_type: 'urn:ietf:params:oauth:token-type:access_token',
        });

      for (const [next, makeNext] of Object.entries(NEXT)) {
        it(`are not good at ${next}, and are exchanged for nothing [SEC-R4] [SEC-R7]`, async () => {
          const tokens = [await askForToken(GRANTS['a user']), await askForToken(GRANTS['a client'])];
          assert.deepEqual(await Promise.all(tokens.map((token) => isActive('service', token))), [
            true,
            true,
          ]);
          await makeNext(admin, api);
          await giveBack();
          for (const token of tokens)
            for (const clientId of ['app', 'service'] as const)
              assert.equal(await isActive(clientId, token), false);
          assert.equal((await exchange(tokens[0] as string))['error'], 'invalid_request');
        });

        for (const [whose, form] of Object.entries(GRANTS))
          it(`of ${whose} are not good at ${next} either where the request began before it [SEC-R7]`, async () => {
            const body = new URLSearchParams({ ...form, scope: 'notes.read' }).toString();
            const { host } = new URL(server.issuer);
            const { authorization } = server.basic('app', secrets.app);
            const socket = await dial(server.port);
            const heard = drained(socket);
            const head = [
              'POST /connect/token HTTP/1.1',
              `Host: ${host}`,
              `Authorization: ${authorization}`,
              'Content-Type: application/x-www-form-urlencoded',
              `Content-Length: ${body.length}`,
              'Connection: close',
            ];
            socket.write(`${[...head, '', body.slice(0, 5)].join('\r\n')}`);
            await fetch(`${server.issuer}/livez`); // the server has read the other connection by then
            await makeNext(admin, api);
            await giveBack();
            socket.write(body.slice(5));
            const [, token] = /"access_token":"([^"]+)"/.exec(await heard) ?? [];
            if (token !== undefined) assert.equal(await isActive('service', token), false);
          });
      }

      it('are good again where the API has its audience again', async () => {
        const token = await askForToken(GRANTS['a user']);
        await admin.done('PUT', '/api/ApiResource', { id: api, tokenAudience: 'notes-2' });
        await admin.done('PUT', '/api/ApiResource', { id: api, tokenAudience: 'notes' });
        assert.equal(await isActive('service', token), true);
        assert.equal(typeof (await exchange(token))['access_token'], 'string');
      });
    });
