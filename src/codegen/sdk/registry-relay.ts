// eslint-disable-next-line no-restricted-syntax -- its connections stay in this process, and lead to the guarded client
import { Agent, createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { duplexPair, type Duplex } from 'node:stream';
import { askRegistry, type RegistryReach } from './registry-client.js';

/**
 * Lets npm's own library publish through this server's guard. The library connects by an agent; this one gives it a stream
 * within the process, at whose other end each request is sent by the guarded client. So the library never resolves a name,
 * never sees a redirect, and reads an answer that is short and not compressed.
 */

/** Of an answer to a publication only its status counts, and what a person reads of a refusal. */
const MOST_ANSWER = 64 * 1024;
/** What the library sets for its connection with this relay. */
const OF_CONNECTION = new Set([
  'connection',
  'host',
  'accept-encoding',
  'transfer-encoding',
  'content-length',
]);

class RelayAgent extends Agent {
  constructor(private readonly connectTo: (stream: Duplex) => void) {
    super({ keepAlive: false });
  }

  override createConnection(): Duplex {
    const [library, relay] = duplexPair();
    this.connectTo(relay);
    // What the library and Node's client ask of a socket; the guarded client has the limits.
    return Object.assign(library, { setTimeout: () => library, setKeepAlive: () => library });
  }
}

async function bodyOf(request: IncomingMessage): Promise<Buffer> {
  const pieces: Buffer[] = [];
  for await (const piece of request as AsyncIterable<Buffer>) pieces.push(piece);
  return Buffer.concat(pieces);
}

const headersOf = ({ headers }: IncomingMessage): Record<string, string> =>
  Object.fromEntries(
    Object.entries(headers).flatMap(([name, value]) =>
      OF_CONNECTION.has(name) || typeof value !== 'string' ? [] : [[name, value]],
    ),
  );

/**
 * Runs `use` with an agent whose requests go to the registry.
 * @throws what the guarded client throws, in place of the library's error about it
 */
export async function relayed<T>(reach: RegistryReach, use: (agent: Agent) => Promise<T>): Promise<T> {
  let failure: unknown;
  const answer = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    try {
      const body = await bodyOf(request);
      const { method = '', url: path = '' } = request;
      const { status, body: said } = await askRegistry(
        reach,
        { method, path, headers: headersOf(request), body },
        { most: MOST_ANSWER, cut: true },
      );
      response.writeHead(status, { connection: 'close', 'content-length': said.length }).end(said);
    } catch (error) {
      failure = error;
      // The end of one side of the stream is no end for the other; the library asks once after such an answer.
      response.writeHead(400, { connection: 'close', 'content-length': 0 }).end();
    }
  };
  const server = createServer((request, response) => void answer(request, response));
  const agent = new RelayAgent((stream) => void server.emit('connection', stream));
  try {
    return await use(agent);
  } catch (error) {
    throw failure ?? error;
  } finally {
    agent.destroy();
    server.closeAllConnections();
  }
}
