import assert from 'node:assert/strict';
import { GRANT_TYPES } from '../../src/clients/index.js';
import { STORES } from '../support/config.js';
import { call, clientToken, type ApiAnswer } from '../support/management.js';
import { PASSWORD, startServer, type TestServer } from '../support/server.js';

for (const kind of STORES)
  describe(`identity resources over REST, on ${kind}`, () => {
    let server: TestServer;
    let token: string;

    before(async () => {
      server = await startServer(kind);
      token = await clientToken(server, ['isms.identityresource.all']);
    });
    after(() => server.stop());

    const ask = (method: string, path: string, json?: unknown): Promise<ApiAnswer> =>
      call(server, { method, path: `/api/IdentityResource${path}`, json, token });
    const made = async (body: Record<string, unknown>): Promise<Record<string, unknown>> => {
      const answer = await ask('POST', '', body);
      assert.equal(answer.status, 200, JSON.stringify(answer.body));
      return answer.data;
    };
    const discovered = async (): Promise<string[]> => {
      const { body } = await call(server, { path: '/.well-known/openid-configuration' });
      return body['scopes_supported'] as string[];
    };
    const idOf = async (name: string): Promise<unknown> =>
      ((await ask('GET', `?q.name=${name}`)).body['data'] as { id: string; name: string }[]).find(
        (each) => each.name === name,
      )?.id;

    it('are in discovery and can be asked for from the next request on, and no more once they are gone', async () => {
      const { id } = await made({ name: 'badge', userClaims: ['badge_number'] });
      assert.ok((await discovered()).includes('badge'));
      const secret = await server.addClient('door', {
        grantTypes: [GRANT_TYPES.password],
        scopes: ['openid', 'badge'],
      });
      await server.addUser({ userName: 'worker', claims: [{ type: 'badge_number', value: '42' }] });
      const signIn = (): Promise<ApiAnswer['body']> =>
        server
          .post(
            '/connect/token',
            { grant_type: 'password', username: 'worker', password: PASSWORD, scope: 'openid badge' },
            server.basic('door', secret),
          )
          .then(({ body }) => body);
      const { access_token: access } = await signIn();
      const about = await call(server, { path: '/connect/userinfo', token: String(access) });
      assert.equal(about.body['badge_number'], '42');
      await ask('PUT', '', { id, userClaims: [] });
      assert.equal(
        (await call(server, { path: '/connect/userinfo', token: String(access) })).body['badge_number'],
        undefined,
      );
      const refused = await ask('DELETE', `/${String(id)}`);
      assert.deepEqual(
        [refused.status, refused.body['code'], refused.body['data']],
        [409, 700002, { clients: 1 }],
      );
      assert.equal((await ask('DELETE', `/${String(id)}?cascade=true`)).status, 200);
      assert.ok(!(await discovered()).includes('badge'));
      assert.equal((await signIn())['error'], 'invalid_scope');
    });

    it('are hidden and shut as they say', async () => {
      const { id } = await made({ name: 'hidden', showInDiscoveryDocument: false });
      assert.ok(!(await discovered()).includes('hidden'));
      await ask('PUT', '', { id, showInDiscoveryDocument: true });
      assert.ok((await discovered()).includes('hidden'));
      await ask('PUT', '', { id, enabled: false });
      assert.ok(!(await discovered()).includes('hidden'));
      assert.deepEqual(
        ((await ask('GET', '?q.enabled=false')).body['data'] as { name: string }[]).map(({ name }) => name),
        ['hidden'],
      );
    });

    it('have names of their own, without a dot', async () => {
      assert.equal((await ask('POST', '', { name: 'email' })).body['code'], 700001);
      assert.equal((await ask('POST', '', { name: 'isms.all' })).status, 422);
      assert.equal((await ask('POST', '', { name: 'two words' })).status, 422);
    });

    it('keep openid', async () => {
      const id = await idOf('openid');
      assert.equal((await ask('DELETE', `/${String(id)}?cascade=true`)).body['code'], 700003);
      assert.equal((await ask('PUT', '', { id, enabled: false })).body['code'], 700003);
      assert.equal((await ask('PUT', '', { id, displayName: 'Who you are' })).status, 200);
    });

    it('keep properties, but none that a program could mistake', async () => {
      const { properties } = await made({ name: 'noted', properties: { owner: 'team a' } });
      assert.deepEqual(properties, { owner: 'team a' });
      for (const bad of ['{"__proto__":"x"}', '{"constructor":"x"}', '{"a b":"x"}', '{"a":1}']) {
        const json = { name: 'bad', properties: JSON.parse(bad) as unknown };
        assert.equal((await ask('POST', '', json)).status, 422, bad);
      }
    });
  });
