import assert from 'node:assert/strict';
import type { Data } from '../../support/area.js';
import { STORES } from '../../support/config.js';
import { ApiTeam, startGateway } from '../../support/gateway.js';
import type { TestServer } from '../../support/server.js';
import { done, pathsOf, refusalOf, SERVICE } from './support.js';

for (const kind of STORES)
  describe(`versions, revisions and releases, on ${kind}`, () => {
    let server: TestServer;
    let team: ApiTeam;
    let first: string;
    let apis = 0;

    before(async () => {
      server = await startGateway(kind, []);
    });
    after(() => server.stop());
    beforeEach(async () => {
      const suffix = `api-${++apis}`;
      team = await ApiTeam.begin(server, suffix, []);
      const { revisions } = await done(
        team.publish({
          suffix,
          document: pathsOf('/items'),
          serviceUrl: SERVICE,
          policy: { timeout: { seconds: 5 } },
        }),
      );
      first = revisions[0].id as string;
    });

    const revise = (more: object = {}): Promise<Data> =>
      done(team.publishRevision({ document: pathsOf('/items', '/more'), ...more }));
    const makeVersion = (apiVersionName: string, revisionId = first): Promise<Data> =>
      done(team.call('POST', '/PublishVersion', { revisionId, apiVersionName }));
    const versions = async (query = ''): Promise<Data[]> =>
      (await team.call('GET', `/Versions${query}`)).body['data'] as Data[];
    const releases = async (query = ''): Promise<Data[]> =>
      (await team.call('GET', `/Releases${query}`)).body['data'] as Data[];
    const announced = async (): Promise<Data[]> =>
      (await server.context.store
        .knex('api_announcements')
        .where({ api_resource_id: team.id })
        .orderBy(['created_at', 'id'])) as Data[];

    it('has 500 revisions at most, in all of its versions', async () => {
      const { knex } = server.context.store;
      const { id: last } = await revise();
      const row = await knex('api_revisions').where({ id: first }).first<Data>();
      const more = Array.from({ length: 498 }, (_, index) => ({
        ...row,
        id: `${first.slice(-12)}-${index}`,
        number: index + 3,
      }));
      await knex.batchInsert('api_revisions', more, 50);
      const refused = [
        await team.publishRevision({ document: pathsOf('/items') }),
        await team.call('POST', '/PublishVersion', { revisionId: first, apiVersionName: 'v2' }),
      ];
      for (const { status, body } of refused)
        assert.deepEqual([status, body['data']], [409, { revisions: 500 }]);
      await done(team.gateway('DELETE', `/Revisions/${last}`));
      await makeVersion('v2');
    });

    it('begin a revision online and not current, with the backend and policy of the current one', async () => {
      const {
        id: _id,
        author: _author,
        createdAt: _made,
        updatedAt: _changed,
        ...revision
      } = await revise({
        releaseNote: 'More',
      });
      assert.deepEqual(revision, {
        apiId: team.id,
        revision: 2,
        isCurrent: false,
        isOnline: true,
        description: 'More',
        privateUrl: `${server.issuer}/gateway/api-${apis};rev=2`,
        serviceUrl: SERVICE,
        documentType: 'openapi-3.0',
        operationCount: 2,
        policy: { timeout: { seconds: 5 } },
      });
    });

    it('number revisions one by one, of many at the same moment too', async () => {
      const made = await Promise.all([1, 2, 3, 4].map(() => revise()));
      assert.deepEqual(made.map(({ revision }) => revision as number).sort(), [2, 3, 4, 5]);
      const [version] = await versions();
      assert.deepEqual(
        version?.['revisions'].map(({ revision }: Data) => revision as number),
        [5, 4, 3, 2, 1],
      );
    });

    it('use no number twice: not that of a deleted revision', async () => {
      const { id } = await revise();
      await done(team.gateway('DELETE', `/Revisions/${id}`));
      assert.equal((await revise())['revision'], 3);
    });

    it('refuse a bad revision with their own code', async () => {
      assert.deepEqual(refusalOf(await team.publishRevision({})), [422, 300005, 'document', 'required']);
      assert.deepEqual(refusalOf(await team.publishRevision({ document: 'openapi: 3.0.3' })).slice(0, 3), [
        422,
        300005,
        'document',
      ]);
      const never = await ApiTeam.begin(server, `never-${apis}`, []);
      const answer = await never.publishRevision({ document: pathsOf('/items') });
      assert.deepEqual([answer.status, answer.body['code']], [404, 300004]);
      assert.equal((await versions())[0]?.['revisions'].length, 1);
    });

    it('set a revision online with a release, which says at its first time what the revision says', async () => {
      const { id } = await revise({ releaseNote: 'Orders have a state' });
      const now = await done(team.setOnline(id as string));
      assert.deepEqual(
        now['revisions'].map(({ revision, isCurrent }: Data) => [revision, isCurrent] as unknown[]),
        [
          [2, true],
          [1, false],
        ],
      );
      await done(team.setOnline(first));
      await done(team.setOnline(id as string));
      await done(team.setOnline(first, { notes: 'Back' }));
      const list = await releases();
      assert.deepEqual(
        list.map(({ revisionId, notes }) => [revisionId as string, notes as string]),
        [
          [first, 'Back'],
          [id, ''],
          [first, ''],
          [id, 'Orders have a state'],
        ],
      );
      const mails = (await announced()).filter((each) => each['kind'] === 'release');
      assert.deepEqual(
        mails.map(({ notes }) => notes as string),
        ['Orders have a state', 'Back'],
      );
    });

    it('leave everything as it is where the revision is current already', async () => {
      await done(team.setOnline(first, { notes: 'Again' }));
      assert.deepEqual(await releases(), []);
    });

    it('put a revision that is offline online when it becomes current', async () => {
      const { id } = await revise();
      assert.equal(
        (await done(team.gateway('PUT', `/Revisions/${id}`, { isOnline: false })))['isOnline'],
        false,
      );
      const [newest] = (await done(team.setOnline(id as string)))['revisions'] as [Data];
      assert.deepEqual([newest['isOnline'], newest['isCurrent']], [true, true]);
    });

    it('keep the current revision online and there', async () => {
      for (const [method, what, body] of [
        ['PUT', 'stays online', { isOnline: false }],
        ['DELETE', 'cannot be deleted', undefined],
      ] as const) {
        const answer = await team.gateway(method, `/Revisions/${first}`, body);
        assert.deepEqual(
          [answer.status, answer.body['message']],
          [
            409,
            `the revision is the current one of its version, and ${what}; make another one current first`,
          ],
        );
      }
      const changed = await done(team.gateway('PUT', `/Revisions/${first}`, { description: 'First' }));
      assert.deepEqual([changed['description'], changed['isOnline']], ['First', true]);
    });

    it('delete a revision or make it current, never both [SEC-G24]', async () => {
      for (let n = 0; n < 5; n += 1) {
        const { id } = await revise();
        const [online, deleted] = await Promise.all([
          team.setOnline(id as string),
          team.gateway('DELETE', `/Revisions/${id}`),
        ]);
        assert.ok(
          [
            [200, 409],
            [404, 200],
          ].some(([one, other]) => online.status === one && deleted.status === other),
          `${online.status} ${deleted.status}`,
        );
        const [version] = await versions();
        assert.equal(version?.['revisions'].filter(({ isCurrent }: Data) => isCurrent as boolean).length, 1);
        await done(team.setOnline(first));
      }
    });

    it('make a version as a copy of a revision, in lower case, with its products and access', async () => {
      const product = await done(team.gateway('POST', '/Products', { name: `P ${apis}`, apiIds: [team.id] }));
      await done(team.publish({ scope: 'orders.use', passToken: true }));
      const { apiId, revisions, ...version } = await makeVersion('V2.Beta');
      assert.match(apiId as string, /^[A-Za-z0-9_-]{1,64}$/);
      assert.notEqual(apiId, team.id);
      assert.deepEqual(
        [
          version['apiVersionName'],
          version['url'],
          version['scope'],
          version['passToken'],
          version['productIds'],
        ],
        ['v2.beta', `${server.issuer}/gateway/api-${apis}/v2.beta`, 'orders.use', true, [product['id']]],
      );
      const [revision] = revisions as [Data];
      assert.deepEqual(
        [
          revision['revision'],
          revision['isCurrent'],
          revision['serviceUrl'],
          revision['policy'],
          revision['privateUrl'],
        ],
        [1, true, SERVICE, { timeout: { seconds: 5 } }, `${version['url']};rev=1`],
      );
    });

    it('refuse a version’s name that is taken, and one that begins a path of the first version', async () => {
      await makeVersion('v2');
      const taken = await team.call('POST', '/PublishVersion', { revisionId: first, apiVersionName: 'V2' });
      assert.equal(taken.status, 409);
      const segment = await team.call('POST', '/PublishVersion', {
        revisionId: first,
        apiVersionName: 'items',
      });
      assert.deepEqual(refusalOf(segment), [422, 422, 'apiVersionName', 'versionName']);
      for (const apiVersionName of ['', 'a/b', '-a', 'x'.repeat(33)])
        assert.equal(
          (await team.call('POST', '/PublishVersion', { revisionId: first, apiVersionName })).status,
          422,
        );
    });

    it('refuse a document of the first version that has a path like a version’s name', async () => {
      await makeVersion('v2');
      const document = pathsOf('/v2/items');
      assert.deepEqual(refusalOf(await team.publish({ document })), [422, 300011, 'document', 'versionName']);
      assert.deepEqual(refusalOf(await team.publishRevision({ document })), [
        422,
        300005,
        'document',
        'versionName',
      ]);
      const { apiId } = (await versions())[1] as Data;
      await done(team.publishRevision({ document, apiId }));
    });

    it('set no revision online whose paths begin like a version that came after it', async () => {
      const { id } = await revise({ document: pathsOf('/v2/items') });
      await makeVersion('v2');
      assert.deepEqual(refusalOf(await team.setOnline(id as string)), [
        422,
        300017,
        'revisionId',
        'versionName',
      ]);
      assert.equal((await versions())[0]?.['revisions'][1].isCurrent, true);
    });

    it('may be named like a path where a header names them, and the scheme stays then', async () => {
      const set = await done(team.publish({ versionScheme: { in: 'header', name: 'Api-Version' } }));
      assert.deepEqual(set['versionScheme'], { in: 'header', name: 'Api-Version' });
      const version = await makeVersion('items');
      assert.equal(version['url'], `${server.issuer}/gateway/api-${apis}`);
      const back = await team.publish({ versionScheme: { in: 'path' } });
      assert.deepEqual(refusalOf(back), [422, 300011, 'versionScheme', 'versionName']);
    });

    it('are listed with the first one first, and paged', async () => {
      for (const name of ['v3', 'v2']) await makeVersion(name);
      const names = async (query: string): Promise<unknown[]> =>
        (await versions(query)).map((version) => version['apiVersionName'] as unknown);
      assert.deepEqual(await names(''), [null, 'v3', 'v2']);
      assert.deepEqual(await names('?skip=1&take=1'), ['v3']);
      assert.deepEqual(await names('?asc=false'), ['v2', 'v3', null]);
    });

    it('are deleted, the first one last; then the API is not published any more', async () => {
      const { apiId } = await makeVersion('v2');
      assert.equal((await team.gateway('DELETE', `/Versions/${team.id}`)).status, 409);
      await done(team.gateway('DELETE', `/Versions/${apiId}`));
      assert.deepEqual(await done(team.gateway('DELETE', `/Versions/${team.id}`)), { id: team.id });
      assert.deepEqual(await versions(), []);
      assert.equal((await team.call('GET', '/PublishConfiguration')).body['data'], null);
      const again = { suffix: `api-${apis}`, document: pathsOf('/items'), serviceUrl: SERVICE };
      assert.equal((await done(team.publish(again)))['revisions'][0].revision, 1);
    });

    it('have releases of a revision, of a version, and by an aid', async () => {
      const { id } = await revise();
      const { apiId, revisions } = await makeVersion('v2');
      const targets: [object, string, string][] = [
        [{}, team.id, first],
        [{ revisionId: id }, team.id, id as string],
        [{ apiId }, apiId as string, revisions[0].id as string],
        [{ aid: `${team.id};rev=2` }, team.id, id as string],
        [{ aid: apiId }, apiId as string, revisions[0].id as string],
      ];
      for (const [target, version, revision] of targets) {
        const made = await done(team.call('POST', '/Releases', { notes: 'New', notify: false, ...target }));
        assert.deepEqual([made['apiId'], made['revisionId'], made['notes']], [version, revision, 'New']);
      }
      assert.equal((await releases(`?apiId=${apiId}`)).length, 2);
      assert.equal((await releases()).length, 5);
      assert.deepEqual(
        (await announced()).filter((each) => each['kind'] === 'release'),
        [],
      );
    });

    it('refuse a release of what is not there, or that says nothing', async () => {
      const post = (body: object) => team.call('POST', '/Releases', body);
      assert.equal((await post({ notes: '' })).status, 422);
      assert.equal((await post({ notes: 'x', revisionId: 'none' })).status, 404);
      assert.equal((await post({ notes: 'x', apiId: 'none' })).status, 404);
      assert.equal((await post({ notes: 'x', aid: `${team.id};rev=9` })).status, 404);
      assert.equal((await post({ notes: 'x', aid: `${team.id};rev=0` })).status, 422);
      assert.equal((await post({ notes: 'x', apiId: team.id, revisionId: first })).status, 422);
      assert.equal((await team.call('GET', '/Releases?apiId=none')).status, 404);
    });

    it('change and delete releases without a mail', async () => {
      const { id } = await done(team.call('POST', '/Releases', { notes: 'New', notify: false }));
      const changed = await done(team.call('PUT', `/Releases/${id}`, { notes: 'Newer' }));
      assert.deepEqual([changed['id'], changed['notes']], [id, 'Newer']);
      assert.deepEqual(await done(team.call('DELETE', `/Releases/${id}`)), { id });
      assert.equal((await team.call('PUT', `/Releases/${id}`, { notes: 'x' })).status, 404);
      assert.deepEqual(
        (await announced()).filter((each) => each['kind'] === 'release'),
        [],
      );
    });

    it('are found at their own API only', async () => {
      const other = await ApiTeam.begin(server, `other-${apis}`, []);
      const { id } = await done(team.call('POST', '/Releases', { notes: 'New', notify: false }));
      assert.equal((await other.setOnline(first)).status, 404);
      assert.equal((await other.call('PUT', `/Releases/${id}`, { notes: 'x' })).status, 404);
      const copy = await other.call('POST', '/PublishVersion', { revisionId: first, apiVersionName: 'v2' });
      assert.equal(copy.status, 404);
    });

    it('tell subscribers of 20 events in 24 hours, and go on without a mail [SEC-G27]', async () => {
      const { knex } = server.context.store;
      const count = (id = `announcement:${team.id}`) => knex('rate_counts').where({ id });
      const release = (notes = 'New'): Promise<Data> => done(team.call('POST', '/Releases', { notes }));
      await count().update({ count: 18 });
      // Two at once: the last mail of the day is one of theirs.
      assert.equal((await release())['announced'], true);
      const both = await Promise.all([release(), release()]);
      assert.deepEqual(both.map(({ announced: told }) => told as unknown).sort(), [false, true]);
      const before = (await announced()).length;
      const revision = await revise({ releaseNote: 'Changed' });
      assert.deepEqual(
        [
          (await done(team.setOnline(revision['id'] as string)))['announced'],
          (await done(team.publish({ name: 'Other' })))['announced'],
          (await done(team.publish({ notify: false })))['announced'],
        ],
        [false, false, false],
      );
      const [version] = await versions();
      assert.deepEqual([version?.['name'], version?.['announced']], ['Other', undefined]);
      assert.equal((await releases()).length, 4);
      assert.equal((await announced()).length, before);
      await count().update({ expires_at: Date.now() });
      assert.equal((await release())['announced'], true);
    });

    it('are announced with the address at which they are called', async () => {
      const suffix = `/gateway/api-${apis}`;
      const { id: second } = await revise();
      const { id: offline } = await revise();
      const { apiId } = await makeVersion('v2');
      await done(team.gateway('PUT', `/Revisions/${offline}`, { isOnline: false }));
      const targets = [{}, { apiId }, { revisionId: second }, { revisionId: offline }];
      for (const target of targets) await done(team.call('POST', '/Releases', { notes: 'New', ...target }));
      await done(team.setOnline(second as string, { notes: 'Switched' }));
      assert.deepEqual(
        (await announced()).map(({ kind: event, path }) => [event, path] as unknown[]),
        [
          ['publish', suffix],
          ['release', suffix],
          ['release', `${suffix}/v2`],
          ['release', `${suffix};rev=2`],
          ['release', null],
          ['release', suffix],
        ],
      );
    });

    it('announce a publication unless they are told not to', async () => {
      const kinds = async (): Promise<unknown[]> =>
        (await announced()).map((each) => each['kind'] as unknown);
      assert.deepEqual(await kinds(), ['publish']);
      await done(team.publish({ notify: false, passToken: true }));
      assert.deepEqual(await kinds(), ['publish']);
    });
  });
