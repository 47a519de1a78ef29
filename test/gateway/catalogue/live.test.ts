import assert from 'node:assert/strict';
import { openLiveCatalogue, type LiveCatalogue } from '../../../src/gateway/catalogue/index.js';
import type { LiveApi } from '../../../src/gateway/types.js';
import type { Data } from '../../support/area.js';
import { STORES } from '../../support/config.js';
import { ApiTeam, startGateway } from '../../support/gateway.js';
import { call } from '../../support/management.js';
import type { TestServer } from '../../support/server.js';
import { done, pathsOf, SERVICE } from './support.js';

const WITHIN_MS = 1000;

for (const kind of STORES)
  describe(`live APIs, on ${kind}`, () => {
    let server: TestServer;
    let team: ApiTeam;
    let first: string;
    let suffix: string;
    /** As another node has it: nothing of this process tells it of a change. */
    let live: LiveCatalogue;
    let apis = 0;

    before(async () => {
      server = await startGateway(kind, []);
      const { store, log } = server.context;
      live = openLiveCatalogue({ store, log });
    });
    after(async () => {
      live.close();
      await server.stop();
    });
    beforeEach(async () => {
      suffix = `Api-${++apis}`;
      team = await ApiTeam.begin(server, suffix, []);
      const { revisions } = await done(
        team.publish({ suffix, document: pathsOf('/items'), serviceUrl: SERVICE, scope: 'a b' }),
      );
      first = revisions[0].id as string;
      await live.refresh();
    });

    /** The tenant as requests have it now. */
    const tenant = async (): Promise<{ id: string; version: number }> => {
      const { id } = server.home.tenant;
      const row = await server.context.store
        .knex('tenants')
        .where({ id })
        .first<{ version: number }>('version');
      return { id, version: Number(row.version) };
    };
    const find = async (which = suffix): Promise<LiveApi | undefined> => live.bySuffix(await tenant(), which);
    const found = async (): Promise<LiveApi> => {
      const api = await find();
      assert.ok(api);
      return api;
    };
    const currentOf = (api: LiveApi | undefined): number | undefined => api?.versions.get('')?.current.number;
    const revise = async (more: object = {}): Promise<string> =>
      (await done(team.publishRevision({ document: pathsOf('/items', '/more'), ...more })))['id'] as string;

    it('asks the store for nothing that can be no suffix', async () => {
      const there = await tenant();
      for (const text of ['', 'a'.repeat(33), 'a_b', 'é', 'a%41'])
        assert.equal(live.bySuffix(there, text), undefined, text);
    });

    it('keeps documents in memory as far as their characters are allowed, and reads others again', async () => {
      const { store, log } = server.context;
      for (const [documentCharacters, isKept] of [
        [100_000, true],
        [10, false],
      ] as const) {
        const catalogue = openLiveCatalogue({ store, log, documentCharacters });
        const api = await catalogue.bySuffix(await tenant(), suffix);
        const revision = api?.versions.get('')?.current;
        const [one, other] = [await revision?.document(), await revision?.document()];
        assert.deepEqual(one, other);
        assert.equal(one === other, isKept);
        catalogue.close();
      }
    });

    it('have what was published', async () => {
      const { versions, ...api } = await found();
      assert.deepEqual(api, { id: team.id, name: suffix, audience: suffix, suffix, scheme: { in: 'path' } });
      const version = versions.get('');
      assert.ok(version);
      const { current, revisions, ...rest } = version;
      assert.deepEqual(rest, {
        apiId: team.id,
        name: '',
        authServer: 'self',
        scope: ['a', 'b'],
        passToken: false,
        products: [],
      });
      assert.equal(revisions.get(1), current);
      assert.deepEqual([current.number, current.serviceUrl.href, current.policy], [1, SERVICE, undefined]);
      const { operations } = await current.document();
      assert.deepEqual(
        operations.map(({ key }) => key),
        ['GET /items'],
      );
      assert.equal((await current.openapi())['openapi'], '3.0.3');
    });

    it('are found by their suffix as it is written', async () => {
      assert.equal(await find(suffix.toLowerCase()), undefined);
      assert.equal(await find('none'), undefined);
    });

    it('are answered at once, and as the same object, while nothing changes', async () => {
      const api = await found();
      assert.equal(live.bySuffix(await tenant(), suffix), api);
      assert.equal(await find('none'), undefined);
      assert.equal(live.bySuffix(await tenant(), 'none'), undefined);
    });

    it('keep the object of a revision that stays, and make another of one that is changed', async () => {
      const before = await found();
      const id = await revise();
      await done(team.setOnline(id));
      await live.refresh();
      const after = await found();
      assert.notEqual(after, before);
      assert.equal(currentOf(after), 2);
      assert.equal(after.versions.get('')?.revisions.get(1), before.versions.get('')?.current);
      await done(team.publish({ policy: { timeout: { seconds: 5 } } }));
      await live.refresh();
      const changed = await found();
      assert.notEqual(changed.versions.get('')?.current, after.versions.get('')?.current);
      assert.deepEqual(changed.versions.get('')?.current.policy, { timeout: { seconds: 5 } });
    });

    it('have revisions that are online, and no others', async () => {
      const id = await revise();
      await done(team.gateway('PUT', `/Revisions/${id}`, { isOnline: false }));
      await live.refresh();
      assert.deepEqual([...((await found()).versions.get('')?.revisions.keys() ?? [])], [1]);
    });

    it('have versions, published products and other issuers', async () => {
      const other = await done(
        team.gateway('POST', '/AuthServers', {
          name: suffix,
          issuer: 'https://id.example.com',
          audience: 'api',
          jwksUri: 'https://id.example.com/keys',
        }),
      );
      await done(team.publish({ authorizationServerId: other['id'] }));
      const body = { revisionId: first, apiVersionName: 'v2' };
      const { apiId } = await done(team.call('POST', '/PublishVersion', body));
      const limits = { rateLimit: { calls: 2, seconds: 60 } };
      const product = await done(
        team.gateway('POST', '/Products', { name: suffix, apiIds: [apiId], ...limits }),
      );
      const hidden = { name: `hidden ${suffix}`, apiIds: [apiId], state: 'notPublished' };
      await done(team.gateway('POST', '/Products', hidden));
      await live.refresh();
      const { versions } = await found();
      assert.deepEqual([...versions.keys()].sort(), ['', 'v2']);
      const { authServer, products } = versions.get('v2') ?? {};
      assert.deepEqual(authServer, {
        id: other['id'] as string,
        issuer: 'https://id.example.com',
        audience: 'api',
        jwksUri: 'https://id.example.com/keys',
      });
      assert.deepEqual(products, [
        {
          id: product['id'] as string,
          name: suffix,
          subscriptionRequired: true,
          rateLimit: { calls: 2, seconds: 60, by: 'client' },
        },
      ]);
    });

    it('are not there while the API is disabled, and not after it was deleted', async () => {
      await found();
      const put = (enabled: boolean) =>
        call(server, {
          method: 'PUT',
          path: '/api/ApiResource',
          json: { id: team.id, enabled },
          token: team.token,
        });
      assert.equal((await put(false)).status, 200);
      assert.equal(await find(), undefined);
      assert.equal((await put(true)).status, 200);
      assert.equal((await found()).suffix, suffix);
      await done(team.call('DELETE', '?cascade=true'));
      assert.equal(await find(), undefined);
    });

    it('follow a change of another node within a second, while they are called', async () => {
      const id = await revise();
      await live.refresh();
      assert.equal(currentOf(await found()), 1);
      await done(team.setOnline(id));
      const started = performance.now();
      while (currentOf(await found()) !== 2) {
        assert.ok(performance.now() - started < WITHIN_MS * 2, 'the change was not seen');
        await new Promise((resolve) => setTimeout(resolve, 5));
      }
    });

    it('find product keys, and see at once when one is replaced or suspended [SEC-G16]', async () => {
      const { id } = await done(team.gateway('POST', '/Products', { name: `keys of ${suffix}` }));
      const path = `/Products/${id}/Keys`;
      const key = await done(team.gateway('POST', path, { name: 'shop' }));
      const holder = async (text: unknown): Promise<Data | undefined> =>
        live.productKey(await tenant(), String(text));
      await live.refresh();
      const pair = { id: key['id'] as string, productId: id as string, state: 'active' };
      assert.deepEqual(await holder(key['primaryKey']), pair);
      assert.deepEqual(await holder(key['secondaryKey']), pair);
      assert.equal(await holder('none'), undefined);
      const { primaryKey } = await done(
        team.gateway('POST', `${path}/${key['id']}/Regenerate`, { which: 'primary' }),
      );
      await done(team.gateway('PUT', `${path}/${key['id']}`, { state: 'suspended' }));
      await live.refresh();
      assert.equal(await holder(key['primaryKey']), undefined);
      assert.deepEqual(await holder(primaryKey), { ...pair, state: 'suspended' });
    });

    it('never are half changed: the current revision is always among those that are online [SEC-G24]', async () => {
      const ids = [first, await revise()];
      let switching = true;
      const look = async (): Promise<number> => {
        let looks = 0;
        for (; switching; looks += 1) {
          await live.refresh();
          const { current, revisions } = (await found()).versions.get('') ?? {};
          assert.ok(current);
          assert.equal(revisions?.get(current.number), current);
        }
        return looks;
      };
      const looking = look();
      for (let n = 1; n <= 20; n += 1) await done(team.setOnline(ids[n % 2] as string));
      switching = false;
      assert.ok((await looking) > 0);
      await live.refresh();
      assert.equal(currentOf(await found()), 1);
    });
  });
