import assert from 'node:assert/strict';
import pino from 'pino';
import { defineCodes, Failure } from '../../../src/api/index.js';
import { openSweeper, type AnyJobKind, type JobQueue, type RunEnded } from '../../../src/jobs/index.js';
import { cancelJob, insertJob } from '../../../src/jobs/tracked/store.js';
import { TIMES } from '../../../src/jobs/tracked/queue.js';
import { openWorker } from '../../../src/jobs/tracked/worker.js';
import { deleteRowsOfTenant, tenantTransaction, type Store } from '../../../src/store/index.js';
import { Invalid } from '../../../src/kernel/errors.js';
import { until } from '../../support/raw.js';
import { onEveryStore } from '../../support/stores.js';
import { createTenantAt } from '../../support/tenants.js';
import { add, jobOf, jobWhen, newApi, openQueue, Steered } from './support.js';

const CODES = defineCodes(900001, { refused: ['Test_Refused', 'The registry refuses', '拒绝'] });

onEveryStore('the queue of tracked jobs', (open) => {
  let red: string;
  let blue: string;
  let api: string;
  let steered: Steered;
  const queues: JobQueue[] = [];
  before(async () => {
    red = (await open().transaction((trx) => createTenantAt(trx, 'red', 'red.example.com'))).id;
    blue = (await open().transaction((trx) => createTenantAt(trx, 'blue', 'blue.example.com'))).id;
  });
  beforeEach(async () => {
    api = await newApi(open(), red);
    steered = new Steered();
  });
  afterEach(async () => {
    await Promise.all(queues.splice(0).map((queue) => queue.close()));
    await open().knex('tracked_jobs').delete();
  });

  type Options = Parameters<typeof openQueue>[2];
  type Running = Awaited<ReturnType<Steered['running']>>;
  const node = (kind: AnyJobKind = steered.kind, options: Options = {}, store = open()): JobQueue => {
    const queue = openQueue(store, [kind], { stop: 0, ...options });
    queues.push(queue);
    return queue;
  };
  const enqueue = (queue: JobQueue, name: string, apiId = api, tenantId = red) =>
    add(open(), queue, tenantId, apiId, name);
  const cancel = (id: string) => tenantTransaction(open(), red, (db) => cancelJob(db, id));
  const holds = () => open().knex('tracked_jobs').whereNotNull('lease_token');
  const lapse = () => holds().update({ lease_until: 0 });
  const advised = (): AnyJobKind => ({
    ...steered.kind,
    advice: { slow: 'Nothing was published.', published: 'It may be published.' },
  });
  const insertOne = () =>
    tenantTransaction(open(), red, (db) => insertJob(db, { kind: 'steered', apiId: api, input: null }));
  /** A store that does something between a statement with these words and its answer to it. */
  const answering = (words: string, meanwhile: () => Promise<void>): Store => ({
    ...open(),
    prepare(sql) {
      const statement = open().prepare(sql);
      if (!sql.includes(words)) return statement;
      const run: typeof statement.run = async (...values) => {
        const changed = await statement.run(...values);
        await meanwhile();
        return changed;
      };
      return { ...statement, run };
    },
  });
  /** As if another node had taken the job, and were dead now. */
  const lapseElsewhere = () => holds().update({ lease_token: 'elsewhere', lease_until: 0 });

  it('runs the jobs of an API one after the other, the oldest first, over two nodes', async () => {
    const [one, two] = [node(), node()];
    const jobs = [];
    for (const name of ['a', 'b', 'c']) jobs.push(await enqueue(name === 'b' ? two : one, name));
    for (const [n, name] of ['a', 'b', 'c'].entries()) {
      await steered.running(name);
      assert.deepEqual(steered.began, ['a', 'b', 'c'].slice(0, n + 1));
      const states = await open().knex('tracked_jobs').where({ state: 'running' }).select('id');
      assert.deepEqual(states, [{ id: jobs[n]?.id }]);
      await steered.end(name);
    }
    const { state, percent, result } = await jobWhen(open(), red, String(jobs[2]?.id));
    assert.deepEqual([state, percent, result], ['done', 100, { by: 'c' }]);
  });

  it('runs the jobs of two APIs at once on two nodes', async () => {
    const queue = node();
    node();
    await enqueue(queue, 'a');
    await enqueue(queue, 'b', await newApi(open(), red));
    await Promise.all([steered.running('a'), steered.running('b')]);
  });

  it('begins a job of another tenant after one of a tenant with many', async () => {
    const queue = node(steered.kind, { look: 1e6 });
    for (const name of ['r1', 'r2', 'r3']) await enqueue(queue, name, await newApi(open(), red));
    await enqueue(queue, 'b1', await newApi(open(), blue), blue);
    queue.wake();
    for (let n = 0; n < 4; n++) {
      await until(() => steered.began.length > n);
      await steered.end(String(steered.began[n]));
    }
    assert.ok(steered.began.indexOf('b1') <= 1, steered.began.join());
  });

  it('stores the step, a percentage that does not fall, and the last 40 lines without control characters', async () => {
    const { id } = await enqueue(node(), 'a');
    const job = await steered.running('a');
    await job.step('pack', 60);
    for (let n = 0; n < 50; n++) job.line(`line ${n}`);
    job.line(`\u001b[31mred\u001b[0m \u0007\u202e${'x'.repeat(1000)}`);
    await job.step('publish', 20);
    const { step, percent, lastLines } = await jobOf(open(), red, id);
    assert.deepEqual([step, percent, lastLines.length], ['publish', 60, 40]);
    assert.deepEqual([lastLines[0], lastLines[38]], ['line 11', 'line 49']);
    assert.match(lastLines[39] as string, /^red {2}x{494}…$/);
    assert.equal(lastLines[39]?.length, 500);
  });

  it('stores lines without a step', async () => {
    const { id } = await enqueue(node(), 'a');
    (await steered.running('a')).line('compiling');
    const { lastLines } = await jobWhen(open(), red, id, (job) => job.lastLines.length > 0);
    assert.deepEqual(lastLines, ['compiling']);
  });

  it('stores the failure of a job as its call answers it', async () => {
    const { id } = await enqueue(node(), 'a');
    await steered.end('a', () =>
      Promise.reject(new Failure(502, CODES.refused, { message: 'E403', data: { registry: 'r' } })),
    );
    const { state, failure, result } = await jobWhen(open(), red, id);
    assert.deepEqual([state, result], ['failed', undefined]);
    assert.deepEqual(failure, {
      ...{ status: 502, code: 900001, codeName: 'Test_Refused', message: 'E403' },
      data: { registry: 'r' },
    });
  });

  it('says nothing of an unexpected error but to the log, which has the id of the job', async () => {
    const lines: string[] = [];
    const log = pino({ level: 'error' }, { write: (line: string) => void lines.push(line) });
    const { id } = await enqueue(node(steered.kind, { log }), 'a');
    await steered.end('a', () => Promise.reject(new Error('unmistakable')));
    const job = await jobWhen(open(), red, id);
    assert.deepEqual([job.state, job.failure?.status, job.failure?.code], ['failed', 500, 500]);
    assert.ok(!JSON.stringify(job).includes('unmistakable'));
    const line = JSON.parse(lines[0] ?? '{}') as { job: string; err: { message: string } };
    assert.deepEqual([line.job, line.err.message], [id, 'unmistakable']);
  });

  it('fails a job with what a part of the product says of a mistake', async () => {
    const { id } = await enqueue(node(), 'a');
    await steered.end('a', () => Promise.reject(new Invalid('genName', 'there is no such generator')));
    const { failure } = await jobWhen(open(), red, id);
    assert.deepEqual(
      [failure?.status, failure?.data],
      [422, [{ field: 'genName', rule: 'invalid', message: 'there is no such generator' }]],
    );
  });

  it('keeps neither the input nor the note of a job that has ended', async () => {
    const { id } = await enqueue(node(), 'a');
    await (await steered.running('a')).setNote('half');
    await steered.end('a');
    await jobWhen(open(), red, id);
    const { input, note } = await open().knex('tracked_jobs').first('input', 'note');
    assert.deepEqual([input, note], ['null', null]);
  });

  it('fails a job whose result is too large to store', async () => {
    const { id } = await enqueue(node(), 'a');
    await steered.end('a', async () => ({ text: 'x'.repeat(70_000) }));
    assert.equal((await jobWhen(open(), red, id)).failure?.status, 500);
  });

  it('refuses a note of more than 64 KiB, and the job goes on', async () => {
    await enqueue(node(), 'a');
    const job = await steered.running('a');
    await assert.rejects(job.setNote('x'.repeat(65_536)), RangeError);
    await job.setNote('small');
  });

  it('cancels a job that waits at once', async () => {
    const queue = node();
    await enqueue(queue, 'a');
    await steered.running('a');
    const { id } = await enqueue(queue, 'b');
    const { state, endedAt } = await cancel(id);
    assert.equal(state, 'cancelled');
    assert.ok(endedAt);
    await steered.end('a');
    await enqueue(queue, 'c');
    await steered.running('c');
    assert.deepEqual(steered.began, ['a', 'c']);
  });

  it('aborts a job that runs on another node, and says that it is cancelled', async () => {
    const { id } = await enqueue(node(), 'a');
    const { signal } = await steered.running('a');
    assert.equal((await cancel(id)).state, 'running');
    const { state, failure } = await jobWhen(open(), red, id);
    assert.deepEqual([state, failure, signal.aborted], ['cancelled', undefined, true]);
    assert.equal((signal.reason as RunEnded).why, 'cancelled');
  });

  it('refuses steps of a job that is to be cancelled before its node has looked', async () => {
    const queue = node(steered.kind, { look: 1e6 });
    const { id } = await enqueue(queue, 'a');
    queue.wake();
    const job = await steered.running('a');
    await cancel(id);
    await assert.rejects(job.step('publish', 50), { name: 'RunEnded', why: 'cancelled' });
    assert.equal((await jobWhen(open(), red, id)).state, 'cancelled');
  });

  it('says that a job is done which ignored its cancellation', async () => {
    steered = new Steered(true);
    const { id } = await enqueue(node(), 'a');
    const { signal } = await steered.running('a');
    await cancel(id);
    await until(() => signal.aborted);
    await steered.end('a');
    assert.equal((await jobWhen(open(), red, id)).state, 'done');
  });

  it('cancels a job whose work does not end in time, and stores nothing more of it', async () => {
    steered = new Steered(true);
    const queue = node(steered.kind, { cancel: 1 });
    const { id } = await enqueue(queue, 'a');
    const job = await steered.running('a');
    await cancel(id);
    const ended = await jobWhen(open(), red, id);
    assert.equal(ended.state, 'cancelled');
    await assert.rejects(job.step('late', 90), { name: 'RunEnded' });
    await steered.end('a');
    await enqueue(queue, 'b');
    await steered.running('b');
    assert.deepEqual(await jobOf(open(), red, id), ended);
  });

  it('ends a job that takes longer than a run may, says what to change, and runs the next one', async () => {
    const queue = node(advised(), { run: 60 });
    const { id } = await enqueue(queue, 'a');
    const { signal } = await steered.running('a');
    const { state, failure } = await jobWhen(open(), red, id);
    assert.deepEqual([state, (signal.reason as RunEnded).why], ['failed', 'late']);
    assert.deepEqual(failure, {
      ...{ status: 503, code: 503, codeName: 'ServiceUnavailable' },
      message: 'The job took longer than 0.001 minutes. Nothing was published.',
    });
    await enqueue(queue, 'b');
    await steered.running('b');
  });

  it('ends a job that takes too long and ignores its signal', async () => {
    steered = new Steered(true);
    const queue = node(advised(), { run: 50, cancel: 1 });
    const { id } = await enqueue(queue, 'a');
    const job = await steered.running('a');
    assert.equal((await jobWhen(open(), red, id)).failure?.status, 503);
    await assert.rejects(job.step('late', 90), { name: 'RunEnded' });
    await enqueue(queue, 'b');
    await steered.running('b');
    for (const name of ['a', 'b']) await steered.end(name);
  });

  /** Runs a job whose first run has begun to publish again, on a node of these times. */
  async function publishingAgain(times: Options): Promise<{ id: string; job: Running }> {
    const first = node(steered.kind, { look: 1e6 });
    const { id } = await enqueue(first, 'a');
    first.wake();
    await (await steered.running('a')).commit();
    await lapse();
    node(advised(), times);
    return { id, job: await steered.running('a', 2) };
  }

  it('lets a job end whose time is over while it publishes', async () => {
    const { id, job } = await publishingAgain({ run: 0 });
    await job.step('history', 90);
    await steered.end('a');
    assert.deepEqual((await jobWhen(open(), red, id)).result, { by: 'a' });
  });

  it('ends a job that publishes for too long, and does not say that nothing was published', async () => {
    const { id } = await publishingAgain({ run: 0, publish: 0 });
    const { state, failure } = await jobWhen(open(), red, id);
    const said = 'The job took longer than 0 minutes. It may be published.';
    assert.deepEqual([state, failure?.message], ['failed', said]);
  });

  it('fails a job that is cancelled after it has published, and says so', async () => {
    const { id } = await enqueue(node(advised()), 'a');
    const job = await steered.running('a');
    await job.commit();
    await job.published();
    assert.equal((await cancel(id)).state, 'running');
    const { state, failure } = await jobWhen(open(), red, id);
    assert.deepEqual([state, job.signal.aborted], ['failed', true]);
    assert.deepEqual(failure, {
      ...{ status: 409, code: 409, codeName: 'Conflict' },
      message: 'The job was cancelled after its point of no return. It may be published.',
    });
  });

  it('fails a job that is cancelled after it has published and whose node was gone before it saw it', async () => {
    const first = node(steered.kind, { look: 1e6 });
    const { id } = await enqueue(first, 'a');
    first.wake();
    const job = await steered.running('a');
    await job.commit();
    await job.published();
    await cancel(id);
    await lapse();
    node();
    const { state, failure } = await jobWhen(open(), red, id);
    assert.deepEqual(
      [state, failure?.message],
      ['failed', 'the server ended before the job did; start a new one'],
    );
  });

  it('fails a job that is cancelled after it has published and was given back, and says so', async () => {
    const first = node(advised());
    const { id } = await enqueue(first, 'a');
    const job = await steered.running('a');
    await job.commit();
    await job.published();
    await first.close();
    assert.equal((await cancel(id)).state, 'queued');
    node(advised());
    const { state, failure } = await jobWhen(open(), red, id);
    const said = 'The job was cancelled after its point of no return. It may be published.';
    assert.deepEqual([state, failure?.message], ['failed', said]);
  });

  it('publishes nothing where its time is over while the store answers that it may', async () => {
    const answered = answering('SET committed = 1', () => until(() => job.signal.aborted));
    const { id } = await enqueue(node(advised(), { run: 60 }, answered), 'a');
    const job = await steered.running('a');
    await assert.rejects(job.commit(), { name: 'RunEnded', why: 'late' });
    assert.equal((await jobWhen(open(), red, id)).state, 'failed');
  });

  it('ends a job whose time is over when its server stops, and does not run it again', async () => {
    steered = new Steered(true);
    const first = node(advised(), { run: 10, cancel: 1e6 });
    const { id } = await enqueue(first, 'a');
    const { signal } = await steered.running('a');
    await until(() => signal.aborted);
    await first.close();
    assert.equal((await jobOf(open(), red, id)).failure?.status, 503);
    await steered.end('a');
  });

  describe('of a tenant that is disabled while its job runs', () => {
    let api: string;
    let tenantId: string;
    let tenants = 0;
    beforeEach(async () => {
      const name = `off-${++tenants}`;
      tenantId = (await open().transaction((trx) => createTenantAt(trx, name, `${name}.example.com`))).id;
      api = await newApi(open(), tenantId);
    });
    const disable = () => open().knex('tenants').where({ id: tenantId }).update({ enabled: false });
    const failed = (message: string) => ['failed', 409, message];

    it('ends the work, and fails the job', async () => {
      const { id } = await enqueue(node(advised()), 'a', api, tenantId);
      const { signal } = await steered.running('a');
      await disable();
      const { state, failure } = await jobWhen(open(), tenantId, id);
      const said = 'The tenant is disabled.';
      assert.deepEqual([state, failure?.status, failure?.message], failed(said));
      assert.equal((signal.reason as RunEnded).why, 'disabled');
    });

    it('refuses steps, notes and the publication before its node has looked', async () => {
      const queue = node(advised(), { look: 1e6 });
      await enqueue(queue, 'a', api, tenantId);
      queue.wake();
      const job = await steered.running('a');
      await disable();
      await assert.rejects(job.commit(), { name: 'RunEnded', why: 'disabled' });
      await assert.rejects(job.step('publish', 50), { name: 'RunEnded', why: 'disabled' });
      await assert.rejects(job.setNote('late'), { name: 'RunEnded', why: 'disabled' });
    });

    it('lets a publication that has begun be recorded, and no other begin', async () => {
      const { id } = await enqueue(node(advised()), 'a', api, tenantId);
      const job = await steered.running('a');
      await job.commit();
      await disable();
      await job.step('history', 90);
      await assert.rejects(job.commit(), { name: 'RunEnded', why: 'disabled' });
      const said = 'The tenant is disabled. It may be published.';
      const { state, failure } = await jobWhen(open(), tenantId, id);
      assert.deepEqual([state, failure?.status, failure?.message], failed(said));
    });

    it('ends a job that has published, and says so', async () => {
      const { id } = await enqueue(node(advised()), 'a', api, tenantId);
      const job = await steered.running('a');
      await job.commit();
      await disable();
      await job.published();
      const said = 'The tenant is disabled. It may be published.';
      const { state, failure } = await jobWhen(open(), tenantId, id);
      assert.deepEqual([state, failure?.status, failure?.message], failed(said));
    });
  });

  it('does not abort the signal of a run whose end was just stored', async () => {
    const { id } = await insertOne();
    const steps: string[] = [];
    let signal: AbortSignal | undefined;
    const worker = openWorker({
      ...{
        store: answering("state = 'done'", () => worker.turn()),
        log: pino({ level: 'silent' }),
        times: TIMES,
      },
      kinds: [{ name: 'steered', run: async (job) => ((signal = job.signal), {}) }],
      changed: ({ id: changed }) => void steps.push(changed),
    });
    await worker.turn();
    await jobWhen(open(), red, id);
    await worker.close();
    assert.deepEqual([signal?.aborted, steps], [false, [id, id]]);
  });

  it('does not cancel a job past its point of no return, nor its next run', async () => {
    const { id } = await enqueue(node(), 'a');
    const job = await steered.running('a');
    await job.commit();
    await job.setNote({ published: true });
    assert.equal((await cancel(id)).state, 'running');
    await job.step('history', 90);
    await lapseElsewhere();
    const again = await steered.running('a', 2);
    assert.equal((await cancel(id)).state, 'running');
    await again.step('history', 90);
    assert.equal(again.signal.aborted, false);
  });

  it('runs a job again with its note whose node does not renew the lease, and the old run writes nothing', async () => {
    const stuck = new Steered(true);
    const first = node(stuck.kind, { look: 1e6 });
    const { id } = await enqueue(first, 'a');
    first.wake();
    const old = await stuck.running('a');
    await old.step('publish', 70);
    await old.setNote({ version: '1.2.0' });
    await lapse();
    node();
    const again = await steered.running('a');
    assert.deepEqual([again.note, old.note], [{ version: '1.2.0' }, undefined]);
    assert.deepEqual([(await jobOf(open(), red, id)).percent], [0]);
    for (const write of [() => old.step('late', 99), () => old.setNote('late'), () => old.commit()])
      await assert.rejects(write, { name: 'RunEnded', why: 'lost' });
    assert.equal(old.signal.aborted, true);
    old.line('late');
    await stuck.end('a');
    await steered.end('a');
    const { result, lastLines, step } = await jobWhen(open(), red, id);
    assert.deepEqual([result, lastLines, step], [{ by: 'a' }, [], null]);
  });

  it('aborts the work itself where the lease could not be renewed in time', async () => {
    const queue = node(steered.kind, { look: 1e6, lease: 50 });
    await enqueue(queue, 'a');
    queue.wake();
    const { signal } = await steered.running('a');
    await until(() => signal.aborted);
    assert.equal((signal.reason as RunEnded).why, 'lost');
  });

  it('keeps a job by renewing its lease', async () => {
    await enqueue(node(steered.kind, { lease: 5000, renew: 1 }), 'a');
    await steered.running('a');
    const leases = new Set<unknown>();
    await until(async () => {
      leases.add((await open().knex('tracked_jobs').first('lease_until')).lease_until);
      return leases.size >= 4;
    });
    assert.deepEqual(steered.began, ['a']);
  });

  it('fails a job whose runs broke off six times', async () => {
    const { id } = await enqueue(node(), 'a');
    for (let runs = 1; runs <= 6; runs++) {
      await steered.running('a', runs);
      await lapseElsewhere();
    }
    const { state, failure } = await jobWhen(open(), red, id);
    assert.deepEqual([state, failure?.status, steered.began.length], ['failed', 500, 6]);
  });

  it('cancels a job whose node was gone before it saw the cancellation', async () => {
    const first = node(steered.kind, { look: 1e6 });
    const { id } = await enqueue(first, 'a');
    first.wake();
    await steered.running('a');
    await cancel(id);
    await lapse();
    node();
    assert.equal((await jobWhen(open(), red, id)).state, 'cancelled');
    assert.equal(steered.began.length, 1);
  });

  it('gives a job back when its server stops, and the next run finds the note', async () => {
    const first = node();
    const { id } = await enqueue(first, 'a');
    const job = await steered.running('a');
    await job.setNote('half');
    await first.close();
    assert.equal((job.signal.reason as RunEnded).why, 'stopped');
    assert.equal((await jobOf(open(), red, id)).state, 'queued');
    node();
    assert.equal((await steered.running('a', 2)).note, 'half');
    assert.equal((await open().knex('tracked_jobs').first('reruns')).reruns, 0);
  });

  it('gives back a job whose work does not end when its server stops', async () => {
    steered = new Steered(true);
    const first = node();
    const { id } = await enqueue(first, 'a');
    const job = await steered.running('a');
    await first.close();
    assert.equal((await jobOf(open(), red, id)).state, 'queued');
    await assert.rejects(job.step('late', 99), { name: 'RunEnded' });
  });

  it('lets work past its point of no return end while the server stops', async () => {
    steered = new Steered(true);
    const first = node(steered.kind, { stop: 60_000 });
    const { id } = await enqueue(first, 'a');
    const job = await steered.running('a');
    await job.commit();
    const closed = first.close();
    await until(() => job.signal.aborted);
    await steered.end('a', async () => {
      await job.step('history', 90);
      return { version: '1.0.0' };
    });
    await closed;
    assert.deepEqual((await jobOf(open(), red, id)).result, { version: '1.0.0' });
  });

  it('leaves jobs of a kind that the node does not know to others', async () => {
    const other = node({ name: 'other', run: () => Promise.reject(new Error('wrong kind')) });
    const { id } = await enqueue(other, 'a');
    other.wake();
    node();
    await steered.end('a');
    assert.equal((await jobWhen(open(), red, id)).state, 'done');
  });

  it('takes 20 jobs of an API and 200 of a tenant, and says so of one more [SEC-C12]', async () => {
    const queue = node(steered.kind, { look: 1e6 });
    const tooMany = (words: RegExp) => (error: Failure) =>
      error instanceof Failure && error.status === 429 && words.test(error.message);
    for (let n = 0; n < 20; n++) await enqueue(queue, `a${n}`);
    await assert.rejects(enqueue(queue, 'one more'), tooMany(/^20 jobs of this API/));
    for (let n = 0; n < 9; n++) {
      const another = await newApi(open(), red);
      for (let m = 0; m < 20; m++) await enqueue(queue, `b${m}`, another);
    }
    const last = await newApi(open(), red);
    await assert.rejects(enqueue(queue, 'one more', last), tooMany(/^200 jobs of the tenant/));
    await enqueue(queue, 'b', await newApi(open(), blue), blue);
    const { id }: { id: string } = await open().knex('tracked_jobs').where({ tenant_id: red }).first('id');
    await cancel(id);
    await enqueue(queue, 'instead', last);
  });

  it('takes as many jobs as there is room for where many are started at once', async () => {
    const queue = node(steered.kind, { look: 1e6 });
    const outcomes = await Promise.allSettled(Array.from({ length: 25 }, (_, n) => enqueue(queue, `a${n}`)));
    assert.equal(outcomes.filter(({ status }) => status === 'fulfilled').length, 20);
    const places = await open().knex('tracked_jobs').orderBy('place').pluck('place');
    assert.deepEqual(
      places.map(Number),
      Array.from({ length: 20 }, (_, n) => n + 1),
    );
  });

  it('ends the job of an API that is deleted', async () => {
    await enqueue(node(), 'a');
    const { signal } = await steered.running('a');
    await open().knex('api_resources').where({ tenant_id: red, id: api }).delete();
    await until(() => signal.aborted);
    assert.deepEqual(await open().knex('tracked_jobs'), []);
  });

  it('ends the jobs of a tenant that is deleted', async () => {
    const { id } = await open().transaction((trx) => createTenantAt(trx, 'gone', 'gone.example.com'));
    await enqueue(node(), 'a', await newApi(open(), id), id);
    const { signal } = await steered.running('a');
    await open().transaction((trx) => deleteRowsOfTenant(trx, id));
    await until(() => signal.aborted);
    assert.deepEqual(await open().knex('tracked_jobs'), []);
  });

  it('sweeps a job 30 days after its end', async () => {
    const { id } = await enqueue(node(), 'a');
    await steered.end('a');
    await jobWhen(open(), red, id);
    const log = pino({ level: 'silent' });
    const sweeper = openSweeper(open(), log, { enabled: false, intervalSeconds: 1 });
    assert.equal(await sweeper.sweep(), 0);
    const { ended_at, expires_at } = await open().knex('tracked_jobs').first('ended_at', 'expires_at');
    assert.equal(Number(expires_at) - Number(ended_at), 30 * 86_400_000);
    await open().knex('tracked_jobs').update({ expires_at: 1 });
    assert.equal(await sweeper.sweep(), 1);
  });
});
