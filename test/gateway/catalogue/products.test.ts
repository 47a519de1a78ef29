import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import type { Data } from '../../support/area.js';
import { STORES } from '../../support/config.js';
import { ApiTeam, startBackend, startGateway, type Backend } from '../../support/gateway.js';
import { call, clientToken, userToken, type ApiAnswer } from '../../support/management.js';
import type { TestServer } from '../../support/server.js';
import { done, pathsOf, refusalOf, SERVICE } from './support.js';

for (const kind of STORES)
  describe(`products, keys and authorization servers, on ${kind}`, () => {
    let issuer: Backend;
    let server: TestServer;
    let team: ApiTeam;
    let metadata: object;
    let made = 0;

    before(async () => {
      issuer = await startBackend((request, response) =>
        request.url === '/.well-known/openid-configuration'
          ? void response.end(JSON.stringify(metadata))
          : void response.writeHead(404).end(),
      );
      server = await startGateway(kind, [issuer]);
      team = await ApiTeam.begin(server, 'orders', []);
      await done(team.publish({ suffix: 'orders', document: pathsOf('/items'), serviceUrl: SERVICE }));
    });
    after(async () => {
      await server.stop();
      await issuer.close();
    });

    const product = (more: object = {}): Promise<Data> =>
      done(team.gateway('POST', '/Products', { name: `Product ${++made}`, ...more }));

    it('makes a product with its defaults', async () => {
      const { id: _id, createdAt: _made, updatedAt: _changed, ...fields } = await product();
      assert.deepEqual(fields, {
        name: `Product ${made}`,
        description: null,
        state: 'published',
        subscriptionRequired: true,
        apiIds: [],
        rateLimit: null,
        quota: null,
      });
    });

    it('changes what is given, clears by null, and may be sent back as it was read', async () => {
      const limits = {
        rateLimit: { calls: 2, seconds: 60 },
        quota: { calls: 9, period: 'day', timeZone: 'Asia/Shanghai' },
      };
      const { id } = await product({
        ...limits,
        description: 'Text',
        state: 'notPublished',
        apiIds: [team.id],
      });
      const read = await done(team.gateway('GET', `/Products/${id}`));
      assert.deepEqual(read['quota'], { ...limits.quota, by: 'client' });
      const same = await done(team.gateway('PUT', `/Products/${id}`, read));
      assert.deepEqual({ ...same, updatedAt: '' }, { ...read, updatedAt: '' });
      const clear = { rateLimit: null, quota: null, description: null, state: null, apiIds: null };
      const cleared = await done(team.gateway('PUT', `/Products/${id}`, clear));
      assert.deepEqual({ ...cleared, ...clear }, { ...cleared, ...clear, subscriptionRequired: true });
      assert.deepEqual([cleared['state'], cleared['apiIds'], cleared['quota']], ['published', [], null]);
    });

    it('has one relation with versions, from either side', async () => {
      const [one, other] = [await product({ apiIds: [team.id] }), await product()];
      const version = async (): Promise<Data> =>
        ((await team.call('GET', '/Versions')).body['data'] as [Data])[0];
      assert.deepEqual((await version())['productIds'], [one['id']]);
      await done(team.publish({ productIds: [other['id']] }));
      const ids = async ({ id }: Data): Promise<unknown> =>
        (await done(team.gateway('GET', `/Products/${id}`)))['apiIds'] as unknown;
      assert.deepEqual([await ids(one), await ids(other)], [[], [team.id]]);
      await done(team.publish({ productIds: null }));
      assert.deepEqual((await version())['productIds'], []);
    });

    it('takes the same version from both sides at the same moment', async () => {
      for (let n = 0; n < 5; n += 1) {
        const { id } = await product();
        const answers = await Promise.all([
          team.publish({ productIds: [id] }),
          team.gateway('PUT', `/Products/${id}`, { apiIds: [team.id] }),
        ]);
        assert.deepEqual(
          answers.map(({ status }) => status),
          [200, 200],
        );
        assert.deepEqual((await done(team.gateway('GET', `/Products/${id}`)))['apiIds'], [team.id]);
      }
    });

    it('is not in a new version where it is deleted at the same moment', async () => {
      await done(team.publish({ productIds: [] }));
      const [{ revisions }] = (await team.call('GET', '/Versions')).body['data'] as [{ revisions: Data[] }];
      for (let n = 0; n < 5; n += 1) {
        const products = await Promise.all([1, 2, 3].map(() => product({ apiIds: [team.id] })));
        const copy = { revisionId: revisions[0]?.['id'], apiVersionName: `copy-${n}` };
        const [copied] = await Promise.all([
          team.call('POST', '/PublishVersion', copy),
          ...products.map(({ id }) => done(team.gateway('DELETE', `/Products/${id}`))),
        ]);
        assert.equal(copied.status, 200);
        const [, version] = (await team.call('GET', '/Versions')).body['data'] as Data[];
        assert.deepEqual(version?.['productIds'], []);
        await done(team.gateway('DELETE', `/Versions/${String(copied.data['apiId'])}`));
      }
    });

    for (const [what, body, refusal] of [
      ['no name', { name: undefined }, [422, 422, 'name', 'required']],
      ['a name of blanks', { name: '  ' }, [422, 422, 'name', 'pattern']],
      ['an unknown version', { apiIds: ['none'] }, [422, 422, 'apiIds/0', 'unknown']],
      ['a limit without a window', { rateLimit: { calls: 1 } }, [422, 422, 'rateLimit/seconds', 'required']],
      [
        'a window that is too long',
        { rateLimit: { calls: 1, seconds: 3601 } },
        [422, 422, 'rateLimit/seconds', 'maximum'],
      ],
      ['an unknown period', { quota: { calls: 1, period: 'year' } }, [422, 422, 'quota/period', 'enum']],
      [
        'an unknown time zone',
        { quota: { calls: 1, period: 'day', timeZone: 'Europe/Atlantis' } },
        [422, 422, 'quota/timeZone', 'unknown'],
      ],
    ] as [string, object, unknown[]][])
      it(`refuses ${what}`, async () => {
        const answer = await team.gateway('POST', '/Products', { name: 'Refused', ...body });
        assert.deepEqual(refusalOf(answer), refusal, JSON.stringify(answer.body));
      });

    it('gives a name to one product, of two at the same moment too', async () => {
      const answers = await Promise.all(
        [1, 2].map(() => team.gateway('POST', '/Products', { name: 'Once' })),
      );
      assert.deepEqual(answers.map(({ status }) => status).sort(), [200, 409]);
    });

    it('gives a name to one product in any case, of two at the same moment too', async () => {
      const named = (name: string): Promise<ApiAnswer> => team.gateway('POST', '/Products', { name });
      const answers = await Promise.all([named('Gold'), named('gold')]);
      assert.deepEqual(answers.map(({ status }) => status).sort(), [200, 409]);
      assert.equal((await named('GOLD')).status, 409);
      const { id, name } = answers.find(({ status }) => status === 200)?.data ?? {};
      const silver = await product();
      const change = (of: unknown, to: unknown): Promise<ApiAnswer> =>
        team.gateway('PUT', `/Products/${String(of)}`, { name: to });
      assert.equal((await change(silver['id'], 'gOLD')).status, 409);
      assert.deepEqual((await done(change(id, 'gOLD')))['name'], 'gOLD', String(name));
    });

    it('is not deleted while keys work, unless they are to end', async () => {
      const { id } = await product();
      const key = await done(team.gateway('POST', `/Products/${id}/Keys`, { name: 'shop' }));
      const refused = await team.gateway('DELETE', `/Products/${id}`);
      assert.deepEqual([refused.status, refused.body['data']], [409, { keys: 1 }]);
      await done(team.gateway('PUT', `/Products/${id}/Keys/${key['id']}`, { state: 'suspended' }));
      await done(team.gateway('DELETE', `/Products/${id}`));
      const other = await product();
      await done(team.gateway('POST', `/Products/${other['id']}/Keys`, { name: 'shop' }));
      await done(team.gateway('DELETE', `/Products/${other['id']}?cascade=true`));
      assert.equal((await team.gateway('GET', `/Products/${other['id']}/Keys`)).status, 404);
    });

    it('shows keys once, and stores their hashes [SEC-G16]', async () => {
      const { id } = await product();
      const { primaryKey, secondaryKey, ...key } = await done(
        team.gateway('POST', `/Products/${id}/Keys`, { name: 'shop' }),
      );
      assert.match(primaryKey as string, /^[A-Za-z0-9_-]{43}$/);
      assert.notEqual(primaryKey, secondaryKey);
      assert.deepEqual(key['hints'], {
        primary: `${String(primaryKey).slice(0, 4)}…`,
        secondary: `${String(secondaryKey).slice(0, 4)}…`,
      });
      const list = await team.gateway('GET', `/Products/${id}/Keys`);
      assert.deepEqual(list.body['data'], [key]);
      const row = await server.context.store
        .knex('api_product_keys')
        .where({ id: key['id'] as string })
        .first<Data>();
      assert.equal(
        row['primary_hash'],
        createHash('sha256')
          .update(primaryKey as string)
          .digest('base64url'),
      );
      assert.ok(!JSON.stringify(row).includes(primaryKey as string));
    });

    it('replaces one key of a pair, and leaves the other [SEC-G16]', async () => {
      const { id } = await product();
      const key = await done(team.gateway('POST', `/Products/${id}/Keys`, { name: 'shop' }));
      const hashes = () =>
        server.context.store
          .knex('api_product_keys')
          .where({ id: key['id'] as string })
          .first<Data>();
      const before = await hashes();
      const answer = await done(
        team.gateway('POST', `/Products/${id}/Keys/${key['id']}/Regenerate`, { which: 'secondary' }),
      );
      assert.deepEqual(Object.keys(answer), ['secondaryKey']);
      const after = await hashes();
      assert.equal(after['primary_hash'], before['primary_hash']);
      assert.notEqual(after['secondary_hash'], before['secondary_hash']);
    });

    it('refuses a key that has ended already, and one of an unknown client', async () => {
      const { id } = await product();
      const post = (body: object): Promise<ApiAnswer> =>
        team.gateway('POST', `/Products/${id}/Keys`, { name: 'shop', ...body });
      assert.deepEqual(refusalOf(await post({ expiresAt: '2020-01-01T00:00:00Z' })), [
        422,
        422,
        'expiresAt',
        'future',
      ]);
      assert.deepEqual(refusalOf(await post({ clientId: 'nobody' })), [422, 422, 'clientId', 'unknown']);
      assert.equal((await post({ clientId: server.context.config.client.id })).status, 200);
    });

    const addServer = (more: object = {}): Promise<ApiAnswer> =>
      team.gateway('POST', '/AuthServers', {
        name: `Server ${++made}`,
        issuer: issuer.url,
        audience: 'https://api.example.com',
        ...more,
      });

    it('lists this issuer first', async () => {
      metadata = { issuer: issuer.url, jwks_uri: `${issuer.url}/keys` };
      const { id } = await done(addServer());
      const list = await call(server, { path: '/api/ApiResource/AuthServers', token: team.token });
      const [self, newest] = list.body['data'] as [Data, Data];
      assert.deepEqual(
        [self['id'], self['issuer'], self['tokenEndpoint'], self['audience']],
        ['self', server.issuer, `${server.issuer}/connect/token`, null],
      );
      assert.equal(newest['id'], id);
      const pages = await call(server, { path: '/api/ApiResource/AuthServers?take=1', token: team.token });
      const next = await call(server, {
        path: `/api/ApiResource/AuthServers?take=1&after=${String(pages.body['next'])}`,
        token: team.token,
      });
      assert.equal((next.body['data'] as [Data])[0]['id'], id);
    });

    it('finds the keys of an issuer by its metadata', async () => {
      metadata = {
        issuer: issuer.url,
        jwks_uri: `${issuer.url}/keys`,
        token_endpoint: `${issuer.url}/token`,
      };
      const found = await done(addServer());
      assert.deepEqual(
        [found['jwksUri'], found['tokenEndpoint'], found['authorizationEndpoint']],
        [`${issuer.url}/keys`, `${issuer.url}/token`, null],
      );
    });

    it('takes only addresses of the web out of metadata, and none of an issuer that is replaced', async () => {
      metadata = {
        issuer: issuer.url,
        jwks_uri: `${issuer.url}/keys`,
        authorization_endpoint: 'javascript:alert(1)',
        token_endpoint: `${issuer.url}/token`,
      };
      const { id, authorizationEndpoint, tokenEndpoint } = await done(addServer());
      assert.deepEqual([authorizationEndpoint, tokenEndpoint], [null, `${issuer.url}/token`]);
      const change = { issuer: 'https://new.example.com', jwksUri: 'https://new.example.com/keys' };
      const changed = await done(team.gateway('PUT', `/AuthServers/${id}`, change));
      assert.deepEqual(
        [changed['tokenEndpoint'], changed['jwksUri']],
        [null, 'https://new.example.com/keys'],
      );
    });

    it('refuses another issuer with the keys of the one before', async () => {
      const { id } = await done(addServer({ jwksUri: 'https://id.example.com/keys' }));
      const change = { issuer: 'https://new.example.com' };
      assert.deepEqual(refusalOf(await team.gateway('PUT', `/AuthServers/${id}`, change)), [
        ...[422, 422, 'jwksUri', 'required'],
      ]);
    });

    it('refuses an issuer whose metadata is of another, has no keys, or leads home [SEC-G8]', async () => {
      metadata = { issuer: 'https://other.example.com', jwks_uri: `${issuer.url}/keys` };
      assert.deepEqual(refusalOf(await addServer()), [422, 422, 'issuer', 'metadata']);
      metadata = { issuer: issuer.url };
      assert.deepEqual(refusalOf(await addServer()), [422, 422, 'jwksUri', 'required']);
      metadata = { issuer: issuer.url, jwks_uri: 'https://10.0.0.1/keys' };
      assert.deepEqual(refusalOf(await addServer()), [422, 422, 'issuer', 'private']);
      assert.deepEqual(refusalOf(await addServer({ issuer: 'http://127.0.0.1:1' })), [
        422,
        422,
        'issuer',
        'private',
      ]);
    });

    it('takes keys by https, and by http only where the operator opens the way', async () => {
      const plain = await addServer({ jwksUri: 'http://id.example.com/keys' });
      assert.deepEqual(refusalOf(plain), [422, 422, 'jwksUri', 'https']);
      const home = await addServer({ jwksUri: 'https://192.168.0.1/keys' });
      assert.deepEqual(refusalOf(home), [422, 422, 'jwksUri', 'private']);
      await done(addServer({ jwksUri: `${issuer.url}/keys` }));
    });

    it('keeps a server that a version uses', async () => {
      const { id } = await done(addServer({ jwksUri: 'https://id.example.com/keys' }));
      await done(team.publish({ openid: id }));
      const refused = await team.gateway('DELETE', `/AuthServers/${id}`);
      assert.deepEqual([refused.status, refused.body['data']], [409, { versions: 1 }]);
      await done(team.publish({ authorizationServerId: null }));
      await done(team.gateway('DELETE', `/AuthServers/${id}`));
      assert.equal((await team.gateway('DELETE', `/AuthServers/${id}`)).status, 404);
    });

    it('takes a key that has expired as it was read, and no other time that has passed', async () => {
      const { id } = await product();
      const { id: keyId } = await done(team.gateway('POST', `/Products/${id}/Keys`, { name: 'shop' }));
      await server.context.store
        .knex('api_product_keys')
        .where({ id: keyId as string })
        .update({ expires_at: 1_000 });
      const path = `/Products/${id}/Keys/${keyId}`;
      const renamed = await done(
        team.gateway('PUT', path, { name: 'old', expiresAt: '1970-01-01T00:00:01.000Z' }),
      );
      assert.deepEqual([renamed['name'], renamed['expiresAt']], ['old', '1970-01-01T00:00:01.000Z']);
      const refused = await team.gateway('PUT', path, { expiresAt: '1970-01-01T00:00:02.000Z' });
      assert.deepEqual(refusalOf(refused), [422, 422, 'expiresAt', 'future']);
    });

    describe('puts an API into a product', () => {
      /** Calls as who has these words as scopes. */
      const as =
        (token: string) =>
        (method: string, path: string, json?: object): Promise<ApiAnswer> =>
          call(server, { method, path: `/api${path}`, json, token });
      const refused = ({ status, body }: ApiAnswer): unknown[] => [status, body['data']];

      it('for who may change both, from either side', async () => {
        const { id } = await product();
        const publish = `/ApiResource/${team.id}/Publish`;
        const publisher = as(await clientToken(server, ['isms.apiresource.all']));
        const seller = as(await clientToken(server, ['isms.gateway.all']));
        const both = as(await clientToken(server, ['isms.apiresource.publish', 'isms.gateway.putproduct']));
        assert.deepEqual(refused(await publisher('PUT', publish, { productIds: [id] })), [
          403,
          { missing: 'permission', name: 'isms.gateway.putproduct' },
        ]);
        for (const answer of [
          await seller('PUT', `/Gateway/Products/${id}`, { apiIds: [team.id] }),
          await seller('POST', '/Gateway/Products', { name: 'Joined', apiIds: [team.id] }),
        ])
          assert.deepEqual(refused(answer), [
            403,
            { missing: 'permission', name: 'isms.apiresource.publish' },
          ]);
        assert.deepEqual((await done(team.gateway('GET', `/Products/${id}`)))['apiIds'], []);
        for (const [end, path, fields] of [
          [publisher, publish, { productIds: null }],
          [seller, `/Gateway/Products/${id}`, { apiIds: [] }],
        ] as const) {
          await done(both('PUT', publish, { productIds: [id] }));
          // What is there stays, and may be sent again.
          await done(publisher('PUT', publish, { productIds: [id] }));
          await done(seller('PUT', `/Gateway/Products/${id}`, { apiIds: [team.id] }));
          await done(end('PUT', path, fields));
          assert.deepEqual((await done(team.gateway('GET', `/Products/${id}`)))['apiIds'], []);
        }
        await done(both('PUT', `/Gateway/Products/${id}`, { apiIds: [team.id] }));
        await done(team.publish({ productIds: null }));
      });

      it('for no developer, whose product it is not [SEC-G25]', async () => {
        const { id } = await product();
        const words = ['isms.gateway.all', 'isms.apiresource.all'];
        const developer = as(await userToken(server, words, words, undefined, ['developer']));
        const api = await done(developer('POST', '/ApiResource', { name: 'developers-own' }));
        const fields = { suffix: 'developers-own', document: pathsOf('/items'), serviceUrl: SERVICE };
        const publish = `/ApiResource/${api['id']}/Publish`;
        assert.deepEqual(refused(await developer('PUT', publish, { ...fields, productIds: [id] })), [
          403,
          { missing: 'permission', name: 'isms.all' },
        ]);
        await done(developer('PUT', publish, fields));
        await done(team.gateway('PUT', `/Products/${id}`, { apiIds: [api['id']] }));
        // It is the developer's API: it leaves as its owner says.
        await done(developer('PUT', publish, { productIds: [] }));
        assert.deepEqual((await done(team.gateway('GET', `/Products/${id}`)))['apiIds'], []);
      });
    });

    it('shows a developer no keys, and of products their own APIs only [SEC-G25]', async () => {
      const { id } = await product({ apiIds: [team.id] });
      const words = ['isms.gateway.all', 'isms.apiresource.all'];
      const token = await userToken(server, words, words, undefined, ['developer']);
      const ask = (path: string): Promise<ApiAnswer> => call(server, { path: `/api/Gateway${path}`, token });
      assert.equal((await ask(`/Products/${id}/Keys`)).status, 403);
      assert.deepEqual((await ask(`/Products/${id}`)).data['apiIds'], []);
      const post = await call(server, {
        method: 'POST',
        path: '/api/Gateway/Products',
        json: { name: 'Mine' },
        token,
      });
      assert.equal(post.status, 403);
    });
  });
