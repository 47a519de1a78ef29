import assert from 'node:assert/strict';
import { writes } from '../../src/api/index.js';
import { OPERATIONS } from '../../src/management.js';
import { administrator, caller, type Caller, type Data } from '../support/area.js';
import { CATALOGUE_HIDDEN } from '../support/catalogue.js';
import { STORES } from '../support/config.js';
import { EXAMPLES } from '../support/examples.js';
import { clientToken, perform, userToken, type ApiAnswer } from '../support/management.js';
import { startServer, type TestServer } from '../support/server.js';

const WRITING = OPERATIONS.filter((operation) => writes(operation) && operation.access.kind !== 'open');

/** Every word of the management API but the one for everything. */
const WORDS = [
  ...new Set(OPERATIONS.flatMap(({ access }) => (access.kind === 'open' ? [] : [`isms.${access.area}.all`]))),
];

/** What a confined caller does with things that are not their own, and why. */
const MAY: Record<string, string> = {
  'apiresource.post': 'the API is their own',
  'apiresource.import': 'the API is their own; one that is another’s is not found',
  'blob.base64': 'the file is a new one',
  'blob.image': 'the file is a new one',
  'blob.post': 'the file is a new one',
  'file.image': 'the file is a new one',
  'file.post': 'the file is a new one',
  'client.post': 'the client is their own',
  'client.postregistrationtoken': 'the token is their own',
  // The example makes a token with the caller's own token, and takes that.
  'client.deleteregistrationtoken': 'the token is their own',
  'client.issuetoken': 'the token is their own',
  'client.revoketoken': 'the token is their own',
  'messaging.test': 'it changes nothing',
  // Users have no owner: the words that they hold decide (test/api/confined.test.ts). A role that holds none is the tenant's.
  'user.post': 'the user holds no word of others',
  'user.put': 'the user holds no word of others',
  'user.delete': 'the user holds no word of others',
  'user.import': 'the user holds no word of others',
};
/** Where it is another's, there is no such thing for them. */
const HIDDEN = [
  ...CATALOGUE_HIDDEN,
  'apiresource.verifyemail',
  'apiresource.postpackages',
  'apiresource.putpackage',
  'apiresource.deletepackage',
  'apiresource.put',
  'apiresource.delete',
  'client.put',
  'client.delete',
  'client.postsecretkey',
  'client.endregistration',
  'codegen.deletejob',
  'codegen.posthistory',
  'codegen.putcommonoptions',
  'codegen.putgithuboptions',
  'codegen.putnpmoptions',
  'codegen.releasesdk',
  'codegen.syncgithub',
];

for (const kind of STORES)
  describe(`what belongs to the whole tenant, for a developer who holds all words but isms.all, on ${kind}`, () => {
    let server: TestServer;
    let token: string;
    let developer: Caller;
    let admin: Caller;

    before(async () => {
      server = await startServer(kind, {}, { limits: { enabled: false } });
      admin = await administrator(server);
      token = await userToken(server, WORDS, WORDS, undefined, ['developer']);
      developer = caller(server, token);
    });
    after(() => server.stop());

    const ask = async (id: string, of: string): Promise<ApiAnswer> => {
      const operation = OPERATIONS.find((each) => each.id === id);
      assert.ok(operation);
      const example = (await EXAMPLES[id]?.(server, server.home.tenant, of)) ?? {};
      return perform(server, operation, example, { token: of });
    };

    it('is every writing operation that is not said to be for things of their own', () => {
      const known = new Set<string>(WRITING.map(({ id }) => id));
      assert.deepEqual(
        [...Object.keys(MAY), ...HIDDEN].filter((id) => !known.has(id)),
        [],
      );
    });

    for (const { id } of WRITING)
      it(`${id} ${id in MAY ? 'is taken' : HIDDEN.includes(id) ? 'finds nothing' : 'is refused'} [SEC-R4]`, async () => {
        const { status, body } = await ask(id, token);
        const expected = id in MAY ? [200, 502] : HIDDEN.includes(id) ? [404] : [403];
        assert.ok(expected.includes(status), `${status} ${JSON.stringify(body)}`);
      });

    it('stays as it is: the scopes about a person [SEC-R4]', async () => {
      const before = (await admin.ask('GET', '/api/IdentityResource')).body['data'] as Data[];
      const one = (name: string): Data => before.find((resource) => resource['name'] === name) as Data;
      const wider = { id: one('openid')['id'], userClaims: ['sub', 'email', 'permission', 'role'] };
      for (const answer of [
        await developer.ask('PUT', '/api/IdentityResource', wider),
        await developer.ask('DELETE', `/api/IdentityResource/${one('email')['id']}?cascade=true`),
        await developer.ask('POST', '/api/IdentityResource', { name: 'mine' }),
      ])
        assert.deepEqual(
          [answer.status, answer.body['data'], answer.body['message']],
          [
            403,
            { missing: 'permission', name: 'isms.all' },
            'this belongs to the whole tenant, and you change your own things only; ask an administrator',
          ],
        );
      assert.deepEqual((await admin.ask('GET', '/api/IdentityResource')).body['data'], before);
    });

    it('is changed by those who hold the same words and are not confined', async () => {
      const words = ['isms.identityresource.all', 'isms.key.all', 'isms.tenant.all'];
      for (const other of [await clientToken(server, words), await userToken(server, words, words)])
        for (const id of ['identityresource.put', 'key.renew', 'tenant.put'])
          assert.equal((await ask(id, other)).status, 200, id);
    });

    it('is refused to a client that acts for itself and is the developer’s own [SEC-R4]', async () => {
      const scopes = ['isms.identityresource.post'];
      const made = await developer.done('POST', '/api/Client', { template: 'machine', scopes });
      const { body } = await server.post(
        '/connect/token',
        { grant_type: 'client_credentials', scope: scopes.join(' ') },
        server.basic(made['clientId'] as string, (made['newSecret'] as Data)['secret'] as string),
      );
      const own = caller(server, String(body['access_token']));
      assert.equal((await own.ask('POST', '/api/IdentityResource', { name: 'mine' })).status, 403);
    });
  });
