import { deepEqual } from 'node:assert/strict';
import { pino } from 'pino';
import type { LiveApi, Policy } from '../../../src/gateway/types.js';
import { send } from '../../support/http.js';
import { freePort } from '../../support/ports.js';
import { dial, until } from '../../support/raw.js';
import { apiAt, documentOf, startBackend, startPlane, type TestBackend, type TestPlane } from './support.js';

describe('the log of faults of backends', () => {
  let backend: TestBackend;
  let plane: TestPlane;
  let lines: { level: number; msg: string; code: string }[];
  let held: number;

  before(async () => {
    lines = [];
    held = 0;
    backend = await startBackend((request, response) => {
      if (request.url === '/breaks') {
        response.writeHead(200, { 'content-length': '9' }).write('half');
        setImmediate(() => response.destroy());
      } else if (request.url === '/resets') request.socket.destroy();
      else held += 1; // never answers
    });
    const document = documentOf('POST /breaks', 'POST /resets', 'POST /hangs', 'POST /waits');
    const at = (suffix: string, url: string, policy: Policy = {}): LiveApi =>
      apiAt(url, document, { suffix, policy });
    const gone = `http://127.0.0.1:${await freePort()}`;
    const apis = [
      at('refuses', gone),
      at('far', 'http://10.0.0.1'),
      at('answers', backend.url),
      at('breaks', backend.url),
    ];
    plane = await startPlane([...apis, at('slow', backend.url, { timeout: { seconds: 1 } })], {
      log: pino({ level: 'info' }, { write: (line) => lines.push(JSON.parse(line) as (typeof lines)[0]) }),
    });
  });
  beforeEach(() => (lines.length = 0));
  after(async () => {
    await plane.close();
    await backend.close();
  });

  const call = (path: string): Promise<unknown> =>
    send(new URL(`http://127.0.0.1:${plane.port}/gateway/${path}`), { method: 'POST' }).catch(
      () => undefined,
    );
  const levels = (): unknown[] => lines.map(({ level, msg }) => [pino.levels.labels[level], msg]);

  for (const [what, path] of [
    ['refuses the connection', 'refuses/hangs'],
    ['is out of reach', 'far/hangs'],
    ['resets the connection', 'answers/resets'],
    ['breaks off its answer', 'breaks/breaks'],
    ['does not answer in time', 'slow/hangs'],
  ] as const)
    it(`has a warning where a backend ${what}`, async () => {
      void call(path);
      await until(() => lines.length > 0);
      deepEqual(levels(), [['warn', 'backend failed']]);
    });

  it('has no second warning of the same fault of a revision within a minute, but a line', async () => {
    await call('refuses/hangs');
    await call('refuses/hangs');
    deepEqual(levels(), [
      ['info', 'backend failed'],
      ['info', 'backend failed'],
    ]);
  });

  it('has no line for a caller who leaves', async () => {
    const before = held;
    const socket = await dial(plane.port);
    socket.write('POST /gateway/answers/waits HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n');
    await until(() => held > before);
    const ended = plane.usage.length;
    socket.destroy();
    await until(() => plane.usage.length > ended);
    deepEqual(levels(), []);
  });
});
