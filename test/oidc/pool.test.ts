import assert from 'node:assert/strict';
import {
  addClientSecret,
  clientSettings,
  endTokensOfClient,
  GRANT_TYPES,
  updateClientSettings,
  type ClientSettings,
} from '../../src/clients/index.js';
import type { ProviderPool, TenantRuntime } from '../../src/oidc/index.js';
import { revokeAllOf } from '../../src/revocations/index.js';
import { tenantTransaction, type Statement } from '../../src/store/index.js';
import { findTenantById, type Tenant } from '../../src/tenants/index.js';
import { poolOf } from '../gateway/access/fixture.js';
import { administrator, type Caller } from '../support/area.js';
import { STORES } from '../support/config.js';
import { startServer, type TestServer } from '../support/server.js';

for (const kind of STORES)
  describe(`the provider of a tenant, on ${kind}`, () => {
    let server: TestServer;
    let admin: Caller;
    let pool: ProviderPool;
    let orders: string;
    before(async () => {
      server = await startServer(kind);
      admin = await administrator(server);
      pool = poolOf(server.context, server);
      orders = await server.addApi('orders', ['orders.read']);
      await server.addClient('app', { grantTypes: [GRANT_TYPES.clientCredentials], scopes: ['orders.read'] });
    });
    after(() => server.stop());

    const change = (settings: Partial<ClientSettings>): Promise<void> =>
      server.change((db) =>
        updateClientSettings(
          db,
          'app',
          clientSettings({ grantTypes: [GRANT_TYPES.clientCredentials], ...settings }),
        ),
      );
    const runtime = async (): Promise<TenantRuntime> => {
      const tenant = await findTenantById(server.context.store.knex, server.home.tenant.id);
      assert.ok(tenant);
      return pool.get(tenant);
    };

    it('stays where clients alone have changed, and knows each as it is now [SEC-R14]', async () => {
      const before = await runtime();
      assert.deepEqual((await before.clients.get('app'))?.settings.scopes, ['orders.read']);
      await change({ scopes: ['openid'] });
      const after = await runtime();
      assert.equal(after.provider, before.provider);
      assert.deepEqual((await after.clients.get('app'))?.settings.scopes, ['openid']);
    });

    it('stays where clients alone have changed, and knows where their pages are now', async () => {
      const before = await runtime();
      assert.equal(await before.mayCallFrom('https://page.example.com'), false);
      await change({ corsOrigins: ['https://page.example.com'] });
      assert.equal(await (await runtime()).mayCallFrom('https://page.example.com'), true);
      await change({});
      const after = await runtime();
      assert.equal(await after.mayCallFrom('https://page.example.com'), false);
      assert.equal(after.provider, before.provider);
    });

    it('stays, and a request keeps the client that it began with [SEC-R14]', async () => {
      const before = await runtime();
      const began = await before.provider.Client.find('app');
      // The row, and all that the library knows of the client, are the same with one secret more.
      await server.change((db) => addClientSecret(db, server.context.vault, 'app', {}));
      const after = await runtime();
      const begins = await after.provider.Client.find('app');
      assert.equal(after.provider, before.provider);
      assert.ok(began && begins);
      const secretsOf = (client: typeof began): number => after.clients.known(client).secrets.length;
      assert.deepEqual([secretsOf(began), secretsOf(begins)], [1, 2]);
    });

    it('stays, and a token of a request under way is as old as the client that it began with [SEC-R7]', async () => {
      const before = await runtime();
      const began = await before.provider.Client.find('app');
      assert.ok(began);
      const generation = before.clients.generationOf(began);
      await server.addClient('other', { grantTypes: [GRANT_TYPES.clientCredentials] });
      const after = await runtime();
      assert.equal(after.provider, before.provider);
      const { context, home } = server;
      await tenantTransaction(context.store, home.tenant.id, (db) => endTokensOfClient(db, 'app'));
      const begins = await after.provider.Client.find('app'); // before the node has heard of it
      assert.ok(begins);
      assert.ok(after.clients.generationOf(begins) > generation);
      assert.equal(after.clients.generationOf(began), generation);
    });

    describe('while its parts are read', () => {
      /** A pool whose reads wait, each until it is answered or fails. */
      const slowPool = () => {
        const { store } = server.context;
        const reads: { go(): void; fail(error: Error): void }[] = [];
        const prepare = (sql: string): Statement => {
          const statement = store.prepare(sql);
          if (!sql.startsWith('SELECT sealed FROM tenant_secrets')) return statement;
          return {
            ...statement,
            async first(tenantId, name) {
              if (name === 'cookies') await new Promise<void>((go, fail) => reads.push({ go, fail }));
              return statement.first(tenantId, name);
            },
          };
        };
        return { pool: poolOf({ ...server.context, store: { ...store, prepare } }, server), reads };
      };
      const changed = async (settings: Partial<ClientSettings>): Promise<Tenant> => {
        await change(settings);
        const tenant = await findTenantById(server.context.store.knex, server.home.tenant.id);
        assert.ok(tenant);
        return tenant;
      };
      const scopesIn = async ({ clients }: TenantRuntime) => (await clients.get('app'))?.settings.scopes;

      it('is the same for all who ask meanwhile', async () => {
        const { pool, reads } = slowPool();
        const tenant = await changed({});
        const [first, second, third] = [pool.get(tenant), pool.get(tenant), pool.current(tenant.id)];
        reads[0]?.go();
        assert.equal(await second, await first);
        assert.equal(await third, await first);
        assert.equal(reads.length, 1);
      });

      it('reads its clients again after the store was away [SEC-R14]', async () => {
        const { pool, reads } = slowPool();
        const first = pool.get(await changed({ scopes: ['openid'] }));
        reads[0]?.go();
        assert.deepEqual(await scopesIn(await first), ['openid']);
        const tenant = await changed({ scopes: [] });
        const failed = assert.rejects(async () => pool.get(tenant), /away/);
        reads[1]?.fail(new Error('away'));
        await failed;
        const again = pool.get(tenant);
        reads[2]?.go();
        assert.deepEqual(await scopesIn(await again), []);
      });

      it('is that of the newest version, also when an older one is read, or fails, after it [SEC-R14]', async () => {
        const { pool, reads } = slowPool();
        const versions = [await changed({}), await changed({}), await changed({ scopes: ['openid'] })];
        const [first, second, third] = versions.map((tenant) => pool.get(tenant));
        const failed = assert.rejects(async () => second, /away/);
        reads[2]?.go();
        const newest = await third;
        reads[0]?.go();
        await first;
        reads[1]?.fail(new Error('away'));
        await failed;
        assert.ok(versions.every((tenant) => pool.get(tenant) === newest));
        assert.ok(newest);
        assert.deepEqual(await scopesIn(newest), ['openid']);
      });
    });

    const CHANGES: Record<string, () => Promise<unknown>> = {
      'the tenant': () => admin.done('PUT', '/api/Tenant', { id: server.home.tenant.id, theme: 'dark' }),
      'a new key': () => admin.done('POST', '/api/Key/Rotate', { now: true }),
      'the secret of its cookies': () => admin.done('POST', '/api/Key/Renew', { secret: 'cookies' }),
      'the secret of its nonces': () => admin.done('POST', '/api/Key/Renew', { secret: 'dpop' }),
      'a new API': () => server.addApi('stock', ['stock.read']),
      'a setting of an API': () =>
        admin.done('PUT', '/api/ApiResource', { id: orders, accessTokenLifetime: 301 }),
      'a scope of an API': () =>
        admin.done('PUT', '/api/ApiResource', {
          id: orders,
          scopes: [{ name: 'read', userClaims: ['role'] }],
        }),
      'a new identity resource': () =>
        admin.done('POST', '/api/IdentityResource', { name: 'wide', userClaims: ['level'] }),
      'a revocation': () => server.change((db) => revokeAllOf(db, 'user', 'nobody')),
    };
    for (const [what, make] of Object.entries(CHANGES))
      it(`is another one after ${what} [SEC-R14]`, async () => {
        const before = await runtime();
        await make();
        assert.notEqual((await runtime()).provider, before.provider);
      });
  });
