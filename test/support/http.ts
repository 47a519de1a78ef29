import { request } from 'node:http';

export interface Heard {
  status: number;
  headers: Headers;
  text: string;
}

export interface HeardBytes extends Omit<Heard, 'text'> {
  bytes: Buffer;
}

export interface Said {
  method?: string;
  headers?: Record<string, string>;
  form?: URLSearchParams | Record<string, string>;
  /** Any other body; its type is among the headers. */
  body?: string | Buffer;
}

/**
 * One request, no redirects followed. Unlike fetch it lets a test say any Host, and reaches `*.localhost` on systems
 * that do not resolve it.
 */
export async function send(url: URL, said?: Said): Promise<Heard> {
  const { bytes, ...heard } = await sendForBytes(url, said);
  return { ...heard, text: bytes.toString() };
}

/** The same for an answer that is no text. */
export function sendForBytes(
  url: URL,
  { method, headers = {}, form, body: plain }: Said = {},
): Promise<HeardBytes> {
  const body = form ? new URLSearchParams(form).toString() : plain;
  return new Promise((resolve, reject) => {
    const sending = request(
      {
        host: '127.0.0.1',
        port: url.port,
        path: url.pathname + url.search,
        method: method ?? (body === undefined ? 'GET' : 'POST'),
        headers: {
          host: url.host,
          ...(body !== undefined && {
            ...(form && { 'content-type': 'application/x-www-form-urlencoded' }),
            'content-length': Buffer.byteLength(body),
          }),
          ...headers,
        },
      },
      (response) => {
        const chunks: Buffer[] = [];
        response.on('data', (chunk: Buffer) => void chunks.push(chunk));
        response.on('end', () => {
          const heard = new Headers();
          for (const [name, values] of Object.entries(response.headersDistinct))
            for (const value of values ?? []) heard.append(name, value);
          resolve({ status: response.statusCode ?? 0, headers: heard, bytes: Buffer.concat(chunks) });
        });
      },
    );
    sending.on('error', reject);
    sending.end(body);
  });
}

/** The header of HTTP Basic, for ids and secrets that need no percent-encoding (RFC 6749, 2.3.1). */
export const basic = (id: string, secret: string): string =>
  `Basic ${Buffer.from(`${id}:${secret}`).toString('base64')}`;

/** The text as JSON where it is JSON, and not many lines of it. */
export const bodyOf = ({ headers, text }: Heard): Record<string, unknown> => {
  const type = headers.get('content-type');
  const lines = type?.includes('ndjson') && text.trim().includes('\n');
  return (text !== '' && type?.includes('json') && !lines ? JSON.parse(text) : { text }) as Record<
    string,
    unknown
  >;
};
