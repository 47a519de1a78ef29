import assert from 'node:assert/strict';
import type { Gatehouse } from '../../src/main.js';
import { STORES } from '../support/config.js';
import { ApiTeam, documentOf, startBackend, startGateway, type Backend } from '../support/gateway.js';
import { send } from '../support/http.js';
import { until } from '../support/raw.js';
import type { TestServer } from '../support/server.js';

const DOCUMENT = documentOf({ 'GET /items': null, 'POST /items': null });
const CACHE = { cache: { seconds: 3600 } };

for (const kind of STORES)
  describe(`cached answers on two nodes, on ${kind}`, () => {
    let old: Backend;
    let young: Backend;
    let answered = 0;
    let server: TestServer;
    let second: Gatehouse;
    let ports: number[];
    let team: ApiTeam;
    let suffix: string;
    let first: string;
    let made = 0;

    before(async () => {
      // Shared by callers, so that all calls of a test get it. Each answer is another one.
      const saying = (name: string) =>
        startBackend((_request, response) => {
          response.setHeader('Cache-Control', 'public, max-age=3600');
          response.end(`${name} ${(answered += 1)}`);
        });
      [old, young] = [await saying('old'), await saying('young')];
      server = await startGateway(kind, [old, young]);
      second = await server.addNode();
      ports = [server.port, second.port];
    });
    after(async () => {
      await second.stop();
      await server.stop();
      await Promise.all([old.close(), young.close()]);
    });
    beforeEach(async () => {
      suffix = `api-${++made}`;
      team = await ApiTeam.begin(server, suffix, ['read']);
      const { revisions } = await done(
        team.publish({ suffix, document: DOCUMENT, serviceUrl: old.url, policy: CACHE }),
      );
      first = (revisions as { id: string }[])[0]?.id ?? '';
    });

    async function done(answer: Promise<{ status: number; body: unknown; data: Record<string, unknown> }>) {
      const { status, body, data } = await answer;
      assert.equal(status, 200, JSON.stringify(body));
      return data;
    }
    async function calling(port: number, path = suffix): Promise<string> {
      const { host } = new URL(server.issuer);
      const { status, text } = await send(new URL(`/gateway/${path}/items`, `http://127.0.0.1:${port}`), {
        headers: { host },
      });
      return status === 200 ? text : String(status);
    }
    /** What each node has in its cache, and answers again. */
    async function cached(path = suffix): Promise<string[]> {
      const said: string[] = [];
      for (const port of ports) {
        const text = await calling(port, path);
        assert.equal(await calling(port, path), text);
        said.push(text);
      }
      return said;
    }
    /** Calls each node until it answers as it does after a change, and then some more. */
    async function seen(isNew: (text: string) => boolean, path = suffix): Promise<string[]> {
      const said: string[] = [];
      for (const port of ports) {
        await until(async () => isNew(await calling(port, path)));
        for (let times = 0; times < 5; times += 1) said.push(await calling(port, path));
      }
      assert.deepEqual(
        said.filter((text) => !isNew(text)),
        [],
      );
      return said;
    }
    const isYoung = (text: string): boolean => text.startsWith('young');

    it('are none of the revision before, once another one is current', async () => {
      await cached();
      const { id } = await done(team.publishRevision({ document: DOCUMENT, serviceUrl: young.url }));
      await done(team.setOnline(String(id)));
      await seen(isYoung);
      await done(team.setOnline(first));
      await seen((text) => text.startsWith('old'));
    });

    it('are none of a revision that is tried', async () => {
      await done(team.publishRevision({ document: DOCUMENT, serviceUrl: young.url }));
      const current = await cached();
      await seen(isYoung, `${suffix};rev=2`);
      assert.deepEqual(await cached(), current);
    });

    for (const [what, change] of [
      ['the backend', () => ({ serviceUrl: young.url })],
      ['the policy and the backend', () => ({ serviceUrl: young.url, policy: { cache: { seconds: 60 } } })],
    ] as const)
      it(`are none of before, once ${what} of the revision is another`, async () => {
        await cached();
        await done(team.publish({ ...change(), notify: false }));
        await seen(isYoung);
      });

    it('are none where the policy has no cache any more', async () => {
      const before = await cached();
      await done(team.publish({ policy: null, notify: false }));
      const said = await seen((text) => !before.includes(text));
      assert.equal(new Set(said).size, said.length);
    });

    it('are none where the policy refuses the call', async () => {
      await cached();
      await done(team.publish({ policy: { ...CACHE, ipFilter: { deny: ['127.0.0.1'] } }, notify: false }));
      await seen((text) => text === '403');
    });

    it('are none where the document is another one', async () => {
      const before = await cached();
      await done(team.publish({ document: documentOf({ 'GET /items': null }, 'Other'), notify: false }));
      await seen((text) => !before.includes(text));
    });

    it('are none where the document asks for a token now [SEC-G19]', async () => {
      await cached();
      await done(team.publish({ document: documentOf({ 'GET /items': ['read'] }), notify: false }));
      await seen((text) => text === '401');
    });

    it('are none where the token goes to the backend now', async () => {
      const before = await cached();
      await done(team.publish({ passToken: true, notify: false }));
      await seen((text) => !before.includes(text));
    });

    it('are none of an API that was disabled, or deleted and published again', async () => {
      const before = await cached();
      await done(team.call('DELETE', '?cascade=true'));
      await seen((text) => text === '404');
      team = await ApiTeam.begin(server, suffix, ['read']);
      await done(team.publish({ suffix, document: DOCUMENT, serviceUrl: old.url, policy: CACHE }));
      await seen((text) => text !== '404' && !before.includes(text));
    });
  });
