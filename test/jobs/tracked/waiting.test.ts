import assert from 'node:assert/strict';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { request } from 'node:http';
import { defineCodes, defineOperation, Failure, shapes, type AnyOperation } from '../../../src/api/index.js';
import type { ApiBase } from '../../../src/api/base.js';
import { apiApp } from '../../../src/api/routes.js';
import { JOB, startsJob, type JobQueue } from '../../../src/jobs/index.js';
import { cancelJob } from '../../../src/jobs/tracked/store.js';
import { tenantTransaction } from '../../../src/store/index.js';
import type { Data } from '../../support/area.js';
import { bodyOf, send } from '../../support/http.js';
import { until } from '../../support/raw.js';
import { onEveryStore } from '../../support/stores.js';
import { createTenantAt } from '../../support/tenants.js';
import { jobOf, newApi, openQueue, Steered } from './support.js';

const CODES = defineCodes(900001, { git: ['Test_GitFailed', 'The repository was not changed', '失败'] });

/** An operation as modules write it. */
const startOperation = (jobs: JobQueue): AnyOperation =>
  defineOperation({
    ...{ id: 'codegen.start', method: 'POST', path: '/api/Start/{id}', access: { kind: 'open' } },
    ...startsJob({ jobs }),
    summary: 'Start a job',
    authority: { untouched: 'a job gives no permission' },
    schemas: { params: shapes.params, query: NAME, answer: JOB },
    handle: ({ db, params, query: { name } }) =>
      jobs.enqueue(db, { kind: 'steered', apiId: params.id, input: { name } }),
  });

const NAME = {
  type: 'object',
  additionalProperties: false,
  required: ['name'],
  properties: { name: { type: 'string' } },
} as const;

onEveryStore('a call that starts a job', (open) => {
  let tenantId: string;
  let api: string;
  let server: Server;
  let patient: JobQueue;
  let hasty: JobQueue;
  let hastyServer: Server;
  const steered = new Steered();
  const audited: string[] = [];
  let jobs = 0;

  const serve = async (queue: JobQueue): Promise<Server> => {
    const base: Partial<ApiBase> = {
      store: open(),
      tenantOf: () => ({
        id: tenantId,
        name: 'red',
        issuer: 'http://red',
        home: true,
        registrationOpen: false,
      }),
      mayCallFrom: async () => false,
      addressOf: () => '127.0.0.1',
      countOpen: () => undefined,
      admit: () => undefined,
      record: async (_db, _request, { operation, target }) => void audited.push(`${operation} ${target}`),
      unexpected: (_request, error) => assert.fail(error as Error),
      note: () => undefined,
    };
    const app = apiApp([startOperation(queue)], base as ApiBase).callback();
    const made = createServer((...asked) => void app(...asked));
    await new Promise<void>((resolve) => made.listen(0, '127.0.0.1', resolve));
    return made;
  };

  before(async () => {
    tenantId = (await open().transaction((trx) => createTenantAt(trx, 'red', 'red.example.com'))).id;
    patient = openQueue(open(), [steered.kind], { atOnce: 20, stop: 0 });
    hasty = openQueue(open(), [], { wait: 50 });
    [server, hastyServer] = [await serve(patient), await serve(hasty)];
  });
  beforeEach(async () => {
    api = await newApi(open(), tenantId);
  });
  after(async () => {
    await Promise.all([patient.close(), hasty.close()]);
    for (const each of [server, hastyServer]) await new Promise((resolve) => each.close(resolve));
  });

  interface Answer {
    status: number;
    headers: Headers;
    body: Data;
    data: Data;
  }
  const addressOf = (name: string, at = server): URL =>
    new URL(`http://127.0.0.1:${(at.address() as AddressInfo).port}/api/Start/${api}?name=${name}`);
  const start = async (name: string, prefer?: string, at = server): Promise<Answer> => {
    const headers: Record<string, string> = prefer === undefined ? {} : { prefer };
    const heard = await send(addressOf(name, at), { method: 'POST', headers });
    const body = bodyOf(heard);
    return { ...heard, body, data: body['data'] as Data };
  };
  const newName = (): string => `w${++jobs}`;

  it('answers the job that is done', async () => {
    const name = newName();
    const answer = start(name);
    await steered.end(name, async () => ({ version: '1.0.0' }));
    const { status, headers, body, data } = await answer;
    assert.deepEqual([status, body['code'], headers.get('location')], [200, 200, null]);
    assert.deepEqual([data['state'], data['result']], ['done', { version: '1.0.0' }]);
  });

  it('is audited as what made the job', async () => {
    const name = newName();
    const { data } = await start(name, 'respond-async');
    assert.equal(audited.at(-1), `codegen.start ${data['id']}`);
  });

  for (const prefer of ['respond-async', 'Respond-Async', 'wait=10, respond-async;foo=bar'])
    it(`answers at once to Prefer: ${prefer}`, async () => {
      const name = newName();
      const { status, headers, data } = await start(name, prefer);
      assert.deepEqual(
        [status, data['state'], headers.get('preference-applied'), headers.get('location')],
        [202, 'queued', 'respond-async', `/api/Jobs/${data['id']}`],
      );
      await steered.running(name);
    });

  for (const prefer of ['return=minimal', 'respond-asynchronous', ''])
    it(`waits where Prefer is "${prefer}"`, async () => {
      const name = newName();
      const answer = start(name, prefer);
      await steered.end(name);
      const { status, headers } = await answer;
      assert.deepEqual([status, headers.get('preference-applied')], [200, null]);
    });

  it('answers 202 with the job as it is when the wait is over', async () => {
    const { status, headers, data } = await start(newName(), undefined, hastyServer);
    assert.deepEqual([status, headers.get('preference-applied')], [202, null]);
    assert.equal(headers.get('location'), `/api/Jobs/${data['id']}`);
  });

  it('answers the failure of the job, with the job where the failure has no data', async () => {
    const name = newName();
    const answer = start(name);
    await steered.end(name, () => Promise.reject(new Failure(502, CODES.git, { message: 'it moved on' })));
    const { status, body, data } = await answer;
    assert.deepEqual([status, body['code'], body['codeName']], [502, 900001, 'Test_GitFailed']);
    assert.deepEqual(
      [body['message'], data['state'], data['failure'].status],
      ['it moved on', 'failed', 502],
    );
  });

  it('answers the data of a failure that has some', async () => {
    const name = newName();
    const answer = start(name);
    const failure = new Failure(422, CODES.git, { data: { lastLines: ['error'] } });
    await steered.end(name, () => Promise.reject(failure));
    const { status, body, data } = await answer;
    assert.deepEqual([status, data], [422, { lastLines: ['error'] }]);
    assert.equal(body['message'], 'The repository was not changed');
  });

  it('answers 409 with the job that was cancelled', async () => {
    const name = newName();
    const answer = start(name);
    const { id } = await steered.running(name);
    await tenantTransaction(open(), tenantId, (db) => cancelJob(db, id));
    const { status, data } = await answer;
    assert.deepEqual([status, data['id'], data['state']], [409, id, 'cancelled']);
  });

  it('answers 404 where the API is deleted meanwhile', async () => {
    const name = newName();
    const answer = start(name);
    await steered.running(name);
    await open().knex('api_resources').where({ id: api }).delete();
    assert.equal((await answer).status, 404);
  });

  it('keeps no transaction open: others write while it waits', async () => {
    const [name, other] = [newName(), newName()];
    const answer = start(name);
    await steered.running(name);
    assert.equal((await start(other, 'respond-async')).status, 202);
    await steered.end(name);
    assert.equal((await answer).status, 200);
  });

  it('does not cancel the job where the caller goes away', async () => {
    const name = newName();
    const { host, pathname, search } = addressOf(name);
    const leaving = request(`http://${host}${pathname}${search}`, { method: 'POST', agent: false });
    leaving.on('error', () => undefined).end();
    const { id, signal } = await steered.running(name);
    const closed = new Promise((resolve) => leaving.on('close', resolve));
    leaving.destroy();
    await closed;
    // Once the job has ended, its signal means nothing any more.
    assert.equal(signal.aborted, false);
    await steered.end(name);
    await until(async () => (await jobOf(open(), tenantId, id)).state === 'done');
  });

  it('answers 429 where too many jobs of the API wait', async () => {
    for (let n = 0; n < 20; n++) await start(newName(), 'respond-async', hastyServer);
    const { status, body, headers } = await start(newName(), 'respond-async', hastyServer);
    assert.deepEqual([status, headers.get('retry-after')], [429, '10']);
    assert.match(String(body['message']), /^20 jobs of this API wait or run already/);
  });

  it('answers 202 where the server stops', async () => {
    const queue = openQueue(open(), []);
    const stopping = await serve(queue);
    const answer = start(newName(), undefined, stopping);
    await until(async () => (await open().knex('tracked_jobs').where({ api_resource_id: api })).length === 1);
    const closed = queue.close();
    assert.equal((await answer).status, 202);
    await closed;
    await new Promise((resolve) => stopping.close(resolve));
  });
});
