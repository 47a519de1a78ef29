import { createServer as createHttpServer, type RequestListener } from 'node:http';
import { createServer, type AddressInfo, type Server, type Socket } from 'node:net';

/** Hosts of URLs that lead into a private network, as people and attackers spell them. */
export const PRIVATE_HOSTS: readonly string[] = [
  '127.0.0.1',
  '127.1',
  '127.0.0.1.',
  '2130706433',
  '0x7f000001',
  '0x7f.1',
  '0177.0.0.1',
  '017700000001',
  '0',
  '0.0.0.0',
  '10.0.0.1',
  '100.64.0.1',
  '169.254.169.254',
  '172.16.0.1',
  '192.168.0.1',
  '198.18.0.1',
  '224.0.0.1',
  '255.255.255.255',
  '[::1]',
  '[0:0:0:0:0:0:0:1]',
  '[::]',
  '[::127.0.0.1]',
  '[::ffff:127.0.0.1]',
  '[::ffff:7f00:1]',
  '[0:0:0:0:0:ffff:7f00:1]',
  '[::ffff:10.0.0.1]',
  '[64:ff9b::7f00:1]',
  '[2002:7f00:1::]',
  '[fc00::1]',
  '[fe80::1]',
  'localhost',
  'localhost.',
  'LOCALHOST',
];

/** Somebody else's servers, on this machine. */
export interface OtherServers {
  /** @returns the port */
  listenAt(server: Server, host: string, port?: number): Promise<number>;
  /** Answers HTTP. @returns the port */
  answerer(answer: RequestListener, host?: string, port?: number): Promise<number>;
  /** Writes bytes to each connection when it has sent something. @returns the port */
  writer(write: (socket: Socket) => void, host?: string): Promise<number>;
  /** Counts connections, and closes them. */
  counter(host?: string, port?: number): Promise<{ port: number; connections: () => number }>;
  close(): void;
}

export function otherServers(): OtherServers {
  const opened: Server[] = [];
  const sockets = new Set<Socket>();

  async function listenAt(server: Server, host: string, port = 0): Promise<number> {
    opened.push(server);
    server.on('connection', (socket: Socket) => {
      sockets.add(socket.on('error', () => undefined).on('close', () => sockets.delete(socket)));
    });
    await new Promise<void>((resolve) => server.listen(port, host, resolve));
    return (server.address() as AddressInfo).port;
  }

  return {
    listenAt,
    answerer: (answer, host = '127.0.0.1', port = 0) => listenAt(createHttpServer(answer), host, port),
    writer: (write, host = '127.0.0.1') =>
      listenAt(
        createServer((socket) => void socket.once('data', () => write(socket))),
        host,
      ),
    async counter(host = '127.0.0.1', port = 0) {
      let connections = 0;
      const server = createServer((socket) => {
        connections += 1;
        socket.destroy();
      });
      return { port: await listenAt(server, host, port), connections: () => connections };
    },
    close() {
      for (const server of opened) server.close();
      for (const socket of sockets) socket.destroy();
    },
  };
}
