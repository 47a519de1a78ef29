import { createHash, randomUUID } from 'node:crypto';
import { SignJWT } from 'jose';
import { newDpopKey, type DpopKey } from '../../support/dpop.js';
import type { Said } from '../../support/http.js';
import { bearer } from '../access/tokens.js';
import type { Matrix } from './servers.js';

/** A call, and how each node answers it: status, word of the problem, `WWW-Authenticate`. */
export type Row = [title: string, path: string, said: (matrix: Matrix) => Promise<Said>, outcome: string];

const NOTHING = async (): Promise<Said> => ({});
const withToken =
  (token: (matrix: Matrix) => Promise<string>) =>
  async (matrix: Matrix): Promise<Said> => ({ headers: bearer(await token(matrix)) });
/** A machine's token of these scopes. */
const scoped = (scope: string): Row[2] => withToken(({ machine }) => machine.own(scope));
const withHeader =
  (authorization: string): Row[2] =>
  async () => ({ headers: { authorization } });
const ofUser =
  (name: string, kind: 'access_token' | 'id_token' = 'access_token') =>
  async ({ machine }: Matrix): Promise<string> =>
    String((await machine.ofUser(name))[kind]);
const seconds = (from: number): number => Math.floor(Date.now() / 1000) + from;

const NO_TOKEN = '401 token Bearer';
const INVALID = '401 token Bearer error="invalid_token"';
const lacks = (word: 'scope' | 'permission', scope: string): string =>
  `403 ${word} Bearer error="insufficient_scope"${scope && `, scope="${scope}"`}`;

export const TOKEN_ROWS: readonly Row[] = [
  ['none', 'orders/token', NOTHING, NO_TOKEN],
  ['another scheme', 'orders/token', withHeader('Basic bWFjaGluZTp4'), NO_TOKEN],
  ['a scheme without a token', 'orders/token', withHeader('Bearer '), NO_TOKEN],
  ['one that is malformed', 'orders/token', withHeader('Bearer not a token'), INVALID],
  ['one that nobody issued', 'orders/token', withHeader(`Bearer ${'A'.repeat(43)}`), INVALID],
  ['one of three empty parts', 'orders/token', withHeader('Bearer ..'), INVALID],
  ['one that is too long', 'orders/token', withHeader(`Bearer ${'a'.repeat(8193)}`), INVALID],
  [
    'one that has expired',
    'orders/token',
    withToken(({ machine }) => machine.signed({ exp: seconds(-60) })),
    INVALID,
  ],
  [
    'one that is not valid yet',
    'orders/token',
    withToken(({ machine }) => machine.signed({ nbf: seconds(600) })),
    INVALID,
  ],
  ['one for another API', 'orders/token', scoped('stock.read'), INVALID],
  [
    'one for another API, which has the scope’s name',
    'orders/read',
    withToken(({ machine }) => machine.signed({ aud: 'urn:resource:stock' })),
    INVALID,
  ],
  ['one of another tenant', 'orders/token', withToken(({ abroad }) => abroad.own()), INVALID],
  [
    'one of another issuer',
    'orders/token',
    withToken(({ machine }) => machine.signed({ iss: 'https://elsewhere.example' })),
    INVALID,
  ],
  [
    'one with the signature of another one',
    'orders/token',
    withToken(async ({ machine }) => {
      const [one, other] = [await machine.own(), await machine.own()];
      return one.replace(/[^.]+$/, other.split('.')[2] ?? '');
    }),
    INVALID,
  ],
  [
    'one whose signature is longer',
    'orders/token',
    withToken(async ({ machine }) => `${await machine.own()}A`),
    INVALID,
  ],
  ['one with the algorithm "none"', 'orders/token', withToken(({ machine }) => machine.unsigned()), INVALID],
  [
    'one of HS256, with the public key as the secret',
    'orders/token',
    withToken(({ machine }) => machine.keyedByPublicKey()),
    INVALID,
  ],
  ['an ID token', 'orders/token', withToken(ofUser('carl', 'id_token')), INVALID],
  ['one of another type', 'orders/token', withToken(({ machine }) => machine.signed({}, 'JWT')), INVALID],
  ['one without a type', 'orders/token', withToken(({ machine }) => machine.signed({}, null)), INVALID],
  [
    'what a backend got to know the caller',
    'orders/token',
    withToken(async ({ backend, machine, ask }) => {
      await ask(0, 'orders/token', { headers: bearer(await machine.own()) });
      return String(backend.asked.at(-1)?.headers['gatehouse-caller']);
    }),
    INVALID,
  ],
  [
    'one twice',
    'orders/token',
    async ({ machine }) => {
      const line = `Bearer ${await machine.own()}`;
      return { headers: { authorization: [line, line] as unknown as string } };
    },
    INVALID,
  ],
  [
    'one in a form',
    'orders/token',
    async ({ machine }) => ({ form: { access_token: await machine.own() } }),
    NO_TOKEN,
  ],
  ['one that is good', 'orders/token', scoped('orders.read'), '200'],
  ['one of a user', 'orders/token', withToken(ofUser('carl')), '200'],
  ['an opaque one, where the API has such', 'parts/token', scoped('parts.read'), '200'],
  ['one for another API, where tokens are opaque', 'parts/token', scoped('orders.read'), INVALID],
  ['none, where the operation is open', 'orders/open', NOTHING, '200'],
  ['a bad one, where the operation is open', 'orders/open', withHeader('Bearer x.y.z'), INVALID],
  ['another scheme, where the operation is open', 'orders/open', withHeader('Basic eDp5'), '200'],
  ['one for another API, where the operation is open', 'orders/open', scoped('stock.read'), INVALID],
  ['none, where one of the alternatives is open', 'orders/open-or-scope', NOTHING, '200'],
  ['a bad one in the query, where it means nothing', 'orders/open?access_token=x', NOTHING, '200'],
  ['none, where the policy requires scopes', 'orders/required', NOTHING, NO_TOKEN],
  ['none, where the policy requires a token of any scope', 'orders/any-token', NOTHING, NO_TOKEN],
  ['one of any scope, where the policy requires it', 'orders/any-token', scoped('orders.read'), '200'],
  ['none, where none is asked', 'public/token', NOTHING, '200'],
  ['a bad one, where none is asked', 'public/token', withHeader('Bearer x.y.z'), '200'],
  ['the same one at a later version', 'orders/v2/token', scoped('orders.write'), '200'],
];

export const SCOPE_ROWS: readonly Row[] = [
  ['none is asked', 'orders/token', scoped('orders.read'), '200'],
  ['the right one', 'orders/read', scoped('orders.read'), '200'],
  ['the right one, by its short name', 'orders/short', scoped('orders.read'), '200'],
  ['all of the resource', 'orders/all', scoped('orders.all'), '200'],
  ['the wrong one', 'orders/write', scoped('orders.read'), lacks('scope', 'write')],
  ['one of two that are asked', 'orders/both', scoped('orders.read'), lacks('scope', 'read write')],
  ['both that are asked', 'orders/both', scoped('orders.read orders.write'), '200'],
  ['the first alternative', 'orders/either', scoped('orders.read'), '200'],
  ['the second alternative', 'orders/either', scoped('orders.write'), '200'],
  ['none, where one alternative asks for none', 'orders/or-none', scoped('orders.write'), '200'],
  ['the most of one alternative', 'orders/nearest', scoped('orders.read'), lacks('scope', 'read c')],
  ['the operation’s, not the policy’s', 'orders/also', scoped('orders.read'), lacks('scope', 'read write')],
  ['the operation’s and the policy’s', 'orders/also', scoped('orders.read orders.write'), '200'],
  [
    'not the policy’s, at an open operation',
    'orders/required',
    scoped('orders.read'),
    lacks('scope', 'write'),
  ],
  ['the policy’s, at an open operation', 'orders/required', scoped('orders.write'), '200'],
  ['another one, at an open operation', 'orders/open-or-scope', scoped('orders.read'), '200'],
  [
    'the operation’s, not the version’s',
    'orders/v2/read',
    scoped('orders.read'),
    lacks('scope', 'orders.read orders.write'),
  ],
  ['another one, at an open operation of such a version', 'orders/v2/open', scoped('orders.read'), '200'],
];

export const PERMISSION_ROWS: readonly Row[] = [
  ['a user without it', 'orders/ship', withToken(ofUser('carl')), lacks('permission', '')],
  ['a user with it', 'orders/ship', withToken(ofUser('clara')), '200'],
  ['a user with all of the resource', 'orders/ship', withToken(ofUser('cesar')), '200'],
  ['an application for itself', 'orders/ship', scoped('orders.read'), '200'],
  [
    'an application for itself, by the policy',
    'orders/permitted',
    scoped('orders.read'),
    lacks('permission', ''),
  ],
  [
    'a user without it, by the policy',
    'orders/permitted',
    withToken(ofUser('carl')),
    lacks('permission', ''),
  ],
  ['a user with it, by the policy', 'orders/permitted', withToken(ofUser('clara')), '200'],
];

/** A token that is bound to a key, and proofs of it for a call of `orders/token`. */
export interface BoundToken {
  token: string;
  prove(): Promise<string>;
}

export async function boundToken({ server, machine }: Matrix): Promise<BoundToken> {
  const key: DpopKey = await newDpopKey();
  const prove = (method: string, path: string, token?: string): Promise<string> =>
    new SignJWT({
      htm: method,
      htu: `${server.issuer}${path}`,
      jti: randomUUID(),
      ...(token !== undefined && { ath: createHash('sha256').update(token).digest('base64url') }),
    })
      .setProtectedHeader({ alg: 'ES256', typ: 'dpop+jwt', jwk: key.jwk })
      .setIssuedAt()
      .sign(key.privateKey);
  const token = await machine.own('orders.read', { dpop: await prove('POST', '/connect/token') });
  return { token, prove: () => prove('GET', '/gateway/orders/token', token) };
}
