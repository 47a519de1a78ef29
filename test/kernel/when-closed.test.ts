import assert from 'node:assert/strict';
import { createReadStream } from 'node:fs';
import { once } from 'node:events';
import { createServer, type Server, type ServerResponse } from 'node:http';
import { connect, type AddressInfo } from 'node:net';
import Koa from 'koa';
import { openPipelines } from '../../src/kernel/pipelines.js';
import { whenClosed } from '../../src/kernel/when-closed.js';

describe('the end of a response', () => {
  let server: Server;
  afterEach(() => new Promise((resolve) => server.close(resolve)));

  /**
   * Answers a request as `handle` does, and cuts the connection; resolves with its response when that has closed.
   * @param before requests of the connection that stand before it, without an answer.
   */
  async function cutOff(handle: (response: ServerResponse) => void, before = 0): Promise<ServerResponse> {
    let asked = 0;
    let answered: ServerResponse | undefined;
    const { bounding } = openPipelines({ most: 100, seconds: 30 }, () => undefined);
    server = createServer(
      bounding((_request, response) => {
        if (asked++ < before) return;
        answered = response;
        handle(response);
        socket.destroy();
      }),
    );
    await once(server.listen(0), 'listening');
    const socket = connect((server.address() as AddressInfo).port);
    socket.write('GET / HTTP/1.1\r\nHost: a\r\n\r\n'.repeat(before + 1));
    await once(socket, 'close');
    const response = answered as ServerResponse;
    if (!response.closed) await once(response, 'close');
    return response;
  }

  it('is heard by each who waits, in turn, and once', async () => {
    const heard: string[] = [];
    const response = await cutOff((response) => {
      whenClosed(response, () => heard.push('first'));
      whenClosed(response, () => heard.push('second'));
    });
    response.emit('close');
    assert.deepEqual(heard, ['first', 'second']);
  });

  it('is heard at once by who asks after it', async () => {
    const heard: string[] = [];
    const response = await cutOff((response) => whenClosed(response, () => heard.push('before')));
    whenClosed(response, () => heard.push('after'));
    assert.deepEqual(heard, ['before', 'after']);
  });

  it('closes a file that Koa is given after it, for an answer that stood behind another', async () => {
    const app = new Koa();
    app.silent = true; // it was cut off
    let file: ReturnType<typeof createReadStream> | undefined;
    let gone: (response: ServerResponse) => void = () => undefined;
    const left = new Promise<ServerResponse>((resolve) => (gone = resolve));
    app.use(async (ctx) => {
      await left;
      file = createReadStream(import.meta.filename);
      ctx.body = file;
    });
    const handle = app.callback();
    await cutOff((response) => {
      whenClosed(response, () => gone(response));
      void handle(response.req, response);
    }, 1);
    while (!file?.closed) await new Promise((resolve) => setImmediate(resolve));
    assert.equal(file.destroyed, true);
  });
});
