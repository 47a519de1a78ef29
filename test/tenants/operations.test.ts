import assert from 'node:assert/strict';
import { STORES } from '../support/config.js';
import { administrator, caller, type Caller, type Data } from '../support/area.js';
import { bodyOf, send } from '../support/http.js';
import { until } from '../support/raw.js';
import { clientToken } from '../support/management.js';
import { startServer, type TestServer } from '../support/server.js';
import { finishDeletions, type Tenant } from '../../src/tenants/index.js';
import { beginDeletion, lockTenant } from '../../src/tenants/store.js';

for (const kind of STORES)
  describe(`a server without a sweeper, on ${kind}`, () => {
    it('finishes the deletions of tenants all the same', async () => {
      const server = await startServer(kind, {}, { sweeper: { enabled: false, intervalSeconds: 1 } });
      const admin = await administrator(server);
      const { store } = server.context;
      const { id } = await admin.done('POST', '/api/Tenant', {
        name: 'left',
        hosts: [`left.localhost:${server.port}`],
      });
      await store.transaction(async (trx) => beginDeletion(trx, await lockTenant(trx, id as string)));
      await until(async () => (await store.knex('tenants').where({ id })).length === 0);
      await server.stop();
    });
  });

for (const kind of STORES)
  describe(`tenants over REST, on ${kind}`, () => {
    let server: TestServer;
    let admin: Caller;
    let made = 0;

    before(async () => {
      server = await startServer(kind);
      admin = await administrator(server);
    });
    after(() => server.stop());

    const hostOf = (name: string): string => `${name}.localhost:${server.port}`;
    const newTenant = (more: object = {}): Promise<Data> => {
      const name = `made-${++made}`;
      return admin.done('POST', '/api/Tenant', { name, hosts: [hostOf(name)], ...more });
    };
    const discovery = (host: string) => send(new URL('/.well-known/openid-configuration', `http://${host}`));
    /** The tenant as the tests' helpers know one. */
    const asTenant = async (tenant: Data): Promise<Tenant> => {
      const row = await server.context.store.knex('tenants').where({ id: tenant['id'] }).first<Data>();
      return {
        ...row,
        id: tenant['id'],
        hosts: tenant['hosts'],
        issuer: tenant['issuer'],
      } as unknown as Tenant;
    };

    it('are used at once, even where somebody has asked their host a moment ago', async () => {
      const host = hostOf('early');
      assert.equal((await discovery(host)).status, 404);
      const tenant = await admin.done('POST', '/api/Tenant', { name: 'early', hosts: [host] });
      assert.deepEqual(
        [tenant['issuer'], tenant['status'], tenant['home'], tenant['cacheDuration']],
        [`http://${host}`, 'enabled', false, 60],
      );
      const heard = await discovery(host);
      assert.deepEqual([heard.status, bodyOf(heard)['issuer']], [200, `http://${host}`]);
    });

    it('have names and hosts of their own', async () => {
      const first = await newTenant();
      const same = await admin.ask('POST', '/api/Tenant', {
        name: first['name'],
        hosts: [hostOf('another')],
      });
      assert.deepEqual([same.status, same.body['codeName']], [409, 'Tenant_NameExists']);
      const place = await admin.ask('POST', '/api/Tenant', { name: 'another', hosts: first['hosts'] });
      assert.deepEqual([place.status, place.body['codeName']], [409, 'Tenant_HostExists']);
      assert.equal((await discovery(hostOf('another'))).status, 404);
    });

    for (const [what, body] of [
      ['a host with a path', { hosts: ['a.example.com/x'] }],
      [
        'an issuer that is at none of its hosts',
        { hosts: ['a.example.com'], issuer: 'https://b.example.com' },
      ],
      ['plain http on the open net', { hosts: ['a.example.com'], issuer: 'http://a.example.com' }],
      ['a script for a logo', { hosts: ['a.example.com'], properties: { logo: 'javascript:alert(1)' } }],
      ['a colour that is none', { hosts: ['a.example.com'], properties: { color: 'red;}' } }],
      ['a prototype', { hosts: ['a.example.com'], properties: JSON.parse('{"__proto__":"x"}') as object }],
    ] as const)
      it(`are refused with ${what}`, async () => {
        assert.equal((await admin.ask('POST', '/api/Tenant', { name: 'refused', ...body })).status, 422);
      });

    it('are disabled: 403 everywhere, and what they issued stays dead when they come back', async () => {
      const tenant = await newTenant();
      const there = await asTenant(tenant);
      const token = await clientToken(server, ['isms.role.get'], there);
      const inside = caller(server, token);
      assert.equal((await inside.ask('GET', '/api/Role', undefined, { tenant: there })).status, 200);
      await admin.done('PUT', '/api/Tenant', { id: tenant['id'], status: 'disabled' });
      assert.equal((await inside.ask('GET', '/api/Role', undefined, { tenant: there })).status, 403);
      assert.equal((await discovery(there.hosts[0] ?? '')).status, 403);
      await admin.done('PUT', '/api/Tenant', { id: tenant['id'], status: 'enabled' });
      assert.equal((await inside.ask('GET', '/api/Role', undefined, { tenant: there })).status, 401);
    });

    it('that are left half deleted by a process that ended stay disabled, and go with the next sweep [SEC-R32]', async () => {
      const { store } = server.context;
      const { id, name, hosts } = await newTenant();
      await store.transaction(async (trx) => beginDeletion(trx, await lockTenant(trx, id as string)));
      await server.refresh();
      assert.equal((await discovery((hosts as string[])[0] as string)).status, 403);
      const again = await admin.ask('PUT', '/api/Tenant', { id, status: 'enabled' });
      assert.deepEqual([again.status, again.body['codeName']], [409, 'Conflict']);
      assert.equal(await finishDeletions(store), 1);
      assert.equal(await finishDeletions(store), 0);
      await server.refresh();
      assert.equal((await discovery((hosts as string[])[0] as string)).status, 404);
      const next = await admin.done('POST', '/api/Tenant', { name, hosts });
      assert.notEqual(next['id'], id);
    });

    it('are deleted in turn after one that can not be deleted', async () => {
      const { store } = server.context;
      const [held, free] = [await newTenant(), await newTenant()];
      for (const { id } of [held, free])
        await store.transaction(async (trx) => beginDeletion(trx, await lockTenant(trx, id as string)));
      await store.knex.schema.createTable('holds', (table) => {
        table.text('tenant_id');
        table.text('held_tenant');
        table.text('held_role');
        table.foreign(['held_tenant', 'held_role']).references(['tenant_id', 'id']).inTable('roles');
      });
      const role = await store.knex('roles').where({ tenant_id: held['id'] }).first<Data>('id');
      await store.knex('holds').insert({ held_tenant: held['id'], held_role: role['id'] });
      const left = (): Promise<Data[]> =>
        store.knex('tenants').select<Data[]>('name').whereIn('id', [held['id'], free['id']]);
      await assert.rejects(finishDeletions(store), { message: '1 tenants are not deleted' });
      assert.deepEqual(await left(), [{ name: held['name'] }]);
      await store.knex.schema.dropTable('holds');
      await finishDeletions(store);
      assert.deepEqual(await left(), []);
    });

    it('are deleted by who says their name, with all that they have', async () => {
      const tenant = await newTenant();
      const there = await asTenant(tenant);
      await server.addUser({ userName: 'inhabitant', roles: ['user'] }, there);
      await clientToken(server, ['isms.role.get'], there);
      const place = `/api/Tenant/${tenant['id']}`;
      for (const query of ['', '?confirm=somebody'])
        assert.equal((await admin.ask('DELETE', `${place}${query}`)).status, 422);
      await admin.done('DELETE', `${place}?confirm=${tenant['name']}`);
      assert.equal((await discovery(there.hosts[0] ?? '')).status, 404);
      for (const table of ['users', 'clients', 'roles', 'audit', 'tenant_hosts', 'signing_keys']) {
        const left = await server.context.store.knex(table).where({ tenant_id: tenant['id'] });
        assert.equal(left.length, 0, table);
      }
      await admin.done('POST', '/api/Tenant', { name: tenant['name'], hosts: tenant['hosts'] });
      assert.equal((await discovery(there.hosts[0] ?? '')).status, 200);
    });

    it('are gone on other nodes within a moment', async () => {
      const node = await server.addNode();
      try {
        const tenant = await newTenant();
        const [host = ''] = tenant['hosts'] as string[];
        const ask = () =>
          send(new URL('/.well-known/openid-configuration', `http://127.0.0.1:${node.port}`), {
            headers: { host },
          });
        assert.equal((await ask()).status, 200);
        await admin.done('DELETE', `/api/Tenant/${tenant['id']}?confirm=${tenant['name']}`);
        await node.refresh();
        assert.equal((await ask()).status, 404);
      } finally {
        await node.stop();
      }
    });

    it('leave the home tenant alone', async () => {
      const { id } = server.home.tenant;
      for (const refused of [
        await admin.ask('PUT', '/api/Tenant', { id, status: 'disabled' }),
        await admin.ask('DELETE', `/api/Tenant/${id}?confirm=Gatehouse`),
      ])
        assert.deepEqual([refused.status, refused.body['codeName']], [409, 'Tenant_Home']);
    });

    it('keep secrets sealed, and answer them to nobody [SEC-X4]', async () => {
      const secret = 'a-secret-that-nobody-may-see';
      const tenant = await newTenant({
        properties: {
          'Weixin:ClientId': 'wx-1',
          'Weixin:ClientSecret': secret,
          WebSite: 'https://a.example.com',
        },
      });
      assert.deepEqual(
        [tenant['properties'], tenant['secretProperties']],
        [{ 'Weixin:ClientId': 'wx-1', WebSite: 'https://a.example.com' }, ['Weixin:ClientSecret']],
      );
      for (const table of ['tenants', 'tenant_secrets', 'audit'])
        assert.ok(!JSON.stringify(await server.context.store.knex(table)).includes(secret), table);
      const read = await admin.done('GET', `/api/Tenant/${tenant['id']}`);
      const same = await admin.done('PUT', '/api/Tenant', { ...read, theme: 'dark' });
      assert.deepEqual([same['theme'], same['secretProperties']], ['dark', ['Weixin:ClientSecret']]);
      const without = await admin.done('PUT', '/api/Tenant', {
        id: tenant['id'],
        properties: { 'Weixin:ClientSecret': null },
      });
      assert.deepEqual([without['properties'], without['secretProperties']], [{}, []]);
    });

    it('tell everybody what is public, and for how long it may be kept', async () => {
      const tenant = await newTenant({
        cacheDuration: 300,
        theme: 'light',
        claims: [{ type: 'plan', value: 'gold' }],
        properties: { WebSite: 'https://a.example.com', 'Weixin:ClientId': 'wx-1', Note: 'owes us money' },
      });
      const [host = ''] = tenant['hosts'] as string[];
      const told = await admin.ask('GET', `/api/Tenant/Info?host=${host}`, undefined, { token: undefined });
      assert.deepEqual(told.body['data'], {
        name: tenant['name'],
        issuer: tenant['issuer'],
        theme: 'light',
        registration: 'open',
        properties: { WebSite: 'https://a.example.com', 'Weixin:ClientId': 'wx-1' },
        cacheDuration: 300,
      });
      assert.equal(told.headers.get('cache-control'), 'public, max-age=300');
      const own = await admin.ask('GET', '/api/Tenant/Info', undefined, { token: undefined });
      assert.equal(own.data['name'], 'Gatehouse');
      assert.equal((await admin.ask('GET', '/api/Tenant/Info?host=nobody.example.com')).status, 404);
      await admin.done('PUT', '/api/Tenant', { id: tenant['id'], status: 'disabled' });
      assert.equal((await admin.ask('GET', `/api/Tenant/Info?host=${host}`)).status, 404);
    });

    it('show themselves on their pages from the next request on', async () => {
      const tenant = await newTenant();
      await admin.done('PUT', '/api/Tenant', { id: tenant['id'], name: 'Renamed & Sons' });
      const page = await send(new URL('/', tenant['issuer']));
      assert.match(page.text, /Renamed &amp; Sons/);
    });
  });
