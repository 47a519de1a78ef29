import assert from 'node:assert/strict';
import type { Data } from '../../support/area.js';
import { environment, STORES } from '../../support/config.js';
import { kill, managementToken, serve } from '../../support/process.js';
import { pathsOf, SERVICE } from './support.js';

const PUBLISHERS = 4;
const ENOUGH = 12;

for (const kind of STORES)
  describe(`kill -9 in the middle of publishing, on ${kind}`, () => {
    it('leaves each publication whole or not at all, and loses none that was answered [SEC-G24]', async () => {
      const env = await environment(kind, {}, 'started');
      const issuer = `http://localhost:${env['PORT']}`;
      let token = '';
      const ask = async (
        method: string,
        path: string,
        body?: object,
      ): Promise<{ status: number; data: Data }> => {
        const answer = await fetch(`${issuer}/api/${path}`, {
          method,
          headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
          ...(body && { body: JSON.stringify(body) }),
        });
        return { status: answer.status, data: ((await answer.json()) as Data)['data'] as Data };
      };
      const server = await serve(env);
      token = await managementToken(issuer);
      const apis: string[] = [];
      for (let n = 0; n < PUBLISHERS; n += 1) {
        const { data } = await ask('POST', 'ApiResource', { name: `api-${n}` });
        apis.push(data['id'] as string);
      }
      /** How many revisions of each API were answered. */
      const answered = new Map<string, number>();
      let dead = false;
      const publisher = async (id: string, n: number): Promise<void> => {
        const document = pathsOf('/items');
        const first = await ask('PUT', `ApiResource/${id}/Publish`, {
          suffix: `api-${n}`,
          serviceUrl: SERVICE,
          document,
        });
        assert.equal(first.status, 200, JSON.stringify(first.data));
        answered.set(id, 1);
        while (!dead) {
          const made = await ask('POST', `ApiResource/${id}/PublishRevision`, { document });
          assert.equal(made.status, 200);
          answered.set(id, (answered.get(id) ?? 0) + 1);
          await ask('POST', `ApiResource/${id}/Versions/${made.data['id']}`);
          if ([...answered.values()].reduce((sum, each) => sum + each, 0) >= ENOUGH)
            dead ||= server.child.kill('SIGKILL');
        }
      };
      await Promise.all(
        apis.map((id, n) =>
          publisher(id, n).catch((error: unknown) =>
            assert.ok(dead, `failed before it was killed: ${String(error)}`),
          ),
        ),
      );
      await server.finished;

      const again = await serve(env);
      token = await managementToken(issuer);
      for (const id of apis) {
        const { data } = await ask('GET', `ApiResource/${id}/Versions`);
        const versions = data as unknown as Data[];
        assert.equal(versions.length, answered.has(id) ? 1 : versions.length);
        for (const version of versions) {
          const revisions = version['revisions'] as Data[];
          assert.ok(revisions.length >= (answered.get(id) ?? 0));
          assert.equal(revisions.filter((revision) => revision['isCurrent'] as boolean).length, 1);
          for (const revision of revisions) {
            const document = await fetch(`${issuer}/api/Gateway/Revisions/${revision['id']}/Document`, {
              headers: { authorization: `Bearer ${token}` },
            });
            assert.deepEqual(await document.json(), pathsOf('/items'));
          }
        }
      }
      await kill(again, 'SIGKILL');
    });
  });
