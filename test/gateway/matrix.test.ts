import assert from 'node:assert/strict';
import { STORES } from '../support/config.js';
import { awayFromFullHour } from '../support/full-hours.js';
import type { Said } from '../support/http.js';
import { until } from '../support/raw.js';
import { ITEM, ORDERS } from './matrix/documents.js';
import { CLERK, ENDINGS } from './matrix/endings.js';
import { KEY_ROWS, keyed } from './matrix/keys.js';
import { LIMIT_ROWS, openCallers, type Callers } from './matrix/limits.js';
import {
  boundToken,
  PERMISSION_ROWS,
  SCOPE_ROWS,
  TOKEN_ROWS,
  type BoundToken,
  type Row,
} from './matrix/rows.js';
import { openMatrix, type Matrix } from './matrix/servers.js';

const INVALID = '401 token Bearer error="invalid_token"';

for (const kind of STORES)
  describe(`a call of two nodes of the gateway, on ${kind}`, () => {
    let matrix: Matrix;

    before(async () => {
      matrix = await openMatrix(kind);
      const { server, team, manage, publish } = matrix;
      await publish('public', { document: ORDERS.document, authorizationServerId: 'none' });
      const [{ revisions = [] } = {}] = (await team.call('GET', '/Versions')).body['data'] as {
        revisions?: { id: string }[];
      }[];
      const version = { revisionId: revisions[0]?.id, apiVersionName: 'v2' };
      const { apiId } = await manage('POST', `/ApiResource/${team.id}/PublishVersion`, version);
      await manage('PUT', `/ApiResource/${team.id}/Publish`, { apiId, scope: 'orders.write', notify: false });
      for (const [userName, ...permissions] of [['carl'], ['cesar', 'orders.all']])
        await server.addUser({
          userName: userName as string,
          claims: permissions.map((value) => ({ type: 'permission', value })),
        });
      await manage('POST', '/Role', CLERK);
      await server.addUser({ userName: 'clara', roles: [CLERK.name] });
    });
    after(() => matrix.close());

    /** A call that is let through proves no row of the checklist. */
    const proofOf = (outcome: string, row: string): string => (outcome === '200' ? '' : ` ${row}`);
    const check = (what: string, rows: readonly Row[], row: string): void => {
      for (const [title, path, said, outcome] of rows)
        it(`with ${what}: ${title}: ${outcome}${proofOf(outcome, row)}`, async () => {
          assert.deepEqual(await matrix.askBoth(path, () => said(matrix)), [outcome, outcome]);
        });
    };
    check('a token', TOKEN_ROWS, '[SEC-G11]');
    check('a scope', SCOPE_ROWS, '[SEC-G13]');
    check('a permission', PERMISSION_ROWS, '[SEC-G13]');

    it('with a token in the query: 401, and the backend gets nothing [SEC-G11]', async () => {
      const token = await matrix.machine.own();
      const before = matrix.backend.asked.length;
      assert.equal(await matrix.ask(0, `orders/token?access_token=${token}`), '401 token Bearer');
      assert.equal(matrix.backend.asked.length, before);
    });

    describe('with a token that is bound to a key', () => {
      let bound: BoundToken;
      before(async () => {
        bound = await boundToken(matrix);
      });
      const dpop = (error: string): string => `${INVALID}, DPoP error="${error}", algs="ES256 EdDSA"`;
      const shown = (scheme: string, proof?: string): Said => ({
        headers: { authorization: `${scheme} ${bound.token}`, ...(proof !== undefined && { dpop: proof }) },
      });
      const ROWS: [title: string, said: () => Promise<Said>, outcome: () => string][] = [
        ['as Bearer', async () => shown('Bearer'), () => INVALID],
        ['as Bearer, with a proof', async () => shown('Bearer', await bound.prove()), () => INVALID],
        ['without a proof', async () => shown('DPoP'), () => dpop('invalid_dpop_proof')],
        ['with a proof', async () => shown('DPoP', await bound.prove()), () => '200'],
      ];
      for (const [title, said, outcome] of ROWS)
        it(`${title}: ${outcome()}`, async () => {
          assert.deepEqual(await matrix.askBoth('orders/token', said), [outcome(), outcome()]);
        });

      it('with a proof that comes again: 401 on both nodes [SEC-G12]', async () => {
        const said = shown('DPoP', await bound.prove());
        assert.equal(await matrix.ask(0, 'orders/token', said), '200');
        const again = dpop('invalid_dpop_proof');
        assert.deepEqual(await matrix.askBoth('orders/token', async () => said), [again, again]);
      });
    });

    for (const [title, path, begin, outcome] of ENDINGS)
      it(`within a second after ${title}: ${outcome}, on both nodes [SEC-G14]`, async () => {
        const { said, end } = await begin(matrix);
        assert.deepEqual(await matrix.askBoth(path, async () => said), ['200', '200']);
        await end();
        assert.ok((await matrix.untilBothSay(outcome, path, said)) < 1000);
      });

    for (const [title, pathOf, saidOf, outcome] of KEY_ROWS)
      it(`with a product key: ${title}: ${outcome}${proofOf(outcome, '[SEC-G16]')}`, async () => {
        const { keys } = matrix.keyed;
        const said = async (): Promise<Said> => saidOf(keys);
        assert.deepEqual(await matrix.askBoth(pathOf(keys), said), [outcome, outcome]);
      });

    it('with a product key: the backend gets none [SEC-G15]', async () => {
      const { primaryKey } = matrix.keyed.keys.own;
      await matrix.ask(0, `keyed/item?subscription-key=${primaryKey}&x=1`, keyed(primaryKey));
      const { url, headers } = matrix.backend.asked.at(-1) ?? {};
      assert.equal(url, '/item?x=1');
      assert.equal(JSON.stringify(headers).includes(primaryKey), false);
    });

    it('within a second after the only product is not published any more: 200 without a key, on both nodes', async () => {
      const api = await matrix.publish('shut', { document: ITEM });
      const product = await matrix.product([api]);
      await matrix.untilBothSay('401 product-key SubscriptionKey', 'shut/item', {});
      await matrix.manage('PUT', `/Gateway/Products/${product}`, { state: 'notPublished' });
      assert.ok((await matrix.untilBothSay('200', 'shut/item', {})) < 1000);
    });

    describe('a limit', () => {
      let callers: Callers;
      before(async () => {
        callers = await openCallers(matrix);
        await awayFromFullHour(60);
      });

      for (const [title, steps] of LIMIT_ROWS)
        it(title, async () => {
          const outcomes: string[] = [];
          for (const [path, said] of steps) outcomes.push(await matrix.ask(0, path, said(callers)));
          assert.deepEqual(
            outcomes,
            steps.map(([, , outcome]) => outcome),
          );
        });

      /** What the nodes have told the store of an operation's limit. */
      async function counted(path: string): Promise<number> {
        const rows = await matrix.server.context.store
          .knex<{ id: string; count: number }>('rate_counts')
          .where('id', 'like', `%version ${matrix.limited.id} GET ${path}:%`);
        return rows.reduce((sum, { count }) => sum + Number(count), 0);
      }
      const call = async (node: 0 | 1, path: string, times: number): Promise<string[]> => {
        const outcomes: string[] = [];
        for (let n = 0; n < times; n += 1) outcomes.push(await matrix.ask(node, `limited${path}`));
        return [...new Set(outcomes)];
      };

      it('of twenty calls is reached by the calls of both nodes together [SEC-G18]', async () => {
        assert.deepEqual(await call(0, '/nodes', 19), ['200']);
        await until(async () => (await counted('/nodes')) === 19);
        assert.deepEqual(await call(1, '/nodes', 1), ['200']);
        await until(async () => (await counted('/nodes')) === 20);
        // What the other node has counted is known with the answer of the store: one more call may come before it.
        assert.deepEqual((await call(1, '/nodes', 3)).at(-1), '429 rate-limit');
        const { headers } = await matrix.hear(1, 'limited/nodes');
        const retryAfter = Number(headers.get('retry-after'));
        assert.ok(retryAfter > 0 && retryAfter <= 3600);
        assert.equal(headers.get('ratelimit'), `"api";r=0;t=${retryAfter}`);
        assert.equal(headers.get('ratelimit-policy'), '"api";q=20;w=3600');
      });

      it('of three calls a month is reached by the calls of both nodes together [SEC-G18]', async () => {
        assert.deepEqual(await call(0, '/quota', 2), ['200']);
        await until(async () => (await counted('/quota')) === 2);
        assert.deepEqual(await call(1, '/quota', 1), ['200']);
        assert.deepEqual(await call(1, '/quota', 2), ['429 quota']);
      });

      it('of a day says when midnight is in its time zone', async () => {
        assert.deepEqual(await call(0, '/day', 1), ['200']);
        const { status, headers } = await matrix.hear(0, 'limited/day');
        const inShanghai = Math.floor(Date.now() / 1000) + 8 * 3600;
        const left = 86_400 - (inShanghai % 86_400);
        assert.equal(status, 429);
        assert.ok(Math.abs(Number(headers.get('retry-after')) - left) <= 2);
        assert.equal(headers.get('ratelimit-policy'), '"api";q=1;w=86400');
      });
    });
  });
