import assert from 'node:assert/strict';
import { type Data } from '../../support/area.js';
import { STORES } from '../../support/config.js';
import { ApiTeam, documentOf, startGateway } from '../../support/gateway.js';
import type { TestServer } from '../../support/server.js';
import { done, pathsOf, refusalOf, SERVICE } from './support.js';

const DOCUMENT = pathsOf('/items', '/status');

for (const kind of STORES)
  describe(`publishing an API, on ${kind}`, () => {
    let server: TestServer;
    let team: ApiTeam;
    let suffix: string;
    let apis = 0;

    before(async () => {
      server = await startGateway(kind, []);
    });
    after(() => server.stop());
    beforeEach(async () => {
      suffix = `orders-${++apis}`;
      team = await ApiTeam.begin(server, suffix, ['read']);
    });

    const first = (more: object = {}): Promise<Data> =>
      done(team.publish({ suffix, document: DOCUMENT, serviceUrl: SERVICE, ...more }));
    const countOf = async (table: string): Promise<number> =>
      Number((await server.context.store.knex(table).count({ n: '*' }).first<{ n: number }>()).n);

    it('says the first problem of a body, which may have millions', async () => {
      for (const body of [
        { productIds: Array.from({ length: 200_000 }, () => 1) },
        Object.fromEntries(Array.from({ length: 200_000 }, (_, index) => [`k${index}`, 1])),
      ]) {
        const { status, body: answer } = await team.publish({ suffix, document: DOCUMENT, ...body });
        assert.deepEqual([status, (answer['data'] as Data[]).length], [422, 1]);
      }
    });

    it('answers the first version with its revision', async () => {
      const { createdAt, updatedAt, revisions, ...version } = await first({
        scope: ' orders.use  orders.more',
      });
      assert.deepEqual(version, {
        apiId: team.id,
        apiVersionName: null,
        name: 'Orders',
        description: null,
        suffix,
        versionScheme: { in: 'path' },
        url: `${server.issuer}/gateway/${suffix}`,
        productIds: [],
        authorizationServerId: 'self',
        scope: 'orders.use orders.more',
        passToken: false,
        announced: true,
        warnings: ['orders.use', 'orders.more'].map((scope) => ({
          field: 'scope',
          message: `Calls need the scope "${scope}", which this API resource does not have; add it to the resource, or no token can call them.`,
        })),
      });
      assert.match(`${createdAt} ${updatedAt}`, /^\d{4}-.*Z \d{4}-.*Z$/);
      const [{ id, author, createdAt: _made, updatedAt: _changed, ...revision }] = revisions as [Data];
      assert.match(id as string, /^[A-Za-z0-9_-]{1,64}$/);
      assert.match(author as string, /^caller-\d+$/);
      assert.deepEqual(revision, {
        apiId: team.id,
        revision: 1,
        isCurrent: true,
        isOnline: true,
        description: null,
        privateUrl: `${server.issuer}/gateway/${suffix};rev=1`,
        serviceUrl: SERVICE,
        documentType: 'openapi-3.0',
        operationCount: 2,
        policy: null,
      });
    });

    describe('warns of scopes that no token can have', () => {
      const document = documentOf({
        'GET /a': ['read'],
        'GET /b': [`SUFFIX.read`],
        'GET /c': ['write'],
        'PUT /c': ['write', 'openid'],
        'GET /d': ['x'.repeat(300)],
        'GET /e': null,
      });
      const sent = (): string => JSON.stringify(document).replace('SUFFIX', suffix);
      const warningsIn = ({ warnings }: Data): unknown[] =>
        ((warnings ?? []) as Data[]).map(({ field, message }) => `${field}: ${message}`);
      const long = `${'x'.repeat(100)}…`;
      const WARNINGS = [
        'document: 2 operations ask for the scope "write", which this API resource does not have; add it to the resource, or no token can call them.',
        `document: 1 operation asks for the scope "${long}", which this API resource does not have; add it to the resource, or no token can call it.`,
      ];

      it('in the answer to Publish', async () => {
        assert.deepEqual(warningsIn(await first({ document: sent() })), WARNINGS);
      });

      it('in the answer to PublishRevision', async () => {
        assert.deepEqual(warningsIn(await first()), []);
        assert.deepEqual(warningsIn(await done(team.publishRevision({ document: sent() }))), WARNINGS);
      });

      it('of a policy', async () => {
        const requireScopes = { scopes: ['read', 'admin'] };
        assert.deepEqual(
          warningsIn(await first({ policy: { operations: { 'GET /items': { requireScopes } } } })),
          [
            'policy/operations/GET ~1items/requireScopes/scopes: Calls need the scope "admin", which this API resource does not have; add it to the resource, or no token can call them.',
          ],
        );
      });

      it('and not of operations that another alternative opens', async () => {
        const security = [{ gatehouse: ['write'] }, { gatehouse: ['read'] }];
        const { paths, ...others } = documentOf({ 'GET /a': ['write'] }) as { paths: Data };
        const either = { ...others, paths: { '/a': { get: { ...paths['/a'].get, security } } } };
        assert.deepEqual(warningsIn(await first({ document: either })), []);
      });

      it('and not where no token is asked for', async () => {
        const answer = await first({ document: sent(), authorizationServerId: 'none' });
        assert.deepEqual(warningsIn(answer), []);
      });

      it('and not where the resource has the scope of everything', async () => {
        team = await ApiTeam.begin(server, `all-${suffix}`, ['all']);
        assert.deepEqual(warningsIn(await first({ document: documentOf({ 'GET /a': ['write'] }) })), []);
      });

      it('20 times at most', async () => {
        const many = Array.from({ length: 30 }, (_, n): [string, string[]] => [`GET /p${n}`, [`s${n}`]]);
        const answer = await first({ document: documentOf(Object.fromEntries(many)) });
        assert.equal(warningsIn(answer).length, 20);
      });
    });

    it('changes the version and its current revision in place', async () => {
      const before = await first({ policy: { timeout: { seconds: 5 } }, scope: 'orders.use' });
      const document = pathsOf('/other');
      const after = await done(team.publish({ document, passToken: true, scope: null }));
      assert.deepEqual(
        [after['name'], after['passToken'], after['scope'], after['suffix']],
        ['Orders', true, null, suffix],
      );
      const [was] = before['revisions'] as [Data];
      const [is, ...more] = after['revisions'] as Data[];
      assert.deepEqual(more, []);
      assert.deepEqual(
        [is?.['id'], is?.['operationCount'], is?.['policy'], is?.['serviceUrl']],
        [was['id'], 1, { timeout: { seconds: 5 } }, SERVICE],
      );
    });

    it('clears by null what a change names, and leaves the rest', async () => {
      await first({
        policy: { timeout: { seconds: 5 } },
        name: 'Mine',
        description: 'Text',
        passToken: true,
      });
      const after = await done(team.publish({ policy: null, name: null, description: '', passToken: null }));
      assert.deepEqual(
        [after['name'], after['description'], after['passToken'], after['revisions'][0].policy],
        ['Orders', null, false, null],
      );
    });

    it('deletes a document that no revision refers to any more', async () => {
      const before = await countOf('api_documents');
      await first();
      await done(team.publish({ document: pathsOf('/other') }));
      assert.equal(await countOf('api_documents'), before + 1);
      await done(team.gateway('DELETE', `/Versions/${team.id}`));
      assert.equal(await countOf('api_documents'), before);
    });

    it('takes YAML as text, and answers the document as it was sent', async () => {
      const document =
        'openapi: 3.1.0\ninfo: { title: Orders, version: "1" }\npaths:\n  /items: { get: { responses: { "200": { description: Yes } } } }\n';
      const { revisions } = await first({ document });
      const answer = await team.gateway('GET', `/Revisions/${revisions[0].id}/Document`);
      assert.equal(answer.status, 200);
      assert.match(answer.headers.get('content-type') ?? '', /^application\/yaml/);
      assert.deepEqual(answer.body, { text: document });
    });

    it('takes the backend from the document where none is given', async () => {
      const servers = [{ url: 'https://{host}.example.com/v1/', variables: { host: { default: 'a' } } }];
      const { revisions } = await first({ serviceUrl: undefined, document: { ...DOCUMENT, servers } });
      assert.equal(revisions[0].serviceUrl, 'https://a.example.com/v1');
    });

    it('refuses a document without a backend, and names the field', async () => {
      const answer = await team.publish({ suffix, document: DOCUMENT });
      assert.deepEqual(refusalOf(answer), [422, 300011, 'serviceUrl', 'required']);
      const relative = await team.publish({ suffix, document: { ...DOCUMENT, servers: [{ url: '/v1' }] } });
      assert.deepEqual(refusalOf(relative), [422, 300011, 'serviceUrl', 'required']);
    });

    for (const [what, body, refusal] of [
      ['no suffix', { suffix: undefined }, [422, 422, 'suffix', 'required']],
      ['the gateway’s own suffix', { suffix: 'authorize' }, [422, 422, 'suffix', 'reserved']],
      ['a suffix with other characters', { suffix: 'a/b' }, [422, 422, 'suffix', 'pattern']],
      ['a suffix that is too long', { suffix: 'x'.repeat(33) }, [422, 422, 'suffix', 'maxLength']],
      ['no document', { document: undefined }, [422, 300011, 'document', 'required']],
      ['two documents', { swaggerUrl: 'https://a.example/x' }, [422, 300011, 'document', 'oneOf']],
      ['a backend at home', { serviceUrl: 'http://127.0.0.1:1/' }, [422, 422, 'serviceUrl', 'private']],
      [
        'a backend at home in decimal',
        { serviceUrl: 'http://2130706433' },
        [422, 422, 'serviceUrl', 'format'],
      ],
      ['a backend with a user', { serviceUrl: 'http://a:b@x.example' }, [422, 422, 'serviceUrl', 'format']],
      ['a backend with a query', { serviceUrl: 'http://x.example/?' }, [422, 422, 'serviceUrl', 'format']],
      ['a backend with a fragment', { serviceUrl: 'http://x.example/#' }, [422, 422, 'serviceUrl', 'format']],
      ['a backend of files', { serviceUrl: 'file:///etc/passwd' }, [422, 422, 'serviceUrl', 'format']],
      ['an unknown product', { productIds: ['none'] }, [422, 422, 'productIds/0', 'unknown']],
      [
        'an unknown server',
        { authorizationServerId: 'none-such' },
        [422, 422, 'authorizationServerId', 'unknown'],
      ],
      ['two servers', { authorizationServerId: 'self', openid: 'none' }, [422, 422, 'openid', 'same']],
      [
        'a header without a name',
        { versionScheme: { in: 'header' } },
        [422, 422, 'versionScheme/name', 'required'],
      ],
      [
        'a header that means something else',
        { versionScheme: { in: 'header', name: 'Authorization' } },
        [422, 422, 'versionScheme/name', 'reserved'],
      ],
      ['an unknown key', { surprise: 1 }, [422, 422, 'surprise', 'unknown']],
      ['an unknown step', { policy: { surprise: {} } }, [422, 422, 'policy/surprise', 'unknown']],
      [
        'a step of an unknown operation',
        { policy: { operations: { none: { timeout: {} } } } },
        [422, 422, 'policy/operations/none', 'operation'],
      ],
      [
        'an address with a password',
        { swaggerUrl: 'https://a:b@x.example/', document: null },
        [422, 422, 'swaggerUrl', 'format'],
      ],
      [
        'an address at home',
        { swaggerUrl: 'http://127.0.0.1:1/', document: null },
        [422, 300011, 'swaggerUrl', 'private'],
      ],
    ] as [string, object, unknown[]][])
      it(`refuses ${what}, and stores nothing [SEC-G24]${refusal[3] === 'private' ? ' [SEC-G8]' : ''}`, async () => {
        const answer = await team.publish({ suffix, document: DOCUMENT, serviceUrl: SERVICE, ...body });
        assert.deepEqual(refusalOf(answer), refusal, JSON.stringify(answer.body));
        assert.deepEqual((await team.call('GET', '/Versions')).body['data'], []);
        assert.equal((await team.call('GET', '/PublishConfiguration')).body['data'], null);
      });

    it('says all that is wrong in one message, without full stops before its semicolons', async () => {
      const { body } = await team.publish({
        suffix,
        serviceUrl: SERVICE,
        document: { openapi: '3.0.3', info: { title: 'Orders' }, paths: { a: {} } },
      });
      assert.equal(body['message'], 'document: Add "version"; document: Begin the path "a" with "/"');
    });

    it('says at which line a document is wrong', async () => {
      const document =
        'openapi: 3.0.3\ninfo: { title: Orders, version: "1" }\npaths:\n  /items:\n    get: [\n';
      const answer = await team.publish({ suffix, document, serviceUrl: SERVICE });
      const [problem] = answer.body['data'] as Data[];
      assert.deepEqual([answer.status, answer.body['code'], problem?.['field']], [422, 300011, 'document']);
      assert.equal(typeof problem?.['line'], 'number', JSON.stringify(problem));
      assert.match(
        String(answer.body['message']),
        new RegExp(`^document, line ${String(problem?.['line'])}: `),
      );
    });

    it('refuses a document over 16 MiB, as text and as an object [SEC-G23]', async () => {
      const large = 'x'.repeat(16 * 1024 * 1024);
      const text = await team.publish({ suffix, serviceUrl: SERVICE, document: `# ${large}\n` });
      assert.equal(text.status, 413);
      const object = await team.publish({
        suffix,
        serviceUrl: SERVICE,
        document: { ...DOCUMENT, 'x-large': large },
      });
      assert.equal(object.status, 413);
    });

    it('takes a document of 5 MiB', async () => {
      const document = { ...DOCUMENT, 'x-large': 'x'.repeat(5 * 1024 * 1024) };
      await first({ document });
    });

    it('gives a suffix to one API, whatever its case', async () => {
      await first();
      const other = await ApiTeam.begin(server, `other-${suffix}`, []);
      const answer = await other.publish({
        suffix: suffix.toUpperCase(),
        document: DOCUMENT,
        serviceUrl: SERVICE,
      });
      assert.deepEqual([answer.status, answer.body['code']], [409, 300011]);
      assert.equal(
        answer.body['message'],
        `another API has the suffix "${suffix.toUpperCase()}", in this or another case; choose another one`,
      );
    });

    it('gives a suffix to one of two that publish at the same moment', async () => {
      const other = await ApiTeam.begin(server, `other-${suffix}`, []);
      const answers = await Promise.all(
        [team, other].map((each) => each.publish({ suffix, document: DOCUMENT, serviceUrl: SERVICE })),
      );
      assert.deepEqual(answers.map(({ status }) => status).sort(), [200, 409]);
    });

    it('is asked for an API that was deleted meanwhile: it is not found, or deleted with all of it', async () => {
      const [published, deleted] = await Promise.all([
        team.publish({ suffix, document: DOCUMENT, serviceUrl: SERVICE }),
        team.call('DELETE', '?cascade=true'),
      ]);
      assert.equal(deleted.status, 200, JSON.stringify(deleted.body));
      assert.ok([200, 404].includes(published.status), JSON.stringify(published.body));
      const { knex } = server.context.store;
      assert.deepEqual(await knex('api_version_sets').where({ suffix }), []);
      assert.deepEqual(await knex('api_revisions').where({ version_id: team.id }), []);
    });

    it('keeps what was last sent', async () => {
      await first({ policy: {}, openid: 'none', notify: false });
      assert.deepEqual((await team.call('GET', '/PublishConfiguration')).body['data'], {
        apiId: team.id,
        documentSource: 'inline',
        suffix,
        serviceUrl: SERVICE,
        policy: {},
        authorizationServerId: 'none',
      });
      await done(team.publish({ name: 'Renamed' }));
      assert.deepEqual((await team.call('GET', '/PublishConfiguration')).body['data'], {
        apiId: team.id,
        documentSource: 'inline',
        name: 'Renamed',
      });
    });

    it('answers 404 for a version that is none of the API', async () => {
      const other = await ApiTeam.begin(server, `other-${suffix}`, []);
      for (const apiId of [other.id, 'none']) {
        const answer = await team.publish({ suffix, document: DOCUMENT, serviceUrl: SERVICE, apiId });
        assert.deepEqual([answer.status, answer.body['code']], [404, 300004]);
      }
      const never = await team.publishRevision({ document: DOCUMENT });
      assert.deepEqual([never.status, never.body['code']], [404, 300004]);
      await first();
      await first({ apiId: team.id, document: undefined });
    });
  });
