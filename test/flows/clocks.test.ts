import assert from 'node:assert/strict';
import { GRANT_TYPES, setClientEnabled } from '../../src/clients/index.js';
import { idAt } from '../../src/kernel/ids.js';
import { generationIn } from '../../src/oidc/jwt-access-token.js';
import { setTenantEnabled } from '../../src/tenants/index.js';
import { setPassword, setUserEnabled } from '../../src/users/index.js';
import { STORES } from '../support/config.js';
import { send } from '../support/http.js';
import { PASSWORD, startServer, type TestServer } from '../support/server.js';
import { obtainCode, redeemForm, Visitor } from '../support/visitor.js';

const REDIRECT = 'https://app.example.com/callback';
const SECOND = 1000;
const HOUR = 3600 * SECOND;
const OFFSETS = { '5 s behind': -5 * SECOND, '5 s ahead': 5 * SECOND, 'an hour behind': -HOUR };

/** Runs work as a node would whose clock is off by this much. */
async function withClock<T>(offset: number, work: () => Promise<T>): Promise<T> {
  const Real = Date;
  class Shifted extends Real {
    constructor(...given: [] | [number]) {
      super(given.length === 0 ? Shifted.now() : given[0]);
    }
    static override now(): number {
      return Real.now() + offset;
    }
  }
  globalThis.Date = Shifted as DateConstructor;
  try {
    return await work();
  } finally {
    globalThis.Date = Real;
  }
}

type Tokens = Record<'jwt' | 'opaque' | 'refresh' | 'code', string>;

for (const kind of STORES)
  describe(`clocks that differ, on ${kind}`, () => {
    let server: TestServer;
    let api: string;
    let users = 0;
    const secrets = new Map<string, string>();

    before(async () => {
      server = await startServer(kind, {}, { limits: { enabled: false } });
      await server.addApi('orders', ['orders.read']);
      await server.addApi('stock', ['stock.read'], { accessTokenFormat: 'opaque' });
      api = await server.addClient('api', {
        grantTypes: [GRANT_TYPES.clientCredentials],
        scopes: ['orders.read'],
        resources: ['orders', 'stock'],
      });
      for (const clientId of ['app', 'machine'])
        secrets.set(
          clientId,
          await server.addClient(clientId, {
            grantTypes: [
              GRANT_TYPES.code,
              GRANT_TYPES.refresh,
              GRANT_TYPES.password,
              GRANT_TYPES.clientCredentials,
            ],
            redirectUris: [REDIRECT],
            scopes: ['openid', 'offline_access', 'orders.read', 'stock.read'],
            requirePkce: false,
            requireConsent: false,
          }),
        );
    });
    after(() => server.stop());

    const token = async (form: Record<string, string>): Promise<Record<string, unknown>> => {
      const { clientId = 'app', ...fields } = form;
      const headers = server.basic(clientId, secrets.get(clientId) ?? '');
      return (await server.post('/connect/token', fields, headers)).body;
    };
    const byPassword = async (userName: string, scope: string): Promise<Record<string, unknown>> =>
      token({ grant_type: GRANT_TYPES.password, username: userName, password: PASSWORD, scope });
    const own = async (): Promise<string> => {
      const form = { grant_type: GRANT_TYPES.clientCredentials, clientId: 'machine', scope: 'orders.read' };
      return String((await token(form))['access_token']);
    };

    async function issue(userName: string): Promise<Tokens> {
      const asked = { clientId: 'app', redirectUri: REDIRECT, scope: 'openid orders.read', user: userName };
      const { code, verifier } = await obtainCode(server, asked);
      const { access_token: opaque } = await byPassword(userName, 'stock.read');
      const { access_token: jwt, refresh_token: refresh } = await byPassword(
        userName,
        'orders.read offline_access',
      );
      return {
        jwt: String(jwt),
        opaque: String(opaque),
        refresh: String(refresh),
        code: JSON.stringify({ code, verifier }),
      };
    }

    const isActive = async (accessToken: string): Promise<boolean> => {
      const { body } = await server.post(
        '/connect/introspect',
        { token: accessToken },
        server.basic('api', api),
      );
      return body['active'] === true;
    };

    /** Which of them still work. */
    async function live({ jwt, opaque, refresh, code }: Tokens): Promise<string[]> {
      const parts = JSON.parse(code) as { code: string; verifier: string };
      const { client_id: _, ...redeem } = redeemForm({ clientId: 'app', redirectUri: REDIRECT }, parts);
      const answers = {
        jwt: await isActive(jwt),
        opaque: await isActive(opaque),
        refresh:
          (await token({ grant_type: 'refresh_token', refresh_token: refresh }))['access_token'] !==
          undefined,
        code: (await token(redeem))['access_token'] !== undefined,
      };
      return Object.entries(answers).flatMap(([name, works]) => (works ? [name] : []));
    }
    const ALL = ['jwt', 'opaque', 'refresh', 'code'];

    const addUser = async (): Promise<string> =>
      (await server.addUser({ userName: `user-${++users}` })).userName;
    const changePassword = async (userName: string): Promise<void> => {
      const hash = await server.context.passwords.hash(PASSWORD);
      await server.change((db) => setPassword(db, userName, hash));
    };

    for (const [where, offset] of Object.entries(OFFSETS)) {
      it(`let a node that is ${where} issue tokens that work after a password change elsewhere [SEC-R34]`, async () => {
        const userName = await addUser();
        await changePassword(userName);
        assert.deepEqual(await withClock(offset, async () => live(await issue(userName))), ALL);
      });

      it(`end with a password change what a node issued that is ${where} [SEC-R34]`, async () => {
        const userName = await addUser();
        const tokens = await withClock(offset, () => issue(userName));
        await changePassword(userName);
        const visible = offset < -SECOND * 60 ? offset : 0; // what is over by the other clock is no proof
        assert.deepEqual(await withClock(visible, () => live(tokens)), []);
      });

      it(`let a password change on a node that is ${where} end what was issued before, and nothing later [SEC-R34]`, async () => {
        const userName = await addUser();
        const before = await issue(userName);
        await withClock(offset, () => changePassword(userName));
        assert.deepEqual(await live(before), []);
        assert.deepEqual(await live(await issue(userName)), ALL);
      });
    }

    it('leave a session alone that began after the revocation, on a clock that stepped back', async () => {
      const userName = await addUser();
      await changePassword(userName);
      await withClock(-HOUR, async () => {
        const asked = { clientId: 'app', redirectUri: REDIRECT, user: userName };
        const { visitor } = await obtainCode(server, asked);
        await server.outbox.deliver();
        const page = await visitor.go('/account');
        assert.match(page.html, /<h1>Profile</);
      });
    });

    it('end a session that began before the revocation, on a clock that was ahead [SEC-R34]', async () => {
      const userName = await addUser();
      const visitor = new Visitor(server.issuer);
      const asked = { clientId: 'app', redirectUri: REDIRECT, user: userName, visitor };
      await withClock(HOUR, () => obtainCode(server, asked));
      await changePassword(userName);
      const page = await visitor.go('/account');
      assert.match(page.html, /name="password"/);
    });

    it('do not matter to tokens of a client that was disabled and enabled [SEC-R34]', async () => {
      const before = await withClock(HOUR, own);
      for (const enabled of [false, true])
        await server.change((db) => setClientEnabled(db, 'machine', enabled));
      assert.equal(await isActive(before), false);
      assert.equal(await withClock(-HOUR, async () => isActive(await own())), true);
    });

    it('do not matter to tokens of a tenant that was disabled and enabled', async () => {
      const tenant = await server.addTenant(`clocks ${kind}`, `clocks-${kind}.localhost:${server.port}`);
      const settings = {
        grantTypes: [GRANT_TYPES.clientCredentials],
        scopes: ['isms.all'],
        resources: ['isms'],
      };
      const secret = await server.addClient('there', settings, tenant);
      const post = async (path: string, form: Record<string, string>): Promise<Record<string, unknown>> =>
        JSON.parse(
          (
            await send(new URL(path, tenant.issuer), {
              form: new URLSearchParams(form),
              headers: server.basic('there', secret),
            })
          ).text,
        ) as Record<string, unknown>;
      const ownThere = async (): Promise<string> =>
        String((await post('/connect/token', { grant_type: 'client_credentials' }))['access_token']);
      const active = async (accessToken: string): Promise<unknown> =>
        (await post('/connect/introspect', { token: accessToken }))['active'];
      const before = await withClock(HOUR, ownThere);
      for (const enabled of [false, true]) {
        await server.context.store.transaction((trx) => setTenantEnabled(trx, tenant.name, enabled));
        await server.refresh();
      }
      assert.equal(await active(before), false);
      assert.equal(await withClock(-HOUR, async () => active(await ownThere())), true);
    });

    it('leave rows and tokens alone that were written before generations, until the next revocation [SEC-R34]', async () => {
      const userName = await addUser();
      const tokens = await issue(userName);
      const old = { generation: null };
      await server.context.store.knex('oidc_artifacts').update(old);
      assert.equal(await isActive(tokens.opaque), true);
      await server.change((db) => setUserEnabled(db, userName, true));
      assert.deepEqual(await live(tokens), []);
    });
  });

describe('the generation of a JWT', () => {
  const claims = { sub: 's', client_id: 'c', tenant: 't', exp: 0 };

  it('is its claim, and the millisecond before it was issued for one that has none', () => {
    assert.equal(generationIn({ ...claims, gen: 7, iat: 5, jti: idAt(9000) }), 7);
    assert.equal(generationIn({ ...claims, iat: 5, jti: idAt(9000) }), 8999);
    assert.equal(generationIn({ ...claims, iat: 5 }), 4999);
  });
});
