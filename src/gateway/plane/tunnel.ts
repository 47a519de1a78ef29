import { ServerResponse, type IncomingMessage, type RequestListener, type Server } from 'node:http';
import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { outsideRequests } from '../../kernel/outside-requests.js';
import { whenClosed } from '../../kernel/when-closed.js';
import { sendProblem } from './answers.js';
import { answerHeaders, type BackendHead } from './response-headers.js';
import type { Call } from './steps.js';

/** The WebSockets that are open, each a pair of sockets. */
export interface Tunnels {
  /** Answers a call with 101 and joins the caller's socket with the backend's. */
  open(call: Call, head: Pick<BackendHead, 'headers' | 'rawHeaders'>, backend: Duplex, idleMs: number): void;
  /** Closes all of them. */
  end(): void;
}

/** What comes on a caller's socket behind a request, while that waits. */
interface Collected {
  chunks: Buffer[];
  stop(): void;
}

/** The same between a request and the backend's 101. */
interface Waiting extends Collected {
  socket: Socket;
}

/** What one side has to take the rest and close when the other has closed. */
const CLOSE_MS = 2000;

const MOST_WAITING_BYTES = 64 * 1024;

const waiting = new WeakMap<IncomingMessage, Waiting>();

/** Whether a request asks for a WebSocket (RFC 6455, 4.1). */
export const isWebSocket = ({ method, headers, httpVersion }: IncomingMessage): boolean =>
  method === 'GET' && httpVersion === '1.1' && headers.upgrade?.toLowerCase() === 'websocket';

/** Whether a request came as an upgrade, so that its socket can become a tunnel. */
export const canBecomeTunnel = (request: IncomingMessage): boolean => waiting.has(request);

/** Reads a socket whose request waits, so that its end is seen. */
function collect(socket: Socket, head: Buffer): Collected {
  const chunks = head.length > 0 ? [head] : [];
  let size = head.length;
  const onData = (chunk: Buffer): void => {
    chunks.push(chunk);
    size += chunk.length;
    if (size > MOST_WAITING_BYTES) socket.pause();
  };
  const onEnd = (): void => void socket.destroy();
  socket.on('data', onData).on('end', onEnd);
  const stop = (): void => {
    socket.off('data', onData).off('end', onEnd);
    socket.pause();
  };
  return { chunks, stop };
}

/** The answer that a connection is busy with; behind it Node gives the connection the next one. */
const answerOn = (socket: Socket & { _httpMessage?: ServerResponse | null }): ServerResponse | undefined =>
  socket._httpMessage ?? undefined;

/**
 * Does what an upgrade asks for when the answers to the requests before it are out. Callers may send it without waiting for them,
 * and a connection has one answer at a time: Node throws where it gets another.
 */
function whenAnswered(socket: Socket, head: Buffer, begin: (head: Buffer) => void): void {
  if (!answerOn(socket)) return begin(head);
  const onError = (): void => void socket.destroy();
  socket.on('error', onError);
  const { chunks, stop } = collect(socket, head);
  const next = (): void => {
    // The caller has left, or the answer before was the connection's last.
    if (socket.destroyed || socket.writableEnded) return stop();
    const answer = answerOn(socket);
    if (answer) return whenClosed(answer, () => setImmediate(next));
    stop();
    socket.off('error', onError);
    socket.setTimeout(0); // Node's, for a connection that is not used
    outsideRequests(() => begin(Buffer.concat(chunks)));
  };
  next();
}

/**
 * Makes of each upgrade a request with a response, which the server's listener answers like any other. Those that are no WebSocket
 * of the data plane go through the server's parser again without their `Upgrade`, which a server may ignore (RFC 9110, 7.8).
 * @param isOurs whether a WebSocket may be opened at the request's target.
 */
export const upgradeListener =
  (server: Server, listener: RequestListener, isOurs: (request: IncomingMessage) => boolean) =>
  (request: IncomingMessage, stream: Duplex, head: Buffer): void => {
    const socket = stream as Socket;
    const isTunnel = isWebSocket(request) && isOurs(request);
    whenAnswered(socket, head, (behind) =>
      isTunnel
        ? answerTunnel(request, socket, behind, listener)
        : parseAgain(server, request, socket, behind),
    );
  };

function answerTunnel(
  request: IncomingMessage,
  socket: Socket,
  head: Buffer,
  listener: RequestListener,
): void {
  socket.on('error', () => socket.destroy());
  const response = new ServerResponse(request);
  response.shouldKeepAlive = false;
  response.assignSocket(socket);
  // Node closes the connection behind a response of its own; this one is made here, and nothing else waits for its end.
  // eslint-disable-next-line no-restricted-syntax
  response.on('finish', () => socket.destroySoon());
  waiting.set(request, { socket, ...collect(socket, head) });
  listener(request, response);
}

const OF_UPGRADES = new Set(['upgrade', 'http2-settings']);

/** Gives a request back to the parser without what asks for another protocol. */
function parseAgain(server: Server, request: IncomingMessage, socket: Socket, head: Buffer): void {
  const { method = '', url = '', httpVersion, rawHeaders } = request;
  const lines = [`${method} ${url} HTTP/${httpVersion}`];
  for (let at = 0; at < rawHeaders.length; at += 2) {
    const [name, value] = [rawHeaders[at] as string, rawHeaders[at + 1] as string];
    const key = name.toLowerCase();
    if (OF_UPGRADES.has(key)) continue;
    lines.push(`${name}: ${key === 'connection' ? withoutUpgrade(value) : value}`);
  }
  socket.unshift(Buffer.concat([Buffer.from(`${lines.join('\r\n')}\r\n\r\n`, 'latin1'), head]));
  server.emit('connection', socket);
  socket.resume(); // it is paused where the request has waited
}

function withoutUpgrade(connection: string): string {
  const left = connection.split(',').filter((each) => !OF_UPGRADES.has(each.trim().toLowerCase()));
  return left.join(',').trim() || 'keep-alive';
}

export function openTunnels(): Tunnels {
  const open = new Set<() => void>();

  function join(caller: Socket, backend: Duplex, idleMs: number): void {
    const idle = setTimeout(end, idleMs);
    function end(): void {
      clearTimeout(idle);
      open.delete(end);
      caller.destroy();
      backend.destroy();
    }
    /** The backend's connection was lost: the caller must not take what it has for all of it. */
    function breakOff(): void {
      caller.resetAndDestroy();
      end();
    }
    open.add(end);
    const used = (): void => void idle.refresh();
    for (const [from, to] of [
      [caller, backend],
      [backend, caller],
    ] as const) {
      from.on('data', used).on('error', from === caller ? end : breakOff);
      // What a side sent before it closed still has to go out to the other; an abort has no such end.
      from.on('close', () => (from.readableEnded ? setTimeout(end, CLOSE_MS).unref() : end()));
      from.pipe(to);
    }
  }

  return {
    open(call, head, backend, idleMs) {
      const { request, response, facts } = call;
      const asked = waiting.get(request);
      backend.on('error', () => backend.destroy());
      if (!asked || asked.socket.destroyed) return void backend.destroy();
      if (String(head.headers['upgrade']).toLowerCase() !== 'websocket') {
        backend.destroy();
        const detail = 'The backend changed to another protocol than the one that was asked for.';
        return sendProblem(call, { word: 'backend', detail });
      }
      asked.stop();
      waiting.delete(request);
      response.statusCode = 101;
      facts.outcome ??= 'ok';
      const context = { call, cors: undefined, mayHaveTrailers: false };
      const headers = answerHeaders({ status: 101, ...head }, context);
      const lines = ['HTTP/1.1 101 Switching Protocols', 'Connection: Upgrade', 'Upgrade: websocket'];
      for (let at = 0; at < headers.length; at += 2) lines.push(`${headers[at]}: ${headers[at + 1]}`);
      asked.socket.write(`${lines.join('\r\n')}\r\n\r\n`, 'latin1');
      for (const chunk of asked.chunks) backend.write(chunk);
      join(asked.socket, backend, idleMs);
    },
    end() {
      for (const end of [...open]) end();
    },
  };
}
