import assert from 'node:assert/strict';
import { OPERATIONS } from '../../src/management.js';
import { BASIC } from '../../src/api/index.js';
import { MQTT_API } from '../../src/mqtt/index.js';
import { MQTT_CODES } from '../../src/mqtt/failures.js';
import { deviceApi, type DeviceApi } from '../support/devices.js';
import { bodyOf, send } from '../support/http.js';
import { startServer, type TestServer } from '../support/server.js';

describe('the documentation of the MQTT calls', () => {
  let server: TestServer;
  let api: DeviceApi;
  before(async () => {
    server = await startServer('sqlite');
    api = await deviceApi(server);
  });
  after(() => server.stop());

  it('is in /openapi.json, with Basic authentication', async () => {
    const document = bodyOf(await send(new URL('/openapi.json', server.issuer))) as {
      paths: Record<string, Record<string, { security: unknown }>>;
      components: { securitySchemes: Record<string, { scheme?: string }> };
    };
    assert.deepEqual(document.paths['/api/v4/auth_username']?.['post']?.security, [{ mqttApp: [] }]);
    assert.equal(document.components.securitySchemes['mqttApp']?.scheme, 'basic');
  });

  it('names every call', () => {
    const calls = Object.entries(MQTT_API.paths).flatMap(([path, methods]) =>
      Object.keys(methods).map((method) => `${method.toUpperCase()} ${path}`),
    );
    assert.deepEqual(calls.sort(), [
      'DELETE /api/v4/acl',
      'DELETE /api/v4/acl/$all',
      'DELETE /api/v4/acl/$all/topic/{topic}',
      'DELETE /api/v4/acl/clientid/{name}',
      'DELETE /api/v4/acl/clientid/{name}/topic/{topic}',
      'DELETE /api/v4/acl/username/{name}',
      'DELETE /api/v4/acl/username/{name}/topic/{topic}',
      'DELETE /api/v4/apps/{appId}',
      'DELETE /api/v4/auth_clientid',
      'DELETE /api/v4/auth_clientid/{name}',
      'DELETE /api/v4/auth_username',
      'DELETE /api/v4/auth_username/{name}',
      'GET /api/v4/acl/$all',
      'GET /api/v4/acl/clientid',
      'GET /api/v4/acl/clientid/{name}',
      'GET /api/v4/acl/username',
      'GET /api/v4/acl/username/{name}',
      'GET /api/v4/apps',
      'GET /api/v4/apps/{appId}',
      'GET /api/v4/auth_clientid',
      'GET /api/v4/auth_clientid/{name}',
      'GET /api/v4/auth_username',
      'GET /api/v4/auth_username/{name}',
      'POST /api/v4/acl',
      'POST /api/v4/acl/$all',
      'POST /api/v4/acl/clientid/{name}',
      'POST /api/v4/acl/username/{name}',
      'POST /api/v4/apps',
      'POST /api/v4/apps/{appId}/secret',
      'POST /api/v4/auth_clientid',
      'POST /api/v4/auth_username',
      'POST /mqtt/acl',
      'POST /mqtt/auth',
      'POST /mqtt/resource',
      'POST /mqtt/superuser',
      'POST /mqtt/topic',
      'POST /mqtt/user',
      'POST /mqtt/vhost',
      'PUT /api/v4/acl/$all',
      'PUT /api/v4/acl/clientid/{name}',
      'PUT /api/v4/acl/username/{name}',
      'PUT /api/v4/apps/{appId}',
      'PUT /api/v4/auth_clientid',
      'PUT /api/v4/auth_clientid/{name}',
      'PUT /api/v4/auth_username',
      'PUT /api/v4/auth_username/{name}',
    ]);
  });

  for (const [path, methods] of Object.entries(MQTT_API.paths))
    for (const method of Object.keys(methods))
      it(`tells of ${method.toUpperCase()} ${path} what is there`, async () => {
        const { text } = await api.call(method.toUpperCase(), `../..${path.replaceAll(/\{\w+\}/g, 'x')}`, {});
        assert.ok(!text.includes(String(MQTT_CODES.unknownCall.code)), text);
      });

  it('gives each code one meaning', () => {
    const codes = [
      ...Object.values(BASIC),
      ...OPERATIONS.flatMap(({ conflicts = {} }) => Object.values(conflicts)),
    ];
    const taken = new Set(codes.map(({ code }) => code));
    for (const { code } of Object.values(MQTT_CODES)) assert.ok(!taken.has(code), String(code));
  });
});
