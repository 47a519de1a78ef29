import assert from 'node:assert/strict';
import { bodyOf, send } from './http.js';
import { call, clientToken, type ApiAnswer, type ApiRequest } from './management.js';
import type { TestServer } from './server.js';

/** The management API as one caller meets it. */
export interface Caller {
  ask(method: string, path: string, json?: unknown, more?: Partial<ApiRequest>): Promise<ApiAnswer>;
  /** The data of a call that has to go well. */
  done(method: string, path: string, json?: unknown, more?: Partial<ApiRequest>): Promise<Data>;
}

/** What a test reads of an answer; a wrong guess is undefined. */
// eslint-disable-next-line @typescript-eslint/no-explicit-any -- answers are compared with literals, field by field
export type Data = Record<string, any>;

export function caller(server: TestServer, token: string | (() => string)): Caller {
  const ask: Caller['ask'] = (method, path, json, more = {}) =>
    call(server, { method, path, json, token: typeof token === 'string' ? token : token(), ...more });
  return {
    ask,
    async done(method, path, json, more) {
      const answer = await ask(method, path, json, more);
      assert.equal(answer.status, 200, JSON.stringify(answer.body));
      return answer.data;
    },
  };
}

/** Somebody who may do everything. */
export const administrator = async (server: TestServer): Promise<Caller> =>
  caller(server, await clientToken(server, ['isms.all']));

/** What the token endpoint answers a client. */
export async function tokenFor(
  server: TestServer,
  clientId: string,
  secret: string,
  form: Record<string, string>,
): Promise<{ status: number; body: Data }> {
  const heard = await send(new URL('/connect/token', server.issuer), {
    form: { grant_type: 'client_credentials', ...form },
    headers: server.basic(clientId, secret),
  });
  return { status: heard.status, body: bodyOf(heard) };
}
