import assert from 'node:assert/strict';
import type { Data } from '../../support/area.js';
import { STORES } from '../../support/config.js';
import { ApiTeam, startGateway } from '../../support/gateway.js';
import type { TestServer } from '../../support/server.js';
import { done, pathsOf, refusalOf, SERVICE } from './support.js';

const DOCUMENT = pathsOf('/items');
const NEEDS_SCOPES = { requireScopes: { scopes: ['read'] } };
const NEEDS_PERMISSION = { requireScopes: { scopes: ['read'], permissions: ['ship'] } };

/** A document with one operation `GET /items`. */
const documentWith = (operation: object, more: object = {}): object => ({
  openapi: '3.1.0',
  info: { title: 'Orders', version: '1' },
  paths: { '/items': { get: { responses: { 200: { description: 'Yes' } }, ...operation } } },
  ...more,
});
const WITH_PERMISSION = documentWith({ 'x-permission': 'ship' });

const queryOf = (schema: object): object => ({ parameters: [{ name: 'q', in: 'query', schema }] });
const ANCHORED = { components: { schemas: { Item: { $anchor: 'item', type: 'object' } } } };
const answerOf = (schema: object): object => ({
  responses: { 200: { description: 'Yes', content: { 'application/json': { schema } } } },
});

/** Parts of documents that may be published, and the steps that they are of no use to. */
const USELESS: readonly [what: string, step: object, field: string, document: object, reason: RegExp][] = [
  [
    'a $dynamicRef',
    { validateRequest: {} },
    'validateRequest',
    documentWith(queryOf({ $dynamicRef: '#x' })),
    /\$dynamicRef/,
  ],
  [
    'a pattern with a back reference',
    { validateRequest: {} },
    'validateRequest',
    documentWith(queryOf({ type: 'string', pattern: '(a)\\1' })),
    /pattern/,
  ],
  [
    'a pattern that is none',
    { validateRequest: {} },
    'validateRequest',
    documentWith(queryOf({ type: 'string', pattern: '(' })),
    /pattern/,
  ],
  [
    'a reference to an anchor',
    { validateRequest: {} },
    'validateRequest',
    documentWith(queryOf({ $ref: '#item' }), ANCHORED),
    /#item/,
  ],
  [
    'a reference to an anchor in an answer',
    { mock: {} },
    'mock',
    documentWith(answerOf({ $ref: '#item' }), ANCHORED),
    /#item/,
  ],
];

for (const kind of STORES)
  describe(`settings that cannot work together, on ${kind}`, () => {
    let server: TestServer;
    let team: ApiTeam;
    let suffix: string;
    let apis = 0;
    let other: string;

    before(async () => {
      server = await startGateway(kind, []);
      team = await ApiTeam.begin(server, 'first', ['read']);
      const { id } = await done(
        team.gateway('POST', '/AuthServers', {
          name: 'Partner',
          issuer: 'https://id.example.com',
          audience: 'orders',
          jwksUri: 'https://id.example.com/jwks',
        }),
      );
      other = id as string;
    });
    after(() => server.stop());
    beforeEach(async () => {
      suffix = `orders-${++apis}`;
      team = await ApiTeam.begin(server, suffix, ['read']);
    });

    const publish = (more: object) =>
      team.publish({ suffix, document: DOCUMENT, serviceUrl: SERVICE, notify: false, ...more });
    const serverOf = (name: 'none' | 'other'): string => (name === 'none' ? 'none' : other);

    for (const [what, name, body, field, rule] of [
      ['a scope where no token is checked', 'none', { scope: 'read' }, 'scope', 'authorizationServerId'],
      [
        'required scopes where no token is checked',
        'none',
        { policy: NEEDS_SCOPES },
        'policy/requireScopes',
        'authorizationServerId',
      ],
      [
        'required scopes of one operation where no token is checked',
        'none',
        { policy: { operations: { 'GET /items': NEEDS_SCOPES } } },
        'policy/operations/GET ~1items/requireScopes',
        'authorizationServerId',
      ],
      [
        'required permissions with another issuer',
        'other',
        { policy: NEEDS_PERMISSION },
        'policy/requireScopes/permissions',
        'permission',
      ],
      [
        'an operation’s permission with another issuer',
        'other',
        { document: WITH_PERMISSION },
        'authorizationServerId',
        'permission',
      ],
    ] as const) {
      it(`are refused at the first publication: ${what} [SEC-G22]`, async () => {
        const answer = await publish({ ...body, authorizationServerId: serverOf(name) });
        assert.deepEqual(refusalOf(answer), [422, 422, field, rule], JSON.stringify(answer.body));
        assert.deepEqual((await team.call('GET', '/Versions')).body['data'], []);
      });

      it(`are refused at a change of either: ${what} [SEC-G22]`, async () => {
        await done(publish(body));
        const answer = await team.publish({ authorizationServerId: serverOf(name), notify: false });
        assert.deepEqual(refusalOf(answer), [422, 422, field, rule]);
        await done(team.publish({ ...body, name: 'Still published', notify: false }));
      });
    }

    it('are refused of a revision, and of one that is put online after the version has changed', async () => {
      const made = await done(publish({ policy: null }));
      const [first] = made['revisions'] as [Data];
      const second = await done(team.publishRevision({ document: DOCUMENT, policy: NEEDS_SCOPES }));
      await done(team.publish({ authorizationServerId: 'none', notify: false }));
      assert.deepEqual(refusalOf(await team.setOnline(second['id'] as string)), [
        ...[422, 422, 'policy/requireScopes', 'authorizationServerId'],
      ]);
      assert.deepEqual(refusalOf(await team.publishRevision({ document: DOCUMENT, policy: NEEDS_SCOPES })), [
        ...[422, 422, 'policy/requireScopes', 'authorizationServerId'],
      ]);
      const { revisions } = await done(team.setOnline(first['id'] as string));
      assert.equal((revisions as Data[]).find(({ isCurrent }) => isCurrent)?.['id'], first['id']);
    });

    for (const [what, step, field, document, reason] of USELESS) {
      it(`are refused with the place in the document: ${what}`, async () => {
        const answer = await publish({ document, policy: step });
        assert.deepEqual(refusalOf(answer), [422, 422, `policy/${field}`, 'document']);
        const [problem] = answer.body['data'] as Data[];
        assert.equal(problem?.['path'], '/paths/~1items/get');
        assert.match(String(problem?.['message']), reason);
      });

      it(`are refused where the policy comes later, or for one operation: ${what}`, async () => {
        await done(publish({ document }));
        const later = await team.publish({ policy: step, notify: false });
        assert.deepEqual(refusalOf(later), [422, 422, `policy/${field}`, 'document']);
        const revised = await team.publishRevision({
          document,
          policy: { operations: { 'GET /items': step } },
        });
        assert.deepEqual(refusalOf(revised), [
          ...[422, 422, `policy/operations/GET ~1items/${field}`, 'document'],
        ]);
      });
    }

    it('are none where the policy names other operations of the document only', async () => {
      const bad = (documentWith(queryOf({ $dynamicRef: '#x' })) as { paths: Record<string, object> }).paths;
      const document = {
        ...documentWith({}),
        paths: { '/bad': bad['/items'], '/items': { get: { responses: { 200: { description: 'Yes' } } } } },
      };
      await done(publish({ document, policy: { operations: { 'GET /items': { validateRequest: {} } } } }));
    });
  });
