import assert from 'node:assert/strict';
import type Router from '@koa/router';
import { accountRoutes } from '../../src/account/index.js';
import { demoRoutes } from '../../src/demo/index.js';
import { ROUTES } from '../../src/oidc/index.js';
import { send } from '../support/http.js';
import { PASSWORD, startServer, type TestServer } from '../support/server.js';
import { STORES } from '../support/config.js';
import { Visitor } from '../support/visitor.js';

/** Routers are made of it to read their paths; none of them runs. */
const nothing: never = new Proxy(() => nothing, {
  get: (_target, name) => (name === Symbol.toPrimitive ? () => '' : nothing),
}) as never;

/** Every page and document that can be looked at, from the routers that answer them. */
const PAGES = [
  ...[accountRoutes(nothing, nothing), demoRoutes(nothing)].flatMap((router: Router) =>
    router.stack.filter(({ methods }) => methods.includes('GET')).map(({ path }) => String(path)),
  ),
  ...Object.values(ROUTES),
  `${ROUTES.end_session}/success`,
  `${ROUTES.authorization}/unknown`,
  `${ROUTES.code_verification}/unknown`,
  '/interaction/unknown',
  '/',
  '/docs',
  '/openapi.json',
  '/assets/pages.css',
  '/dev/outbox',
  '/.well-known/openid-configuration',
];

for (const kind of STORES)
  describe(`a page that is only looked at, on ${kind}`, () => {
    let server: TestServer;
    before(async () => {
      server = await startServer(kind);
      await server.addUser({ userName: 'alice' });
    });
    after(() => server.stop());

    const rows = async (): Promise<Record<string, number>> => {
      const { store } = server.context;
      const tables =
        kind === 'sqlite'
          ? await store.knex('sqlite_master').where({ type: 'table' }).pluck('name')
          : await store.knex('pg_tables').where({ schemaname: 'public' }).pluck('tablename');
      const counts: Record<string, number> = {};
      for (const table of (tables as string[]).filter((name) => name !== 'rate_counts'))
        counts[table] = Number((await store.knex(table).count({ count: '*' }))[0]?.['count']);
      return counts;
    };

    it('stores nothing, whichever it is and whatever cookies come with it [SEC-R23]', async () => {
      const stale = new Visitor(server.issuer);
      await stale.go('/device'); // the tenant's first request makes its cookie keys
      const before = await rows();
      assert.ok(PAGES.length > 30);
      for (const page of PAGES) {
        await send(new URL(page, server.issuer));
        await stale.request(new URL(page, server.issuer));
        assert.deepEqual(await rows(), before, page);
      }
    });

    it('stores nothing for who is signed in', async () => {
      const visitor = new Visitor(server.issuer);
      const signIn = await visitor.go('/account');
      await visitor.submit(signIn, '/sign-in', { login: 'alice', password: PASSWORD });
      const before = await rows();
      for (const page of PAGES) {
        await visitor.request(new URL(page, server.issuer));
        assert.deepEqual(await rows(), before, page);
      }
    });

    it('is no error of the server’s own, whatever its cookies hold [SEC-R18]', async () => {
      const visitor = new Visitor(server.issuer);
      for (const page of PAGES) await visitor.request(new URL(page, server.issuer));
      const signIn = await visitor.go('/account');
      await visitor.submit(signIn, '/sign-in', { login: 'alice', password: PASSWORD });
      const names = new Set(visitor.setCookies.map((line) => line.split('=')[0] ?? ''));
      assert.ok(names.has('gatehouse') && names.size > 3, [...names].join());
      const values = ['~x', '~bnVsbA', '', 'a.b', 'e30', '{"a":', '%ff'];
      for (const page of PAGES)
        for (const value of values) {
          const cookie = [...names].map((name) => `${name}=${value}`).join('; ');
          const { status, text } = await send(new URL(page, server.issuer), { headers: { cookie } });
          assert.ok(status < 500, `${page} with ${value}: ${status} ${text}`);
        }
    });

    it('takes what its form needs from no cookie that the server did not sign [SEC-R18]', async () => {
      const state = {
        secret: 'aaa',
        clientId: 'nobody',
        postLogoutRedirectUri: 'https://evil.example/',
        state: 'x',
      };
      const kept = Buffer.from(JSON.stringify({ until: 99_999_999_999_999, state })).toString('base64url');
      const answer = await send(new URL(`${ROUTES.end_session}/confirm`, server.issuer), {
        headers: { cookie: `gatehouse=~${kept}` },
        form: { xsrf: 'aaa', logout: 'yes' },
      });
      assert.deepEqual([answer.status, answer.headers.get('location')], [400, null]);
    });

    it('lets its form be sent all the same, and no other', async () => {
      const visitor = new Visitor(server.issuer);
      const page = await visitor.go('/device');
      const right = await visitor.submit(page, '/device', { user_code: 'BCDF-GHJK' });
      assert.equal(right.status, 200);
      assert.match(right.html, /That code is not known, was used, or has expired/);
      const other = await new Visitor(server.issuer).submit(page, '/device', { user_code: 'BCDF-GHJK' });
      assert.equal(other.status, 400);
    });
  });
