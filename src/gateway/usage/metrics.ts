import type { Metrics, Sample } from '../../observe/index.js';
import type { Row, Store } from '../../store/index.js';
import type { ApiTotals, Counts } from './counts.js';

/** The classes of statuses by their first digit: what is none of HTTP's is `other`, and what a proxy forwards is `unknown`. */
const CLASSES = ['other', '1xx', '2xx', '3xx', '4xx', '5xx', 'unknown'] as const;

/** Tells Prometheus what was counted: by tenant, API and class of status, and by nothing that a caller chooses. */
export function usageMetrics(metrics: Pick<Metrics, 'counters'>, store: Store, counts: Counts): void {
  const labelled = async (of: (api: ApiTotals) => Sample[]): Promise<Sample[]> => {
    const all = counts.totals();
    const names = await namesOf(store, [...new Set(all.map(({ tenantId }) => tenantId))]);
    return all.flatMap((api) =>
      of(api).map(({ labels, value }) => ({
        labels: { tenant: names.get(api.tenantId) ?? api.tenantId, api: api.apiId, ...labels },
        value,
      })),
    );
  };
  metrics.counters(
    'gatehouse_gateway_calls_total',
    'Calls of APIs by tenant, API and class of status; unknown where nginx forwards the call.',
    ['tenant', 'api', 'status'],
    () =>
      labelled(({ classes }) =>
        classes.flatMap((value, digit) =>
          value > 0 ? [{ labels: { status: CLASSES[digit] as string }, value }] : [],
        ),
      ),
  );
  metrics.counters(
    'gatehouse_gateway_call_seconds_total',
    'Time that calls of APIs took together, by tenant and API, without those that nginx forwards.',
    ['tenant', 'api'],
    () => labelled(({ seconds }) => [{ labels: {}, value: seconds }]),
  );
}

const MOST_ASKED = 1000;

/** The names of tenants by their ids; ids have none where the store does not answer. */
async function namesOf({ knex }: Store, ids: readonly string[]): Promise<Map<string, string>> {
  const names = new Map<string, string>();
  try {
    for (let at = 0; at < ids.length; at += MOST_ASKED) {
      const some = ids.slice(at, at + MOST_ASKED);
      for (const row of await knex('tenants').whereIn('id', some).select<Row[]>('id', 'name'))
        names.set(row['id'] as string, row['name'] as string);
    }
  } catch {
    // A scrape is answered without the store as well.
  }
  return names;
}
