import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:https';
import type { AddressInfo, Socket } from 'node:net';
import { join } from 'node:path';
import { newServerCertificate } from '../support/certificates.js';
import { environment, temporaryFolder } from '../support/config.js';
import { documentOf } from '../support/gateway.js';
import { send } from '../support/http.js';
import { kill, managementToken, serve, type RunningProcess } from '../support/process.js';
import { dial, drained, resetOf, until } from '../support/raw.js';

const HOST = '127.0.0.1';

/** A backend with a certificate. It counts requests, and resets its connection within the body of `/cut`. */
async function startTls(alternative: string) {
  const certificate = newServerCertificate('/CN=secret-backend', alternative);
  const sockets = new Set<Socket>();
  const asked: string[] = [];
  const server: Server = createServer({ ...certificate }, ({ url = '' }, response) => {
    asked.push(url);
    if (url !== '/cut') return void response.end(`secure ${url}`);
    response.shouldKeepAlive = false;
    response.useChunkedEncodingByDefault = false;
    response.write('begun');
  });
  server.on('connection', (socket: Socket) => sockets.add(socket.on('close', () => sockets.delete(socket))));
  await new Promise<void>((resolve) => server.listen(0, HOST, resolve));
  return { ...certificate, port: (server.address() as AddressInfo).port, asked, sockets, server };
}
type TlsBackend = Awaited<ReturnType<typeof startTls>>;

describe('backends by https', () => {
  let process: RunningProcess;
  let issuer: string;
  let trusted: TlsBackend;
  let unknown: TlsBackend;
  let misnamed: TlsBackend;
  let backends: TlsBackend[];

  before(async () => {
    trusted = await startTls('DNS:localhost,IP:127.0.0.1');
    unknown = await startTls('DNS:localhost,IP:127.0.0.1');
    misnamed = await startTls('DNS:other.example');
    backends = [trusted, unknown, misnamed];
    const authorities = join(temporaryFolder(), 'authorities.pem');
    writeFileSync(authorities, Buffer.concat([trusted.cert, misnamed.cert]));
    const env = await environment(
      'sqlite',
      {
        NODE_EXTRA_CA_CERTS: authorities,
        GATEHOUSE_OUTBOUND_ALLOW: backends.map(({ port }) => `${HOST}:${port}`).join(),
        LOG_LEVEL: 'info',
      },
      'started',
    );
    issuer = `http://localhost:${env['PORT']}`;
    process = await serve(env);
    const token = await managementToken(issuer);
    const ask = async (method: string, path: string, json: object): Promise<string> => {
      const { status, text } = await send(new URL(`/api/${path}`, issuer), {
        method,
        headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
        body: JSON.stringify(json),
      });
      assert.equal(status, 200, text);
      return (JSON.parse(text) as { data: { id: string } }).data.id;
    };
    const authorizationServerId = await ask('POST', 'Gateway/AuthServers', {
      ...{ name: 'Partner', issuer: 'https://partner.example', audience: 'api' },
      jwksUri: `https://${HOST}:${unknown.port}/keys`,
    });
    const publish = async (suffix: string, serviceUrl: string, more: object = {}): Promise<void> => {
      const id = await ask('POST', 'ApiResource', { name: suffix });
      const document = documentOf({ 'GET /items': null, 'GET /cut': null });
      await ask('PUT', `ApiResource/${id}/Publish`, { suffix, document, serviceUrl, ...more });
    };
    await publish('no-host', 'https://missing.invalid');
    await publish('no-keys', 'https://missing.invalid', { authorizationServerId });
    for (const [suffix, host, { port }] of [
      ['by-address', HOST, trusted],
      ['by-name', 'localhost', trusted],
      ['unknown', HOST, unknown],
      ['misnamed', HOST, misnamed],
      ['misnamed-by-name', 'localhost', misnamed],
    ] as const)
      await publish(suffix, `https://${host}:${port}`);
  });
  after(async () => {
    await kill(process, 'SIGKILL');
    for (const { server } of backends) {
      server.closeAllConnections();
      server.close();
    }
  });

  /** A line of the log, as soon as it is there. */
  async function logged(message: string, having = ''): Promise<Record<string, unknown>> {
    const found = (): string | undefined =>
      `${process.stdout()}${process.stderr()}`
        .split('\n')
        .find((line) => line.includes(`"${message}"`) && line.includes(having));
    await until(() => found() !== undefined);
    return JSON.parse(found() ?? '') as Record<string, unknown>;
  }

  for (const suffix of ['by-address', 'by-name'])
    it(`are called ${suffix} where an authority that Node trusts has signed the certificate`, async () => {
      const { status, text } = await send(new URL(`/gateway/${suffix}/items`, issuer));
      assert.deepEqual([status, text], [200, 'secure /items']);
    });

  for (const [what, suffix, backend, code] of [
    ['an unknown authority', 'unknown', () => unknown, 'DEPTH_ZERO_SELF_SIGNED_CERT'],
    ['another address', 'misnamed', () => misnamed, 'ERR_TLS_CERT_ALTNAME_INVALID'],
    ['another name', 'misnamed-by-name', () => misnamed, 'ERR_TLS_CERT_ALTNAME_INVALID'],
  ] as const)
    it(`are not called with the certificate of ${what}: 502, and only the log says why [SEC-G6]`, async () => {
      const { status, text, headers } = await send(new URL(`/gateway/${suffix}/items`, issuer));
      const { type, detail, requestId, ...others } = JSON.parse(text) as Record<string, string>;
      assert.deepEqual([status, type], [502, 'urn:gatehouse:gateway:backend']);
      assert.match(detail ?? '', /secure connection .* publisher/);
      assert.deepEqual(Object.keys(others), ['title', 'status']);
      const said = `${text}${JSON.stringify([...headers])}`;
      assert.ok(!/secret-backend|other\.example|certificate|SELF_SIGNED|ALTNAME/i.test(said), said);
      assert.deepEqual(backend().asked, []);
      assert.equal((await logged('backend failed', requestId))['code'], code);
    });

  it('whose host has no address are 502, and the log has the code of the resolver', async () => {
    const { status, text } = await send(new URL('/gateway/no-host/items', issuer));
    const { requestId = '' } = JSON.parse(text) as Record<string, string>;
    assert.equal(status, 502);
    // Which one depends on the name servers of this machine.
    assert.match(String((await logged('backend failed', requestId))['code']), /^[A-Z_]{5,}$/);
  });

  it('that have the keys of an issuer are refused alike, and the log says why', async () => {
    const headers = { authorization: 'Bearer eyJhbGciOiJFUzI1NiJ9.e30.AAAA' };
    assert.equal((await send(new URL('/gateway/no-keys/items', issuer), { headers })).status, 401);
    const { err } = await logged('the keys of an authorization server cannot be read');
    assert.equal((err as Record<string, unknown>)['code'], 'DEPTH_ZERO_SELF_SIGNED_CERT');
  });

  it('that are reset within a body break the answer [SEC-G5]', async () => {
    const socket = await dial(Number(new URL(issuer).port));
    const wasReset = resetOf(socket);
    let got = '';
    socket.on('data', (chunk: Buffer) => (got += chunk.toString('latin1')));
    const closed = drained(socket);
    socket.write(
      `GET /gateway/by-address/cut HTTP/1.0\r\nHost: ${new URL(issuer).host}\r\nConnection: close\r\n\r\n`,
    );
    await until(() => got.endsWith('begun'));
    for (const each of trusted.sockets) each.resetAndDestroy();
    assert.match(await closed, /^HTTP\/1\.1 200 /);
    assert.ok(wasReset());
  });
});
