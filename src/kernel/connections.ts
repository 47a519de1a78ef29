import type { Server, Socket } from 'node:net';
import { networkOf } from './addresses.js';
import { plain } from './forwarded.js';

/**
 * Closes new connections of an address that has too many open. A silent connection costs no request, but it takes a place. When
 * no place is left, the server accepts nobody, health checks included.
 * @param most connections of one network.
 * @param isProxy whose connections are those of many; such a peer bounds them itself.
 */
export function boundConnections(server: Server, most: number, isProxy: (address: string) => boolean): void {
  const open = new Map<string, number>();
  const counted = new WeakSet<Socket>();
  server.on('connection', (socket: Socket) => {
    // One whose upgrade was ignored is given to the server again.
    if (counted.has(socket)) return;
    counted.add(socket);
    const peer = plain(socket.remoteAddress ?? '');
    if (isProxy(peer)) return;
    const network = networkOf(peer);
    const others = open.get(network) ?? 0;
    if (others >= most) return void socket.destroy();
    open.set(network, others + 1);
    socket.on('close', () => {
      const left = (open.get(network) ?? 1) - 1;
      if (left > 0) open.set(network, left);
      else open.delete(network);
    });
  });
}
