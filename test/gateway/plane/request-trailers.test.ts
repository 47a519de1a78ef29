import { deepEqual, equal, match, ok } from 'node:assert/strict';
import { createServer, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import { dial, drained, until } from '../../support/raw.js';
import { apiAt, documentOf, startPlane, startRawBackend } from './support.js';
import type { TestBackend, TestPlane } from './support.js';

const DOCUMENT = documentOf('POST /items', 'GET /items');
const HEAD = [
  'POST /gateway/orders/items HTTP/1.1',
  'Host: id.example',
  'Trailer: X-Sum, Authorization',
  'Transfer-Encoding: chunked',
  '',
  '',
].join('\r\n');
const END = '0\r\nX-Sum: 1\r\nX-Forwarded-For: 1.2.3.4\r\nAuthorization: Bearer x\r\n\r\n';
const NEXT = 'GET /gateway/orders/items HTTP/1.1\r\nHost: id.example\r\nConnection: close\r\n\r\n';

/** Reads what came to a backend as a server of HTTP does: each request with its body and trailers. */
async function requestsIn(bytes: string): Promise<{ what: string; body: string; trailers: object }[]> {
  const found: { what: string; body: string; trailers: object }[] = [];
  const server = createServer((request: IncomingMessage, response) => {
    let body = '';
    request.on('data', (chunk: Buffer) => (body += chunk.toString()));
    request.on('end', () => {
      found.push({ what: `${request.method} ${request.url}`, body, trailers: request.trailers });
      response.end();
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const socket = await dial((server.address() as AddressInfo).port);
  const closed = drained(socket);
  socket.end(bytes, 'latin1');
  await closed;
  await new Promise((resolve) => server.close(resolve));
  return found;
}

describe('trailers of a request', () => {
  let backend: TestBackend;
  let plane: TestPlane;
  let got: string;

  before(async () => {
    backend = await startRawBackend((socket) => {
      let answered = 0;
      let own = '';
      socket.on('data', (chunk: Buffer) => {
        own += chunk.toString('latin1');
        got += chunk.toString('latin1');
        const isWhole = own.startsWith('GET') || own.endsWith('0\r\n\r\n') || /\r\n\r\nabcdef$/.test(own);
        if (!isWhole) return;
        own = '';
        socket.write(`HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n${(answered += 1)}`);
      });
    });
    plane = await startPlane([apiAt(backend.url, DOCUMENT)]);
  });
  beforeEach(() => (got = ''));
  after(async () => {
    await plane.close();
    await backend.close();
  });

  for (const [what, pieces] of [
    ['that comes at once', [`${HEAD}6\r\nabcdef\r\n${END}`]],
    ['that comes in pieces', [`${HEAD}3\r\nabc\r\n`, `3\r\ndef\r\n`, END]],
    ['whose trailers come in pieces', [`${HEAD}6\r\nabcdef\r\n0\r\nX-S`, END.slice('0\r\nX-S'.length)]],
  ] as const)
    it(`are dropped, and change nothing of the framing, in a request ${what} [SEC-G1]`, async () => {
      const socket = await dial(plane.port);
      const answer = drained(socket);
      const first = new Promise((resolve) => socket.once('data', resolve));
      for (const [at, piece] of pieces.entries()) {
        socket.write(piece);
        // The next one is not to come in the same turn.
        if (at < pieces.length - 1) await until(() => got.includes(at === 0 ? 'abc' : 'def'));
      }
      await first; // requests of one connection may go to the backend at once
      socket.write(NEXT);
      const text = await answer;
      equal(text.match(/HTTP\/1\.1 200 /g)?.length, 2, text);
      ok(!/x-sum|1\.2\.3\.4|bearer|^trailer:/im.test(got), got);
      match(got, /^POST \/items HTTP\/1\.1\r\n/);
      deepEqual(await requestsIn(got), [
        { what: 'POST /items', body: 'abcdef', trailers: {} },
        { what: 'GET /items', body: '', trailers: {} },
      ]);
    });

  for (const trailer of ['Content-Length: 7', 'Transfer-Encoding: chunked'])
    it(`are refused where they say the framing again: ${trailer} [SEC-G2]`, async () => {
      const socket = await dial(plane.port);
      const answer = drained(socket);
      socket.write(`${HEAD}6\r\nabcdef\r\n0\r\n${trailer}\r\n\r\n${NEXT}`);
      match(await answer, /^HTTP\/1\.1 400 /);
      equal(got, '');
    });
});
