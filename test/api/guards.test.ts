import assert from 'node:assert/strict';
import { spellings, type AnyOperation } from '../../src/api/index.js';
import { OPERATIONS } from '../../src/management.js';
import type { Tenant } from '../../src/tenants/index.js';
import { STORES } from '../support/config.js';
import { EXAMPLES } from '../support/examples.js';
import {
  clientToken,
  doneStatus,
  type Example,
  operation,
  perform,
  tokenSource,
  userTokenSource,
} from '../support/management.js';
import { placeOf, someOf } from '../support/profile.js';
import { startServer, type TestServer } from '../support/server.js';
import { loadKeyRing } from '../support/key-ring.js';

const encode = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString('base64url');

/** A JWT of the tenant's own key that says what it is told to: a thief of the key, or a token of yesterday. */
async function signedByUs(server: TestServer, claims: Record<string, unknown>): Promise<string> {
  const { store, vault } = server.context;
  const { signing } = await loadKeyRing(store, vault, server.home.tenant.id);
  const key = signing.find(({ alg }) => alg === 'ES256');
  assert.ok(key);
  const data = `${encode({ alg: 'ES256', typ: 'at+jwt', kid: key.kid })}.${encode(claims)}`;
  return `${data}.${Buffer.from(await key.sign(Buffer.from(data))).toString('base64url')}`;
}

/** Whether the operation is about one thing that the caller names by its id. */
const namesOne = ({ schemas: { params, body } }: AnyOperation): boolean =>
  params !== undefined || 'id' in ((body as { properties?: object } | undefined)?.properties ?? {});

/** Operations by which callers of any other word could come to hold everything. */
const NEEDS_EVERYTHING = new Set(['messaging.putmail', 'messaging.putsms', 'messaging.delete']);
const EVERYTHING = ['isms.all', 'ids4.ms.all'];

const WORDS = [
  ...new Set(
    OPERATIONS.flatMap(({ access }) => (access.kind === 'open' ? [] : spellings(access.area, access.verb))),
  ),
];

for (const kind of STORES)
  describe(`every operation, on ${kind}`, () => {
    let server: TestServer;
    let home: Tenant;
    let other: Tenant;
    let bad: [what: string, token: string][];
    let clientWith: (scopes: string[]) => Promise<string>;
    let clientThereWith: (scopes: string[]) => Promise<string>;
    let userWith: (scopes: string[], permissions: string[]) => Promise<string>;
    const made = new Map<string, Promise<string>>();
    /** A token that is made once for all who ask for the same. */
    const shared = (name: string, make: () => Promise<string>): Promise<string> => {
      const token = made.get(name) ?? make();
      made.set(name, token);
      return token;
    };

    before(async () => {
      const many = { tenant: 1e9, address: 1e9 };
      server = await startServer(kind, {}, { codes: { perAddress: 1e6 }, limits: { signIn: many } });
      home = server.home.tenant;
      other = await server.addTenant('other', `other.localhost:${server.port}`);
      await server.addApi('orders', ['orders.read']);
      clientWith = await tokenSource(server, WORDS);
      clientThereWith = await tokenSource(server, WORDS, other);
      userWith = await userTokenSource(server, WORDS);
      const good = await clientToken(server, ['isms.all']);
      const [header = '', payload = ''] = good.split('.');
      const claims = JSON.parse(Buffer.from(payload, 'base64url').toString()) as Record<string, unknown>;
      const revoked = await clientToken(server, ['isms.all']);
      const { jti, exp } = JSON.parse(Buffer.from(revoked.split('.')[1] ?? '', 'base64url').toString()) as {
        jti: string;
        exp: number;
      };
      await server.context.store.knex('revocations').insert({
        tenant_id: home.id,
        kind: 'token',
        id: jti,
        revoked_at: Date.now(),
        expires_at: exp * 1000,
      });
      bad = [
        ['nonsense', 'nonsense'],
        ['one whose signature is another’s', `${header}.${payload}.${revoked.split('.')[2]}`],
        ['one that has expired', await signedByUs(server, { ...claims, exp: Number(claims['iat']) - 1 })],
        ['one of another issuer', await signedByUs(server, { ...claims, iss: 'https://other.example' })],
        ['a revoked one', revoked],
        ['one of another tenant', await clientToken(server, ['isms.all'], other)],
        ['one for another API', await clientToken(server, ['orders.read'])],
      ];
      // The key signs what it is told to, so that the refusals above are for their own reasons.
      assert.equal(
        (await perform(server, operation('role.get'), {}, { token: await signedByUs(server, claims) }))
          .status,
        200,
      );
    });
    after(() => server.stop());

    it('has an example, so that what follows visits it [SEC-47]', () => {
      assert.deepEqual(Object.keys(EXAMPLES).sort(), OPERATIONS.map(({ id }) => id).sort());
    });

    for (const [at, each] of OPERATIONS.entries()) {
      const { id, access } = each;
      const example = async (token = '', tenant = home) => EXAMPLES[id]?.(server, tenant, token) ?? {};

      if (access.kind === 'open') {
        it(`${id} answers everybody`, async () => {
          assert.equal((await perform(server, each, await example())).status, doneStatus(each));
        });
        continue;
      }
      const [plainest = ''] = spellings(access.area, access.verb);
      /** A word that opens something else. */
      const unrelated = id === 'role.get' ? 'isms.user.get' : 'isms.role.get';
      /** One for all who are refused: it is still there, and as it was. */
      let kept: Promise<Example> | undefined;
      const untouched = (): Promise<Example> => (kept ??= example());

      it(`${id} refuses who sends no token`, async () => {
        const { status, headers, body } = await perform(server, each, await untouched());
        assert.deepEqual([status, body['code']], [401, 401]);
        assert.match(headers.get('www-authenticate') ?? '', /^Bearer .*error="invalid_token"/);
      });

      it(`${id} refuses a token that is not valid here [SEC-47]`, async () => {
        const sent = await untouched();
        for (const [what, token] of someOf(bad, at)) {
          const { status, headers } = await perform(server, each, sent, { token });
          assert.equal(status, 401, what);
          assert.match(headers.get('www-authenticate') ?? '', /error="invalid_token"/);
        }
      });

      it(`${id} refuses a client without the scope, and names it`, async () => {
        const token = await shared(`client with ${unrelated}`, () => clientToken(server, [unrelated]));
        const { status, headers, body } = await perform(server, each, await untouched(), { token });
        assert.deepEqual(
          [status, body['code'], body['data']],
          [403, 403, { missing: 'scope', name: plainest }],
        );
        assert.match(
          headers.get('www-authenticate') ?? '',
          new RegExp(`error="insufficient_scope".*scope="${plainest.replaceAll('.', '\\.')}"`),
        );
      });

      it(`${id} refuses a user without the permission, and names it [SEC-18]`, async () => {
        const token = await shared(`user without ${plainest}`, () => userWith([plainest], [unrelated]));
        const { status, body } = await perform(server, each, await untouched(), { token });
        assert.deepEqual([status, body['data']], [403, { missing: 'permission', name: plainest }]);
      });

      const serving = spellings(access.area, access.verb);
      const enough = NEEDS_EVERYTHING.has(id) ? serving.filter((word) => EVERYTHING.includes(word)) : serving;
      for (const word of serving.filter((each) => !enough.includes(each)))
        it(`${id} refuses ${word} alone, and names what it needs [SEC-R1]`, async () => {
          const token = await shared(`client ${word}`, () => clientWith([word]));
          const { status, body } = await perform(server, each, await example(token), { token });
          assert.deepEqual([status, body['data']], [403, { missing: 'permission', name: 'isms.all' }]);
        });

      const callers = enough.flatMap((word): [held: string, caller: () => Promise<string>][] => [
        [`${word} of a client`, () => shared(`client ${word}`, () => clientWith([word]))],
        [`${word} of a user`, () => shared(`user ${word}`, () => userWith([word], [word]))],
      ]);
      // Of several words, each store serves every other one.
      for (const [held, caller] of someOf(callers, at + 2 * placeOf(kind), Math.min(4, callers.length)))
        it(`${id} serves ${held}`, async () => {
          const token = await caller();
          const sent = each.method === 'GET' ? await untouched() : await example(token);
          const { status, body } = await perform(server, each, sent, { token });
          assert.equal(status, doneStatus(each), JSON.stringify(body));
        });

      if (each.home) {
        it(`${id} is for the home tenant’s administrators only [SEC-X4]`, async () => {
          const there = await clientThereWith([plainest]);
          const sent = await untouched();
          const { status, body } = await perform(server, each, sent, { token: there, tenant: other });
          assert.deepEqual([status, body['data']], [403, { missing: 'tenant', name: 'home' }]);
        });
        continue;
      }
      if (!namesOne(each)) continue;
      it(`${id} does not know what is another tenant’s [SEC-47]`, async () => {
        const [word = ''] = enough;
        const there = await shared(`client there ${word}`, () => clientThereWith([word]));
        const foreign = await example(there, other);
        const token = await shared(`client ${word}`, () => clientWith([word]));
        assert.equal((await perform(server, each, foreign, { token })).status, 404);
        const { status } = await perform(server, each, foreign, { token: there, tenant: other });
        assert.equal(status, doneStatus(each));
      });
    }
  });
