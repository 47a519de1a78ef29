import {
  areaAt,
  confinedTo,
  defineOperation,
  ownedBy,
  shapes,
  type Actor,
  type AnyOperation,
} from '../../api/index.js';
import type { Config } from '../../config.js';
import { Invalid, NotFound } from '../../kernel/errors.js';
import type { Row, TenantDb } from '../../store/index.js';
import { DIMENSIONS, NONE, OTHER, UNKNOWN, type Dimension } from './counts.js';
import { MOST_NAMES, readUsage, STEPS, type Asked, type Kept, type Step } from './store.js';
import { keptFor, type Usage } from './usage.js';

const at = areaAt('gateway', '/api/Gateway');

/** So many steps a series has at most: counted together, and by names. */
const MOST_STEPS = { together: 2000, byName: 500 };

const DAY_MS = 86_400_000;
/** What is answered where nothing says from when on. */
const DEFAULT_MS: Readonly<Record<Step, number>> = { minute: 3_600_000, hour: DAY_MS, day: 30 * DAY_MS };

const QUERY = {
  type: 'object',
  additionalProperties: false,
  required: ['apiId'],
  properties: {
    apiId: { ...shapes.line(64), minLength: 1, description: 'The version’s.' },
    from: {
      ...shapes.time,
      description: 'Rounded down to a step. Without it: an hour by minute, 24 hours by hour, 30 days by day.',
    },
    to: { ...shapes.time, description: 'Rounded up to a step, and not part of the series. Without it: now.' },
    step: { type: 'string', enum: ['minute', 'hour', 'day'], default: 'hour', description: 'In UTC.' },
    by: {
      type: 'string',
      enum: DIMENSIONS,
      default: 'none',
      description: `What the calls are told apart by. The ${MOST_NAMES} names with the most calls are answered, the others together as \`${OTHER}\`; \`${NONE}\` is calls without a token or an operation, \`${UNKNOWN}\` the status of calls that nginx forwards.`,
    },
  },
} as const;

const count = { type: 'integer', minimum: 0 } as const;
const latency = shapes.orNull({
  type: 'number',
  description: 'Milliseconds; at most 20 % off, or 0.5 ms. Null where nginx has forwarded all calls.',
} as const);

const SERIES = {
  type: 'array',
  description: 'By time. Steps without calls are left out: a chart draws them as zero.',
  items: {
    title: 'UsagePoint',
    type: 'object',
    additionalProperties: false,
    required: ['time', 'calls', 'errors', 'p50', 'p95', 'p99'],
    properties: {
      time: { ...shapes.time, description: 'When the step begins.' },
      key: { type: 'string', description: 'Left out where `by` is `none`.' },
      calls: count,
      errors: {
        ...count,
        description: 'Those with a status of 400 or more; of calls that nginx forwards, none is known.',
      },
      p50: latency,
      p95: latency,
      p99: latency,
    },
  },
} as const;

export interface UsageOperationsBase {
  usage: Pick<Usage, 'flush'>;
  config: Pick<Config, 'gateway'>;
}

/** The operations about usage. They read `base` when they are called. */
export const gatewayUsageOperations = (base: UsageOperationsBase): readonly AnyOperation[] => [
  defineOperation({
    ...at.own('usage', 'GET', '/Usage'),
    summary: 'Read how often an API is called, with errors and latencies, as a series',
    schemas: { query: QUERY, answer: SERIES },
    async handle({ db, actor, query }) {
      await checkReadable(db, actor, query.apiId);
      const asked = seriesOf(query, keptFor(base.config), Date.now());
      // So that the calls that this node has answered are in it at once; those of others are within seconds.
      await base.usage.flush();
      return (await readUsage(db, asked)).map((point) => ({ ...point, time: shapes.iso(point.time) }));
    },
  }),
];

/** @throws NotFound where there is no such version, or it is of an API that the caller does not see */
async function checkReadable(db: TenantDb, actor: Actor | undefined, apiId: string): Promise<void> {
  const version = await db
    .from('api_versions')
    .where({ id: apiId })
    .first<Row | undefined>('api_resource_id');
  const api =
    version && ownedBy(db, 'api_resources', confinedTo(actor)).where({ id: version['api_resource_id'] });
  if (!(await api?.first('id'))) throw new NotFound('apiId', `there is no version "${apiId}" of an API here`);
}

interface Query {
  apiId: string;
  from?: string | undefined;
  to?: string | undefined;
  step?: Step | undefined;
  by?: Dimension | undefined;
}

/** What a query asks for. @throws Invalid for a range that is empty, too long, or no longer kept */
export function seriesOf(
  { apiId, from, to, step = 'hour', by = 'none' }: Query,
  kept: Kept,
  now: number,
): Asked {
  const length = STEPS[step] * 1000;
  const end = Math.ceil((to === undefined ? now : Date.parse(to)) / length) * length;
  const begin =
    Math.floor((from === undefined ? end - DEFAULT_MS[step] : Date.parse(from)) / length) * length;
  if (begin >= end) throw new Invalid('from', 'must be before "to"');
  const most = by === 'none' ? MOST_STEPS.together : MOST_STEPS.byName;
  if ((end - begin) / length > most)
    throw new Invalid(
      'from',
      `the series would have more than ${most} steps; ask for a shorter range${step === 'day' ? '' : ' or a longer step'}`,
    );
  if (from !== undefined && begin + length <= now - kept[step])
    throw new Invalid(
      'from',
      `counts by ${step} are kept since ${shapes.iso(now - kept[step])}; ask for later ones${step === 'day' ? '' : ' or a longer step'}`,
    );
  return { apiId, step, dimension: by, from: begin, to: end };
}
