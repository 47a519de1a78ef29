import assert from 'node:assert/strict';
import { send } from '../support/http.js';
import { freePort } from '../support/ports.js';
import { startServer, type TestServer } from '../support/server.js';

describe('metrics', () => {
  let server: TestServer | undefined;
  afterEach(() => server?.stop());

  it('count the requests of each tenant apart, by endpoint and status, at an address of their own', async () => {
    const port = await freePort();
    server = await startServer('sqlite', { GATEHOUSE_METRICS_PORT: String(port) });
    await server.addTenant('blue', `blue.localhost:${server.port}`);
    const blue = `http://blue.localhost:${server.port}`;
    await send(new URL('/connect/token', blue), { form: { grant_type: 'client_credentials' } });
    await send(new URL('/connect/token', blue), { form: { grant_type: 'client_credentials' } });
    for (let n = 0; n < 3; n++)
      assert.equal((await send(new URL('/.well-known/openid-configuration', server.issuer))).status, 200);
    await send(new URL(`http://nobody.localhost:${server.port}/connect/token`), { form: {} });

    const { text, headers } = await send(new URL(`http://localhost:${port}/metrics`));
    assert.equal(headers.get('content-type'), 'text/plain; version=0.0.4; charset=utf-8');
    assert.deepEqual(
      text
        .split('\n')
        .filter((line) => line.startsWith('gatehouse_requests_total'))
        .sort(),
      [
        'gatehouse_requests_total{tenant="",endpoint="token",status="404"} 1',
        'gatehouse_requests_total{tenant="Gatehouse",endpoint="documents",status="200"} 3',
        'gatehouse_requests_total{tenant="blue",endpoint="token",status="400"} 2',
      ],
    );
    assert.match(text, /^gatehouse_request_seconds_count\{endpoint="documents"\} 3$/m);
    assert.match(text, /^gatehouse_requests_in_flight 0$/m);
    assert.match(text, /^process_resident_memory_bytes \d+$/m);
  });

  it('are nowhere at a tenant’s host', async () => {
    server = await startServer('sqlite', { GATEHOUSE_METRICS_PORT: '0' });
    assert.equal((await send(new URL('/metrics', server.issuer))).status, 404);
  });
});
