import assert from 'node:assert/strict';
import { STORES } from '../support/config.js';
import type { Said } from '../support/http.js';
import { until } from '../support/raw.js';
import { bearer, TokenMaker } from './access/tokens.js';
import { ITEM, ORDERS } from './matrix/documents.js';
import {
  boundToken,
  PERMISSION_ROWS,
  SCOPE_ROWS,
  TOKEN_ROWS,
  type BoundToken,
  type Row,
} from './matrix/rows.js';
import { MACHINE, openMatrix, type Keys, type Matrix } from './matrix/servers.js';

const KEY = 'ocp-apim-subscription-key';
const INVALID = '401 token Bearer error="invalid_token"';
const NO_KEY = '401 product-key SubscriptionKey';
const keyed = (key: string): Said => ({ headers: { [KEY]: key } });

for (const kind of STORES)
  describe(`a call of two nodes of the gateway, on ${kind}`, () => {
    let matrix: Matrix;

    before(async () => {
      matrix = await openMatrix(kind);
      const { server, team, manage, publish } = matrix;
      await publish('public', { ...ORDERS, authorizationServerId: 'none' });
      const [{ revisions = [] } = {}] = (await team.call('GET', '/Versions')).body['data'] as {
        revisions?: { id: string }[];
      }[];
      const version = { revisionId: revisions[0]?.id, apiVersionName: 'v2' };
      const { apiId } = await manage('POST', `/ApiResource/${team.id}/PublishVersion`, version);
      await manage('PUT', `/ApiResource/${team.id}/Publish`, { apiId, scope: 'orders.write', notify: false });
      for (const [userName, ...permissions] of [['carl'], ['clara', 'orders.ship'], ['cesar', 'orders.all']])
        await server.addUser({
          userName: userName as string,
          claims: permissions.map((value) => ({ type: 'permission', value })),
        });
    });
    after(() => matrix.close());

    const check = (what: string, rows: readonly Row[]): void => {
      for (const [title, path, said, outcome] of rows)
        it(`with ${what}: ${title}: ${outcome}`, async () => {
          assert.deepEqual(await matrix.askBoth(path, () => said(matrix)), [outcome, outcome]);
        });
    };
    check('a token', TOKEN_ROWS);
    check('a scope', SCOPE_ROWS);
    check('a permission', PERMISSION_ROWS);
  });
void [until, bearer, TokenMaker, ITEM, boundToken, MACHINE, INVALID, NO_KEY, keyed];
export type { BoundToken, Keys };
