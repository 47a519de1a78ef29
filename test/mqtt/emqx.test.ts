import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { deviceApi, type DeviceApi } from '../support/devices.js';
import { startServer, type TestServer } from '../support/server.js';

/**
 * What EMQX sends, as its documentation has it, with its placeholders filled in:
 * - 5: "Use HTTP Service" under authentication and under authorization;
 * - 4: `etc/plugins/emqx_auth_http.conf`, the parameters that it comes with.
 */
const EMQX_5 = {
  auth: { username: 'emqx_u', password: 'public', clientid: 'emqx_c', peerhost: '203.0.113.9' },
  acl: { username: 'emqx_u', clientid: 'emqx_c', topic: 't/1', action: 'publish' },
};
const EMQX_4 = {
  auth: { clientid: 'emqx_c', username: 'emqx_u', password: 'public' },
  superuser: { clientid: 'emqx_c', username: 'emqx_u' },
  acl: {
    access: '2',
    username: 'emqx_u',
    clientid: 'emqx_c',
    ipaddr: '203.0.113.9',
    topic: 't/1',
    mountpoint: '',
  },
};

describe('what EMQX sends by its documentation', () => {
  let server: TestServer;
  let api: DeviceApi;
  before(async () => {
    server = await startServer('postgres', {}, { limits: { enabled: false } });
    api = await deviceApi(server);
    await api.call('POST', 'auth_username', { username: 'emqx_u', password: 'public' });
    await api.call('POST', 'acl/username/emqx_u', { topic: 't/#', action: 'pub', access: 'allow' });
  });
  after(() => server.stop());

  it('EMQX 5 reads JSON with status 200, whatever it says', async () => {
    const seen = async (call: string, body: Record<string, string>): Promise<unknown> => {
      const { status, body: answer } = await api.ask(`/mqtt/${call}`, body);
      return [status, answer];
    };
    assert.deepEqual(await seen('auth', EMQX_5.auth), [200, { result: 'allow', is_superuser: false }]);
    assert.deepEqual(await seen('auth', { ...EMQX_5.auth, password: 'x' }), [200, { result: 'deny' }]);
    assert.deepEqual(await seen('acl', EMQX_5.acl), [200, { result: 'allow' }]);
    assert.deepEqual(await seen('acl', { ...EMQX_5.acl, action: 'subscribe' }), [200, { result: 'deny' }]);
  });

  it('EMQX 4 reads the status of a form', async () => {
    const seen = async (call: string, form: Record<string, string>): Promise<number> =>
      (await api.askByForm(`/mqtt/${call}`, form)).status;
    assert.equal(await seen('auth', EMQX_4.auth), 200);
    assert.equal(await seen('auth', { ...EMQX_4.auth, password: 'x' }), 403);
    assert.equal(await seen('superuser', EMQX_4.superuser), 403);
    assert.equal(await seen('acl', EMQX_4.acl), 200);
    assert.equal(await seen('acl', { ...EMQX_4.acl, access: '1' }), 403);
  });

  it('leaves to others what it does not know, where the configuration says so', async () => {
    const lenient = await startServer('sqlite', {}, { mqtt: { unknown: 'ignore', noMatch: 'ignore' } });
    const there = await deviceApi(lenient);
    assert.deepEqual((await there.ask('/mqtt/auth', EMQX_5.auth)).body, { result: 'ignore' });
    assert.deepEqual((await there.ask('/mqtt/acl', EMQX_5.acl)).body, { result: 'ignore' });
    const form = await there.askByForm('/mqtt/auth', EMQX_4.auth);
    assert.deepEqual([form.status, form.text], [200, 'ignore']);
    await there.call('POST', 'acl/$all', { topic: 't/#', action: 'pub', access: 'allow' });
    assert.deepEqual((await there.ask('/mqtt/acl', EMQX_5.acl)).body, { result: 'allow' });
    await lenient.stop();
  });

  it('its PostgreSQL authenticator finds salt and hash by the SQL of docs/mqtt.md, of who may come in', async () => {
    await api.call('POST', 'auth_username', { username: 'off', password: 'public', enabled: false });
    await api.call('POST', 'auth_username', {
      username: 'past',
      password: 'public',
      expiresAt: '2020-01-01T00:00:00Z',
    });
    const find = async (username: string): Promise<Record<string, string>[]> =>
      (
        await server.context.store.knex.raw<{ rows: Record<string, string>[] }>(
          `SELECT password_hash, salt, is_superuser FROM mqtt_credentials
           WHERE tenant_id = ? AND kind = 'username' AND name = ?
             AND enabled AND (expires_at IS NULL OR expires_at > extract(epoch FROM now()) * 1000)
           LIMIT 1`,
          [server.home.tenant.id, username],
        )
      ).rows;
    const [row] = await find('emqx_u');
    const prefixed = createHash('sha256').update(`${row?.['salt']}public`).digest('hex');
    assert.deepEqual([row?.['password_hash'], row?.['is_superuser']], [prefixed, false]);
    assert.deepEqual([await find('off'), await find('past')], [[], []]);
  });
});
