import { deepEqual, equal, match, ok } from 'node:assert/strict';
import { request as ask, type IncomingMessage, type RequestListener, type ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { dial, drained, exchange, until } from '../../support/raw.js';
import { FACES, itThrough, needsFace } from './faces.js';
import { apiAt, documentOf, startBackend, startPlane, startRawBackend } from './support.js';
import type { TestBackend, TestPlane } from './support.js';

const DOCUMENT = documentOf('GET /items', 'POST /items', 'PUT /items');
const GET = ['GET /gateway/orders/items HTTP/1.1', 'Host: id.example'];
const POST = ['POST /gateway/orders/items HTTP/1.1', 'Host: id.example'];

/** So soon an abort has to reach the other side. */
const ABORT_MS = 100;

for (const face of FACES)
  describe(`streams of the data plane, ${face}`, () => {
    const it = itThrough(face);
    before(function () {
      needsFace(this, face);
    });
    const open: { close(): Promise<void> }[] = [];
    afterEach(async () => {
      for (const each of open.splice(0).reverse()) await each.close();
    });

    async function startAt(url: string): Promise<TestPlane> {
      const plane = await startPlane([apiAt(url, DOCUMENT)], { through: face });
      open.push(plane);
      return plane;
    }

    async function start(listener: RequestListener): Promise<[TestPlane, TestBackend]> {
      const backend = await startBackend(listener);
      open.push(backend);
      return [await startAt(backend.url), backend];
    }

    async function startRaw(connected: (socket: Socket) => void): Promise<[TestPlane, TestBackend]> {
      const backend = await startRawBackend(connected);
      open.push(backend);
      return [await startAt(backend.url), backend];
    }

    const answerOf = (
      { port }: TestPlane,
      method = 'GET',
      body?: NodeJS.ReadableStream,
    ): Promise<IncomingMessage> =>
      new Promise((resolve, reject) => {
        const sending = ask({ port, path: '/gateway/orders/items', method, agent: false }, resolve);
        sending.on('error', reject);
        if (body) body.pipe(sending);
        else sending.end();
      });

    it('passes the head and each piece of an answer on when they come', async () => {
      let response: ServerResponse | undefined;
      const [plane] = await start((_request, answering) => {
        response = answering;
        answering.writeHead(200, { 'Content-Type': 'text/event-stream' }).flushHeaders();
      });
      const answer = await answerOf(plane);
      equal(answer.headers['content-type'], 'text/event-stream');
      const seen: string[] = [];
      answer.on('data', (chunk: Buffer) => seen.push(chunk.toString()));
      for (const event of ['data: 1\n\n', 'data: 2\n\n']) {
        response?.write(event);
        await until(() => seen.at(-1) === event);
      }
      response?.end();
      await until(() => answer.complete);
    });

    it('passes each piece of a body on when it comes, and the answer while it still comes', async () => {
      const [plane] = await start((request, response) => {
        response.writeHead(200);
        request.pipe(response);
      });
      const seen: string[] = [];
      const sending = ask({ port: plane.port, path: '/gateway/orders/items', method: 'POST', agent: false });
      sending.write('one');
      const answer = await new Promise<IncomingMessage>((resolve) => sending.on('response', resolve));
      answer.on('data', (chunk: Buffer) => seen.push(chunk.toString()));
      await until(() => seen.join('') === 'one');
      sending.end('two');
      await until(() => answer.complete);
      equal(seen.join(''), 'onetwo');
    });

    it('does not read an answer faster than the caller takes it', async () => {
      let sent = 0;
      const [plane] = await start((_request, response) => {
        const chunk = Buffer.alloc(64 * 1024);
        const more = (): void => {
          while (sent < 64 * 1024 * 1024) {
            sent += chunk.length;
            if (!response.write(chunk)) return;
          }
        };
        response.on('drain', more).on('error', () => undefined);
        more();
      });
      const socket = await dial(plane.port);
      socket.pause();
      socket.write([...GET, '', ''].join('\r\n'));
      let before = -1;
      await until(async () => {
        await new Promise((resolve) => setTimeout(resolve, 100));
        const still = sent === before && sent > 0;
        before = sent;
        return still;
      });
      ok(sent < 32 * 1024 * 1024, `${sent} bytes were taken from the backend`);
      socket.destroy();
    });

    it('does not read a body faster than the backend takes it', async () => {
      const [plane] = await startRaw((socket) => socket.pause());
      const socket = await dial(plane.port);
      socket.write([...POST, 'Transfer-Encoding: chunked', '', ''].join('\r\n'));
      const chunk = Buffer.concat([Buffer.from('10000\r\n'), Buffer.alloc(65536), Buffer.from('\r\n')]);
      let sent = 0;
      const more = (): void => {
        while (sent < 64 * 1024 * 1024) {
          sent += chunk.length;
          if (!socket.write(chunk)) return;
        }
      };
      socket.on('drain', more);
      more();
      let before = -1;
      await until(async () => {
        await new Promise((resolve) => setTimeout(resolve, 100));
        const still = sent === before;
        before = sent;
        return still;
      });
      ok(sent < 32 * 1024 * 1024, `${sent} bytes were taken from the caller`);
      socket.destroy();
    });

    it('ends the request to the backend when the caller leaves before the answer [SEC-G9]', async () => {
      let leftAt = 0;
      let began = false;
      const [plane] = await start((request) => {
        began = true;
        request.socket.on('close', () => (leftAt = performance.now()));
      });
      const socket = await dial(plane.port);
      socket.write([...GET, '', ''].join('\r\n'));
      await until(() => began);
      const at = performance.now();
      socket.destroy();
      await until(() => leftAt > 0);
      ok(leftAt - at < ABORT_MS, `it took ${leftAt - at} ms`);
      await until(() => plane.usage.length === 1);
      equal(plane.usage[0]?.status, face === 'direct' ? 499 : undefined);
    });

    it('ends the request to the backend when the caller leaves within the answer', async () => {
      let leftAt = 0;
      const [plane] = await start((request, response) => {
        request.socket.on('close', () => (leftAt = performance.now()));
        response.write('begun');
      });
      const socket = await dial(plane.port);
      socket.write([...GET, '', ''].join('\r\n'));
      await new Promise((resolve) => socket.once('data', resolve));
      const at = performance.now();
      socket.destroy();
      await until(() => leftAt > 0);
      ok(leftAt - at < ABORT_MS, `it took ${leftAt - at} ms`);
    });

    it('breaks the request to the backend off when the caller leaves within its body [SEC-G5]', async () => {
      let got = '';
      let ended = false;
      let closed = false;
      const [plane] = await startRaw((socket) => {
        socket.on('data', (chunk: Buffer) => (got += chunk.toString('latin1')));
        socket.on('end', () => (ended = true)).on('close', () => (closed = true));
      });
      const socket = await dial(plane.port);
      socket.write([...POST, 'Transfer-Encoding: chunked', '', '3\r\nabc\r\n'].join('\r\n'));
      await until(() => got.includes('abc'));
      socket.destroy();
      await until(() => closed || ended);
      ok(!got.includes('\r\n0\r\n'), got);
    });

    for (const [framing, head] of [
      ['chunks', 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nbegun\r\n'],
      ['a length', 'HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nbegun'],
    ] as const)
      for (const version of ['1.1', '1.0'])
        it(`breaks the caller's HTTP/${version} connection when an answer with ${framing} breaks off [SEC-G5]`, async () => {
          const [plane] = await startRaw((socket) => socket.once('data', () => socket.end(head)));
          const socket = await dial(plane.port);
          let reset = false;
          socket.on('error', () => (reset = true));
          const answer = drained(socket);
          socket.write(`GET /gateway/orders/items HTTP/${version}\r\nHost: id.example\r\n\r\n`);
          const text = await answer;
          const isShort = /content-length: 10/i.test(text) && text.endsWith('begun');
          const isUnended = /transfer-encoding: chunked/i.test(text) && !text.endsWith('0\r\n\r\n');
          ok(isShort || isUnended || reset, text);
        });

    it('answers 502 where the backend closes before an answer', async () => {
      const [plane] = await startRaw((socket) => socket.once('data', () => socket.destroy()));
      const text = await exchange(plane.port, GET);
      match(text, /^HTTP\/1\.1 502 /);
      match(text, /"type":"urn:gatehouse:gateway:backend"/);
    });

    for (const [what, head] of [
      ['a name with a space', 'HTTP/1.1 200 OK\r\nBad Name: 1\r\nContent-Length: 0\r\n\r\n'],
      ['a space before the colon', 'HTTP/1.1 200 OK\r\nX-Bad : 1\r\nContent-Length: 0\r\n\r\n'],
      ['a NUL in a value', 'HTTP/1.1 200 OK\r\nX-Bad: a\0b\r\nContent-Length: 0\r\n\r\n'],
      ['two lengths', 'HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab'],
      [
        'a length and chunks',
        'HTTP/1.1 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n',
      ],
      [
        'another transfer coding',
        'HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n',
      ],
      ['a transfer coding without chunks', 'HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\n'],
      ['no HTTP at all', 'SSH-2.0-OpenSSH_9.6\r\n'],
      ['headers that are too large', `HTTP/1.1 200 OK\r\nX-Large: ${'x'.repeat(100_000)}\r\n\r\n`],
      ['too many headers', `HTTP/1.1 200 OK\r\n${'X-Many: 1\r\n'.repeat(20_000)}\r\n`],
      [
        'another protocol that nobody asked for',
        'HTTP/1.1 101 Switching\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n',
      ],
      ['interim answers without end', 'HTTP/1.1 103 Early Hints\r\n\r\n'.repeat(1000)],
    ] as const)
      it(`answers 502 to ${what} [SEC-G6]`, async () => {
        const [plane, backend] = await startRaw((socket) =>
          socket.once('data', () => socket.write(head, 'latin1')),
        );
        const text = await exchange(plane.port, GET);
        match(text, /^HTTP\/1\.1 502 /);
        ok(!text.includes(backend.url.slice('http://'.length)));
        ok(!/x-bad|x-many|x-large/i.test(text));
      });

    it('answers 502 to headers without end [SEC-G6]', async () => {
      const [plane] = await startRaw((socket) =>
        socket.once('data', () => {
          socket.write('HTTP/1.1 200 OK\r\n');
          const more = (): void => {
            while (!socket.destroyed && socket.write('X-Endless: 1\r\n'.repeat(100)));
          };
          socket.on('drain', more);
          more();
        }),
      );
      match(await exchange(plane.port, GET), /^HTTP\/1\.1 502 /);
    });

    it('passes an answer on that comes before the body is sent, and stops sending it', async () => {
      const [plane, backend] = await startRaw((socket) => {
        socket.once('data', () =>
          socket.write(
            'HTTP/1.1 413 Content Too Large\r\nContent-Length: 5\r\nConnection: close\r\n\r\nlarge',
          ),
        );
      });
      const socket = await dial(plane.port);
      const answer = drained(socket);
      socket.write([...POST, 'Content-Length: 100000000', '', ''].join('\r\n'));
      const chunk = Buffer.alloc(65536);
      const more = (): void => {
        while (!socket.destroyed && socket.write(chunk));
      };
      socket.on('drain', more);
      more();
      const text = await answer;
      match(text, /^HTTP\/1\.1 413 Content Too Large\r\n/);
      match(text, /\r\nConnection: close\r\n/i);
      ok(text.endsWith('\r\n\r\nlarge'));
      await until(() => backend.sockets.size === 0);
    });

    it('asks for a body only when the backend can be reached', async () => {
      const [plane] = await start((request, response) => {
        equal(request.headers.expect, undefined);
        request.resume().on('end', () => response.end('taken'));
      });
      const socket = await dial(plane.port);
      const answer = drained(socket);
      let first = '';
      socket.once('data', (chunk: Buffer) => {
        first = chunk.toString();
        socket.write('body');
      });
      socket.write(
        [...POST, 'Expect: 100-continue', 'Content-Length: 4', 'Connection: close', '', ''].join('\r\n'),
      );
      match(await answer, /^HTTP\/1\.1 100 Continue\r\n\r\nHTTP\/1\.1 200 OK\r\n[^]*\r\n\r\ntaken$/);
      equal(first, 'HTTP/1.1 100 Continue\r\n\r\n');
    });

    it('refuses without asking for the body', async () => {
      const [plane] = await start((_request, response) => response.end());
      const lines = [
        'DELETE /gateway/orders/items HTTP/1.1',
        'Host: a',
        'Expect: 100-continue',
        'Content-Length: 4',
      ];
      const text = await exchange(plane.port, lines);
      match(text, /^HTTP\/1\.1 405 /);
      match(text, /\r\nConnection: close\r\n/i);
      ok(!text.includes('100 Continue'));
    });

    it('answers HTTP/1.0 without chunks, and closes', async () => {
      const [plane] = await start((request, response) => {
        response.write('one ');
        response.end(String(request.headers.via));
      });
      const socket = await dial(plane.port);
      const answer = drained(socket);
      socket.write('GET /gateway/orders/items HTTP/1.0\r\n\r\n');
      const text = await answer;
      ok(!/transfer-encoding/i.test(text));
      ok(text.endsWith('\r\n\r\none 1.0 gatehouse'), text);
    });

    it('passes many megabytes on unchanged both ways', async () => {
      const [plane] = await start((request, response) => {
        response.writeHead(200);
        request.pipe(response);
      });
      const { Readable } = await import('node:stream');
      const { createHash } = await import('node:crypto');
      const [sent, got] = [createHash('sha256'), createHash('sha256')];
      let pieces = 0;
      const body = new Readable({
        read() {
          const chunk = pieces < 300 ? Buffer.alloc(65_536, pieces) : null;
          pieces += 1;
          if (chunk) sent.update(chunk);
          this.push(chunk);
        },
      });
      const answer = await answerOf(plane, 'POST', body);
      for await (const chunk of answer) got.update(chunk as Buffer);
      equal(got.digest('hex'), sent.digest('hex'));
    });

    it('serves pipelined requests in their order', async () => {
      const [plane] = await start((request, response) => response.end(String(request.headers['x-nth'])));
      const socket = await dial(plane.port);
      const answer = drained(socket);
      socket.write(
        [1, 2].map((nth) => [...GET, `X-Nth: n${nth}`, '', ''].join('\r\n')).join('') +
          [...GET, 'X-Nth: n3', 'Connection: close', '', ''].join('\r\n'),
      );
      deepEqual((await answer).match(/n\d$|n\d(?=\r\n)|n\d(?=HTTP)/gm), ['n1', 'n2', 'n3']);
    });
  });
