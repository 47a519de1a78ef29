import assert from 'node:assert/strict';
import pino from 'pino';
import type { Actor } from '../../../src/api/index.js';
import { Invalid, NotFound } from '../../../src/kernel/errors.js';
import { openUsage, type Usage } from '../../../src/gateway/usage/index.js';
import { gatewayUsageOperations, seriesOf } from '../../../src/gateway/usage/operations.js';
import { openStore, tenantDb, tenantTransaction, type Store } from '../../../src/store/index.js';
import { configFor, STORES } from '../../support/config.js';
import { createTenantAt } from '../../support/tenants.js';
import { insertVersion } from './support.js';

const DAY = 86_400_000;
const NOW = Date.parse('2026-03-01T12:34:56Z');
const config = {
  gateway: { announcementsPerDay: 20, usage: { minuteHours: 48, hourDays: 92, dayDays: 1100 } },
};
const KEPT = { minute: 2 * DAY, hour: 92 * DAY, day: 1100 * DAY };

describe('the range of a series', () => {
  const range = (query: Omit<Parameters<typeof seriesOf>[0], 'apiId'>): string[] => {
    const { from, to } = seriesOf({ apiId: 'a', ...query }, KEPT, NOW);
    return [from, to].map((time) => new Date(time).toISOString());
  };
  const refusal = (query: Omit<Parameters<typeof seriesOf>[0], 'apiId'>): string => {
    try {
      seriesOf({ apiId: 'a', ...query }, KEPT, NOW);
    } catch (error) {
      assert.ok(error instanceof Invalid);
      return `${error.key}: ${error.message}`;
    }
    return 'none';
  };

  it('is the last 24 hours, by hour, where nothing is asked', () => {
    assert.deepEqual(range({}), ['2026-02-28T13:00:00.000Z', '2026-03-01T13:00:00.000Z']);
  });

  it('is the last hour by minute, and the last 30 days by day', () => {
    assert.deepEqual(range({ step: 'minute' }), ['2026-03-01T11:35:00.000Z', '2026-03-01T12:35:00.000Z']);
    assert.deepEqual(range({ step: 'day' }), ['2026-01-31T00:00:00.000Z', '2026-03-02T00:00:00.000Z']);
  });

  it('has whole steps', () => {
    assert.deepEqual(range({ from: '2026-02-28T10:20:00+01:00', to: '2026-02-28T12:00:01Z' }), [
      '2026-02-28T09:00:00.000Z',
      '2026-02-28T13:00:00.000Z',
    ]);
  });

  it('is refused where it is empty, too long, or no longer kept', () => {
    assert.equal(
      refusal({ from: '2026-03-01T10:00:00Z', to: '2026-03-01T10:00:00Z' }),
      'from: must be before "to"',
    );
    assert.equal(
      refusal({ step: 'minute', from: '2026-02-28T03:14:00Z' }),
      'from: the series would have more than 2000 steps; ask for a shorter range or a longer step',
    );
    assert.equal(refusal({ step: 'minute', from: '2026-02-28T03:15:00Z' }), 'none');
    assert.equal(
      refusal({ by: 'client', from: '2026-02-01T00:00:00Z' }),
      'from: the series would have more than 500 steps; ask for a shorter range or a longer step',
    );
    assert.equal(
      refusal({ step: 'minute', from: '2026-02-20T00:00:00Z', to: '2026-02-20T01:00:00Z' }),
      'from: counts by minute are kept since 2026-02-27T12:34:56.000Z; ask for later ones or a longer step',
    );
  });
});

for (const kind of STORES)
  describe(`GET /api/Gateway/Usage, on ${kind}`, () => {
    let store: Store;
    let usage: Usage;
    let tenantId: string;
    let [own, others] = ['', ''];
    const [operation] = gatewayUsageOperations({ config, usage: { flush: () => usage.flush() } });

    before(async () => {
      store = await openStore(await configFor(kind, {}, {}, 'migrated'));
      usage = openUsage({ store, log: pino({ level: 'silent' }), config });
      ({ id: tenantId } = await store.transaction((trx) => createTenantAt(trx, 'u', 'u.example.com')));
      [own, others] = await tenantTransaction(store, tenantId, async (db) => [
        await insertVersion(db, 'own', 'developer-1'),
        await insertVersion(db, 'others', 'developer-2'),
      ]);
    });
    after(async () => {
      await usage.close();
      await store.close();
    });

    const administrator: Actor = { clientId: 'c', scopes: new Set(['isms.all']) };
    const developer: Actor = {
      clientId: 'c',
      scopes: new Set(['isms.gateway.usage']),
      confined: 'developer-1',
    };
    const ask = (actor: Actor, query: Record<string, unknown>): Promise<unknown> =>
      operation?.handle(
        {
          tenant: {
            id: tenantId,
            name: 'u',
            issuer: 'https://u.example.com',
            home: false,
            registrationOpen: true,
          },
          actor,
          address: '192.0.2.1',
          db: tenantDb(store.knex, tenantId),
          everything: store.knex,
          language: 'en',
          params: undefined,
          query,
          body: undefined,
        },
        undefined,
      ) ?? Promise.reject(new Error('no operation'));

    it('answers the calls of this node at once', async () => {
      usage.count({
        tenantId,
        apiId: own,
        revisionId: 'r',
        operation: 'GET /items',
        clientId: 'shop',
        status: 200,
        milliseconds: 12,
      });
      const [point] = (await ask(administrator, { apiId: own, by: 'operation' })) as Record<
        string,
        unknown
      >[];
      const { time, ...rest } = point ?? {};
      assert.match(String(time), /^\d{4}-\d\d-\d\dT\d\d:00:00\.000Z$/);
      assert.deepEqual(rest, { key: 'GET /items', calls: 1, errors: 0, p50: 13.5, p95: 13.5, p99: 13.5 });
    });

    it('answers confined developers for their own APIs only [SEC-G25]', async () => {
      assert.equal(((await ask(developer, { apiId: own })) as unknown[]).length, 1);
      await assert.rejects(ask(developer, { apiId: others }), NotFound);
      assert.deepEqual(await ask(administrator, { apiId: others }), []);
    });

    it('finds no API that is not there', async () => {
      await assert.rejects(ask(administrator, { apiId: 'nobody' }), NotFound);
    });
  });
