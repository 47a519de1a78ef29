import type { ApiTeam } from '../../support/gateway.js';
import type { Said } from '../../support/http.js';
import { bearer, TokenMaker } from '../access/tokens.js';
import { ITEM } from './documents.js';
import { keyed } from './keys.js';
import { MACHINE, type Keys, type Matrix } from './servers.js';

/** Callers of the limits: two machines, two users of one of them, and holders of product keys. */
export interface Callers {
  machine: Said;
  robot: Said;
  carl: Said;
  clara: Said;
  writer: Said;
  /** Two pairs of a product with a rate limit of two calls, and two of one with such a quota. */
  metered: [Keys, Keys];
  rationed: [Keys, Keys];
}

type Step = [path: string, said: (callers: Callers) => Said, outcome: string];

const NOTHING = (): Said => ({});
const from = (address: string) => (): Said => ({ headers: { 'x-forwarded-for': address } });
const RATE = '429 rate-limit';
const QUOTA = '429 quota';

/** Calls of one node, one after the other; each limit is of one call in an hour, where the title says nothing else. */
export const LIMIT_ROWS: readonly [title: string, steps: readonly Step[]][] = [
  [
    'of all operations counts them together',
    [
      ['limited/all', NOTHING, '200'],
      ['limited/also-all', NOTHING, RATE],
    ],
  ],
  [
    'of an operation counts its calls apart',
    [
      ['limited/own', NOTHING, '200'],
      ['limited/own', NOTHING, RATE],
    ],
  ],
  [
    'by client counts each client, and each address where there is no token',
    [
      ['limited/client', ({ machine }) => machine, '200'],
      ['limited/client', ({ machine }) => machine, RATE],
      ['limited/client', ({ carl }) => carl, RATE],
      ['limited/client', ({ robot }) => robot, '200'],
      ['limited/client', NOTHING, '200'],
      ['limited/client', NOTHING, RATE],
      ['limited/client', from('203.0.113.1'), '200'],
    ],
  ],
  [
    'by user counts each user, and each client where there is none',
    [
      ['limited/user', ({ carl }) => carl, '200'],
      ['limited/user', ({ carl }) => carl, RATE],
      ['limited/user', ({ clara }) => clara, '200'],
      ['limited/user', ({ machine }) => machine, '200'],
      ['limited/user', ({ machine }) => machine, RATE],
    ],
  ],
  [
    'by address counts each address, and IPv6 by its network',
    [
      ['limited/address', from('203.0.113.1'), '200'],
      ['limited/address', from('203.0.113.1'), RATE],
      ['limited/address', from('203.0.113.2'), '200'],
      ['limited/address', from('2001:db8::1'), '200'],
      ['limited/address', from('2001:db8::2'), RATE],
      ['limited/address', from('2001:db8:0:1::1'), '200'],
    ],
  ],
  [
    'does not count calls that are refused before it',
    [
      ['limited/scope', NOTHING, '401 token Bearer'],
      [
        'limited/scope',
        ({ writer }) => writer,
        '403 scope Bearer error="insufficient_scope", scope="limited.read"',
      ],
      ['limited/scope', ({ machine }) => machine, '200'],
      ['limited/scope', ({ machine }) => machine, RATE],
    ],
  ],
  [
    'counts calls that are refused after it',
    [
      ['limited/checked?n=one', NOTHING, '400 invalid-request'],
      ['limited/checked?n=1', NOTHING, RATE],
    ],
  ],
  [
    'of two calls, of a product, counts both keys of a pair together and each pair apart, not calls without a key',
    [
      ['metered/item', NOTHING, '401 product-key SubscriptionKey'],
      ['metered/item', ({ metered: [one] }) => keyed(one.primaryKey), '200'],
      ['metered/item', ({ metered: [one] }) => keyed(one.secondaryKey), '200'],
      ['metered/item', ({ metered: [one] }) => keyed(one.primaryKey), RATE],
      ['metered/item', ({ metered: [one] }) => keyed(one.secondaryKey), RATE],
      ['metered/item', ({ metered: [, two] }) => keyed(two.primaryKey), '200'],
    ],
  ],
  [
    'of two calls a month, of a product, counts a pair in all APIs of the product',
    [
      ['rationed/item', ({ rationed: [one] }) => keyed(one.primaryKey), '200'],
      ['rationed-too/item', ({ rationed: [one] }) => keyed(one.secondaryKey), '200'],
      ['rationed/item', ({ rationed: [one] }) => keyed(one.primaryKey), QUOTA],
      ['rationed-too/item', ({ rationed: [, two] }) => keyed(two.primaryKey), '200'],
    ],
  ],
];

/** Publishes the APIs with products that have limits, and gets the tokens and keys of the callers. */
export async function openCallers({ server, machine, publish, product, keys }: Matrix): Promise<Callers> {
  const robot = new TokenMaker(server, 'robot', await server.addClient('robot', MACHINE));
  const item = (name: string): Promise<ApiTeam> => publish(name, { document: ITEM });
  const rated = await product([await item('metered')], { rateLimit: { calls: 2, seconds: 3600 } });
  const apis = [await item('rationed'), await item('rationed-too')];
  const counted = await product(apis, { quota: { calls: 2, period: 'month' } });
  const ofUser = async (name: string): Promise<Said> => ({
    headers: bearer(String((await machine.ofUser(name, 'openid limited.read'))['access_token'])),
  });
  return {
    machine: { headers: bearer(await machine.own('limited.read')) },
    writer: { headers: bearer(await machine.own('limited.write')) },
    robot: { headers: bearer(await robot.own('limited.read')) },
    carl: await ofUser('carl'),
    clara: await ofUser('clara'),
    metered: [await keys(rated), await keys(rated)],
    rationed: [await keys(counted), await keys(counted)],
  };
}
