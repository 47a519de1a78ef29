import assert from 'node:assert/strict';
import { readdirSync, existsSync } from 'node:fs';
import { request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { unzipped } from '../../../src/codegen/generators/service.js';
import { LIMITS } from '../../../src/codegen/process/index.js';
import { administrator, type Caller } from '../../support/area.js';
import { STORES } from '../../support/config.js';
import { documentOf, startBackend, startGateway, type Backend } from '../../support/gateway.js';
import { call, type ApiAnswer } from '../../support/management.js';
import type { TestServer } from '../../support/server.js';

const ORDERS = documentOf({ 'GET /orders': null, 'GET /orders/{id}': null });
const UNLIMITED = { limits: { open: { tenant: 1e9, address: 1e9 } } };
const WRONG = 'openapi: 3.0.3\ninfo: {title: x}\npaths: {}\n';

/** Folders of runs of this process that have got a document. */
const runsUnderWay = (): string[] =>
  readdirSync(tmpdir()).filter(
    (name) =>
      new RegExp(`^gatehouse-codegen-[0-9a-f]+-${process.pid}-`).test(name) &&
      existsSync(join(tmpdir(), name, 'document.json')),
  );

async function until(is: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await is())) await delay(20);
}

for (const kind of STORES)
  describe(`the preview of generated code, on ${kind}`, () => {
    let server: TestServer;
    let admin: Caller;
    let backend: Backend;
    let release = (): void => undefined;
    const path = '/api/CodeGen/Gen';
    before(async () => {
      let held = Promise.resolve();
      backend = await startBackend(({ url }, response) => {
        if (url === '/hold') held = new Promise((done) => (release = done));
        void held.then(() => response.end(url === '/wrong' ? WRONG : JSON.stringify(ORDERS)));
      });
      server = await startGateway(kind, [backend], {}, UNLIMITED);
      admin = await administrator(server);
    });
    after(async () => {
      await server.stop();
      await backend.close();
    });
    const gen = (json: unknown, headers: Record<string, string> = {}): Promise<ApiAnswer> =>
      call(server, { method: 'POST', path, json, headers });
    const audited = async (): Promise<number> =>
      (await server.context.store.knex('audit').where({ event: 'codegen.gen' })).length;

    it('answers a map of files without a token, and leaves a row in the audit [SEC-C11]', async () => {
      const before = await audited();
      const { status, data } = await gen({ genName: 'gatehouse-koa', document: ORDERS });
      assert.equal(status, 200);
      assert.match(String(data['src/handlers/default.ts']), /export async function getOrdersId/);
      assert.equal((await audited()) - before, 1);
    });

    it('fetches the document within the tenant’s reach [SEC-C3]', async () => {
      const { status, data } = await gen({
        genName: 'gatehouse-koa',
        swaggerUrl: `${backend.url}/openapi.json`,
      });
      assert.deepEqual([status, Object.keys(data).includes('src/routes.ts')], [200, true]);
    });

    it('answers a ZIP where the caller prefers one', async () => {
      const response = await fetch(new URL(path, server.issuer), {
        method: 'POST',
        headers: { accept: 'application/zip', 'content-type': 'application/json' },
        body: JSON.stringify({ genName: 'gatehouse-koa', document: ORDERS }),
      });
      const { headers } = response;
      assert.deepEqual(
        ['content-type', 'content-disposition', 'x-content-type-options'].map((name) => headers.get(name)),
        ['application/zip', 'attachment; filename="code.zip"', 'nosniff'],
      );
      const files = unzipped(Buffer.from(await response.arrayBuffer()), LIMITS);
      assert.ok(files.has('src/server.ts'));
    });

    const REFUSED: [what: string, body: unknown, status: number, code: number, field?: string][] = [
      ['an unknown generator', { genName: 'cobol', document: ORDERS }, 422, 422, 'genName'],
      ['no generator', { document: ORDERS }, 422, 422, 'genName'],
      [
        'an unknown option',
        { genName: 'typescript', document: ORDERS, options: { x: 1 } },
        422,
        422,
        'options/x',
      ],
      [
        'a wrong option',
        { genName: 'typescript', document: ORDERS, options: { dates: 1 } },
        422,
        422,
        'options/dates',
      ],
      ['no document', { genName: 'typescript' }, 422, 200001, 'document'],
      [
        'two documents',
        { genName: 'typescript', document: ORDERS, swaggerUrl: 'https://x.example' },
        422,
        200001,
        'document',
      ],
      ['a document that is none', { genName: 'typescript', document: 'hello' }, 422, 200001, 'document'],
      [
        'an address of this machine',
        { genName: 'typescript', swaggerUrl: 'http://127.0.0.1:1/' },
        422,
        200001,
        'swaggerUrl',
      ],
      [
        'an address with a user',
        { genName: 'typescript', swaggerUrl: 'https://a:b@x.example' },
        422,
        422,
        'swaggerUrl',
      ],
      ['an unknown field', { genName: 'typescript', document: ORDERS, out: '/etc' }, 422, 422, 'out'],
    ];
    for (const [what, body, status, code, field] of REFUSED)
      it(`refuses ${what}`, async () => {
        const answer = await gen(body);
        assert.deepEqual(
          [answer.status, answer.body['code'], (answer.body['data'] as { field: string }[])[0]?.field],
          [status, code, field],
        );
      });

    it('says the line of what is wrong in a document, sent or fetched', async () => {
      for (const source of [{ document: WRONG }, { swaggerUrl: `${backend.url}/wrong` }]) {
        const { body } = await gen({ genName: 'gatehouse-koa', ...source });
        const [problem] = body['data'] as { field: string; line: number }[];
        assert.deepEqual([problem?.field, problem?.line], [Object.keys(source)[0], 2]);
      }
    });

    it('makes two at a time, and refuses a third with when to try again [SEC-C11]', async () => {
      const hold = { genName: 'gatehouse-koa', swaggerUrl: `${backend.url}/hold` };
      const asked = backend.asked.length;
      const both = [gen(hold), gen({ ...hold, swaggerUrl: `${backend.url}/next` })];
      await until(() => backend.asked.length === asked + 2);
      const third = await gen({ genName: 'gatehouse-koa', document: ORDERS });
      release();
      assert.deepEqual([third.status, third.headers.get('retry-after')], [429, '5']);
      assert.deepEqual(
        (await Promise.all(both)).map(({ status }) => status),
        [200, 200],
      );
    });

    it('reads four large bodies of any callers at a time, and small ones meanwhile [SEC-C11]', async () => {
      const large = { genName: 'none', document: { x: 'x'.repeat(100_000) } };
      const stalled = Array.from({ length: 4 }, () => {
        const headers = { 'content-type': 'application/json', 'content-length': '10000000' };
        const asking = request(new URL(path, server.issuer), { method: 'POST', headers });
        asking.on('error', () => undefined).write(`{"x":"${'x'.repeat(100_000)}`);
        return asking;
      });
      let refused: ApiAnswer | undefined;
      await until(async () => (refused = await gen(large)).status === 429);
      assert.equal(refused?.headers.get('retry-after'), '5');
      assert.equal((await gen({ genName: 'gatehouse-koa', document: ORDERS })).status, 200);
      for (const asking of stalled) asking.destroy();
      await until(async () => (await gen(large)).status === 422);
    });

    it('ends the process of a caller who goes away [SEC-C5]', async () => {
      const own = await (await fetch(new URL('/openapi.json', server.issuer))).json();
      const before = await audited();
      const leaving = new AbortController();
      const asking = fetch(new URL(path, server.issuer), {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({ genName: 'typescript', document: own }),
        signal: leaving.signal,
      }).catch(() => 'left');
      await until(() => runsUnderWay().length === 1);
      leaving.abort();
      assert.equal(await asking, 'left');
      await until(() => runsUnderWay().length === 0);
      // A preview that went on to its end would have been written down.
      assert.equal(await audited(), before);
      assert.equal((await gen({ genName: 'gatehouse-koa', document: ORDERS })).status, 200);
    });

    it('lists clients and servers whole', async () => {
      const clients = await admin.done('GET', '/api/CodeGen/Clients');
      assert.deepEqual(
        [clients[0].name, clients[0].options.enums],
        [
          'hey-api-fetch',
          {
            type: 'string',
            default: 'none',
            enum: ['none', 'javascript', 'typescript'],
            description:
              'Whether enums are unions of literals alone, constant objects as well, or TypeScript enums.',
          },
        ],
      );
      const servers = await admin.done('GET', '/api/CodeGen/Servers');
      assert.deepEqual(servers[0].name, 'gatehouse-koa');
    });

    it('has the codes of its area', async () => {
      const { data } = await call(server, { method: 'GET', path: '/api/CodeGen/Codes' });
      const codes = data as unknown as { code: number; name: string }[];
      assert.equal(codes.find(({ code }) => code === 200006)?.name, 'Gen_GenerateFailed');
    });
  });
