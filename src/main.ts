import { createServer, type IncomingMessage, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { createApp } from './app.js';
import { openFiles } from './blobs/open.js';
import { longestLife, type Config } from './config.js';
import { codegenKinds, openGenerators } from './codegen/index.js';
import { openContext, type GatehouseContext } from './context.js';
import { openGateway, PREFIX, upgradeListener, type GatewayBase } from './gateway/index.js';
import { checkConfig, checkHome, ensureHome, type FirstSecrets, type Home } from './first-start.js';
import {
  every,
  openJobQueue,
  openOutbox,
  openSweeper,
  type Deliver,
  type JobQueueOptions,
  type Outbox,
} from './jobs/index.js';
import {
  BACK_CHANNEL_LOGOUT,
  backChannelDelivery,
  keyRotation,
  lookOf,
  openArtifacts,
  openProviderPool,
  scheduleOf,
  userEndedDelivery,
} from './oidc/index.js';
import { subscriberCouriers } from './gateway/subscribers/index.js';
import { boundConnections } from './kernel/connections.js';
import { openDraining } from './kernel/draining.js';
import { proxiesIn } from './kernel/forwarded.js';
import { openPipelines } from './kernel/pipelines.js';
import { factsOf } from './kernel/request.js';
import { slowBodies } from './kernel/slow-bodies.js';
import { endsWithin } from './kernel/ends-within.js';
import { Conflict } from './kernel/errors.js';
import { openLimits } from './limits/index.js';
import { checkPorts, listen, mainPlace, metricsPlace } from './listen.js';
import { openPasswordSignIns } from './mqtt/index.js';
import { metricsServer, openMetrics, storeProbe } from './observe/index.js';
import { openRevocations, USER_ENDED } from './revocations/index.js';
import {
  MESSAGE,
  messageDelivery,
  openMessenger,
  openScreen,
  type Screen,
  type SendingTenant,
} from './messaging/index.js';
import type { Store } from './store/index.js';
import { gatewayReach } from './outbound-reach.js';
import { findTenantById, finishDeletions, openTenantDirectory, type Tenant } from './tenants/index.js';
import { CODE_MESSAGE, codeDelivery, codeSender } from './users/index.js';

const DRAIN_MS = 10_000;
const FOLLOW_SECONDS = 1;
/** What jobs and the store have for their own end. */
const CLOSE_MS = 10_000;
/** How often connections are looked at for the time that they take. */
const LOOK_AT_CONNECTIONS_MS = 1000;
const KEEP_ALIVE_MS = 65_000; // longer than the usual proxy keeps its side, so that the proxy closes first

const isForGateway = ({ url = '' }: IncomingMessage): boolean => url.startsWith(PREFIX);

export interface Gatehouse {
  context: GatehouseContext;
  home: Home;
  port: number;
  outbox: Outbox;
  /** What was shown instead of sent. */
  screen: Screen;
  /** Takes out files that nothing refers to now, instead of at the next sweep. */
  sweepFiles(): Promise<number>;
  /** Looks for changes to tenants now, instead of within a second. */
  refresh(): Promise<void>;
  /**
   * Serves on for `server.shutdownDelaySeconds`, then until connections are quiet and requests in flight have finished (10 s
   * at most), closes the store.
   */
  stop(): Promise<void>;
}

export interface StartOptions {
  migrations?: boolean;
  /** Where a line goes of each message that is shown instead of sent; nowhere where it says nothing. */
  announce?: (line: string) => void;
  /** Called with what the first start has made as soon as it is stored: it is not said again. */
  made?: (secrets: FirstSecrets) => void;
  /** For tests: other kinds of tracked jobs, or the own ones changed, and other times. */
  jobs?: Partial<Omit<JobQueueOptions, 'kinds'>> & {
    kinds?: JobQueueOptions['kinds'] | ((own: JobQueueOptions['kinds']) => JobQueueOptions['kinds']);
  };
  /** For tests: what reads documents for all servers of a process. */
  documents?: GatewayBase['documents'];
}

/** Starts the whole server. @throws ConfigError, SchemaMismatch with the store closed again. */
export async function start(config: Config, options: StartOptions = {}): Promise<Gatehouse> {
  const { migrations = true } = options;
  // What cannot work is refused before anything is written: the next start finds everything as it was.
  checkConfig(config);
  await checkPorts(config);
  const context = await openContext(config, { migrations, beforeWriting: checkHome });
  let scraped: Server | undefined;
  try {
    const home = await ensureHome(context);
    if (home.made) options.made?.(home.made);
    const directory = openTenantDirectory(context.store, context.log, config.tenants);
    const pipelines = openPipelines(
      { most: config.server.maxPipelined, seconds: config.server.readTimeoutSeconds },
      (response) => (factsOf(response.req).outcome = 'slow_reader'),
    );
    const draining = openDraining(pipelines);
    const readiness = { probe: storeProbe(context.store), draining: draining.begun };
    const { store, vault, log, audit } = context;
    const couriers = new Map<string, Deliver>();
    const outbox = openOutbox(store, log, audit, (kind) => couriers.get(kind));
    const limits = openLimits(store, log, config.limits);
    const passwordSignIns = openPasswordSignIns(store, log);
    const screen = openScreen(options.announce ?? (() => undefined));
    const messenger = openMessenger({ config, store, vault, screen, tenantOf: sendingTenant(store) });
    const sender = codeSender(context.codes, vault, config.codes);
    couriers.set(MESSAGE, messageDelivery(messenger, vault));
    couriers.set(CODE_MESSAGE, codeDelivery(store, vault, messenger));
    for (const [kind, deliver] of subscriberCouriers({ store, vault, messenger }))
      couriers.set(kind, deliver);
    const files = await openFiles(config, store, log);
    const base = {
      ...context,
      ...files,
      limits,
      passwordSignIns,
      screen,
      messenger,
      sender,
      artifacts: openArtifacts(store),
      revocations: openRevocations(store),
      outbox,
    };
    const pool = openProviderPool(base);
    couriers.set(BACK_CHANNEL_LOGOUT, backChannelDelivery(store, pool));
    couriers.set(USER_ENDED, userEndedDelivery(store, longestLife(config)));
    const scrapedAt = metricsPlace(config);
    const metrics = scrapedAt && (await openMetrics());
    metrics?.gauge(
      'gatehouse_outbox_circuits_open',
      'Tenants’ drivers and applications that no message arrives at for now.',
      outbox.openCircuits,
    );
    scraped = metrics && metricsServer(metrics);
    if (scraped && scrapedAt) await listen(scraped, scrapedAt);
    const gateway = openGateway({ ...base, pool, metrics, documents: options.documents });
    const { plane, services } = gateway;
    const generators = openGenerators(config.codegen, log);
    const own = codegenKinds({
      ...{ store, vault, generators, gateway: services },
      tenantOf: jobTenant(store),
      reachOf: (tenant) => gatewayReach(config, tenant),
    });
    const { kinds = own, times, ...ofJobs } = options.jobs ?? {};
    const tracked = openJobQueue({
      ...{ store, log, ...ofJobs },
      times: { run: config.jobs.minutes * 60_000, ...times },
      kinds: typeof kinds === 'function' ? kinds(own) : kinds,
    });
    const handle = createApp({
      ...base,
      ...{ pool, directory, readiness, metrics, plane, generators },
      ...{ gateway: services, jobs: tracked },
    });
    const bodies = slowBodies(config.server.requestTimeoutSeconds, isForGateway);
    const server = createServer({
      headersTimeout: config.server.headersTimeoutSeconds * 1000,
      requestTimeout: 0, // bodies.watching sees to it
      connectionsCheckingInterval: LOOK_AT_CONNECTIONS_MS,
      keepAliveTimeout: KEEP_ALIVE_MS,
    });
    const listener = pipelines.bounding(draining.watching(bodies.watching(handle)));
    server.on('request', listener);
    // Node would answer an expectation that it does not know by itself, past the log, the limits and HSTS.
    server.on('checkExpectation', listener);
    // The gateway asks for a body when its backend is there to take it; everybody else at once.
    server.on('checkContinue', (request, response) => {
      if (!isForGateway(request)) response.writeContinue();
      listener(request, response);
    });
    server.on('upgrade', upgradeListener(server, listener, isForGateway));
    pipelines.watch(server);
    server.maxConnections = config.server.maxConnections;
    boundConnections(server, config.server.maxConnectionsPerAddress, proxiesIn(config.trustProxy));
    await listen(server, mainPlace(config));
    const rotate = keyRotation(store, vault, scheduleOf(config));
    const jobs = [
      openSweeper(store, log, config.sweeper),
      outbox,
      limits,
      passwordSignIns,
      every(config.keys.intervalSeconds, 'key rotation', log, rotate),
      ...(config.sweeper.enabled
        ? [every(config.sweeper.intervalSeconds, 'files', log, () => files.blobs.sweep())]
        : []),
      // Without the sweeper too: a deletion that was answered has to end.
      every(config.sweeper.intervalSeconds, 'deletions of tenants', log, () => finishDeletions(store)),
      every(FOLLOW_SECONDS, 'data keys', log, () => context.followKeys()),
    ];
    const { port } = server.address() as AddressInfo;
    context.log.info(
      { port, host: config.host, issuer: config.issuer, store: context.store.dialect },
      'listening',
    );
    const stop = async (): Promise<void> => {
      plane.endTunnels();
      // Its streams and calls that wait would keep their connections open.
      const trackedClosed = tracked.close();
      await draining.drain(server, config.server.shutdownDelaySeconds * 1000, DRAIN_MS);
      scraped?.close();
      directory.close();
      await endsWithin(CLOSE_MS, trackedClosed); // jobs may use the gateway’s documents, and generators
      await generators.close();
      await gateway.close();
      bodies.close();
      const closed = Promise.all(jobs.map((job) => job.close())).then(() => {
        messenger.close();
        return context.close();
      });
      if (!(await endsWithin(CLOSE_MS, closed)))
        log.warn('jobs or the store did not end in time; left as they are');
    };
    return {
      context,
      home,
      port,
      outbox,
      screen,
      sweepFiles: () => files.blobs.sweep(),
      refresh: () => directory.refresh(),
      stop,
    };
  } catch (error) {
    scraped?.close();
    await context.close();
    throw error;
  }
}

/** The tenant of a job. A tenant that is deleted takes its jobs with it. @throws Conflict for one that is disabled */
const jobTenant =
  ({ knex }: Store) =>
  async (tenantId: string): Promise<Tenant> => {
    const tenant = await findTenantById(knex, tenantId);
    if (!tenant) throw new Error('the tenant of a job is gone');
    if (!tenant.enabled) throw new Conflict('tenant', 'the tenant is disabled');
    return tenant;
  };

/** The tenant that messages are from, as they show it. */
const sendingTenant =
  ({ knex }: Store) =>
  async (tenantId: string): Promise<SendingTenant | undefined> => {
    const tenant = await findTenantById(knex, tenantId);
    return tenant?.enabled ? { ...lookOf(tenant), issuer: tenant.issuer, home: tenant.home } : undefined;
  };
