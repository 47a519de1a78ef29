import assert from 'node:assert/strict';
import { decodeJwt } from 'jose';
import type { Gatehouse } from '../../../src/main.js';
import { insertJob } from '../../../src/jobs/tracked/store.js';
import { administrator, caller, type Caller, type Data } from '../../support/area.js';
import { STORES } from '../../support/config.js';
import { clientToken, userToken } from '../../support/management.js';
import { until } from '../../support/raw.js';
import { startServer, type TestServer } from '../../support/server.js';
import { newApi, Steered } from './support.js';
import { follow, type Stream } from './streams.js';

const TIMES = { look: 20, poll: 20, stop: 0, keepAlive: 100 };

for (const kind of STORES)
  describe(`the operations about jobs, on ${kind}`, () => {
    let server: TestServer;
    /** A node that runs no jobs. */
    let other: Gatehouse;
    let admin: Caller;
    let token: string;
    const steered = new Steered();
    let jobs = 0;
    const streams: Stream[] = [];

    before(async () => {
      const options = { jobs: { kinds: [steered.kind], atOnce: 20, times: TIMES } };
      server = await startServer(kind, {}, { server: { readTimeoutSeconds: 1 } }, options);
      other = await server.addNode({ jobs: { times: TIMES } });
      admin = await administrator(server);
      token = await clientToken(server, ['isms.codegen.releasesdk']);
    });
    afterEach(() => streams.splice(0).forEach((stream) => stream.leave()));
    after(async () => {
      await other.stop();
      await server.stop();
    });

    interface Begun {
      id: string;
      apiId: string;
      path: string;
      name: string;
    }
    const begin = async (api?: string): Promise<Begun> => {
      const apiId = api ?? (await newApi(server.context.store, server.home.tenant.id));
      const name = `job-${++jobs}`;
      const { id } = await server.change((db) => insertJob(db, { kind: 'steered', apiId, input: { name } }));
      return { id, apiId, name, path: `/api/Jobs/${id}` };
    };
    const stream = async (
      path: string,
      lastId?: string,
      { port, as = token }: { port?: number; as?: string } = {},
    ): Promise<Stream> => {
      const place = { issuer: server.issuer, ...(port !== undefined && { port }) };
      const headers: Record<string, string> = lastId === undefined ? {} : { 'last-event-id': lastId };
      const opened = await follow(place, path, as, headers);
      streams.push(opened);
      return opened;
    };
    const read = async (path: string): Promise<Data> => (await caller(server, token).ask('GET', path)).data;

    it('reads a job', async () => {
      const { path, id, apiId, name } = await begin();
      const job = await steered.running(name);
      await job.step('publish', 70);
      const { createdAt, updatedAt, ...rest } = await read(path);
      assert.deepEqual(rest, {
        ...{ id, kind: 'steered', apiId, state: 'running' },
        ...{ step: 'publish', percent: 70, lastLines: [] },
      });
      for (const time of [createdAt, updatedAt]) assert.match(String(time), /^\d{4}-\d\d-\d\dT.*Z$/);
    });

    it('cancels a job that runs, and answers one that has ended as it is', async () => {
      const { path, name } = await begin();
      await steered.running(name);
      const { state } = await admin.done('DELETE', path);
      assert.equal(state, 'running');
      await until(async () => (await read(path))['state'] === 'cancelled');
      assert.deepEqual(await admin.done('DELETE', path), await read(path));
    });

    it('answers 404 for a job that is not there, read, followed or cancelled', async () => {
      const path = '/api/Jobs/00000000-0000-7000-8000-000000000000';
      assert.equal((await admin.ask('GET', path)).status, 404);
      assert.equal((await admin.ask('DELETE', path)).status, 404);
      const { status, headers } = await stream(path);
      assert.deepEqual([status, headers['content-type']], [404, 'application/json; charset=utf-8']);
    });

    it('shows a developer the jobs of their own APIs only [SEC-R4] [SEC-C4]', async () => {
      const may = ['isms.codegen.releasesdk', 'isms.apiresource.all'];
      const [role] = (await admin.ask('GET', '/api/Role?q.name=developer')).body['data'] as [Data];
      const claims = may.map((value) => ({ type: 'permission', value }));
      await admin.done('PUT', '/api/Role', { id: role['id'], claims });
      const theirs = await userToken(server, may, [], undefined, ['developer']);
      const developer = caller(server, theirs);
      const api = await developer.done('POST', '/api/ApiResource', { name: 'mine', scopes: [] });
      const own = await begin(String(api['id']));
      assert.equal((await developer.done('GET', own.path))['id'], own.id);
      const foreign = await begin();
      for (const method of ['GET', 'DELETE'])
        assert.equal((await developer.ask(method, foreign.path)).status, 404, method);
      assert.equal((await stream(foreign.path, undefined, { as: theirs })).status, 404);
      await steered.running(own.name);
      await developer.done('DELETE', own.path);
    });

    it('sends what a job is, each change, and its end, and then closes the stream', async () => {
      const { path, name } = await begin();
      const job = await steered.running(name);
      const { status, headers, nth, events, ended } = await stream(path);
      assert.equal(status, 200);
      assert.deepEqual(
        [headers['content-type'], headers['cache-control'], headers['x-accel-buffering'], headers['etag']],
        ['text/event-stream', 'no-store', 'no', undefined],
      );
      assert.equal((await nth(0)).data.state, 'running');
      await job.step('pack', 30);
      const packed = await nth(1);
      assert.deepEqual([packed.event, packed.data.step, packed.data.percent], ['progress', 'pack', 30]);
      await steered.end(name);
      const end = await nth(2);
      assert.deepEqual([end.event, end.data.state, end.data.result], ['end', 'done', { by: name }]);
      await ended;
      const ids = events.map(({ id }) => Number(id));
      assert.deepEqual(
        ids,
        [...ids].sort((a, b) => a - b),
      );
      assert.equal(new Set(ids).size, 3);
    });

    it('sends the same on a node that does not run the job', async () => {
      const { path, name } = await begin();
      const job = await steered.running(name);
      const { nth, ended } = await stream(path, undefined, { port: other.port });
      await nth(0);
      await job.step('pack', 30);
      assert.equal((await nth(1)).data.step, 'pack');
      await steered.end(name);
      assert.equal((await nth(2)).event, 'end');
      await ended;
    });

    it('sends nothing to who has the newest event until there is another', async () => {
      const { path, name } = await begin();
      const job = await steered.running(name);
      const { id } = await (await stream(path)).nth(0);
      const again = await stream(path, id);
      await until(() => again.comments() > 0);
      assert.deepEqual(again.events, []);
      await job.step('pack', 30);
      assert.equal((await again.nth(0)).data.step, 'pack');
    });

    it('sends the newest state at once to who has an older event', async () => {
      const { path, name } = await begin();
      const job = await steered.running(name);
      const { id } = await (await stream(path)).nth(0);
      await job.step('pack', 30);
      assert.equal((await (await stream(path, id)).nth(0)).data.step, 'pack');
    });

    it('sends the end of a job that has ended at once, whatever event the caller has', async () => {
      const { path, name } = await begin();
      await steered.end(name);
      await until(async () => (await read(path))['state'] === 'done');
      const first = await stream(path);
      await first.ended;
      assert.deepEqual(
        first.events.map(({ event }) => event),
        ['end'],
      );
      const again = await stream(path, first.events[0]?.id);
      await again.ended;
      assert.deepEqual(again.events, first.events);
    });

    it('ends the stream of a token that is revoked, without another event [SEC-C12]', async () => {
      const revoked = await clientToken(server, ['isms.codegen.releasesdk']);
      const { path, name } = await begin();
      const job = await steered.running(name);
      const opened = await stream(path, undefined, { as: revoked });
      await opened.nth(0);
      const { jti, exp } = decodeJwt(revoked);
      await server.context.store.knex('revocations').insert({
        ...{ tenant_id: server.home.tenant.id, kind: 'token', id: jti },
        ...{ revoked_at: Date.now(), expires_at: Number(exp) * 1000 },
      });
      await job.step('secret', 50);
      await opened.ended;
      assert.equal(opened.events.length, 1);
    });

    it('ends the stream of a client that loses the scope, while nothing happens [SEC-C12]', async () => {
      const as = await clientToken(server, ['isms.codegen.releasesdk']);
      const { path, name } = await begin();
      await steered.running(name);
      const opened = await stream(path, undefined, { as });
      await opened.nth(0);
      const clientId = String(decodeJwt(as)['client_id']);
      const list = (await admin.ask('GET', `/api/Client?q.clientId=${clientId}`)).body['data'];
      await admin.done('PUT', '/api/Client', { id: (list as Data[])[0]?.['id'] as string, scopes: [] });
      await opened.ended;
      assert.equal(opened.events.length, 1);
    });

    it('ends the stream where the API is deleted', async () => {
      const { path, apiId, name } = await begin();
      await steered.running(name);
      const opened = await stream(path);
      await opened.nth(0);
      await admin.done('DELETE', `/api/ApiResource/${apiId}`);
      await opened.ended;
      assert.equal(opened.events.length, 1);
      assert.equal((await admin.ask('GET', path)).status, 404);
    });

    it('opens ten streams for a tenant, and another one when one was left [SEC-C12]', async () => {
      const { path, name } = await begin();
      await steered.running(name);
      const open = await Promise.all(Array.from({ length: 10 }, () => stream(path)));
      const { status, headers } = await stream(path);
      assert.deepEqual([status, headers['retry-after']], [429, '5']);
      open[0]?.leave();
      await until(async () => (await stream(path)).status === 200);
    });

    // It is about connections, and not about the store.
    if (kind === 'sqlite')
      it('ends the stream of a caller who does not read it', async () => {
        const [quiet, loud] = [await begin(), await begin()];
        const job = await steered.running(loud.name);
        const slow = await stream(loud.path);
        await slow.nth(0);
        slow.pause();
        for (let n = 0; n < 9; n++) await stream(quiet.path);
        // The tenant has ten streams. There is room for another one as soon as the slow one has ended.
        const line = 'x'.repeat(500);
        await until(async () => {
          for (let n = 0; n < 20; n++) {
            for (let m = 0; m < 40; m++) job.line(line);
            await job.step('write', 50);
          }
          return (await stream(quiet.path)).status === 200;
        });
      });

    it('answers HEAD, and who prefers JSON, without a stream', async () => {
      const { path, name } = await begin();
      await steered.running(name);
      const accept = 'application/json, text/event-stream;q=0.5';
      assert.equal((await admin.done('GET', path, undefined, { headers: { accept } }))['state'], 'running');
      const head = await admin.ask('HEAD', path, undefined, { headers: { accept: 'text/event-stream' } });
      assert.equal(head.status, 200);
    });

    it('ends the streams of a node that stops', async () => {
      const node = await server.addNode({ jobs: { times: TIMES } });
      const { path, name } = await begin();
      await steered.running(name);
      const opened = await stream(path, undefined, { port: node.port });
      await opened.nth(0);
      await node.stop();
      assert.deepEqual([opened.isOver(), opened.events.length], [true, 1]);
    });
  });
