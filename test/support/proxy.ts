import { connect, createServer, type Socket } from 'node:net';
import type { AddressInfo } from 'node:net';

/** A way to a server that a test can break. */
export interface BreakableProxy {
  port: number;
  /** Cuts what is connected, and refuses what comes. */
  refuse(): void;
  /** Forwards nothing more, in either direction, and cuts nothing: dropped packets. What connects is heard by nobody. */
  fallSilent(): void;
  /** Lets new connections through again. Those that fell silent stay so, as after a fail-over. */
  mend(): void;
  close(): void;
}

export async function breakableProxy(port: number): Promise<BreakableProxy> {
  let mode: 'open' | 'refusing' | 'silent' = 'open';
  const sockets = new Set<Socket>();
  const pairs = new Set<[Socket, Socket]>();
  const forget = (socket: Socket): void => {
    socket.on('error', () => undefined);
    socket.on('close', () => sockets.delete(socket));
  };
  const server = createServer((near) => {
    sockets.add(near);
    forget(near);
    if (mode === 'refusing') return void near.destroy();
    if (mode === 'silent') return void near.on('data', () => undefined);
    const far = connect(port, '127.0.0.1');
    sockets.add(far);
    forget(far);
    const pair: [Socket, Socket] = [near, far];
    pairs.add(pair);
    near.pipe(far).pipe(near);
    for (const socket of pair) socket.on('close', () => pair.forEach((each) => each.destroy()));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    port: (server.address() as AddressInfo).port,
    refuse() {
      mode = 'refusing';
      for (const socket of sockets) socket.destroy();
      pairs.clear();
    },
    fallSilent() {
      mode = 'silent';
      for (const pair of pairs)
        for (const socket of pair) {
          socket.unpipe();
          socket.on('data', () => undefined); // read, and dropped
        }
      pairs.clear();
    },
    mend: () => void (mode = 'open'),
    close() {
      for (const socket of sockets) socket.destroy();
      server.close();
    },
  };
}
