import assert from 'node:assert/strict';
import { GRANT_TYPES } from '../../src/clients/index.js';
import type { Gatehouse } from '../../src/main.js';
import { STORES } from '../support/config.js';
import { ApiTeam, documentOf, startBackend, startGateway, type Backend } from '../support/gateway.js';
import { send } from '../support/http.js';
import { call } from '../support/management.js';
import { PASSWORD, type TestServer } from '../support/server.js';

/** A change is effective on every node within this time. */
const WITHIN_MS = 1000;
const KEY = 'ocp-apim-subscription-key';

/** One change by the first node, and what a call of the second one gets before and after it. */
interface Change {
  before: string;
  after: string;
  call(): Promise<string>;
  make(): Promise<unknown>;
}

for (const kind of STORES)
  describe(`changes of one node as another sees them, on ${kind}`, () => {
    let backend: Backend;
    let server: TestServer;
    let second: Gatehouse;
    let team: ApiTeam;
    let suffix: string;
    let made = 0;

    before(async () => {
      backend = await startBackend();
      server = await startGateway(kind, [backend]);
      second = await server.addNode();
    });
    after(async () => {
      await second.stop();
      await server.stop();
      await backend.close();
    });

    /** A call of the second node: the status, and the word of a problem or what the backend says. */
    async function calling(path: string, headers: Record<string, string> = {}): Promise<string> {
      const { host } = new URL(server.issuer);
      const url = new URL(`/gateway/${path}`, `http://127.0.0.1:${second.port}`);
      const { status, text } = await send(url, { headers: { host, ...headers } });
      const word = /urn:gatehouse:gateway:([a-z-]+)/.exec(text)?.[1];
      return `${status} ${word ?? (status === 200 ? text : '')}`.trim();
    }
    const done = async (
      answer: Promise<{ status: number; body: unknown; data: Record<string, unknown> }>,
    ) => {
      const { status, body, data } = await answer;
      assert.equal(status, 200, JSON.stringify(body));
      return data;
    };
    const manage = (method: string, path: string, json: unknown) =>
      done(call(server, { method, path: `/api/${path}`, token: team.token, json }));

    /** Publishes an API of its own for each change. */
    async function publish(scopes: readonly string[] | null, more: object = {}): Promise<string> {
      suffix = `api-${++made}`;
      team = await ApiTeam.begin(server, suffix, ['read']);
      const { revisions } = await done(
        team.publish({
          suffix,
          document: documentOf({ 'GET /items': scopes }),
          serviceUrl: backend.url,
          ...more,
        }),
      );
      return (revisions as { id: string }[])[0]?.id ?? '';
    }
    const bearer = (token: string): Record<string, string> => ({ authorization: `Bearer ${token}` });

    async function withToken(end: (token: string, clientId: string, secret: string) => Promise<unknown>) {
      await publish(['read']);
      const [path, clientId] = [`${suffix}/items`, `client-${made}`];
      const scopes = [`${suffix}.read`];
      const grantTypes = [GRANT_TYPES.clientCredentials, GRANT_TYPES.password];
      const secret = await server.addClient(clientId, { grantTypes, scopes });
      const form = { grant_type: 'client_credentials', scope: scopes.join() };
      const { body } = await server.post('/connect/token', form, server.basic(clientId, secret));
      const token = String(body['access_token']);
      return {
        before: '200 GET /items',
        after: '401 token',
        call: () => calling(path, bearer(token)),
        make: () => end(token, clientId, secret),
      };
    }

    async function withKey(
      after: string,
      end: (product: string, keyId: string) => Promise<unknown>,
      isSent = true,
    ): Promise<Change> {
      await publish(null);
      const own = team;
      const path = `${suffix}/items`;
      const { id } = await done(
        own.gateway('POST', '/Products', { name: `product ${made}`, apiIds: [own.id] }),
      );
      const product = `/Products/${String(id)}`;
      const key = await done(own.gateway('POST', `${product}/Keys`, { name: 'shop' }));
      return {
        before: isSent ? '200 GET /items' : '401 product-key',
        after,
        call: () => calling(path, isSent ? { [KEY]: String(key['primaryKey']) } : {}),
        make: () => end(product, String(key['id'])),
      };
    }

    async function withRevision(make: (own: ApiTeam) => Promise<unknown>, after: string): Promise<Change> {
      await publish(null);
      const [own, path] = [team, `${suffix}/items`];
      return { before: '200 GET /items', after, call: () => calling(path), make: () => make(own) };
    }

    const CHANGES: [what: string, prepare: () => Promise<Change>][] = [
      [
        'a token that is revoked',
        () =>
          withToken((token, clientId, secret) =>
            server.post('/connect/revocation', { token }, server.basic(clientId, secret)),
          ),
      ],
      [
        'a client that is disabled',
        () =>
          withToken(async (_token, clientId) => {
            const query = `Client?q.clientId=${clientId}`;
            const { body } = await call(server, { path: `/api/${query}`, token: team.token });
            const [found] = (body['data'] as { id: string }[] | undefined) ?? [];
            return manage('PUT', 'Client', { id: found?.id, enabled: false });
          }),
      ],
      [
        'a user who is disabled',
        async () => {
          await publish(['read']);
          const path = `${suffix}/items`;
          const [name, clientId] = [`user-${made}`, `of-user-${made}`];
          const user = await server.addUser({ userName: name });
          const settings = { grantTypes: [GRANT_TYPES.password], scopes: [`${suffix}.read`] };
          const secret = await server.addClient(clientId, settings);
          const form = {
            grant_type: 'password',
            username: name,
            password: PASSWORD,
            scope: `${suffix}.read`,
          };
          const { body } = await server.post('/connect/token', form, server.basic(clientId, secret));
          const token = String(body['access_token']);
          return {
            ...{ before: '200 GET /items', after: '401 token' },
            call: () => calling(path, bearer(token)),
            make: () => manage('PUT', 'User', { id: user.id, status: 'disabled' }),
          };
        },
      ],
      [
        'a product key that is suspended',
        () =>
          withKey('403 product', (product, id) =>
            done(team.gateway('PUT', `${product}/Keys/${id}`, { state: 'suspended' })),
          ),
      ],
      [
        'a product key that is replaced',
        () =>
          withKey('401 product-key', (product, id) =>
            done(team.gateway('POST', `${product}/Keys/${id}/Regenerate`, { which: 'primary' })),
          ),
      ],
      [
        'a subscription that is ended',
        () =>
          withKey('401 product-key', (product, id) => done(team.gateway('DELETE', `${product}/Keys/${id}`))),
      ],
      [
        'a product that is not published any more',
        () =>
          withKey(
            '200 GET /items',
            (product) => done(team.gateway('PUT', product, { state: 'notPublished' })),
            false,
          ),
      ],
      [
        'a revision that is put online',
        () =>
          withRevision(async (own) => {
            const document = documentOf({ 'GET /other': null });
            const { id } = await done(own.publishRevision({ document }));
            return done(own.setOnline(String(id)));
          }, '404 not-found'),
      ],
      [
        'a policy',
        () =>
          withRevision(
            (own) => done(own.publish({ policy: { ipFilter: { deny: ['127.0.0.1'] } }, notify: false })),
            '403 address',
          ),
      ],
      [
        'an API that is disabled',
        () =>
          withRevision(
            (own) => manage('PUT', 'ApiResource', { id: own.id, enabled: false }),
            '404 not-found',
          ),
      ],
      [
        'an API that is deleted',
        () => withRevision((own) => done(own.call('DELETE', '?cascade=true')), '404 not-found'),
      ],
      [
        'a tenant that is disabled',
        async () => {
          const host = `tenant-${++made}.localhost:${server.port}`;
          const { id } = await server.addTenant(`tenant-${made}`, host);
          team = await ApiTeam.begin(server, `none-${made}`, []);
          return {
            ...{ before: '404 not-found', after: '403' },
            call: () => calling('none/items', { host }),
            make: () => manage('PUT', 'Tenant', { id, status: 'disabled' }),
          };
        },
      ],
    ];

    for (const [what, prepare] of CHANGES)
      it(`see ${what} within a second, while they call [SEC-G14]`, async () => {
        const change = await prepare();
        while ((await change.call()) !== change.before) await new Promise((resolve) => setImmediate(resolve));
        await change.make();
        const began = performance.now();
        let said = change.before;
        while (said === change.before) said = await change.call();
        assert.equal(said, change.after);
        assert.ok(performance.now() - began < WITHIN_MS);
      });

    // A change that touches the tenant makes a node read all of its catalogue again, so these are tried apart.
    const ofCatalogue = CHANGES.filter(([what]) => /product|subscription|revision|policy/.test(what));
    for (const [which, rows] of [
      ['of the catalogue', ofCatalogue],
      ['of others', CHANGES.filter((row) => !ofCatalogue.includes(row))],
    ] as const)
      it(`see those ${which} at the first call after a second in which nobody called`, async () => {
        const changes: (Change & { what: string })[] = [];
        for (const [what, prepare] of rows) changes.push({ what, ...(await prepare()) });
        for (const { before: expected, call: ask, what } of changes)
          assert.equal(await ask(), expected, what);
        for (const { make } of changes) await make();
        await new Promise((resolve) => setTimeout(resolve, WITHIN_MS));
        const said = await Promise.all(changes.map(async ({ what, call: ask }) => [what, await ask()]));
        assert.deepEqual(
          said,
          changes.map(({ what, after: expected }) => [what, expected]),
        );
      });
  });
