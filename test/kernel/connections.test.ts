import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import { connect, type AddressInfo, type Socket } from 'node:net';
import { boundConnections } from '../../src/kernel/connections.js';
import { until } from '../support/raw.js';

describe('connections of one address', () => {
  let server: Server;
  let sockets: Socket[];

  async function serveAtMost(most: number, isProxy: (address: string) => boolean): Promise<void> {
    sockets = [];
    server = createServer((_request, response) => response.end('here'));
    boundConnections(server, most, isProxy);
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
  }

  /** Whether a new connection from an address of this machine gets an answer. */
  async function isServed(localAddress: string): Promise<boolean> {
    const { port } = server.address() as AddressInfo;
    const socket = connect({ port, host: '127.0.0.1', localAddress });
    sockets.push(socket);
    socket.on('error', () => undefined);
    socket.write('GET / HTTP/1.1\r\nHost: localhost\r\n\r\n');
    return Promise.race([once(socket, 'data').then(() => true), once(socket, 'close').then(() => false)]);
  }

  afterEach(async () => {
    for (const socket of sockets) socket.destroy();
    server.close();
    await once(server, 'close');
  });

  it('are closed beyond its share, and another address is served [SEC-R20]', async () => {
    await serveAtMost(2, () => false);
    const answers = [];
    for (const address of ['127.0.0.2', '127.0.0.2', '127.0.0.2', '127.0.0.3'])
      answers.push(await isServed(address));
    assert.deepEqual(answers, [true, true, false, true]);
  });

  it('have their places again when others have ended [SEC-R20]', async () => {
    await serveAtMost(1, () => false);
    assert.equal(await isServed('127.0.0.2'), true);
    sockets[0]?.destroy();
    await until(() => isServed('127.0.0.2'));
  });

  it('are counted once, though the server gets one of them again [SEC-R20]', async () => {
    await serveAtMost(2, () => false);
    server.once('connection', (socket: Socket) => server.emit('connection', socket));
    assert.deepEqual([await isServed('127.0.0.2'), await isServed('127.0.0.2')], [true, true]);
  });

  it('are not counted for a proxy in front [SEC-R20]', async () => {
    await serveAtMost(1, (address) => address === '127.0.0.2');
    assert.deepEqual([await isServed('127.0.0.2'), await isServed('127.0.0.2')], [true, true]);
  });
});
