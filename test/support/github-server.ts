import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

/** A server that answers labels and releases as GitHub documents (https://docs.github.com/rest). */

interface Label {
  name: string;
  color: string;
  description: string;
}

interface Release {
  tag_name: string;
  target_commitish: string;
  name: string;
  body: string;
}

export interface GithubServer {
  host: string;
  /** The address of its API. */
  url: string;
  labels: Label[];
  releases: Release[];
  asked: { method: string; url: string; headers: IncomingMessage['headers'] }[];
  /** Answers in place of the server, where it returns true. */
  instead: ((request: IncomingMessage, response: ServerResponse) => boolean) | undefined;
  close(): Promise<void>;
}

const PREFIX = '/api/v3/repos/example/orders';

async function textOf(request: IncomingMessage): Promise<string> {
  let text = '';
  for await (const chunk of request as AsyncIterable<Buffer>) text += chunk.toString();
  return text;
}

export async function startGithub(token: string): Promise<GithubServer> {
  const server = createServer((request, response) => void answer(request, response));
  const json = (response: ServerResponse, status: number, body: unknown): void =>
    void response
      .writeHead(status, { 'content-type': 'application/json; charset=utf-8' })
      .end(JSON.stringify(body));
  const exists = (response: ServerResponse, resource: string, field: string): void =>
    json(response, 422, {
      message: 'Validation Failed',
      errors: [{ resource, code: 'already_exists', field }],
      documentation_url: 'https://docs.github.com/rest',
    });

  function list(url: URL, response: ServerResponse): void {
    const page = Number(url.searchParams.get('page') ?? 1);
    const size = Number(url.searchParams.get('per_page') ?? 30);
    if (page * size < made.labels.length) {
      url.searchParams.set('page', String(page + 1));
      response.setHeader('link', `<${url.href}>; rel="next", <${url.href}>; rel="last"`);
    }
    json(response, 200, made.labels.slice((page - 1) * size, page * size));
  }

  async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const url = new URL(request.url ?? '/', `http://${host}`);
    made.asked.push({ method: request.method ?? '', url: request.url ?? '', headers: request.headers });
    const text = await textOf(request);
    if (made.instead?.(request, response)) return;
    if (request.headers.authorization !== `Bearer ${token}`)
      return json(response, 401, { message: 'Bad credentials', status: '401' });
    const call = `${request.method} ${url.pathname.replace(PREFIX, '')}`;
    if (call === 'GET /labels') return list(url, response);
    if (call === 'POST /labels') {
      const label = JSON.parse(text) as Label;
      const isThere = made.labels.some(({ name }) => name.toLowerCase() === label.name.toLowerCase());
      if (isThere) return exists(response, 'Label', 'name');
      made.labels.push(label);
      return json(response, 201, label);
    }
    if (call === 'POST /releases') {
      const release = JSON.parse(text) as Release;
      if (made.releases.some(({ tag_name }) => tag_name === release.tag_name))
        return exists(response, 'Release', 'tag_name');
      made.releases.push(release);
      return json(response, 201, release);
    }
    const [, tag] = /^GET \/releases\/tags\/(.+)$/.exec(call) ?? [];
    const found = made.releases.find(({ tag_name }) => tag_name === decodeURIComponent(tag ?? ''));
    if (found) return json(response, 200, found);
    json(response, 404, {
      message: 'Not Found',
      documentation_url: 'https://docs.github.com/rest',
      status: '404',
    });
  }

  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const host = `127.0.0.1:${(server.address() as AddressInfo).port}`;
  const made: GithubServer = {
    host,
    url: `http://${host}/api/v3`,
    labels: [],
    releases: [],
    asked: [],
    instead: undefined,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
  return made;
}
