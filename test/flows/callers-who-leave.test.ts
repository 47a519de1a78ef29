import assert from 'node:assert/strict';
import { APP, APP_SECRET, deviceApi } from '../support/devices.js';
import { basic } from '../support/http.js';
import { clientToken } from '../support/management.js';
import { dial, drained, until } from '../support/raw.js';
import { startServer, type TestServer } from '../support/server.js';

describe('a caller who leaves within a body', () => {
  let server: TestServer;
  let token: string;
  const lines: { level: string; message: unknown }[] = [];
  before(async () => {
    server = await startServer('sqlite');
    token = await clientToken(server, ['isms.all']);
    await deviceApi(server);
    const { log } = server.context;
    log.level = 'info';
    for (const level of ['error', 'info'] as const)
      log[level] = (_: unknown, message?: unknown) => void lines.push({ level, message });
  });
  after(() => server.stop());

  for (const [path, type] of [
    ['/connect/token', 'application/x-www-form-urlencoded'],
    ['/connect/register', 'application/json'],
    ['/api/Role', 'application/json'],
    ['/api/User/Register', 'application/json'],
    ['/api/v4/auth_username', 'application/json'],
    ['/mqtt/auth', 'application/json'],
  ] as const)
    for (const [what, end] of [
      ['closes', 'Content-Length: 1000\r\n\r\n{'],
      ['breaks its chunks', 'Transfer-Encoding: chunked\r\n\r\n1\r\n{\r\nzz\r\n'],
    ] as const)
      it(`makes no line of an error: ${what} at ${path}`, async () => {
        lines.length = 0;
        const socket = await dial(server.port);
        const ended = drained(socket);
        const authorization = path.startsWith('/api/Role') ? `Bearer ${token}` : basic(APP, APP_SECRET);
        const host = new URL(server.issuer).host;
        socket.end(
          `POST ${path} HTTP/1.1\r\nHost: ${host}\r\nContent-Type: ${type}\r\nAuthorization: ${authorization}\r\n${end}`,
        );
        await ended;
        await until(() => lines.some(({ message }) => message === 'request'));
        assert.deepEqual(
          lines.filter(({ level }) => level === 'error'),
          [],
        );
      });
});
