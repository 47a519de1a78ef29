import { request, type IncomingHttpHeaders } from 'node:http';
import type { Job } from '../../../src/jobs/index.js';
import { until } from '../../support/raw.js';

export interface SentEvent {
  event: string;
  id: string;
  data: Job;
}

/** A stream of events that a test reads as it comes. */
export interface Stream {
  status: number;
  headers: IncomingHttpHeaders;
  events: SentEvent[];
  comments(): number;
  /** The event of this number, from 0 on, once it is there. */
  nth(n: number): Promise<SentEvent>;
  /** Resolves when the server has ended the stream. */
  ended: Promise<void>;
  isOver(): boolean;
  /** Reads no more. */
  pause(): void;
  leave(): void;
}

/** Opens a stream at a port, as one of this issuer where another node is asked. */
export function follow(
  { issuer, port = Number(new URL(issuer).port) }: { issuer: string; port?: number },
  path: string,
  token: string,
  headers: Record<string, string> = {},
): Promise<Stream> {
  return new Promise((resolve, reject) => {
    const sending = request(
      {
        ...{ host: '127.0.0.1', port, path, agent: false },
        headers: {
          host: new URL(issuer).host,
          authorization: `Bearer ${token}`,
          accept: 'text/event-stream',
          ...headers,
        },
      },
      (response) => {
        const events: SentEvent[] = [];
        let [text, comments, isOver] = ['', 0, false];
        response.on('data', (piece: Buffer) => {
          text += piece.toString();
          const blocks = text.split('\n\n');
          text = blocks.pop() ?? '';
          for (const block of blocks) {
            if (block.startsWith(':')) comments += 1;
            else events.push(eventOf(block));
          }
        });
        const ended = new Promise<void>((done) =>
          response.on('close', () => {
            isOver = true;
            done();
          }),
        );
        response.on('error', () => undefined);
        resolve({
          status: response.statusCode ?? 0,
          headers: response.headers,
          events,
          comments: () => comments,
          async nth(n) {
            await until(() => events.length > n || isOver);
            return events[n] as SentEvent;
          },
          ended,
          isOver: () => isOver,
          pause: () => void response.pause(),
          leave: () => void sending.destroy(),
        });
      },
    );
    sending.on('error', reject);
    sending.end();
  });
}

function eventOf(block: string): SentEvent {
  const [event, id, data] = block.split('\n').map((line) => line.replace(/^\w+: /, ''));
  return { event: event ?? '', id: id ?? '', data: JSON.parse(data ?? '') as Job };
}
