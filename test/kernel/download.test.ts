import assert from 'node:assert/strict';
import { createServer as createSecureServer } from 'node:https';
import type { Socket } from 'node:net';
import { brotliCompressSync, deflateSync, gzipSync } from 'node:zlib';
import { download, DownloadFailed, type DownloadFailure } from '../../src/kernel/download.js';
import { newServerCertificate } from '../support/certificates.js';
import { startNameServer, type NameServer } from '../support/name-server.js';
import { freePort } from '../support/ports.js';
import { otherServers, PRIVATE_HOSTS } from '../support/other-servers.js';

const REACH = ['127.0.0.2'];
const HOST = '127.0.0.2';
const DOCUMENT = 'openapi: 3.1.0\n';

describe('the download of a document', () => {
  const servers = otherServers();
  const { answerer, counter, listenAt, writer } = servers;
  after(() => servers.close());

  /** Why it fails; its message names no address that the caller did not write. */
  async function failure(address: string, options = {}): Promise<DownloadFailure> {
    const error = await download(address, { reach: REACH, ...options }).then(
      () => assert.fail(`${address} was downloaded`),
      (reason: unknown) => reason,
    );
    assert.ok(error instanceof DownloadFailed, String(error));
    assert.doesNotMatch(error.message, /\d+\.\d+\.\d+\.\d+|::|localhost|\.example/);
    return error.reason;
  }

  it('answers the document, its type, and where it was found', async () => {
    const asked: unknown[] = [];
    const port = await answerer((request, response) => {
      asked.push([request.method, request.url, request.headers.host, request.headers['accept-encoding']]);
      if (request.url === '/old?a=1') response.writeHead(301, { location: 'new?b=%2F#part' }).end();
      else response.writeHead(200, { 'content-type': 'application/yaml' }).end(DOCUMENT);
    }, HOST);
    const found = await download(`http://${HOST}:${port}/old?a=1#top`, { reach: REACH });
    assert.deepEqual(
      { ...found, body: found.body.toString() },
      { address: `http://${HOST}:${port}/new?b=%2F`, type: 'application/yaml', body: DOCUMENT },
    );
    assert.deepEqual(asked, [
      ['GET', '/old?a=1', `${HOST}:${port}`, 'gzip, br'],
      ['GET', '/new?b=%2F', `${HOST}:${port}`, 'gzip, br'],
    ]);
  });

  for (const [encoding, bytes] of [
    ['gzip', gzipSync(DOCUMENT)],
    ['x-gzip', gzipSync(DOCUMENT)],
    ['GZIP', gzipSync(DOCUMENT)],
    ['br', brotliCompressSync(DOCUMENT)],
    ['identity', Buffer.from(DOCUMENT)],
  ] as const)
    it(`decodes ${encoding}`, async () => {
      const port = await answerer(
        (_request, response) => response.writeHead(200, { 'content-encoding': encoding }).end(bytes),
        HOST,
      );
      const { body, type } = await download(`http://${HOST}:${port}/`, { reach: REACH });
      assert.deepEqual([body.toString(), type], [DOCUMENT, '']);
    });

  it('takes a document of exactly as many bytes as it may, in any pieces', async () => {
    const port = await answerer((_request, response) => {
      for (let sent = 0; sent < 300_000; sent += 100_000) response.write(Buffer.alloc(100_000, 'x'));
      response.end();
    }, HOST);
    const address = `http://${HOST}:${port}/`;
    const { body } = await download(address, { reach: REACH, maxBytes: 300_000 });
    assert.ok(body.equals(Buffer.alloc(300_000, 'x')));
    assert.equal(await failure(address, { maxBytes: 299_999 }), 'tooLarge');
  });

  describe('into a private network', () => {
    let inside: { port: number; connections: () => number };
    let redirecting: number;
    before(async () => {
      inside = await counter();
      redirecting = await answerer(
        (request, response) =>
          response.writeHead(302, { location: decodeURIComponent(request.url?.slice(1) ?? '') }).end(),
        HOST,
      );
    });
    afterEach(() => assert.equal(inside.connections(), 0));

    for (const host of PRIVATE_HOSTS) {
      it(`is refused at http://${host} [SEC-R27]`, async () => {
        assert.equal(await failure(`http://${host}:${inside.port}/`), 'private');
      });

      it(`is refused where http://${host} is redirected to [SEC-R27]`, async () => {
        const target = encodeURIComponent(`http://${host}:${inside.port}/`);
        assert.equal(await failure(`http://${HOST}:${redirecting}/${target}`), 'private');
      });
    }

    it('is refused at a port that the operator has not opened [SEC-R27]', async () => {
      assert.equal(
        await failure(`http://127.0.0.1:${inside.port}/`, { reach: [`127.0.0.1:${inside.port + 1}`] }),
        'private',
      );
    });
  });

  describe('from names', () => {
    let names: NameServer;
    const asked: Record<string, number> = {};
    before(async () => {
      names = await startNameServer((name, type) => {
        if (name === 'silent.example') return 'silent';
        if (name === 'missing.example') return undefined;
        if (type === 'AAAA') return { addresses: [] };
        const count = (asked[name] = (asked[name] ?? 0) + 1);
        return { addresses: [name === 'rebinding.example' && count === 1 ? HOST : '127.0.0.1'] };
      });
    });
    after(() => names.close());

    it('is refused where a name leads into a private network [SEC-R27]', async () => {
      const inside = await counter();
      assert.equal(await failure(`http://inside.example:${inside.port}/`), 'private');
      assert.equal(inside.connections(), 0);
    });

    it('is refused where a name leads elsewhere after a redirect [SEC-R27]', async () => {
      const inside = await counter('127.0.0.1');
      const port = await answerer(
        (_request, response) => response.writeHead(307, { location: '/again' }).end(),
        HOST,
        inside.port,
      );
      assert.equal(await failure(`http://rebinding.example:${port}/`), 'private');
      assert.equal(inside.connections(), 0);
    });

    it('is not possible where a name has no address, and waits for no silent name server', async () => {
      assert.equal(await failure('http://missing.example/'), 'unreachable');
      assert.equal(await failure('http://silent.example/', { milliseconds: 100 }), 'timeout');
    });

    it('names no address of the network where an opened one refuses connections', async () => {
      const address = `http://inside.example:${await freePort()}/`;
      assert.equal(await failure(address, { reach: ['inside.example'] }), 'unreachable');
    });

    it('has the code of the system for the log', async () => {
      const reach = ['inside.example'];
      const refused = download(`http://inside.example:${await freePort()}/`, { reach });
      await assert.rejects(refused, { reason: 'unreachable', code: 'ECONNREFUSED' });
      await assert.rejects(download('http://missing.example/', { reach: [] }), { code: 'ENOTFOUND' });
    });
  });

  it('follows five redirects and no more, all of them where it was said otherwise', async () => {
    const port = await answerer((request, response) => {
      const left = Number(request.url?.slice(1));
      if (left === 0) response.end(DOCUMENT);
      else response.writeHead(308, { location: `/${left - 1}` }).end();
    }, HOST);
    const at = (left: number): string => `http://${HOST}:${port}/${left}`;
    assert.equal((await download(at(5), { reach: REACH })).address, at(0));
    assert.equal(await failure(at(6)), 'redirect');
    assert.equal(await failure(at(1), { redirects: 0 }), 'redirect');
  });

  for (const location of ['', 'ftp://a.example/', 'file:///etc/passwd', 'http://', 'http://u:p@127.0.0.2/'])
    it(`follows no redirect to ${JSON.stringify(location)} [SEC-R27]`, async () => {
      const port = await answerer((_request, response) => response.writeHead(302, { location }).end(), HOST);
      assert.equal(await failure(`http://${HOST}:${port}/`), 'redirect');
    });

  it('follows no redirect without a Location', async () => {
    const port = await answerer((_request, response) => response.writeHead(302).end(), HOST);
    assert.equal(await failure(`http://${HOST}:${port}/`), 'redirect');
  });

  describe('over TLS', () => {
    let port: number;
    const inherited = process.env['NODE_TLS_REJECT_UNAUTHORIZED'];
    before(async () => {
      const plain = await answerer((_request, response) => response.end(DOCUMENT), HOST);
      const secure = createSecureServer(
        newServerCertificate('/CN=other', `IP:${HOST}`),
        (_request, response) => response.writeHead(302, { location: `http://${HOST}:${plain}/` }).end(),
      );
      port = await listenAt(secure, HOST);
    });
    afterEach(() => {
      if (inherited === undefined) delete process.env['NODE_TLS_REJECT_UNAUTHORIZED'];
      else process.env['NODE_TLS_REJECT_UNAUTHORIZED'] = inherited;
    });

    it('is refused with a certificate that nobody vouches for', async () => {
      assert.equal(await failure(`https://${HOST}:${port}/`), 'unreachable');
    });

    it('follows no redirect from https to http [SEC-R27]', async () => {
      process.env['NODE_TLS_REJECT_UNAUTHORIZED'] = '0';
      assert.equal(await failure(`https://${HOST}:${port}/`), 'redirect');
    });
  });

  for (const status of [201, 204, 206, 304, 400, 401, 404, 500, 503])
    it(`fails at an answer ${status}`, async () => {
      const port = await answerer((_request, response) => response.writeHead(status).end(), HOST);
      assert.equal(await failure(`http://${HOST}:${port}/`), 'status');
    });

  for (const address of [
    '',
    'x',
    'ftp://a.example/',
    'file:///etc/passwd',
    'http://',
    'https://u:p@a.example/',
  ])
    it(`fails at the address ${JSON.stringify(address)}`, async () => {
      assert.equal(await failure(address), 'unreachable');
    });

  /** What a server writes again and again. */
  const endless = (head: string, piece: Buffer | string) => (socket: Socket) => {
    const write = (): void => {
      while (!socket.destroyed && socket.write(piece));
    };
    socket.write(head);
    socket.on('drain', write);
    write();
  };
  const HEAD = 'HTTP/1.1 200 OK\r\n';
  const GZIP_HEAD = Buffer.from('1f8b08000000000000ff', 'hex').toString('latin1');
  const ANSWERS: readonly [name: string, write: (socket: Socket) => void, reason: DownloadFailure][] = [
    [
      'says that it is too large',
      (socket) => socket.write(`${HEAD}Content-Length: 99999999\r\n\r\n`),
      'tooLarge',
    ],
    ['is endless', endless(`${HEAD}\r\n`, Buffer.alloc(65_536)), 'tooLarge'],
    [
      'is endless in chunks of a byte',
      endless(`${HEAD}Transfer-Encoding: chunked\r\n\r\n`, '1\r\nx\r\n'.repeat(10_000)),
      'tooLarge',
    ],
    ['has endless headers', endless(HEAD, 'X-A: b\r\n'.repeat(1000)), 'unreachable'],
    ['never begins', () => undefined, 'timeout'],
    ['never ends its headers', (socket) => socket.write(HEAD), 'timeout'],
    ['never ends', (socket) => socket.write(`${HEAD}Content-Length: 10\r\n\r\nhalf`), 'timeout'],
    ['says for ever that it goes on', endless('', 'HTTP/1.1 103 Early Hints\r\n\r\n'.repeat(100)), 'timeout'],
    ['closes before it', (socket) => socket.end(), 'unreachable'],
    ['breaks off', (socket) => socket.end(`${HEAD}Content-Length: 10\r\n\r\nhalf`), 'unreachable'],
    [
      'breaks off in a chunk',
      (socket) => socket.end(`${HEAD}Transfer-Encoding: chunked\r\n\r\n5\r\nha`),
      'unreachable',
    ],
    ['is no HTTP', (socket) => socket.write('SSH-2.0-OpenSSH_9.2\r\n'), 'unreachable'],
    [
      'changes the protocol',
      (socket) => socket.write('HTTP/1.1 101 x\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\n'),
      'unreachable',
    ],
  ];
  for (const [name, write, reason] of ANSWERS)
    it(`ends with "${reason}" where the answer ${name} [SEC-R27]`, async () => {
      const port = await writer(write, HOST);
      const options = { maxBytes: 100_000, milliseconds: reason === 'timeout' ? 200 : 30_000 };
      assert.equal(await failure(`http://${HOST}:${port}/`, options), reason);
    });

  it('ends an answer that comes a byte at a time when its time is over, and lets go of the connection', async () => {
    let closed: () => void;
    const isClosed = new Promise<void>((resolve) => (closed = resolve));
    const port = await writer((socket) => {
      socket.write(`${HEAD}Content-Length: 1000000\r\n\r\n`);
      const dripping = setInterval(() => socket.write('x'), 10);
      socket.on('close', () => {
        clearInterval(dripping);
        closed();
      });
    }, HOST);
    assert.equal(await failure(`http://${HOST}:${port}/`, { milliseconds: 200 }), 'timeout');
    await isClosed;
  });

  const ZEROS = Buffer.alloc(50_000_000);
  for (const [encoding, bytes] of [
    ['gzip', gzipSync(ZEROS)],
    ['br', brotliCompressSync(ZEROS)],
  ] as const)
    it(`ends at the bound where ${bytes.length} bytes of ${encoding} are 50 MB [SEC-R27]`, async () => {
      const port = await answerer(
        (_request, response) => response.writeHead(200, { 'content-encoding': encoding }).end(bytes),
        HOST,
      );
      assert.equal(await failure(`http://${HOST}:${port}/`), 'tooLarge');
    });

  it('ends where gzip goes on for ever and decodes to nothing [SEC-R27]', async () => {
    const emptyBlocks = Buffer.from('000000ffff'.repeat(1000), 'hex');
    const port = await writer((socket) => {
      socket.write(`${HEAD}Content-Encoding: gzip\r\n\r\n${GZIP_HEAD}`, 'latin1');
      endless('', emptyBlocks)(socket);
    }, HOST);
    assert.equal(await failure(`http://${HOST}:${port}/`, { maxBytes: 1_000_000 }), 'tooLarge');
  });

  for (const [name, encoding, bytes] of [
    ['is not what it says', 'gzip', Buffer.from(DOCUMENT)],
    ['breaks off', 'gzip', gzipSync(DOCUMENT).subarray(0, -4)],
    ['breaks off in brotli', 'br', brotliCompressSync(DOCUMENT.repeat(100)).subarray(0, -4)],
    ['was not asked for', 'deflate', deflateSync(DOCUMENT)],
    ['is there twice', 'gzip, gzip', gzipSync(gzipSync(DOCUMENT))],
  ] as const)
    it(`fails where the content coding ${name}`, async () => {
      const port = await answerer(
        (_request, response) => response.writeHead(200, { 'content-encoding': encoding }).end(bytes),
        HOST,
      );
      assert.equal(await failure(`http://${HOST}:${port}/`), 'unreachable');
    });
});
