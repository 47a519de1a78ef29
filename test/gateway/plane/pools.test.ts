import { deepEqual, equal, match, ok } from 'node:assert/strict';
import { Agent, get, type ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { dial, drained, until } from '../../support/raw.js';
import {
  apiOf,
  documentOf,
  openPolicies,
  revisionOf,
  startBackend,
  startPlane,
  versionOf,
  type TestBackend,
  type TestPlane,
} from './support.js';

const DOCUMENT = documentOf('GET /items', 'PUT /items');
/** As many pools as the plane keeps. */
const MOST = 1000;
const RETRY = { retry: { attempts: 3, backoffMs: 3000 } };

describe('pools of connections to many backends', () => {
  let backend: TestBackend;
  let plane: TestPlane;
  let agent: Agent;
  let answer: (response: ServerResponse) => void;
  let asked: string[];
  let slow: ServerResponse[];

  before(async () => {
    backend = await startBackend((request, response) => {
      let body = '';
      request.on('data', (chunk: Buffer) => (body += chunk.toString()));
      request.on('end', () => {
        asked.push(`${request.method} ${body}`.trim());
        answer(response);
      });
    });
    // Nobody listens at the low ports of this machine.
    const others = Array.from({ length: MOST }, (_, at) => `http://127.0.0.1:${at + 1}`);
    const versions = [backend.url, ...others].map((url, at) =>
      versionOf(at === 0 ? '' : `v${at}`, revisionOf(url, DOCUMENT)),
    );
    const retried = versionOf('retried', revisionOf(backend.url, DOCUMENT, { policy: RETRY }));
    plane = await startPlane([apiOf(...(versions as [(typeof versions)[0]]), retried)], {
      policies: openPolicies,
    });
  });
  beforeEach(() => {
    agent = new Agent({ keepAlive: true, maxSockets: 8 });
    asked = [];
    slow = [];
    answer = (response) => response.end('done');
  });
  afterEach(() => agent.destroy());
  after(async () => {
    await plane.close();
    await backend.close();
  });

  const ask = (path: string): Promise<number> =>
    new Promise((resolve, reject) => {
      get({ port: plane.port, agent, path: `/gateway/orders${path}` }, (response) => {
        response.resume().on('end', () => resolve(response.statusCode ?? 0));
      }).on('error', reject);
    });
  /** Calls so many other backends that the pool of the first one is the least used of too many. */
  async function callOthers(): Promise<void> {
    const left = Array.from({ length: MOST }, (_, at) => `/v${at + 1}/items`);
    await Promise.all(
      Array.from({ length: 8 }, async () => {
        for (let path = left.pop(); path !== undefined; path = left.pop()) equal(await ask(path), 502);
      }),
    );
  }

  it('close the least used one when they are too many, and open it again', async () => {
    equal(await ask('/items'), 200);
    ok(backend.sockets.size > 0);
    const before = backend.connections;
    await callOthers();
    await until(() => backend.sockets.size === 0);
    equal(await ask('/items'), 200);
    equal(backend.connections, before + 1);
  });

  it('lose no call that has begun: its answer, its body or its next try is to come', async () => {
    answer = (response) => {
      if (asked.length === 1) {
        response.write('begun ');
        slow.push(response);
      } else {
        response.statusCode = asked.length === 2 ? 503 : 200;
        response.end();
      }
    };
    const begin = async (request: string): Promise<[Socket, Promise<string>]> => {
      const socket = await dial(plane.port);
      const closed = drained(socket);
      socket.write(`${request} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n`);
      return [socket, closed];
    };
    const [reading, read] = await begin('GET /gateway/orders/items');
    reading.write('\r\n');
    await until(() => slow.length === 1);
    const [trying, tried] = await begin('GET /gateway/orders/retried/items');
    trying.write('\r\n');
    await until(() => asked.length === 2);
    const [sending, sent] = await begin('PUT /gateway/orders/retried/items');
    sending.write('Expect: 100-continue\r\nContent-Length: 4\r\n\r\n');
    await new Promise((resolve) => sending.once('data', resolve)); // the plane waits for the body
    await callOthers();
    slow[0]?.end('ended');
    match(await read, /begun [^]*ended[^]*\r\n0\r\n\r\n$/);
    sending.write('abcd');
    match(await sent, /HTTP\/1\.1 200 /);
    match(await tried, /^HTTP\/1\.1 200 /);
    deepEqual(asked.toSorted(), ['GET', 'GET', 'GET', 'PUT abcd']);
  });
});
