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
