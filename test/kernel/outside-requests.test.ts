import assert from 'node:assert/strict';
import { AsyncLocalStorage } from 'node:async_hooks';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { openPipelines } from '../../src/kernel/pipelines.js';
import { atEndOfTurn, whenRead } from '../../src/kernel/turn-phases.js';
import { dial } from '../support/raw.js';

describe('the context of a request', () => {
  const context = new AsyncLocalStorage<string>();

  it('is not that of work for others at the end of the turn', async () => {
    const found = await new Promise<(string | undefined)[]>((resolve) =>
      context.run('mine', () =>
        atEndOfTurn(() => {
          const atEnd = context.getStore();
          whenRead(() => resolve([atEnd, context.getStore()]));
        }),
      ),
    );
    assert.deepEqual(found, [undefined, undefined]);
  });

  it('is not that of another which waited on the same connection', async () => {
    const found: (string | undefined)[] = [];
    const { bounding } = openPipelines({ most: 1, seconds: 30 }, () => undefined);
    const server = createServer(
      bounding((_request, response) => {
        found.push(context.getStore());
        context.run('mine', () => setImmediate(() => response.end('.')));
      }),
    );
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const socket = await dial((server.address() as AddressInfo).port);
    const last = 'GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n';
    socket.write('GET / HTTP/1.1\r\nHost: localhost\r\n\r\n'.repeat(2) + last);
    socket.resume();
    await new Promise((resolve) => socket.on('close', resolve));
    await new Promise((resolve) => server.close(resolve));
    assert.deepEqual(found, [undefined, undefined, undefined]);
  });
});
