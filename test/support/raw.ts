import { connect, type Socket } from 'node:net';

/** A connection to a server of this machine, for requests that no client library writes. */
export const dial = (port: number): Promise<Socket> =>
  new Promise((resolve, reject) => {
    const socket = connect(port, '127.0.0.1', () => {
      socket.off('error', reject).on('error', () => undefined);
      resolve(socket);
    }).on('error', reject);
  });

/** Everything that a connection gets until it is closed. */
export const drained = (socket: Socket): Promise<string> =>
  new Promise((resolve) => {
    const chunks: Buffer[] = [];
    socket.on('data', (chunk: Buffer) => void chunks.push(chunk));
    socket.on('close', () => resolve(Buffer.concat(chunks).toString('latin1')));
  });

/**
 * Whether a connection was reset, once it is closed. A reset that comes together with bytes is reported as an ordinary end, but the
 * system has forgotten the peer.
 */
export function resetOf(socket: Socket): () => boolean {
  let wasReset = false;
  socket.on('error', ({ code }: NodeJS.ErrnoException) => (wasReset ||= code === 'ECONNRESET'));
  socket.on('end', () => (wasReset ||= socket.remoteAddress === undefined));
  return () => wasReset;
}

/** What a server says to some lines of a request, which is the last of its connection. */
export async function exchange(port: number, lines: readonly string[], body = ''): Promise<string> {
  const socket = await dial(port);
  const answer = drained(socket);
  socket.write([...lines, 'Connection: close', '', body].join('\r\n'));
  return answer;
}

/** Asks again until it is so; what it waits for happens in this process or beside it. */
export async function until(isSo: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await isSo())) await new Promise((resolve) => setImmediate(resolve));
}
