import { equal, match, ok } from 'node:assert/strict';
import type { Socket } from 'node:net';
import { dial, resetOf } from '../../support/raw.js';
import { apiAt, documentOf, startPlane, startRawBackend } from './support.js';
import type { TestBackend, TestPlane } from './support.js';

const DOCUMENT = documentOf('GET /items');

/** Heads of answers whose body ends where the connection does (RFC 9112, 6.3). */
const HEADS = ['HTTP/1.0 200 OK\r\n\r\n', 'HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n'];

/** More than sockets and streams of a caller that does not read take together. */
const LARGE = 24 * 1024 * 1024;

interface Got {
  text: string;
  /** The connection was reset. */
  wasReset: boolean;
}

/** Asks, and reads until the connection is closed. */
async function ask(port: number, version: string, onData?: () => void): Promise<Got> {
  const socket = await dial(port);
  const chunks: Buffer[] = [];
  const wasReset = resetOf(socket);
  socket.on('data', (chunk: Buffer) => {
    chunks.push(chunk);
    onData?.();
  });
  const closed = new Promise((resolve) => socket.on('close', resolve));
  socket.write(`GET /gateway/orders/items HTTP/${version}\r\nHost: id.example\r\nConnection: close\r\n\r\n`);
  await closed;
  return { text: Buffer.concat(chunks).toString('latin1'), wasReset: wasReset() };
}

const isChunked = ({ text }: Got): boolean => /\r\ntransfer-encoding: chunked\r\n/i.test(text);
/** Whether a caller takes the answer for a whole one. */
const seemsWhole = (got: Got): boolean =>
  isChunked(got) ? got.text.endsWith('\r\n0\r\n\r\n') : !got.wasReset;

describe('an answer that ends where its connection does', () => {
  let backend: TestBackend;
  let plane: TestPlane;
  let answer: (socket: Socket) => void;
  before(async () => {
    backend = await startRawBackend((socket) => socket.once('data', () => answer(socket)));
    plane = await startPlane([apiAt(backend.url, DOCUMENT)]);
  });
  after(async () => {
    await plane.close();
    await backend.close();
  });

  for (const head of HEADS)
    for (const version of ['1.1', '1.0']) {
      const what = `of ${head.slice(0, 8)} for an HTTP/${version} caller`;

      it(`is whole where the connection is closed, ${what}`, async () => {
        answer = (socket) => socket.end(`${head}all of it`);
        const got = await ask(plane.port, version);
        ok(seemsWhole(got), got.text);
        match(got.text, /all of it/);
      });

      it(`is broken where the connection is reset, ${what} [SEC-G5]`, async () => {
        let reset = (): void => undefined;
        answer = (socket) => {
          socket.write(`${head}begun`);
          reset = () => socket.resetAndDestroy();
        };
        const got = await ask(plane.port, version, () => reset());
        match(got.text, /begun/);
        ok(!seemsWhole(got), got.text);
      });
    }

  it('is whole for a caller that reads it slowly', async () => {
    answer = (socket) =>
      socket.end(Buffer.concat([Buffer.from(HEADS[0] as string), Buffer.alloc(LARGE, 'x')]));
    const socket = await dial(plane.port);
    let size = 0;
    socket.on('data', (chunk: Buffer) => {
      size += chunk.length;
      socket.pause();
      setImmediate(() => socket.resume());
    });
    const closed = new Promise((resolve) => socket.on('close', resolve));
    socket.write('GET /gateway/orders/items HTTP/1.0\r\n\r\n');
    await closed;
    ok(size > LARGE, String(size));
    equal(plane.errors.length, 0);
  });
});
