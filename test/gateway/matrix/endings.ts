import type { Said } from '../../support/http.js';
import { bearer, TokenMaker } from '../access/tokens.js';
import { keyed } from './keys.js';
import { MACHINE, type Matrix } from './servers.js';

/** What calls are sent with, and what makes both nodes refuse them. */
export interface Ending {
  said: Said;
  end(): Promise<unknown>;
}

type Begin = (matrix: Matrix) => Promise<Ending>;

const ofToken =
  (scope: string): Begin =>
  async ({ machine }) => {
    const token = await machine.own(scope);
    return { said: { headers: bearer(token) }, end: () => machine.revoke(token) };
  };

const ofClient =
  (clientId: string, end: (matrix: Matrix, id: string) => Promise<unknown>): Begin =>
  async (matrix) => {
    const { id, newSecret } = await matrix.manage('POST', '/Client', { ...MACHINE, clientId });
    const { secret } = newSecret as { secret: string };
    const token = await new TokenMaker(matrix.server, clientId, secret).own();
    return { said: { headers: bearer(token) }, end: () => end(matrix, String(id)) };
  };

const SHIP = [{ type: 'permission', value: 'orders.ship' }];

/** The role whose users may ship. */
export const CLERK = { name: 'clerk', claims: SHIP };

const ofUser =
  (
    { userName, ...user }: { userName: string; claims?: typeof SHIP; roles?: string[] },
    end: (matrix: Matrix, id: string) => Promise<unknown>,
  ): Begin =>
  async (matrix) => {
    const { id } = await matrix.server.addUser({ userName, ...user });
    const { access_token: token } = await matrix.machine.ofUser(userName);
    return { said: { headers: bearer(String(token)) }, end: () => end(matrix, id) };
  };

const ofKey =
  (end: (matrix: Matrix, path: string) => Promise<unknown>): Begin =>
  async (matrix) => {
    const { id, primaryKey } = await matrix.keys(matrix.keyed.product);
    return {
      said: keyed(primaryKey),
      end: () => end(matrix, `/Gateway/Products/${matrix.keyed.product}/Keys/${id}`),
    };
  };

const INVALID = '401 token Bearer error="invalid_token"';
const NO_KEY = '401 product-key SubscriptionKey';

export const ENDINGS: readonly [title: string, path: string, begin: Begin, outcome: string][] = [
  ['the token is revoked', 'orders/token', ofToken('orders.read'), INVALID],
  ['the token, which is opaque, is revoked', 'parts/token', ofToken('parts.read'), INVALID],
  [
    'the client is disabled',
    'orders/token',
    ofClient('closed', ({ manage }, id) => manage('PUT', '/Client', { id, enabled: false })),
    INVALID,
  ],
  [
    'the client is deleted',
    'orders/token',
    ofClient('gone', ({ manage }, id) => manage('DELETE', `/Client/${id}`)),
    INVALID,
  ],
  [
    'the client loses the scope',
    'orders/read',
    ofClient('less', ({ manage }, id) => manage('PUT', '/Client', { id, scopes: ['orders.write'] })),
    '403 scope Bearer error="insufficient_scope", scope="orders.read"',
  ],
  [
    'the user is disabled',
    'orders/token',
    ofUser({ userName: 'dora' }, ({ manage }, id) => manage('PUT', '/User', { id, status: 'disabled' })),
    INVALID,
  ],
  [
    'the user is deleted',
    'orders/token',
    ofUser({ userName: 'dirk' }, ({ manage }, id) => manage('DELETE', `/User/${id}`)),
    INVALID,
  ],
  [
    'the user loses the permission',
    'orders/ship',
    ofUser({ userName: 'dave', claims: SHIP }, ({ manage }, id) =>
      manage('PUT', '/User', { id, claims: [] }),
    ),
    '403 permission Bearer error="insufficient_scope"',
  ],
  [
    'the user loses the role that has the permission',
    'orders/ship',
    ofUser({ userName: 'doris', roles: [CLERK.name] }, ({ manage }, id) =>
      manage('PUT', '/User', { id, roles: [] }),
    ),
    '403 permission Bearer error="insufficient_scope"',
  ],
  [
    'the key is suspended',
    'keyed/item',
    ofKey(({ manage }, path) => manage('PUT', path, { state: 'suspended' })),
    '403 product',
  ],
  ['the key is deleted', 'keyed/item', ofKey(({ manage }, path) => manage('DELETE', path)), NO_KEY],
  [
    'the key is made again',
    'keyed/item',
    ofKey(({ manage }, path) => manage('POST', `${path}/Regenerate`, { which: 'primary' })),
    NO_KEY,
  ],
];
