import assert from 'node:assert/strict';
import { call, clientToken } from '../support/management.js';
import { startServer, type TestServer } from '../support/server.js';

describe('too many calls of the management API', () => {
  let server: TestServer;
  afterEach(() => server.stop());

  const start = async (api: Record<string, number>): Promise<string> => {
    server = await startServer('sqlite', {}, { limits: { windowSeconds: 3600, api } });
    return clientToken(server, ['isms.all']);
  };

  it('of one address are refused in the envelope, with when to come again [SEC-52]', async () => {
    await start({ address: 2 });
    const statuses: number[] = [];
    for (let n = 0; n < 2; n++) statuses.push((await call(server, { path: '/api/Role/Codes' })).status);
    assert.deepEqual(statuses, [200, 200]);
    const { status, headers, body } = await call(server, { path: '/api/Role/Codes' });
    assert.deepEqual([status, body['code'], body['codeName']], [429, 429, 'TooManyRequests']);
    assert.match(headers.get('retry-after') ?? '', /^\d+$/);
    assert.match(headers.get('ratelimit') ?? '', /^"address";r=0;t=\d+$/);
  });

  it('of one client leave another served', async () => {
    const token = await start({ client: 1 });
    const other = await clientToken(server, ['isms.all']);
    const statuses: number[] = [];
    for (const each of [token, token, other])
      statuses.push((await call(server, { path: '/api/Role', token: each })).status);
    assert.deepEqual(statuses, [200, 429, 200]);
  });
});
