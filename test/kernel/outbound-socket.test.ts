import { equal } from 'node:assert/strict';
import type { Socket } from 'node:net';
import type { Pool } from 'undici';
import { openOutboundPool } from '../../src/kernel/outbound-pool.js';
import { otherServers } from '../support/other-servers.js';
import { until } from '../support/raw.js';

const BODY = 'x'.repeat(1000);
const CLOSE = 'HTTP/1.1 200 OK\r\nConnection: close\r\n';
const CHUNKED = `${CLOSE}Transfer-Encoding: chunked\r\n\r\n`;

/** Lets what has come to this process be seen. */
async function turns(): Promise<void> {
  for (let turn = 0; turn < 20; turn += 1) await new Promise((resolve) => setImmediate(resolve));
}

describe('the end of a connection to another server', () => {
  const servers = otherServers();
  let port: number;
  let said: string;
  let finish: (socket: Socket) => void;
  let isFinished: boolean;
  let pool: Pool;
  before(async () => {
    port = await servers.writer((socket) => {
      socket.on('error', () => undefined).on('finish', () => (isFinished = true));
      socket.on('close', () => (isFinished = true));
      socket.write(said);
      finish(socket);
    });
  });
  beforeEach(() => {
    isFinished = false;
    pool = openOutboundPool(new URL(`http://127.0.0.1:${port}`), ['127.0.0.1']);
  });
  afterEach(() => pool.destroy());
  after(() => servers.close());

  /**
   * Asks, and pauses at each piece of the answer until the end of the connection has come.
   * @returns the body's bytes, or the error's code
   */
  const ask = (): Promise<number | string> =>
    new Promise((resolve) => {
      let size = 0;
      pool.dispatch(
        { path: '/', method: 'GET' },
        {
          onRequestStart: () => undefined,
          onResponseStart: () => undefined,
          onResponseData(controller, chunk) {
            if (chunk.length === 0) return; // undici gives one when it goes on
            size += chunk.length;
            controller.pause();
            void until(() => isFinished)
              .then(turns)
              .then(() => controller.resume());
          },
          onResponseEnd: () => resolve(size),
          onResponseError: (_controller, error) =>
            resolve((error as NodeJS.ErrnoException).code ?? error.name),
        },
      );
    });

  for (const [what, answer, expected] of [
    ['of HTTP/1.0 without a length', `HTTP/1.0 200 OK\r\n\r\n${BODY}`, 1000],
    ['of HTTP/1.1 without a length', `${CLOSE}\r\n${BODY}`, 1000],
    ['in chunks', `${CHUNKED}3e8\r\n${BODY}\r\n0\r\n\r\n`, 1000],
    ['in chunks that breaks off', `${CHUNKED}3e9\r\n${BODY}`, 'HTTPParserError'],
    [
      'that is too short',
      `${CLOSE}Content-Length: 9999\r\n\r\n${BODY}`,
      'UND_ERR_RES_CONTENT_LENGTH_MISMATCH',
    ],
    [
      'that is too short, of a kept connection',
      `HTTP/1.1 200 OK\r\nContent-Length: 9999\r\n\r\n${BODY}`,
      'UND_ERR_SOCKET',
    ],
  ] as const)
    it(`is seen while the reading of an answer ${what} is paused`, async () => {
      said = answer;
      finish = (socket) => void socket.end();
      equal(await ask(), expected);
    });

  for (const [what, answer] of [
    ['of HTTP/1.0 without a length', `HTTP/1.0 200 OK\r\n\r\n${BODY}`],
    ['of HTTP/1.1 without a length', `${CLOSE}\r\n${BODY}`],
    ['in chunks that breaks off', `${CHUNKED}3e9\r\n${BODY}`],
    ['that is too short', `${CLOSE}Content-Length: 9999\r\n\r\n${BODY}`],
  ] as const)
    for (const [when, wait] of [
      ['together with it', () => Promise.resolve()],
      ['after it', turns],
    ] as const)
      it(`breaks an answer ${what} where it is a reset that comes ${when}`, async () => {
        said = answer;
        finish = (socket) => void wait().then(() => socket.resetAndDestroy());
        equal(await ask(), 'UND_ERR_SOCKET');
      });
});
