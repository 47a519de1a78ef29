import assert from 'node:assert/strict';
import { findClient, GRANT_TYPES, updateClientSettings } from '../../src/clients/index.js';
import { administrator, type Caller } from '../support/area.js';
import { GENEROUS, STORES } from '../support/config.js';
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

for (const kind of STORES)
  for (const accessTokenFormat of ['jwt', 'opaque'])
    for (const [next, makeNext] of Object.entries(NEXT))
      describe(`${accessTokenFormat} tokens of an API, on ${kind}`, () => {
        let server: TestServer;
        const tokens: Record<string, string> = {};
        const ask = async (clientId: string, path: string, form: Record<string, string>) =>
          (await server.post(path, form, server.basic(clientId, secrets[clientId] as string))).body;
        const secrets: Record<string, string> = {};
        const serving = { grantTypes: [GRANT_TYPES.tokenExchange], scopes: ['notes.read'] };

        before(async () => {
          server = await startServer(kind, {}, GENEROUS);
          const admin = await administrator(server);
          const { id } = await admin.done('POST', '/api/ApiResource', { ...NOTES, accessTokenFormat });
          await server.addUser({ userName: 'alice' });
          secrets['app'] = await server.addClient('app', {
            grantTypes: [GRANT_TYPES.clientCredentials, GRANT_TYPES.password],
            scopes: ['notes.read'],
          });
          const alice = { username: 'alice', password: PASSWORD };
          for (const [whose, form] of Object.entries({
            'a user': { grant_type: GRANT_TYPES.password, ...alice },
            'a client': { grant_type: GRANT_TYPES.clientCredentials },
          }))
            tokens[whose] = String(
              (await ask('app', '/connect/token', { ...form, scope: 'notes.read' }))['access_token'],
            );
          await makeNext(admin, String(id));
          await server.change(async (db) => {
            const { settings } = await findClient(db, 'app');
            await updateClientSettings(db, 'app', { ...settings, scopes: ['notes.read'] });
          });
          secrets['service'] = await server.addClient('service', {
            ...serving,
            resources: ['notes', 'papers'],
          });
        });
        after(() => server.stop());

        for (const whose of ['a user', 'a client'])
          it(`of ${whose} are not good at ${next} [SEC-R4]`, async () => {
            const token = tokens[whose] as string;
            for (const clientId of ['app', 'service'])
              assert.deepEqual(await ask(clientId, '/connect/introspect', { token }), { active: false });
          });

        it(`are exchanged for nothing at ${next} [SEC-R7]`, async () => {
          const { error } = await ask('service', '/connect/token', {
            grant_type: GRANT_TYPES.tokenExchange,
            subject_token: tokens['a user'] as string,
            subject_token_type: 'urn:ietf:params:oauth:token-type:access_token',
          });
          assert.equal(error, 'invalid_request');
        });
      });
