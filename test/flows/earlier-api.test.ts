import assert from 'node:assert/strict';
import { findClient, GRANT_TYPES, updateClientSettings } from '../../src/clients/index.js';
import { administrator, type Caller } from '../support/area.js';
import { GENEROUS, STORES } from '../support/config.js';
import { dial, drained } from '../support/raw.js';
import { PASSWORD, startServer, type TestServer } from '../support/server.js';

/** Of an API and its clients: each test has its own. */
interface Names {
  notes: string;
  papers: string;
  app: string;
  service: string;
}
let made = 0;
const newNames = (): Names => {
  made += 1;
  return { notes: `notes-${made}`, papers: `papers-${made}`, app: `app-${made}`, service: `service-${made}` };
};
const api = (name: string) => ({ name, scopes: [{ name: 'read' }] });

/** What makes the audience of an API's tokens another's, by what the next API has in common with it. */
const NEXT: Record<string, (admin: Caller, id: string, names: Names) => Promise<unknown>> = {
  async 'the next API of its name'(admin, id, { notes }) {
    await admin.done('DELETE', `/api/ApiResource/${id}?cascade=true`);
    return admin.done('POST', '/api/ApiResource', api(notes));
  },
  async 'the API that gets its audience'(admin, id, { notes, papers }) {
    await admin.done('PUT', '/api/ApiResource', { id, tokenAudience: `${notes}-2` });
    return admin.done('POST', '/api/ApiResource', { ...api(papers), tokenAudience: notes });
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
      let id: string;
      let names: Names;
      let secrets: Record<'app' | 'service', string>;
      const ask = async (clientId: 'app' | 'service', path: string, form: Record<string, string>) =>
        (await server.post(path, form, server.basic(names[clientId], secrets[clientId]))).body;
      const askForToken = async (form: Record<string, string> = {}) =>
        String(
          (await ask('app', '/connect/token', { ...form, scope: `${names.notes}.read` }))['access_token'],
        );
      const isActive = async (clientId: 'app' | 'service', token: string): Promise<unknown> =>
        (await ask(clientId, '/connect/introspect', { token }))['active'];

      before(async () => {
        server = await startServer(kind, {}, GENEROUS);
        admin = await administrator(server);
        await server.addUser({ userName: 'alice' });
      });
      beforeEach(async () => {
        names = newNames();
        const { notes, papers, app, service } = names;
        id = String(
          (await admin.done('POST', '/api/ApiResource', { ...api(notes), accessTokenFormat }))['id'],
        );
        const scopes = [`${notes}.read`];
        secrets = {
          app: await server.addClient(app, {
            grantTypes: [GRANT_TYPES.clientCredentials, GRANT_TYPES.password],
            scopes,
          }),
          service: await server.addClient(service, {
            grantTypes: [GRANT_TYPES.tokenExchange],
            scopes,
            resources: [notes, papers],
          }),
        };
      });
      after(() => server.stop());

      /** Gives both clients again what the API took with it. */
      const giveBack = (): Promise<void> =>
        server.change(async (db) => {
          const { notes, papers, app, service } = names;
          for (const [clientId, resources] of [
            [app, []],
            [service, [notes, papers]],
          ] as const) {
            const { settings } = await findClient(db, clientId);
            const reach = { scopes: [`${notes}.read`], resources: [...resources] };
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
          await makeNext(admin, id, names);
          await giveBack();
          for (const token of tokens)
            for (const clientId of ['app', 'service'] as const)
              assert.equal(await isActive(clientId, token), false);
          assert.equal((await exchange(tokens[0] as string))['error'], 'invalid_request');
        });

        for (const [whose, form] of Object.entries(GRANTS))
          it(`of ${whose} are not good at ${next} either where the request began before it [SEC-R7]`, async () => {
            const body = new URLSearchParams({ ...form, scope: `${names.notes}.read` }).toString();
            const { host } = new URL(server.issuer);
            const { authorization } = server.basic(names.app, secrets.app);
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
            await makeNext(admin, id, names);
            await giveBack();
            socket.write(body.slice(5));
            const [, token] = /"access_token":"([^"]+)"/.exec(await heard) ?? [];
            if (token !== undefined) assert.equal(await isActive('service', token), false);
          });
      }

      it('are good again where the API has its audience again', async () => {
        const token = await askForToken(GRANTS['a user']);
        await admin.done('PUT', '/api/ApiResource', { id, tokenAudience: `${names.notes}-2` });
        await admin.done('PUT', '/api/ApiResource', { id, tokenAudience: names.notes });
        assert.equal(await isActive('service', token), true);
        assert.equal(typeof (await exchange(token))['access_token'], 'string');
      });
    });
