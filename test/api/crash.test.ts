import assert from 'node:assert/strict';
import { createInterface } from 'node:readline';
import { Readable } from 'node:stream';
import type { Data } from '../support/area.js';
import { environment, STORES } from '../support/config.js';
import { kill, managementToken, serve } from '../support/process.js';
import { often } from '../support/profile.js';

const KILLS = often({ short: 1, long: 3 });
const WORKERS = 4;

for (const kind of STORES)
  describe(`kill -9 while things are changed over REST, on ${kind}`, function () {
    it('loses nothing that was acknowledged, and leaves nothing half written', async () => {
      const env = await environment(kind, {}, 'started');
      const issuer = `http://localhost:${env['PORT']}`;
      let token = '';
      const ask = async (
        method: string,
        path: string,
        body?: object,
      ): Promise<{ status: number; data: Data }> => {
        const answer = await fetch(`${issuer}${path}`, {
          method,
          headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
          ...(body && { body: JSON.stringify(body) }),
        });
        const { data } = (await answer.json()) as Data;
        return { status: answer.status, data: data as Data };
      };
      for (let round = 0; round < KILLS; round += 1) {
        const server = await serve(env);
        token = await managementToken(issuer);
        const roles: string[] = [];
        const users: string[] = [];
        let dead = false;
        const enough = 60 + round * 25;
        const done = (): void => {
          if (roles.length + users.length >= enough) dead ||= server.child.kill('SIGKILL');
        };
        const maker = async (worker: number): Promise<void> => {
          for (let n = 0; !dead; n += 1) {
            const { status, data } = await ask('POST', '/api/Role', { name: `role-${round}-${worker}-${n}` });
            assert.equal(status, 200);
            roles.push(data['id']);
            done();
          }
        };
        // Lines that never end; the server answers them batch by batch.
        const importer = async (): Promise<void> => {
          const lines = function* () {
            for (let n = 0; !dead; n += 1) yield Buffer.from(`{ "userName": "user-${round}-${n}" }\n`);
          };
          const answer = await fetch(`${issuer}/api/User/Import`, {
            method: 'POST',
            headers: { authorization: `Bearer ${token}`, 'content-type': 'application/x-ndjson' },
            body: ReadableStream.from(lines()),
            duplex: 'half',
          });
          const answers = createInterface({ input: Readable.fromWeb(answer.body as never) });
          for await (const line of answers) {
            users.push((JSON.parse(line) as Data)['id']);
            done();
          }
        };
        const unlessDead = (work: Promise<void>): Promise<void> =>
          work.catch(() => assert.ok(dead, 'the server failed before it was killed'));
        await Promise.all([
          ...Array.from({ length: WORKERS }, (_, worker) => unlessDead(maker(worker))),
          unlessDead(importer()),
        ]);
        await server.finished;

        const again = await serve(env);
        token = await managementToken(issuer);
        for (const id of roles) assert.equal((await ask('GET', `/api/Role/${id}`)).status, 200);
        for (const id of users.slice(-50)) {
          const { data } = await ask('GET', `/api/User/${id}`);
          const found = await ask('GET', `/api/User?q.name=${data['userName']}`);
          assert.ok((found.data as unknown as Data[]).some((user) => user['id'] === id));
        }
        assert.ok(roles.length + users.length >= enough);
        await kill(again, 'SIGKILL');
      }
    });
  });
