import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, type RequestListener, type Server, type ServerResponse } from 'node:http';
import { connect, type AddressInfo, type Socket } from 'node:net';
import { openDraining, type Draining } from '../../src/kernel/draining.js';
import { openPipelines, type Pipelines } from '../../src/kernel/pipelines.js';
import { dial, drained, until } from '../support/raw.js';

/** What stands in the answers of a connection, in order: each status, with `close` where it closes the connection. */
const answersOf = (text: string): string[] =>
  text
    .split(/(?=HTTP\/1\.1 \d{3} )/)
    .map((answer) => `${answer.slice(9, 12)}${/\r\nConnection: close\r\n/i.test(answer) ? ' close' : ''}`);

const get = (path: string, more = ''): string => `GET ${path} HTTP/1.1\r\nHost: localhost\r\n${more}\r\n`;
const post = (path: string, length: number): string =>
  `POST ${path} HTTP/1.1\r\nHost: localhost\r\nContent-Length: ${length}\r\n\r\n`;

describe('a connection of a server that ends', () => {
  const MOST = 4;
  let server: Server;
  let pipelines: Pipelines;
  let draining: Draining;
  /** The requests that have begun, as method and path, and their responses. */
  let begun: string[];
  let responses: ServerResponse[];
  let peer: Socket;

  /** A connection to a server that answers nothing by itself, unless `handle` does. */
  async function connected(handle: RequestListener = () => undefined): Promise<Socket> {
    [begun, responses] = [[], []];
    pipelines = openPipelines({ most: MOST, seconds: 60 }, () => undefined);
    draining = openDraining(pipelines);
    server = createServer(
      pipelines.bounding(
        draining.watching((request, response) => {
          begun.push(`${request.method} ${request.url}`);
          responses.push(response);
          handle(request, response);
        }),
      ),
    );
    pipelines.watch(server);
    server.on('connection', (socket) => (peer = socket));
    await once(server.listen(0, '127.0.0.1'), 'listening');
    return dial((server.address() as AddressInfo).port);
  }
  const begins = (count: number): Promise<void> => until(() => begun.length === count);
  const answer = (...at: number[]): void => {
    for (const n of at) (responses[n] as ServerResponse).end('answer');
  };
  afterEach(
    () => new Promise<void>((resolve) => server.close(() => resolve()) && server.closeAllConnections()),
  );

  it('closes with the newest of the answers that are being made, all of which it gets [SEC-R36]', async () => {
    const socket = await connected();
    socket.write(get('/0') + get('/1') + get('/2'));
    await begins(3);
    pipelines.end();
    answer(2, 0, 1);
    assert.deepEqual(answersOf(await drained(socket)), ['200', '200', '200 close']);
  });

  it('does not begin requests that wait for their turn [SEC-R36]', async () => {
    const socket = await connected();
    socket.write([0, 1, 2, 3, 4, 5, 6, 7, 8].map((n) => get(`/${n}`)).join(''));
    await begins(MOST);
    pipelines.end();
    answer(0, 1, 2, 3);
    assert.deepEqual(answersOf(await drained(socket)), ['200', '200', '200', '200 close']);
    assert.equal(begun.length, MOST);
  });

  it('begins only the first of several requests that come after the end has begun', async () => {
    const socket = await connected();
    pipelines.end();
    socket.write(get('/0') + get('/1') + get('/2'));
    await begins(1);
    answer(0);
    assert.deepEqual(answersOf(await drained(socket)), ['200 close']);
    assert.deepEqual(begun, ['GET /0']);
  });

  it('begins no request that comes while the answer that closes it is read', async () => {
    const socket = await connected();
    socket.pause();
    pipelines.end();
    socket.write(get('/0'));
    await begins(1);
    (responses[0] as ServerResponse).end(Buffer.alloc(16 * 1024 * 1024));
    const read = peer.bytesRead;
    socket.write(get('/1'));
    await until(() => peer.bytesRead > read);
    assert.deepEqual(answersOf(await drained(socket.resume())), ['200 close']);
    assert.deepEqual(begun, ['GET /0']);
  });

  it('closes with the next answer where the headers of the newest are out', async () => {
    const socket = await connected();
    socket.write(get('/0'));
    await begins(1);
    (responses[0] as ServerResponse).writeHead(200, { 'Content-Length': '6' }).flushHeaders();
    pipelines.end();
    const heard = drained(socket);
    answer(0);
    socket.write(get('/1') + get('/2'));
    await begins(2);
    answer(1);
    assert.deepEqual(answersOf(await heard), ['200', '200 close']);
    assert.deepEqual(begun, ['GET /0', 'GET /1']);
  });

  it('begins one of the requests that wait where the headers of all that are open are out', async () => {
    const socket = await connected();
    socket.write([0, 1, 2, 3, 4, 5].map((n) => get(`/${n}`)).join(''));
    await begins(MOST);
    for (const response of responses) response.writeHead(200, { 'Content-Length': '6' }).flushHeaders();
    pipelines.end();
    answer(0, 1, 2, 3);
    await begins(MOST + 1);
    answer(MOST);
    assert.deepEqual(answersOf(await drained(socket)), ['200', '200', '200', '200', '200 close']);
    assert.equal(begun.length, MOST + 1);
  });

  it('takes the rest of a body that is on its way', async () => {
    const socket = await connected((request, response) => {
      let body = '';
      request.on('data', (chunk: Buffer) => (body += chunk.toString()));
      request.on('end', () => response.end(body));
    });
    socket.write(`${post('/0', 5)}first${post('/1', 6)}sec`);
    await begins(2);
    pipelines.end();
    socket.write(`ond${post('/2', 5)}third`);
    const heard = await drained(socket);
    assert.match(heard, /first[^]*second$/);
    assert.deepEqual(answersOf(heard), ['200', '200 close']);
    assert.deepEqual(begun, ['POST /0', 'POST /1']);
  });

  for (const [what, request, status] of [
    ['HEAD', 'HEAD / HTTP/1.1\r\nHost: localhost\r\n\r\n', 200],
    ['204', get('/'), 204],
    ['304', get('/'), 304],
    ['HTTP/1.0 that keeps alive', 'GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n', 200],
  ] as const)
    it(`is closed by an answer to ${what}`, async () => {
      const socket = await connected();
      socket.write(request + request);
      await begins(2);
      pipelines.end();
      for (const response of responses) response.writeHead(status, { 'Content-Length': '0' }).end();
      assert.deepEqual(answersOf(await drained(socket)), [`${status}`, `${status} close`]);
    });

  it('reads what comes behind the answer that closes it, and begins nothing of it', async () => {
    (await connected()).destroy();
    const { port } = server.address() as AddressInfo;
    const socket = connect({ port, host: '127.0.0.1', allowHalfOpen: true }).resume();
    const failed: Error[] = [];
    socket.on('error', (error) => failed.push(error));
    pipelines.end();
    socket.write(`${get('/0')}${post('/1', 200_000)}`);
    await begins(1);
    answer(0);
    await once(socket, 'end');
    socket.end(`${'x'.repeat(200_000)}${get('/2')}`);
    await once(socket, 'close');
    assert.deepEqual([failed, begun], [[], ['GET /0']]);
  });

  it('begins nothing behind an answer that closes it also where the server does not end', async () => {
    const socket = await connected((_request, response) => {
      response.shouldKeepAlive = false;
    });
    socket.write(get('/0') + get('/1'));
    await begins(1);
    answer(0);
    assert.deepEqual(answersOf(await drained(socket)), ['200 close']);
    assert.deepEqual(begun, ['GET /0']);
  });

  it('gets all of a large answer that its client reads only after the port has closed [SEC-R36]', async () => {
    const BYTES = 16 * 1024 * 1024;
    const socket = await connected((_request, response) => {
      response.end(Buffer.alloc(BYTES, 'x'));
    });
    socket.pause();
    socket.write(get('/0'));
    await begins(1);
    const ended = draining.drain(server, 0, 60_000);
    await until(() => !server.listening);
    const heard = await drained(socket.resume());
    assert.ok(heard.length > BYTES);
    await ended;
  });

  it('has a request that comes while the port closes served when it has closed', async () => {
    let listening: boolean | undefined;
    const socket = await connected((_request, response) => {
      listening = server.listening;
      response.end();
    });
    const ended = draining.drain(server, 0, 60_000);
    socket.write(get('/0'));
    assert.deepEqual(answersOf(await drained(socket)), ['200 close']);
    assert.equal(listening, false);
    await ended;
  });

  it('that is idle is closed', async () => {
    const socket = await connected((_request, response) => void response.end());
    socket.write(get('/0'));
    await begins(1);
    const heard = drained(socket);
    await draining.drain(server, 0, 60_000);
    assert.deepEqual(answersOf(await heard), ['200']);
  });
});
