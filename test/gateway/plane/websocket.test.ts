import { deepEqual, equal, match, ok } from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import type { Socket } from 'node:net';
import { WebSocket, WebSocketServer } from 'ws';
import { dial, drained, exchange, resetOf, until } from '../../support/raw.js';
import { FACES, itThrough, needsFace } from './faces.js';
import { apiAt, documentOf, openAccess, startBackend, startPlane, startRawBackend } from './support.js';
import type { TestBackend, TestPlane } from './support.js';

const DOCUMENT = documentOf('GET /socket', 'POST /socket');
const UPGRADE = [
  'GET /gateway/orders/socket HTTP/1.1',
  'Host: id.example',
  'Connection: Upgrade',
  'Upgrade: websocket',
  'Sec-WebSocket-Version: 13',
  'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==',
];

for (const face of FACES)
  describe(`WebSockets through the data plane, ${face}`, () => {
    const it = itThrough(face);
    let backend: TestBackend;
    let plane: TestPlane;
    let sockets: WebSocketServer;
    let connections: { socket: WebSocket; headers: Record<string, unknown>; url: string }[];

    before(async function () {
      needsFace(this, face);
      backend = await startBackend((request, response) => response.end(`plain ${request.method}`));
      sockets = new WebSocketServer({
        server: backend.server,
        maxPayload: 64 * 1024 * 1024,
        handleProtocols: (offered) => [...offered].at(-1) ?? false,
        verifyClient: ({ req }, decide) => decide(!req.url?.includes('refused'), 403, 'Not here'),
      });
      sockets.on('connection', (socket, request) => {
        connections.push({ socket, headers: request.headers, url: request.url ?? '' });
        socket.on('error', () => undefined);
        socket.on('message', (data, isBinary) => socket.send(data as Buffer, { binary: isBinary }));
      });
      plane = await startPlane([apiAt(`${backend.url}/base`, DOCUMENT)], {
        through: face,
        access: {
          ...openAccess,
          token: ({ query }) =>
            query === 'without-token' ? { word: 'token', detail: 'Send a token.' } : undefined,
        },
      });
    });
    beforeEach(() => {
      connections = [];
    });
    after(async () => {
      await plane.close();
      sockets.close();
      await backend.close();
    });

    const addressOf = (path: string): string => `ws://127.0.0.1:${plane.port}/gateway/orders${path}`;
    const connect = (path = '/socket', protocols: string[] = []): WebSocket =>
      new WebSocket(addressOf(path), protocols, { headers: { 'X-Forwarded-For': '1.2.3.4', Cookie: 'a=1' } });
    const opened = (socket: WebSocket): Promise<void> =>
      new Promise((resolve, reject) => socket.on('open', resolve).on('error', reject));
    const next = (socket: WebSocket): Promise<Buffer> =>
      new Promise((resolve) => socket.once('message', (data) => resolve(data as Buffer)));
    const closed = (socket: WebSocket): Promise<[number, string]> =>
      new Promise((resolve) => socket.once('close', (code, reason) => resolve([code, reason.toString()])));

    it('passes messages on both ways', async () => {
      const socket = connect();
      await opened(socket);
      socket.send('hello');
      equal((await next(socket)).toString(), 'hello');
      connections[0]?.socket.send('from the backend');
      equal((await next(socket)).toString(), 'from the backend');
      socket.terminate();
    });

    it('passes a large message on unchanged', async () => {
      const socket = new WebSocket(addressOf('/socket'), { maxPayload: 64 * 1024 * 1024 });
      await opened(socket);
      const bytes = randomBytes(10 * 1024 * 1024);
      socket.send(bytes);
      const hash = (data: Buffer): string => createHash('sha256').update(data).digest('hex');
      equal(hash(await next(socket)), hash(bytes));
      socket.terminate();
    });

    it('negotiates the subprotocol with the backend', async () => {
      const socket = connect('/socket', ['one', 'two']);
      await opened(socket);
      equal(socket.protocol, 'two');
      socket.terminate();
    });

    it('says the same of the caller as with other requests', async () => {
      const socket = connect('/socket?a=%20');
      await opened(socket);
      const { headers, url } = connections[0] as (typeof connections)[0];
      deepEqual(
        [url, headers['x-forwarded-for'], headers['cookie'], headers['via'], headers['x-request-id']],
        ['/base/socket?a=%20', undefined, undefined, '1.1 gatehouse', 'request-0001'],
      );
      equal(`http://${String(headers['host'])}`, backend.url);
      socket.terminate();
    });

    it('passes the caller’s close on with its code', async () => {
      const socket = connect();
      await opened(socket);
      await until(() => connections.length === 1);
      const bothEnds = [closed(connections[0]?.socket as WebSocket), closed(socket)];
      socket.close(4001, 'done');
      deepEqual(await Promise.all(bothEnds), [
        [4001, 'done'],
        [4001, 'done'],
      ]);
    });

    it('passes the backend’s close on with its code', async () => {
      const socket = connect();
      await opened(socket);
      await until(() => connections.length === 1);
      const atCaller = closed(socket);
      connections[0]?.socket.close(4002, 'over');
      deepEqual(await atCaller, [4002, 'over']);
    });

    it('passes an abort of the caller on', async () => {
      const socket = connect();
      await opened(socket);
      await until(() => connections.length === 1);
      const atBackend = closed(connections[0]?.socket as WebSocket);
      socket.terminate();
      equal((await atBackend)[0], 1006);
    });

    it('passes an abort of the backend on', async () => {
      const socket = connect();
      await opened(socket);
      await until(() => connections.length === 1);
      const atCaller = closed(socket);
      connections[0]?.socket.terminate();
      equal((await atCaller)[0], 1006);
    });

    it('checks the call first, and connects to no backend where it refuses [SEC-G4]', async () => {
      const text = await exchange(plane.port, [
        UPGRADE[0]?.replace('socket ', 'socket?without-token ') ?? '',
        ...UPGRADE.slice(1),
      ]);
      match(text, /^HTTP\/1\.1 401 /);
      match(text, /"type":"urn:gatehouse:gateway:token"/);
      equal(connections.length, 0);
    });

    it('passes the backend’s refusal on', async () => {
      const text = await exchange(plane.port, [
        UPGRADE[0]?.replace('socket ', 'socket?refused ') ?? '',
        ...UPGRADE.slice(1),
      ]);
      match(text, /^HTTP\/1\.1 403 /);
      ok(text.endsWith('Not here'), text);
    });

    it('refuses where the path has no operation', async () => {
      const text = await exchange(plane.port, ['GET /gateway/orders/nothing HTTP/1.1', ...UPGRADE.slice(1)]);
      match(text, /^HTTP\/1\.1 404 /);
    });

    for (const [what, lines, expected] of [
      [
        'another protocol',
        ['GET /gateway/orders/socket HTTP/1.1', 'Upgrade: h2c', 'HTTP2-Settings: AAMAAABkAAQAAP__'],
        'plain GET',
      ],
      [
        'a POST',
        ['POST /gateway/orders/socket HTTP/1.1', 'Upgrade: websocket', 'Content-Length: 3'],
        'plain POST',
      ],
    ] as const)
      it(`lets the upgrade of ${what} be an ordinary request`, async () => {
        const socket = await dial(plane.port);
        const answer = drained(socket);
        socket.write(
          [
            ...lines,
            'Host: a',
            'Connection: Upgrade, HTTP2-Settings',
            '',
            what === 'a POST' ? 'abc' : '',
          ].join('\r\n'),
        );
        socket.write('GET /gateway/orders/socket HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n');
        const text = await answer;
        match(text, /^HTTP\/1\.1 200 /);
        ok(text.includes(expected), text);
        equal(text.match(/HTTP\/1\.1 200/g)?.length, 2);
      });

    it('counts a WebSocket at its end', async () => {
      const before = plane.usage.length;
      const socket = connect();
      await opened(socket);
      equal(plane.usage.length, before);
      socket.terminate();
      await until(() => plane.usage.length === before + 1);
      equal(plane.usage.at(-1)?.status, 101);
    });

    it('ends all WebSockets when it is asked to', async () => {
      const socket = connect();
      await opened(socket);
      const atCaller = closed(socket);
      plane.plane.endTunnels();
      equal((await atCaller)[0], 1006);
    });
  });

describe('backends that answer an upgrade in their own way', () => {
  const open: { close(): Promise<void> }[] = [];
  afterEach(async () => {
    for (const each of open.splice(0).reverse()) await each.close();
  });

  async function start(connected: (socket: Socket) => void): Promise<TestPlane> {
    const backend = await startRawBackend(connected);
    const plane = await startPlane([apiAt(backend.url, DOCUMENT)]);
    open.push(backend, plane);
    return plane;
  }

  it('answers 502 where the backend changes to another protocol', async () => {
    const plane = await start((socket) =>
      socket.once('data', () =>
        socket.write('HTTP/1.1 101 Go\r\nConnection: upgrade\r\nUpgrade: other\r\n\r\n'),
      ),
    );
    match(await exchange(plane.port, UPGRADE), /^HTTP\/1\.1 502 /);
  });

  it('answers 502 where the backend closes', async () => {
    const plane = await start((socket) => socket.once('data', () => socket.destroy()));
    match(await exchange(plane.port, UPGRADE), /^HTTP\/1\.1 502 /);
  });

  it('passes on what the backend sends right behind its head, and what it sends before it closes', async () => {
    const plane = await start((socket) =>
      socket.once('data', () =>
        socket.end(
          'HTTP/1.1 101 Go\r\nConnection: upgrade\r\nUpgrade: websocket\r\nSet-Cookie: a=1\r\nX-Kept: 1\r\n\r\nfirst bytes',
        ),
      ),
    );
    const text = await exchange(
      plane.port,
      UPGRADE.slice(0, 2)
        .concat(UPGRADE.slice(2))
        .filter((line) => line !== ''),
    );
    ok(
      text.startsWith('HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n'),
      text,
    );
    ok(text.includes('\r\nX-Kept: 1\r\n') && !/set-cookie/i.test(text));
    ok(text.endsWith('\r\n\r\nfirst bytes'), text);
  });

  for (const [when, wait] of [
    ['right behind what it sends', () => Promise.resolve()],
    ['later', (socket: Socket) => new Promise((resolve) => socket.once('data', resolve))],
  ] as const)
    it(`resets the caller’s connection where the backend resets its own ${when}`, async () => {
      const plane = await start((socket) =>
        socket.once('data', () => {
          socket.write('HTTP/1.1 101 Go\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\nfirst bytes');
          void wait(socket).then(() => socket.resetAndDestroy());
        }),
      );
      const socket = await dial(plane.port);
      const wasReset = resetOf(socket);
      socket.on('data', () => socket.write('next bytes'));
      const closed = drained(socket);
      socket.write([...UPGRADE, '', ''].join('\r\n'));
      match(await closed, /^(?:HTTP\/1\.1 101 [^]*first bytes)?$/);
      ok(wasReset());
    });

  describe('behind requests that have no answer yet', () => {
    const FIRST = 'GET /gateway/orders/socket HTTP/1.1\r\nHost: a\r\n\r\n';
    /** Answers each request, the first two when it is told to. */
    async function startWaiting(): Promise<[TestPlane, Socket[]]> {
      const waiting: Socket[] = [];
      const plane = await start((socket) =>
        socket.on('data', (chunk: Buffer) => {
          if (chunk.includes('websocket'))
            return void socket.end(
              'HTTP/1.1 101 Go\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\nin it',
            );
          if (waiting.length < 2) return void waiting.push(socket);
          return void socket.write('HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nlast');
        }),
      );
      return [plane, waiting];
    }
    const answer = (socket: Socket | undefined, text: string): void =>
      void socket?.write(`HTTP/1.1 200 OK\r\nContent-Length: ${text.length}\r\n\r\n${text}`);

    for (const [what, upgrade, last] of [
      ['a WebSocket begins', UPGRADE, 'in it'],
      [
        'another upgrade is ignored',
        ['GET /gateway/orders/socket HTTP/1.1', 'Host: a', 'Connection: upgrade, close', 'Upgrade: h2c'],
        'last',
      ],
    ] as const)
      it(`${what} when their answers are out`, async () => {
        const [plane, waiting] = await startWaiting();
        const socket = await dial(plane.port);
        const heard = drained(socket);
        socket.write(FIRST + FIRST);
        await until(() => waiting.length === 2);
        socket.write([...upgrade, '', ''].join('\r\n'));
        await exchange(plane.port, ['GET /gateway/orders/socket HTTP/1.1', 'Host: a']); // it has been read
        answer(waiting[0], 'one');
        answer(waiting[1], 'two');
        const text = await heard;
        match(text, new RegExp(`one.*two.*HTTP/1.1 (?:101|200) .*${last}$`, 's'));
      });

    it('ends with them when the caller leaves', async () => {
      const [plane, waiting] = await startWaiting();
      const socket = await dial(plane.port);
      socket.write(FIRST);
      await until(() => waiting.length === 1);
      socket.write([...UPGRADE, '', ''].join('\r\n'));
      await exchange(plane.port, ['GET /gateway/orders/nothing HTTP/1.1', 'Host: a']); // it has been read
      socket.resetAndDestroy();
      await until(() => waiting[0]?.destroyed === true);
    });
  });

  it('ends the request to the backend when the caller leaves before its answer', async () => {
    let asked = false;
    let left = false;
    const plane = await start((socket) => {
      socket.on('data', () => (asked = true)).on('close', () => (left = true));
    });
    const socket = await dial(plane.port);
    socket.write([...UPGRADE, '', ''].join('\r\n'));
    await until(() => asked);
    socket.destroy();
    await until(() => left);
    equal(plane.usage[0]?.status ?? 499, 499);
  });
});
