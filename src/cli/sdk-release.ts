import { setTimeout as wait } from 'node:timers/promises';
import type { SingleBar } from 'cli-progress';
import { Command } from 'commander';
import type { Job } from '../jobs/tracked/types.js';
import { NotFound } from '../kernel/errors.js';
import type { StoreContext } from '../store-context.js';
import type { Tenant } from '../tenants/index.js';
import type { Run } from './io.js';
import { namesIn, type NameOfField } from './option-names.js';
import { EXIT, failureLine, print, table } from './output.js';
import { change, inTenant, tenantOf, withContext } from './session.js';

const LOOK_MS = 250;
/** A job that has not begun by then is likely to wait for a server. */
const BEGINS_MS = 5000;

/** @throws NotFound */
export async function apiOf(context: StoreContext, tenant: Tenant, name: string): Promise<string> {
  const { tenantDb } = await import('../store/index.js');
  const { findApiResourceByName } = await import('../api-resources/index.js');
  const api = await findApiResourceByName(tenantDb(context.store.knex, tenant.id), name);
  if (!api) throw new NotFound('api', `there is no API resource "${name}"`);
  return api.id;
}

interface ReleaseOptions {
  tenant?: string;
  json?: boolean;
  language: string;
  platform: string;
  document?: string;
  tag: string[];
}

export const releaseCommand = (run: Run): Command =>
  inTenant(new Command('release').argument('<api>', 'the name of an API resource'))
    .description(
      'Release an SDK of an API: generate, check and publish its package. A running server does it.',
    )
    .option('--language <name>', 'a client of GET /api/CodeGen/Clients', 'typescript')
    .option('--platform <name>', 'where the package goes', 'npm')
    .option('--document <url>', "where the document is (default: that of CommonOptions, else the API's own)")
    .option(
      '--tag <tag>',
      'a tag of the release; more than once for several',
      (tag: string, before: string[]) => [...before, tag],
      [],
    )
    .addHelpText(
      'after',
      `
Ctrl+C ends the following alone: the job goes on. End it with gatehouse sdk cancel <job>.`,
    )
    .action((api: string, options: ReleaseOptions, command: Command) =>
      withContext(run, async (context) => {
        const tenant = await tenantOf(context, options.tenant);
        const started = await start(context, tenant, await apiOf(context, tenant, api), options);
        const job = await follow(run, context, tenant, started);
        if (job) sayEnded(run, options.json ?? false, job, namesIn(command));
        else run.stderr.write(`job ${started.id} goes on\n`);
      }),
    );

async function start(
  context: StoreContext,
  tenant: Tenant,
  apiId: string,
  { language, platform, document, tag }: ReleaseOptions,
): Promise<Job> {
  const { generatorFor, npmOptionsOf, openGenerators, startRelease } = await import('../codegen/index.js');
  const { insertJob } = await import('../jobs/tracked/store.js');
  const { lockApiResource } = await import('../api-resources/index.js');
  const generators = openGenerators(context.config.codegen, { warn: () => undefined });
  try {
    const generator = await generatorFor(generators, { platform, language });
    return await change(context, tenant, 'codegen.releasesdk', apiId, async (db) => {
      await lockApiResource(db, apiId);
      return startRelease(
        {
          vault: context.vault,
          // The server that runs the job checks where it connects to: what it may is in its own environment.
          reachOf: () => 'anywhere',
          npmOptionsOf,
          enqueue: insertJob,
        },
        { db, tenant, apiId },
        { generator, swaggerUrl: document ?? null, tags: tag },
      );
    });
  } finally {
    await generators.close();
  }
}

/** Follows a job until it has ended; undefined where the caller stops that first. */
async function follow(
  run: Run,
  context: StoreContext,
  { id: tenantId }: Tenant,
  { id }: Job,
): Promise<Job | undefined> {
  const { tenantDb } = await import('../store/index.js');
  const { findJob } = await import('../jobs/tracked/store.js');
  const db = tenantDb(context.store.knex, tenantId);
  const progress = await progressOf(run, id);
  const stopping = new AbortController();
  void run.stopSignal().then(() => stopping.abort());
  try {
    while (!stopping.signal.aborted) {
      const { job } = await findJob(db, id);
      progress.show(job);
      if (job.endedAt !== undefined) return job;
      await wait(LOOK_MS, undefined, { signal: stopping.signal }).catch(() => undefined);
    }
    return undefined;
  } finally {
    progress.end();
  }
}

interface Progress {
  show(job: Job): void;
  end(): void;
}

/** A bar on a terminal; else a line for each step, so that a log can be read. */
async function progressOf({ stderr }: Run, id: string): Promise<Progress> {
  const begun = performance.now();
  const line = (text: string): void => void stderr.write(`${text}\n`);
  let bar: SingleBar | undefined;
  if (stderr.isTTY) {
    const { default: progress } = await import('cli-progress');
    const format = '{step} {bar} {percentage}% | {duration_formatted}';
    bar = new progress.SingleBar({ format, hideCursor: true, stream: stderr });
    bar.start(100, 0, { step: 'queued' });
  } else line(`job ${id}`);
  let [said, isWaiting] = ['', false];
  return {
    show({ state, step, percent }) {
      const now = state === 'running' ? (step ?? state) : state;
      bar?.update(percent, { step: now.padEnd(8) });
      if (!bar && now !== said) line(`${now} ${percent}%`);
      said = now;
      if (state !== 'queued' || isWaiting || performance.now() - begun < BEGINS_MS) return;
      isWaiting = true;
      line(`job ${id} waits for a running server (gatehouse serve), or for other jobs of this API`);
    },
    end: () => bar?.stop(),
  };
}

function sayEnded(run: Run, json: boolean, job: Job, nameOf: NameOfField): void {
  const { result = {} } = job;
  print(run, json, job, table(Object.entries(result).map(([name, value]) => [name, String(value)])));
  if (job.state === 'done') return;
  run.exitCode = EXIT.failed;
  for (const text of job.failure ? job.lastLines : []) run.stderr.write(`  ${text}\n`);
  const message = job.failure ? failureLine(job.failure, nameOf) : 'the job was cancelled';
  run.stderr.write(`gatehouse: ${message}\n`);
}

export const cancelCommand = (run: Run): Command =>
  inTenant(new Command('cancel').argument('<job>'))
    .description('Cancel a job that waits or runs.')
    .action((id: string, { tenant: name, json = false }: { tenant?: string; json?: boolean }) =>
      withContext(run, async (context) => {
        const { cancelJob } = await import('../jobs/tracked/store.js');
        const tenant = await tenantOf(context, name);
        const job = await change(context, tenant, 'jobs.cancel', id, (db) => cancelJob(db, id));
        const said = job.endedAt === undefined ? 'is being cancelled' : job.state;
        print(run, json, job, [`job ${id}: ${said}`]);
      }),
    );
