import { deepEqual, equal, ok } from 'node:assert/strict';
import { Agent, get, type IncomingMessage, type ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { openPolicies } from '../../../src/gateway/policies/index.js';
import type { Policy } from '../../../src/gateway/types.js';
import { often } from '../../support/profile.js';
import { dial, drained, until } from '../../support/raw.js';
import { apiOf, documentOf, revisionOf, startBackend, startPlane, versionOf } from './support.js';
import type { TestBackend, TestPlane } from './support.js';

const DOCUMENT = documentOf('GET /items', 'PUT /items', 'GET /large');
const IDLE = { timeout: { idleSeconds: 1 } };
const MEGABYTE = 1024 * 1024;
/** More than sockets and streams of a caller that does not read take together. */
const LARGE = 32 * MEGABYTE;

const SLOW = often({ short: 60, long: 500 });
const FAST = often({ short: 300, long: 3000 });
/** What one slow caller may keep of this process: two sockets and the buffers of its streams. */
const MOST_EACH = 512 * 1024;

/** An OpenAPI document for the steps that need one. */
const OPENAPI = {
  openapi: '3.0.3',
  info: { title: 'Orders', version: '1' },
  paths: {
    '/items': {
      get: {
        responses: {
          200: { description: 'Much', content: { 'text/plain': { example: 'x'.repeat(8 * MEGABYTE) } } },
        },
      },
      put: { requestBody: { content: { 'text/plain': {} } }, responses: { 200: { description: 'Taken' } } },
    },
  },
};

describe('slow callers', () => {
  let backend: TestBackend;
  let plane: TestPlane;
  let answers: number;
  /** Requests that have come to the backend. */
  let begun = 0;
  /** Large answers that the backend has not sent to their end. */
  let sending = 0;
  const callers: Socket[] = [];

  before(async () => {
    backend = await startBackend((request: IncomingMessage, response: ServerResponse) => {
      request.resume();
      begun += 1;
      if (request.url === '/large') {
        const chunk = Buffer.alloc(64 * 1024, 'x');
        let left = LARGE / chunk.length;
        const more = (): void => {
          for (; left > 0; left -= 1) if (!response.write(chunk)) break;
          if (left <= 0) response.end();
          else left -= 1;
        };
        sending += 1;
        response.on('close', () => (sending -= 1));
        response.on('drain', more).on('error', () => undefined);
        return more();
      }
      request.on('end', () => {
        answers += 1;
        response.end('done');
      });
    });
    const versionBy = (name: string, policy: Policy) =>
      versionOf(name, {
        ...revisionOf(backend.url, DOCUMENT, { policy }),
        openapi: () => Promise.resolve(OPENAPI),
      });
    plane = await startPlane(
      [
        apiOf(
          versionBy('', IDLE),
          versionBy('patient', {}),
          versionBy('retried', { ...IDLE, retry: { attempts: 1 } }),
          versionBy('checked', { ...IDLE, validateRequest: {} }),
          versionBy('mocked', { ...IDLE, mock: {} }),
        ),
      ],
      { policies: openPolicies({ askForBody: () => undefined }) },
    );
  });
  beforeEach(() => (answers = 0));
  afterEach(() => {
    for (const each of callers.splice(0)) each.destroy();
  });
  after(async () => {
    await plane.close();
    await backend.close();
  });

  async function begin(request: string, isReading = true): Promise<Socket> {
    const socket = await dial(plane.port);
    callers.push(socket);
    if (!isReading) socket.pause();
    socket.write(request.replaceAll('\n', '\r\n'));
    return socket;
  }
  const connections = (): Promise<number> =>
    new Promise((resolve) => plane.server.getConnections((_error, count) => resolve(count)));

  for (const [what, version] of [
    ['a policy with retry', 'retried/'],
    ['a policy that validates requests', 'checked/'],
    ['neither', ''],
  ] as const)
    it(`are ended where they stop within a body, by ${what} [SEC-G9]`, async () => {
      const socket = await begin(
        `PUT /gateway/orders/${version}items HTTP/1.1\nHost: a\nContent-Type: text/plain\nContent-Length: 9\n\nbegun`,
      );
      equal(await drained(socket), '');
      equal(answers, 0);
    });

  for (const [what, path] of [
    ['the backend’s', 'large'],
    ['a mock’s', 'mocked/items'],
  ] as const)
    it(`are ended where they stop to read an answer that is ${what} [SEC-G9]`, async () => {
      await begin(`GET /gateway/orders/${path} HTTP/1.1\nHost: a\n\n`, false);
      await until(async () => (await connections()) === 1);
      await until(async () => (await connections()) === 0);
      await until(() => sending === 0);
    });

  it('may use their connection again, and for longer, once they have read', async () => {
    const socket = await begin('GET /gateway/orders/mocked/items HTTP/1.1\nHost: a\n\n', false);
    let size = 0;
    socket.on('data', (chunk: Buffer) => (size += chunk.length));
    socket.resume();
    await until(() => size > 8 * MEGABYTE);
    let isClosed = false;
    socket.on('close', () => (isClosed = true));
    // The time is over for another one that began later.
    await begin('GET /gateway/orders/large HTTP/1.1\nHost: a\n\n', false);
    await until(async () => (await connections()) === 2);
    await until(async () => (await connections()) < 2);
    ok(!isClosed, 'an unused connection has the time that the server gives it');
    size = 0;
    socket.write('PUT /gateway/orders/items HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n');
    await until(() => size > 0);
  });

  it(`${SLOW} at once hold up no others, and take little memory [SEC-G9]`, async () => {
    const agent = new Agent({ keepAlive: true, maxSockets: 4 });
    /** One after the other, so that no connection to the backend waits for its turn until its time is over. */
    const reaching = async (request: string, isReading: boolean): Promise<Socket> => {
      const before = begun;
      const socket = await begin(request, isReading);
      await until(() => begun > before);
      return socket;
    };
    const senders: Socket[] = [];
    for (let n = 0; n < SLOW / 2; n += 1)
      senders.push(
        await reaching(
          'PUT /gateway/orders/patient/items HTTP/1.1\nHost: a\nContent-Length: 1000\n\nx',
          true,
        ),
      );
    const before = process.memoryUsage.rss();
    const readers: Socket[] = [];
    for (let n = 0; n < SLOW / 2; n += 1)
      readers.push(await reaching('GET /gateway/orders/patient/large HTTP/1.1\nHost: a\n\n', false));
    // Each sends a byte, or reads a piece, now and then.
    const trickle = setInterval(() => {
      for (const socket of senders) socket.write('x');
      for (const socket of readers) socket.read(1);
    }, 100);
    const ask = (): Promise<number> =>
      new Promise((resolve, reject) => {
        get({ port: plane.port, agent, path: '/gateway/orders/items' }, (response) => {
          response.resume().on('end', () => resolve(response.statusCode ?? 0));
        }).on('error', reject);
      });
    const statuses = new Set<number>();
    let left = FAST;
    await Promise.all(
      Array.from({ length: 4 }, async () => {
        while ((left -= 1) >= 0) statuses.add(await ask());
      }),
    );
    const grown = process.memoryUsage.rss() - before;
    clearInterval(trickle);
    agent.destroy();
    deepEqual([...statuses], [200]);
    equal(answers, FAST);
    ok([...senders, ...readers].every(({ destroyed }) => !destroyed));
    // The backend and the callers are in this process too, and a garbage collection may not have come yet.
    ok(grown < 64 * MEGABYTE + SLOW * MOST_EACH, `${Math.round(grown / MEGABYTE)} MiB`);
  });
});
