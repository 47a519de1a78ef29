import assert from 'node:assert/strict';
import { STORES } from '../support/config.js';
import { ApiTeam, documentOf, startBackend, startGateway, type Backend } from '../support/gateway.js';
import { send } from '../support/http.js';
import { often } from '../support/profile.js';
import type { TestServer } from '../support/server.js';

const REQUESTS = often({ short: 2000, long: 10_000 });
const SWITCHES = 20;
const CALLERS = 8;

for (const kind of STORES)
  describe(`switches of the current revision under load, on ${kind}`, () => {
    let old: Backend;
    let young: Backend;
    let server: TestServer;
    let team: ApiTeam;
    let revisions: string[];
    let issuers: string[];
    let stopNode: () => Promise<void>;

    before(async () => {
      // Each says the revision that it is of, and again at the end of an answer that takes a while.
      const saying = (name: string) =>
        startBackend((_request, response) => {
          response.write(`${name} `);
          setImmediate(() => response.end(name));
        });
      [old, young] = [await saying('1'), await saying('2')];
      server = await startGateway(kind, [old, young]);
      const node = await server.addNode();
      stopNode = () => node.stop();
      issuers = [server.issuer, server.issuer.replace(/\d+$/, String(node.port))];
      team = await ApiTeam.begin(server, 'orders', ['read']);
      const document = documentOf({ 'GET /item': null });
      const first = await team.publish({ suffix: 'orders', serviceUrl: old.url, document });
      assert.equal(first.status, 200, JSON.stringify(first.body));
      const second = await team.publishRevision({ document, serviceUrl: young.url });
      assert.equal(second.status, 200, JSON.stringify(second.body));
      const [{ id = '' } = {}] = first.data['revisions'] as { id?: string }[];
      revisions = [id, String(second.data['id'])];
    });
    after(async () => {
      await stopNode();
      await server.stop();
      await Promise.all([old.close(), young.close()]);
    });

    it(`lose and mix none of ${REQUESTS} requests to two nodes [SEC-G24]`, async () => {
      const answers = new Map<string, number>();
      let sent = 0;
      const caller = async (): Promise<void> => {
        while (sent < REQUESTS) {
          sent += 1;
          const { status, text } = await send(
            new URL('/gateway/orders/item', issuers[sent % issuers.length]),
            { headers: { host: new URL(server.issuer).host } },
          );
          const answer = `${status} ${text}`;
          answers.set(answer, (answers.get(answer) ?? 0) + 1);
        }
      };
      const switching = async (): Promise<void> => {
        for (let n = 1; n <= SWITCHES; n += 1) {
          const due = (REQUESTS * n) / (SWITCHES + 1);
          while (sent < due) await new Promise((resolve) => setImmediate(resolve));
          assert.equal((await team.setOnline(revisions[n % 2] as string)).status, 200);
        }
      };
      await Promise.all([switching(), ...Array.from({ length: CALLERS }, caller)]);
      const kinds = [...answers.keys()].sort();
      assert.deepEqual(kinds, ['200 1 1', '200 2 2']);
      assert.equal(
        old.asked.length + young.asked.length,
        [...answers.values()].reduce((a, b) => a + b, 0),
      );
    });
  });
