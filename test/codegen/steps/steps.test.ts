import assert from 'node:assert/strict';
import { SYNC_STEPS } from '../../../src/codegen/github/sync.js';
import { RELEASE_STEPS } from '../../../src/codegen/sdk/release.js';
import type { Config } from '../../../src/config.js';
import { start, type Gatehouse } from '../../../src/main.js';
import type { Data } from '../../support/area.js';
import { configFor, STORES } from '../../support/config.js';
import { git, headOf, needsGit } from '../../support/git-server.js';
import { freePort } from '../../support/ports.js';
import { managementToken } from '../../support/process.js';
import { placeOf, someOf } from '../../support/profile.js';
import { until } from '../../support/raw.js';
import { Holds, holding } from './hold.js';
import { GENERATOR, startParts, type Around, type Parts } from './parts.js';
import { isGone, mailsTo, type Node, startNode, Subjects, toolsOf, type Subject } from './support.js';

/** Moments within a step: the request is on its way, and the other side has done what it asks. */
const [SENDING, SENT] = ['sending', 'sent'];
/** When all is done and the job does not say so yet. */
const END = 'end';
const RELEASE_POINTS = [...Object.keys(RELEASE_STEPS), SENDING, SENT, END];
const SYNC_POINTS = [...Object.keys(SYNC_STEPS), SENT, END];
/** How a job ends that is cancelled in a step after its point of no return; in the others it is cancelled. */
const PAST: Readonly<Record<string, 'done' | 'failed'>> = {
  record: 'done',
  labels: 'failed',
  release: 'failed',
};

interface Killed extends Subject {
  point: string;
  /** As it was when its node was killed, and after another node had taken it. */
  before: Data;
  after: Data;
  /** The integrity of the package that was stored before. */
  draft: string | undefined;
}

describe('steps of jobs of code generation', () => {
  let parts: Parts;
  before(async function () {
    needsGit(this);
    parts = await startParts();
  });
  after(() => parts?.close());

  for (const kind of STORES)
    describe(`on ${kind}`, () => {
      /** Runs no job. */
      let front: Gatehouse;
      /** Runs all jobs up to their points, and is killed. */
      let node: Node | undefined;
      /** Runs the jobs after that. */
      let worker: Gatehouse;
      let subjects: Subjects;
      // In the short run a store is asked what the other one is not; in the long one both are asked all.
      const some = (points: readonly string[]): readonly string[] => someOf(points, placeOf(kind), 4);
      const [releasePoints, syncPoints] = [some(RELEASE_POINTS), some(SYNC_POINTS)];
      const holds = new Holds();
      const releases = new Map<string, Killed>();
      const syncs = new Map<string, Killed & { folder: string }>();

      before(async function () {
        this.timeout(300_000);
        const config = await configFor(
          kind,
          {
            GATEHOUSE_OUTBOUND_ALLOW: '127.0.0.0/8',
            GATEHOUSE_SMTP_URL: parts.mails.url,
            GATEHOUSE_MAIL_FROM: 'no-reply@example.com',
          },
          { limits: { enabled: false }, codegen: { openapiGenerator: { url: parts.service } } },
          'started',
        );
        front = await start(config, { jobs: { kinds: [], times: { poll: 50 } } });
        subjects = new Subjects(front, await managementToken(config.issuer), parts);
        for (const point of releasePoints)
          releases.set(point, await begun(await subjects.release(`killed-${kind}-${point}`), point));
        for (const point of syncPoints) {
          const subject = await subjects.sync(`killed-${kind}-${point}`);
          syncs.set(point, { ...(await begun(subject, point)), folder: subject.folder });
        }
        await killOneNode(config);
        const jobs = { kinds: holding(holds.arrive), atOnce: 2, times: { look: 50 } };
        worker = await start({ ...config, port: await freePort() }, { jobs });
        for (const killed of all()) killed.after = await subjects.ended(killed.before['id']);
        await mailsSent();
      });
      after(async () => {
        await node?.kill();
        await worker?.stop();
        await front?.stop();
      });

      const all = (): Killed[] => [...releases.values(), ...syncs.values()];
      const begun = async <S extends Subject>(subject: S, point: string): Promise<S & Killed> => ({
        ...subject,
        ...{ point, before: await subject.start(), after: {}, draft: undefined },
      });
      const mailsSent = (): Promise<void> =>
        until(async () => (await front.context.store.knex('outbox').select('id')).length === 0);

      /** Lets the parts hold what is sent to them, until `letGo`. */
      function heldByParts(): { reached: Promise<unknown>; letGo(): void } {
        const waiting: Promise<void>[] = [];
        const hold = (at: Map<string, Around>, name: string, moment: 'before' | 'after') =>
          waiting.push(
            new Promise((reach) => {
              const stop = (): Promise<void> => (reach(), new Promise(() => undefined));
              at.set(name, { count: 0, [moment]: stop });
            }),
          );
        for (const { name, point } of releases.values())
          if (point === SENDING || point === SENT)
            hold(parts.publishing, name, point === SENT ? 'after' : 'before');
        for (const { name, point } of syncs.values()) if (point === SENT) hold(parts.pushing, name, 'after');
        const letGo = (): void => {
          for (const around of [...parts.publishing.values(), ...parts.pushing.values()])
            Object.assign(around, { before: undefined, after: undefined });
        };
        return { reached: Promise.all(waiting), letGo };
      }

      /** Runs all jobs up to their points in a process, and kills it. */
      async function killOneNode(config: Config): Promise<void> {
        const { reached, letGo } = heldByParts();
        const points = all().map(({ api, point, before }) => {
          const step = before['kind'] === 'releaseSdk' ? 'publish+' : 'push+';
          return [api, point === SENDING || point === SENT ? step : point] as const;
        });
        node = await startNode(config, Object.fromEntries(points));
        await node.held;
        await mailsSent();
        node.goOn();
        await reached;
        await node.kill();
        letGo();
        const drafts = await front.context.store.knex('sdk_drafts').select('job_id', 'details');
        for (const killed of all()) {
          killed.before = await subjects.job(killed.before['id']);
          const row = (drafts as Data[]).find(({ job_id }) => job_id === killed.before['id']);
          killed.draft = row && ((JSON.parse(String(row['details'])) as Data)['integrity'] as string);
        }
      }

      const packageOf = async (name: string): Promise<[version: string, integrity: string][]> =>
        Object.entries((await parts.verdaccio.packument(name))?.versions ?? {}).map(([version, { dist }]) => [
          version,
          dist.integrity,
        ]);

      for (const point of releasePoints)
        it(`a release whose node is killed at "${point}" is published and recorded once [SEC-C8]`, async () => {
          const { name, api, before, after, draft } = releases.get(point) ?? assert.fail();
          const step = { [SENDING]: 'publish', [SENT]: 'publish', [END]: 'record' }[point];
          assert.deepEqual([before['state'], before['step']], ['running', step ?? point]);
          assert.deepEqual([after['state'], after['failure']], ['done', undefined]);
          const { integrity } = after['result'] as Data;
          assert.deepEqual(await packageOf(name), [['0.0.1', integrity]]);
          assert.deepEqual(await subjects.recorded(api), [['0.0.1'], [name]]);
          assert.equal(mailsTo(parts, name), 1);
          assert.equal(parts.publishing.get(name)?.count, point === SENDING ? 2 : 1);
          const isStored = ['publish', SENDING, SENT, 'record'].includes(point);
          assert.equal(draft, isStored ? integrity : undefined);
        });

      for (const point of syncPoints)
        it(`a synchronization whose node is killed at "${point}" is pushed and announced once [SEC-C8]`, async () => {
          const { name, number, folder, before, after } = syncs.get(point) ?? assert.fail();
          const step = { [SENT]: 'push', [END]: 'release' }[point];
          assert.deepEqual([before['state'], before['step']], ['running', step ?? point]);
          assert.deepEqual([after['state'], after['failure']], ['done', undefined]);
          assert.deepEqual(announced(name, number), { labels: 1, releases: [headOf(folder, 'main')] });
          assert.equal((after['result'] as Data)['commit'], headOf(folder, 'main'));
          assert.equal(git(folder, ['rev-list', '--count', 'main']), '1');
        });

      /** The labels of a repository, and the commits of its releases. */
      const announced = (name: string, number: number): { labels: number; releases: string[] } => ({
        labels: parts.github.labels.filter((label) => label.name === name).length,
        releases: parts.github.releases
          .filter(({ tag_name }) => tag_name === `sdk-${GENERATOR}-v1.${number}.0`)
          .map(({ target_commitish }) => target_commitish),
      });

      /** Starts a job, cancels it when it is sent and at a point, and answers it as it ends. */
      async function cancelledAt({ api, name, start: begin }: Subject, point: string): Promise<Data> {
        const hold = holds.at(api, point);
        const started = begin();
        const cancel = async (): Promise<void> => {
          const { state } = await subjects.admin.done('DELETE', `/api/Jobs/${String((await started)['id'])}`);
          assert.equal(state, 'running');
        };
        parts.publishing.set(name, { count: 0, before: cancel });
        parts.pushing.set(name, { count: 0, before: cancel });
        await hold.reached;
        await cancel();
        if (PAST[point] === 'done') hold.letGo();
        return subjects.ended((await started)['id']);
      }

      const titleOf = (step: string): string =>
        PAST[step]
          ? `while it is sent and in the step "${step}" is ${PAST[step]}`
          : `in the step "${step}" is not sent`;

      for (const step of some(Object.keys(RELEASE_STEPS)))
        it(`a release that is cancelled ${titleOf(step)} [SEC-C8]`, async () => {
          const subject = await subjects.release(`cancelled-${kind}-${step}`);
          const job = await cancelledAt(subject, step);
          const versions = PAST[step] ? ['0.0.1'] : [];
          assert.deepEqual([job['state'], job['step']], [versions.length > 0 ? 'done' : 'cancelled', step]);
          assert.equal(parts.publishing.get(subject.name)?.count, versions.length);
          assert.deepEqual(
            (await packageOf(subject.name)).map(([version]) => version),
            versions,
          );
          assert.deepEqual(await subjects.recorded(subject.api), [
            versions,
            versions.map(() => subject.name),
          ]);
          await until(() => toolsOf(process.pid).length === 0);
        });

      for (const step of some(Object.keys(SYNC_STEPS)))
        it(`a synchronization that is cancelled ${titleOf(step)} [SEC-C8]`, async () => {
          const subject = await subjects.sync(`cancelled-${kind}-${step}`);
          const { state, failure } = await cancelledAt(subject, step);
          const isPushed = headOf(subject.folder, 'main') !== undefined;
          assert.deepEqual([state, isPushed], PAST[step] ? ['failed', true] : ['cancelled', false]);
          if (isPushed)
            assert.match(
              String((failure as Data)['message']),
              /^The job was cancelled after its point of no return\. The repository may have the new commit/,
            );
          const made = { labels: step === 'release' ? 1 : 0, releases: [] };
          assert.deepEqual(announced(subject.name, subject.number), made);
        });

      /** Starts two jobs of an API at once, and answers them in the order in which they ran. */
      async function twoOf({ start: begin }: Subject): Promise<Data[]> {
        const ids = (await Promise.all([begin(), begin()])).map(({ id }) => String(id));
        const jobs = [];
        for (const id of ids) jobs.push(await subjects.ended(id));
        const runs = holds.arrived.map((each) => each.split(' ')[0] ?? '').filter((id) => ids.includes(id));
        const inTurn = runs.filter((id, index) => id !== runs[index - 1]);
        assert.deepEqual([...inTurn].sort(), [...ids].sort(), 'one begins when the other has ended');
        return jobs.sort(
          (one, other) => inTurn.indexOf(String(one['id'])) - inTurn.indexOf(String(other['id'])),
        );
      }

      it('two releases of an API at once run one after the other, and have a version each [SEC-C8]', async () => {
        const subject = await subjects.release(`twice-${kind}`);
        const jobs = await twoOf(subject);
        assert.deepEqual(
          jobs.map(({ result }) => (result as Data)['version'] as string),
          ['0.0.1', '0.0.2'],
        );
        assert.deepEqual(await subjects.recorded(subject.api), [['0.0.2', '0.0.1'], [subject.name]]);
      });

      it('two synchronizations of an API at once run one after the other, and make one commit [SEC-C8]', async () => {
        const subject = await subjects.sync(`twice-${kind}`);
        const [first, second] = await twoOf(subject);
        assert.deepEqual([first?.['state'], first?.['result']], ['done', second?.['result']]);
        assert.equal(git(subject.folder, ['rev-list', '--count', 'main']), '1');
        assert.equal(announced(subject.name, subject.number).releases.length, 1);
      });

      // Processes have nothing to do with the store.
      if (kind === 'sqlite')
        for (const [step, generator] of [
          ['check', GENERATOR],
          ['generate', 'hey-api-fetch'],
        ] as const)
          it(`the process of the step "${step}" and its folder are gone when the release is cancelled`, async () => {
            const subject = await subjects.release(`process-${step}`, generator);
            const hold = holds.at(subject.api, step);
            const { id } = await subject.start();
            await hold.reached;
            hold.letGo();
            await until(() => toolsOf(process.pid).length > 0);
            const tools = toolsOf(process.pid);
            await subjects.admin.done('DELETE', `/api/Jobs/${String(id)}`);
            const job = await subjects.ended(id);
            assert.deepEqual([job['state'], job['step']], ['cancelled', step]);
            assert.deepEqual(
              tools.filter((tool) => !isGone(tool)),
              [],
            );
          });
    });
});
