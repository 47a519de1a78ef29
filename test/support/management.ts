import { GRANT_TYPES } from '../../src/clients/index.js';
import { OPERATIONS } from '../../src/management.js';
import type { AnyOperation } from '../../src/api/index.js';
import type { Tenant } from '../../src/tenants/index.js';
import { bodyOf, send } from './http.js';
import { PASSWORD, type TestServer } from './server.js';

/** An answer of the management API. */
export interface ApiAnswer {
  status: number;
  headers: Headers;
  body: Record<string, unknown>;
  data: Record<string, unknown>;
}

export interface ApiRequest {
  method?: string;
  path: string;
  token?: string | undefined;
  json?: unknown;
  /** A body as it stands; its type is among the headers. */
  text?: string;
  bytes?: Buffer;
  headers?: Record<string, string>;
  /** The tenant that is asked; the home where it says nothing. */
  tenant?: Tenant;
}

/** What an operation can be called with. */
export interface Example {
  params?: Record<string, string>;
  query?: Record<string, string>;
  body?: unknown;
}

/** A request to the management API, as a program makes it. */
export async function call(
  server: TestServer,
  { method = 'GET', path, token, json, text, bytes, headers = {}, tenant }: ApiRequest,
): Promise<ApiAnswer> {
  const heard = await send(new URL(path, tenant ? `http://${tenant.hosts[0]}` : server.issuer), {
    method,
    headers: {
      ...(token !== undefined && { authorization: `Bearer ${token}` }),
      ...(json !== undefined && { 'content-type': 'application/json' }),
      ...headers,
    },
    ...(json !== undefined && { body: JSON.stringify(json) }),
    ...(text !== undefined && { body: text }),
    ...(bytes !== undefined && { body: bytes }),
  });
  const body = bodyOf(heard);
  return {
    status: heard.status,
    headers: heard.headers,
    body,
    data: (body['data'] ?? {}) as Record<string, unknown>,
  };
}

/** What an operation answers that did what was asked: one that starts a job is not waited for (perform). */
export const doneStatus = ({ starts }: AnyOperation): number => (starts ? 202 : 200);

/** Calls an operation with an example of what it takes. */
export const perform = (
  server: TestServer,
  { method, path, stream, receive, form, starts }: AnyOperation,
  { params = {}, query = {}, body }: Example,
  more: Partial<ApiRequest> = {},
): Promise<ApiAnswer> =>
  call(server, {
    method,
    ...(starts && { headers: { prefer: 'respond-async' } }),
    path:
      path.replace(/\{(\w+)\}/g, (_whole, name: string) => encodeURIComponent(params[name] ?? '')) +
      (Object.keys(query).length > 0 ? `?${new URLSearchParams(query).toString()}` : ''),
    ...(receive?.type === 'multipart/form-data'
      ? asForm(body)
      : form
        ? asFields(body)
        : stream
          ? asLine(body)
          : { json: body }),
    ...more,
  });

const BOUNDARY = 'gatehouse-boundary';

/** What a form has in a field: a text as it is, and anything else as JSON. */
const asText = (value: unknown): string =>
  typeof value === 'string' ? value : (JSON.stringify(value) ?? '');

/** A form with a file, as a browser sends it; a text is a field, and bytes are a file. */
export function asForm(body: unknown): { bytes: Buffer; headers: Record<string, string> } {
  const parts = Object.entries((body ?? {}) as Record<string, unknown>).flatMap(([name, value]) => [
    Buffer.from(
      `--${BOUNDARY}\r\nContent-Disposition: form-data; name="${name.replaceAll('"', '%22')}"` +
        (Buffer.isBuffer(value)
          ? '; filename="file"\r\nContent-Type: application/octet-stream\r\n\r\n'
          : '\r\n\r\n'),
    ),
    Buffer.isBuffer(value) ? value : Buffer.from(asText(value)),
    Buffer.from('\r\n'),
  ]);
  return {
    bytes: Buffer.concat([...parts, Buffer.from(`--${BOUNDARY}--\r\n`)]),
    headers: { 'content-type': `multipart/form-data; boundary=${BOUNDARY}` },
  };
}

/** The fields of a form, as a page sends them; nothing where there is no body. */
const asFields = (body: unknown): Pick<ApiRequest, 'text' | 'headers'> =>
  body === undefined
    ? {}
    : {
        text: new URLSearchParams(
          Object.entries(body ?? {}).map(([name, value]): [string, string] => [name, asText(value)]),
        ).toString(),
        headers: { 'content-type': 'application/x-www-form-urlencoded' },
      };

/** A body of one line of NDJSON. */
const asLine = (body: unknown): Pick<ApiRequest, 'text' | 'headers'> => ({
  text: JSON.stringify(body) ?? '',
  headers: { 'content-type': 'application/x-ndjson' },
});

export const operation = (id: string): AnyOperation => {
  const found = OPERATIONS.find((each) => each.id === id);
  if (!found) throw new Error(`there is no operation ${id}`);
  return found;
};

let clients = 0;

/** A new client of its own, with these scopes; each call gets it another token, for all of them or for those that are named. */
export async function tokenSource(
  server: TestServer,
  scopes: string[],
  tenant?: Tenant,
): Promise<(asked?: string[]) => Promise<string>> {
  const clientId = `caller-${++clients}`;
  const settings = { grantTypes: [GRANT_TYPES.clientCredentials], scopes };
  const secret = await server.addClient(clientId, settings, tenant);
  return (asked = scopes) => {
    const form = { grant_type: 'client_credentials', scope: asked.join(' ') };
    return token(server, form, [clientId, secret], tenant);
  };
}

/** A token of a new client of its own, with these scopes. */
export const clientToken = async (server: TestServer, scopes: string[], tenant?: Tenant): Promise<string> =>
  (await tokenSource(server, scopes, tenant))();

/** A new client with these scopes; each call gets it a token with some of them for a new user with these permissions. */
export async function userTokenSource(
  server: TestServer,
  scopes: string[],
  tenant?: Tenant,
): Promise<(asked: string[], permissions: string[], roles?: string[]) => Promise<string>> {
  const clientId = `caller-${++clients}`;
  const settings = { grantTypes: [GRANT_TYPES.password], scopes };
  const secret = await server.addClient(clientId, settings, tenant);
  let users = 0;
  return async (asked, permissions, roles = []) => {
    const username = `user-of-${clientId}-${++users}`;
    const claims = permissions.map((value) => ({ type: 'permission', value }));
    await server.addUser({ userName: username, claims, roles }, tenant);
    const form = { grant_type: 'password', username, password: PASSWORD, scope: asked.join(' ') };
    return token(server, form, [clientId, secret], tenant);
  };
}

/** A token of a new client with these scopes for a new user with these permissions. */
export const userToken = async (
  server: TestServer,
  scopes: string[],
  permissions: string[],
  tenant?: Tenant,
  roles: string[] = [],
): Promise<string> => (await userTokenSource(server, scopes, tenant))(scopes, permissions, roles);

async function token(
  server: TestServer,
  form: Record<string, string>,
  [clientId, secret]: [string, string],
  tenant: Tenant | undefined,
): Promise<string> {
  const heard = await send(new URL('/connect/token', tenant ? `http://${tenant.hosts[0]}` : server.issuer), {
    form,
    headers: server.basic(clientId, secret),
  });
  const { access_token: got } = bodyOf(heard);
  if (typeof got !== 'string') throw new Error(`no token: ${heard.text}`);
  return got;
}

/** What `POST /api/User/Import` answers to each line. */
export async function importedLines(
  server: TestServer,
  token: string,
  lines: readonly object[],
): Promise<unknown[]> {
  const { text } = await send(new URL('/api/User/Import', server.issuer), {
    method: 'POST',
    headers: { authorization: `Bearer ${token}`, 'content-type': 'application/x-ndjson' },
    body: lines.map((line) => JSON.stringify(line)).join('\n'),
  });
  return text
    .trim()
    .split('\n')
    .map((line) => (JSON.parse(line) as Record<string, unknown>)['result']);
}
