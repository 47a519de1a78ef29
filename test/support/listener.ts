import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { decodeJwt } from 'jose';

/** An application's back-channel endpoint: answers with `status`, and remembers the logout tokens. */
export interface Listener {
  uri: string;
  status: number;
  /** The `nth` logout token of this session, when it has come. */
  told(sid: unknown, nth?: number): Promise<string>;
  close(): Promise<void>;
}

export async function listen(): Promise<Listener> {
  const heard: string[] = [];
  const look: (() => void)[] = [];
  const listener = { status: 200 };
  const server: Server = createServer((request, response) => {
    let body = '';
    request.on('data', (chunk: Buffer) => (body += chunk.toString()));
    request.on('end', () => {
      heard.push(new URLSearchParams(body).get('logout_token') ?? '');
      response.writeHead(listener.status).end();
      for (const again of look.splice(0)) again();
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return Object.assign(listener, {
    uri: `http://127.0.0.1:${(server.address() as AddressInfo).port}/logout`,
    async told(sid: unknown, nth = 1) {
      for (;;) {
        const token = heard.filter((each) => decodeJwt(each)['sid'] === sid)[nth - 1];
        if (token !== undefined) return token;
        await new Promise<void>((resolve) => look.push(resolve));
      }
    },
    close: () =>
      new Promise<void>((resolve) => server.close(() => resolve()) && server.closeAllConnections()),
  });
}
