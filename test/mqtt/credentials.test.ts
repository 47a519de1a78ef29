import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { connect } from 'node:net';
import { promisify } from 'node:util';
import { insertApp } from '../../src/mqtt/index.js';
import { STORES } from '../support/config.js';
import { basic, bodyOf, send } from '../support/http.js';
import { needsFiles } from '../support/needs.js';
import { oneOf, placeOf } from '../support/profile.js';
import { startServer, type TestServer } from '../support/server.js';

const run = promisify(execFile);
const APP = 'app_id';
const SECRET = 'app:secret-0123456789-0123456789-0123456789';
const ANOTHER = 'another-secret-0123456789-0123456789';

/** The two tables are one behaviour; so is each of their documents' lines. */
const TABLES = [
  ['auth_username', 'username'],
  ['auth_clientid', 'clientid'],
] as const;

for (const store of STORES)
  describe(`credentials of devices, on ${store}`, () => {
    let server: TestServer;
    let api: string;
    /** In the short run, long lists are for one of the tables; on the other store, for the other. */
    const withLongLists = oneOf(TABLES, placeOf(store)).map(([table]) => table);
    before(async () => {
      server = await startServer(store, {}, { limits: { enabled: false } });
      api = `${server.issuer}/api/v4`;
      await server.change((db) => insertApp(db, server.context.vault, { appId: APP, secret: SECRET }));
    });
    after(() => server.stop());

    for (const [table, key] of TABLES)
      describe(table, () => {
        afterEach(async () => {
          for (const name of ['mqtt_credentials', 'mqtt_counters', 'mqtt_blocks'])
            await server.context.store.knex(name).delete();
        });

        const call = async (
          method: string,
          path: string,
          json?: unknown,
          authorization = basic(APP, SECRET),
        ): Promise<{ status: number; body: Record<string, unknown> }> => {
          const heard = await send(new URL(`${api}/${path}`), {
            method,
            headers: { ...(authorization && { authorization }) },
            ...(json !== undefined && { body: typeof json === 'string' ? json : JSON.stringify(json) }),
          });
          return { status: heard.status, body: bodyOf(heard) };
        };
        const device = (name: string, password = 'password') => ({ [key]: name, password });
        const make = async (...names: string[]): Promise<void> => {
          assert.equal(
            (
              await call(
                'POST',
                table,
                names.map((name) => device(name)),
              )
            ).status,
            200,
          );
        };
        const rows = (): Promise<Record<string, unknown>[]> =>
          server.context.store.knex<Record<string, unknown>>('mqtt_credentials').orderBy('seq');

        describe('as its document writes it, with curl,', () => {
          beforeEach(function () {
            if (this.currentTest) needsFiles(this, ['/usr/bin/curl'], 'curl (apt-get install curl)');
          });
          const curl = async (...args: string[]): Promise<string> =>
            (await run('curl', ['-s', '-u', `${APP}:${SECRET}`, ...args])).stdout;

          it('creates one', async () => {
            const body = `{"${key}": "user_test", "password": "password"}`;
            assert.equal(await curl('-X', 'POST', '-d', body, `${api}/${table}`), '{"code":0}');
          });

          it('creates many', async () => {
            const body = `[{"${key}": "api_user1", "password": "password"},{"${key}": "api_user2", "password": "password"}]`;
            assert.equal(
              await curl('-X', 'POST', '-d', body, `${api}/${table}`),
              '{"data":{"api_user1":"ok","api_user2":"ok"},"code":0}',
            );
          });

          it('lists them', async () => {
            await make('test', 'api_user1', 'api_user2');
            assert.equal(
              await curl('-X', 'GET', `${api}/${table}`),
              `{"meta":{"page":1,"limit":10,"count":3},"data":[{"${key}":"api_user2"},{"${key}":"api_user1"},{"${key}":"test"}],"code":0}`,
            );
          });

          it('shows one', async () => {
            await make('user1');
            assert.equal(
              await curl('-X', 'GET', `${api}/${table}/user1`),
              `{"data":{"${key}":"user1"},"code":0}`,
            );
          });

          it('sets a password', async () => {
            await make('api_user1');
            const [before] = await rows();
            assert.equal(
              await curl('-X', 'PUT', '-d', '{"password": "new_password"}', `${api}/${table}/api_user1`),
              '{"code":0}',
            );
            const [after] = await rows();
            assert.notEqual(after?.['password_hash'], before?.['password_hash']);
            assert.notEqual(after?.['salt'], before?.['salt']);
          });

          it('deletes one, and one that is not there', async () => {
            await make('api_user1');
            for (let time = 0; time < 2; time++)
              assert.equal(await curl('-X', 'DELETE', `${api}/${table}/api_user1`), '{"code":0}');
            assert.deepEqual(await rows(), []);
          });
        });

        describe('refuses', () => {
          const REFUSED: [what: string, header: string][] = [
            ['who sends nothing', ''],
            ['a wrong secret', basic(APP, 'wrong')],
            ['an app that is not there', basic('nobody', SECRET)],
            ['Basic without a colon', `Basic ${Buffer.from('app_id').toString('base64')}`],
            ['what is not base64', 'Basic !!!'],
            ['another scheme', `Bearer ${SECRET}`],
          ];
          for (const [what, header] of REFUSED)
            it(`${what}: 401`, async () => {
              const { status, body } = await call('GET', table, undefined, header);
              assert.deepEqual([status, body['code']], [401, 900002]);
            });

          it('an app that is disabled, and one without the right', async () => {
            await server.change((db) =>
              insertApp(db, server.context.vault, {
                appId: `reader-${table}`,
                secret: SECRET,
                rights: ['read'],
              }),
            );
            const reader = basic(`reader-${table}`, SECRET);
            assert.equal((await call('GET', table, undefined, reader)).status, 200);
            const write = await call('POST', table, device('x'), reader);
            assert.deepEqual([write.status, write.body['code']], [403, 900003]);
            await make('seen');
            assert.equal((await call('GET', `${table}/seen?withHash=true`, undefined, reader)).status, 403);
          });

          const INVALID: [what: string, body: unknown][] = [
            ['no name', { password: 'x' }],
            ['an empty name', { [key]: '', password: 'x' }],
            ['a number for a name', { [key]: 7, password: 'x' }],
            ['no password', { [key]: 'x' }],
            ['an empty password', { [key]: 'x', password: '' }],
            ['a number for a password', { [key]: 'x', password: 7 }],
            ['a name of 65,536 bytes', { [key]: 'x'.repeat(65_536), password: 'x' }],
            ['a NUL', { [key]: 'a\u0000b', password: 'x' }],
            ['half a character', { [key]: 'a\ud800b', password: 'x' }],
            ['text', '"text"'],
            ['null', 'null'],
          ];
          for (const [what, body] of INVALID)
            it(`${what}: 422, and writes nothing`, async () => {
              const answer = await call('POST', table, body);
              assert.deepEqual([answer.status, answer.body['code']], [422, 900006]);
              assert.deepEqual(await rows(), []);
            });

          for (const body of [
            '{',
            '[{"a":1}',
            '',
            '{"a":1}}',
            'not json',
            `[${JSON.stringify(device('a'))},`,
          ])
            it(`what is no JSON (${JSON.stringify(body)}): 400, and writes nothing`, async () => {
              const { status, body: answer } = await call('POST', table, body);
              assert.deepEqual([status, answer['code']], [400, 900001]);
              assert.deepEqual(await rows(), []);
            });

          it('a name that is taken: 409 existed', async () => {
            await make('taken');
            const { status, body } = await call('POST', table, device('taken'));
            assert.deepEqual([status, body], [409, { code: 900005, message: 'existed' }]);
          });

          it('to show or change what is not there: 404', async () => {
            for (const [method, body] of [
              ['GET', undefined],
              ['PUT', { password: 'x' }],
            ] as const) {
              const { status, body: answer } = await call(method, `${table}/nobody`, body);
              assert.deepEqual([status, answer['code']], [404, 900004], method);
            }
          });

          it('pages that can not be: 422', async () => {
            for (const query of ['_page=0', '_page=-1', '_limit=10001', '_limit=0', '_limit=x'])
              assert.equal((await call('GET', `${table}?${query}`)).status, 422, query);
          });
        });

        it('takes any name that MQTT allows, and finds it by its path', async () => {
          const names = ['a/b', 'a b', '设备', '📟', 'a%2Fb', '￾', 'x'.repeat(5000), '+/#', '"\\'];
          for (const name of names) assert.equal((await call('POST', table, device(name))).status, 200, name);
          for (const name of names) {
            const { body } = await call('GET', `${table}/${encodeURIComponent(name)}`);
            assert.deepEqual(body, { data: { [key]: name }, code: 0 });
          }
        });

        it('changes and deletes by the body a name that a path has no room for', async () => {
          const name = '设'.repeat(65_535 / 3);
          await make(name, 'another');
          const before = await rows();
          assert.equal((await call('PUT', table, device(name, 'a new one'))).status, 200);
          const after = await rows();
          assert.notEqual(after[0]?.['password_hash'], before[0]?.['password_hash']);
          assert.equal(after[1]?.['password_hash'], before[1]?.['password_hash']);
          assert.equal((await call('PUT', table, device(`${name.slice(1)}x`))).status, 404);
          assert.deepEqual((await call('DELETE', table, { [key]: name })).body, { code: 0 });
          assert.deepEqual((await call('GET', table)).body['data'], [{ [key]: 'another' }]);
        });

        it('deletes nothing where no name is said', async () => {
          await make('stays');
          for (const body of ['{}', '[]', `{"${key}":""}`, `{"${key}":["stays"]}`])
            assert.equal((await call('DELETE', table, body)).status, 422, body);
          assert.equal((await call('DELETE', table)).status, 400);
          assert.equal((await rows()).length, 1);
        });

        it('keeps the good ones of many, and says why not of each of the others', async () => {
          await make('there');
          const { status, body } = await call('POST', table, [
            device('there'),
            device('fresh'),
            { [key]: 'without' },
            { [key]: 7, password: 'x' },
            [device('in a list')],
            device('twice', 'first'),
            device('twice', 'second'),
            { [key]: 'late', password: '' },
            device('late', 'valid'),
          ]);
          assert.equal(status, 200);
          assert.deepEqual(body['data'], {
            without: 'password is missing',
            '': `${key} must be text`,
            late: 'ok',
            there: 'existed',
            fresh: 'ok',
            twice: 'ok',
          });
          assert.deepEqual(
            (await rows()).map(({ name }) => name),
            ['there', 'fresh', 'twice', 'late'],
          );
        });

        it('keeps passwords as salted hashes that EMQX reads, and shows them to who may see them only', async () => {
          const { createHash } = await import('node:crypto');
          await make('kept');
          const [row] = await rows();
          const expected = createHash('sha256')
            .update(`${String(row?.['salt'])}password`)
            .digest('hex');
          assert.equal(row?.['password_hash'], expected);
          await server.change((db) =>
            insertApp(db, server.context.vault, {
              appId: `auditor-${table}`,
              secret: SECRET,
              rights: ['read', 'mqtt.hash.read'],
            }),
          );
          const shown = await call(
            'GET',
            `${table}/kept?withHash=true`,
            undefined,
            basic(`auditor-${table}`, SECRET),
          );
          assert.deepEqual(shown.body['data'], { [key]: 'kept', password: expected });
        });

        if (withLongLists.includes(table))
          it('pages over all of them, the newest first, whatever was taken out in between', async () => {
            const names = Array.from({ length: 2500 }, (_, n) => `device-${n}`);
            await make(...names);
            const gone = new Set(['device-0', 'device-999', 'device-1000', 'device-2499', 'device-1700']);
            for (const name of gone) assert.equal((await call('DELETE', `${table}/${name}`)).status, 200);
            await make('late');
            const expected = ['late', ...names.filter((name) => !gone.has(name)).reverse()];
            for (const limit of [7, 100, 10_000])
              for (const page of [1, 2, 14, Math.ceil(expected.length / limit), 5000]) {
                const { body } = await call('GET', `${table}?_page=${page}&_limit=${limit}`);
                assert.deepEqual(body, {
                  meta: { page, limit, count: expected.length },
                  data: expected.slice((page - 1) * limit, page * limit).map((name) => ({ [key]: name })),
                  code: 0,
                });
              }
          });

        it('finds names by any part of them, the newest first, and counts them', async () => {
          const like = async (part: string, more = ''): Promise<unknown> =>
            (await call('GET', `${table}?_like_${key}=${encodeURIComponent(part)}${more}`)).body;
          const page = (names: string[], count = names.length, meta = {}): unknown => ({
            meta: { page: 1, limit: 10, count, ...meta },
            data: names.map((name) => ({ [key]: name })),
            code: 0,
          });
          await make('sensor-1', 'Sensor-2', '设备甲', 'a/b', 'aXaXa', '100%');
          assert.deepEqual(await like('ensor'), page(['Sensor-2', 'sensor-1']));
          assert.deepEqual(
            await like('ensor', '&_limit=1&_page=2'),
            page(['sensor-1'], 2, { page: 2, limit: 1 }),
          );
          assert.deepEqual(await like('备'), page(['设备甲']));
          assert.deepEqual(await like('aX'), page(['aXaXa']));
          assert.deepEqual(await like('%'), page(['100%']));
          assert.deepEqual(await like('1s'), page([]));
          await make('sensor-3');
          await call('DELETE', `${table}/sensor-1`);
          assert.deepEqual(await like('ensor'), page(['sensor-3', 'Sensor-2']));
          assert.equal((await call('GET', `${table}?_like_${key}=`)).status, 422);
        });

        if (withLongLists.includes(table))
          it('counts ten thousand of those that have a part, and says that there are more', async () => {
            await make(...Array.from({ length: 10_001 }, (_, n) => `many-${n}`));
            const { body } = await call('GET', `${table}?_like_${key}=many&_limit=1`);
            assert.deepEqual(body['meta'], { page: 1, limit: 1, count: 10_000, more: true });
            const last = await call('GET', `${table}?_like_${key}=many&_limit=1&_page=10001`);
            assert.deepEqual(last.body['data'], [{ [key]: 'many-0' }]);
          });

        it('lets one of many at once have a name', async () => {
          const answers = await Promise.all(
            Array.from({ length: 5 }, (_, n) => call('POST', table, device('wanted', `password-${n}`))),
          );
          assert.deepEqual(answers.map(({ status }) => status).sort(), [200, 409, 409, 409, 409]);
          const { body } = await call('GET', table);
          assert.deepEqual(body['meta'], { page: 1, limit: 10, count: 1 });
        });

        if (withLongLists.includes(table))
          it('writes nothing of a list that is cut in the middle', async () => {
            const text = JSON.stringify(Array.from({ length: 5000 }, (_, n) => device(`cut-${n}`)));
            const socket = connect(server.port, '127.0.0.1');
            socket.write(
              `POST /api/v4/${table} HTTP/1.1\r\nHost: ${new URL(server.issuer).host}\r\nAuthorization: ${basic(APP, SECRET)}\r\nContent-Length: ${text.length}\r\n\r\n`,
            );
            await new Promise<void>((resolve) =>
              socket.write(text.slice(0, text.length / 2), () => resolve()),
            );
            await new Promise<void>((resolve) => socket.once('close', () => resolve()).destroy());
            const whole = await call('POST', table, [device('whole')]);
            assert.deepEqual(whole.body['data'], { whole: 'ok' });
            assert.deepEqual(
              (await rows()).map(({ name }) => name),
              ['whole'],
            );
          });

        it('says at which byte a body stops being JSON, without states of the parser', async () => {
          const answer = await call('POST', table, 'not json');
          assert.equal(answer.status, 400);
          assert.equal(answer.body['message'], 'the body is not JSON in UTF-8: Unexpected "o" at byte 1');
        });

        if (withLongLists.includes(table))
          it('writes nothing of a long list that turns out to be broken at its end', async () => {
            const text = JSON.stringify(Array.from({ length: 5000 }, (_, n) => device(`broken-${n}`)));
            const answer = await call('POST', table, text.slice(0, -1));
            assert.equal(answer.status, 400);
            assert.equal(answer.body['message'], 'the body is not JSON in UTF-8: it ends in the middle');
            assert.deepEqual(await rows(), []);
          });

        if (withLongLists.includes(table))
          it('reads no more than 200,000 entries of a list, whoever takes it', async () => {
            const text = `[${'0,'.repeat(200_000)}0]`;
            for (const [method, path] of [
              ['POST', table],
              ['PUT', `${table}/somebody`],
            ] as const) {
              const answer = await call(method, path, text);
              assert.equal(answer.status, 413);
              assert.equal(answer.body['message'], 'it may have 200000 entries');
            }
          });

        it('belongs to the app’s tenant: another has the same name and another password', async () => {
          const host = `${table.replace('_', '-')}-${store}.localhost:${server.port}`;
          const tenant = await server.addTenant(`Devices ${host}`, host);
          await server.refresh();
          await server.change(
            (db) => insertApp(db, server.context.vault, { appId: APP, secret: ANOTHER }),
            tenant,
          );
          await make('shared');
          const there = async (authorization: string): Promise<number> =>
            (
              await send(new URL(`http://${host}/api/v4/${table}`), {
                method: 'POST',
                headers: { authorization },
                body: JSON.stringify(device('shared', 'another')),
              })
            ).status;
          assert.equal(await there(basic(APP, SECRET)), 401);
          assert.equal(await there(basic(APP, ANOTHER)), 200);
          assert.equal((await rows()).length, 2);
        });
      });
  });
