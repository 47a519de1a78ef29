import assert from 'node:assert/strict';
import fc from 'fast-check';
import { spellings, writes, type AnyOperation } from '../../src/api/index.js';
import { OPERATIONS } from '../../src/management.js';
import { aboutPublished, publishIn } from '../support/catalogue.js';
import { STORES } from '../support/config.js';
import { administrator, type Caller, type Data } from '../support/area.js';
import { EXAMPLES } from '../support/examples.js';
import { valid } from '../support/from-schema.js';
import { clientToken, perform, userToken, type ApiAnswer, type Example } from '../support/management.js';
import { PASSWORD, startServer, type TestServer } from '../support/server.js';

/** Things that hold `isms.all`, by what they are. */
interface Strong {
  role: string;
  user: string;
  client: string;
  clientId: string;
  api: string;
  /** Of the API, as it is at the gateway. */
  published: Parameters<typeof aboutPublished>[0];
  /** Makes a registration token; returns its id. */
  registrationToken(): Promise<string>;
}

const EVERYTHING = [{ type: 'permission', value: 'isms.all' }];

/** For each writing operation: a call that is about something that holds more than the caller. */
const ABOUT_STRONGER: Record<string, (strong: Strong) => Example | Promise<Example>> = {
  'role.post': () => ({ body: { name: 'stronger', claims: EVERYTHING } }),
  'role.put': ({ role }) => ({ body: { id: role, name: 'renamed' } }),
  'role.delete': ({ role }) => ({ params: { id: role }, query: { cascade: 'true' } }),
  'user.post': ({ role }) => ({ body: { userName: 'stronger', roles: [role] } }),
  'user.put': ({ user }) => ({ body: { id: user, nickName: 'Changed' } }),
  'user.delete': ({ user }) => ({ params: { id: user } }),
  'user.import': ({ role }) => ({ body: { userName: 'stronger', roles: [role] } }),
  'client.post': () => ({ body: { template: 'machine', scopes: ['isms.all'] } }),
  'client.put': ({ client }) => ({ body: { id: client, description: 'Changed' } }),
  'client.delete': ({ client }) => ({ params: { id: client } }),
  'client.postsecretkey': ({ client }) => ({ params: { id: client }, body: {} }),
  'client.endregistration': ({ client }) => ({ params: { id: client } }),
  'client.postregistrationtoken': () => ({ body: { scopes: ['isms.all'] } }),
  'client.deleteregistrationtoken': async ({ registrationToken }) => ({
    params: { id: await registrationToken() },
  }),
  'messaging.putmail': () => ({
    body: {
      driver: 'smtp',
      host: 'mail.example.com',
      port: 465,
      security: 'tls',
      user: 'mine',
      password: 'mine',
      from: 'mine@example.com',
    },
  }),
  'messaging.putsms': () => ({
    body: {
      driver: 'webhook',
      url: 'https://sms.example.com/send',
      secret: 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw',
    },
  }),
  'messaging.delete': () => ({ params: { channel: 'mail' } }),
  'apiresource.put': ({ api }) => ({ body: { id: api, displayName: 'Changed' } }),
  'apiresource.delete': ({ api }) => ({ params: { id: api }, query: { cascade: 'true' } }),
  ...Object.fromEntries(
    Object.keys(aboutPublished({ id: '', currentId: '', revisionId: '', releaseId: '' })).map((id) => [
      id,
      ({ published }: Strong) => aboutPublished(published)[id] ?? {},
    ]),
  ),
  'apiresource.import': ({ clientId }) => ({
    body: { microServiceName: 'stronger', microServiceClientIDs: [clientId] },
  }),
};

/** For each change of a thing that has an id: what would make a thing that holds nothing hold everything. */
const MAKES_STRONGER: Record<string, (strong: Strong) => readonly object[]> = {
  'role.put': () => [{ claims: EVERYTHING }],
  'user.put': ({ role }) => [{ claims: EVERYTHING }, { roles: [role] }],
  'client.put': () => [{ scopes: ['isms.all'] }, { scopes: ['ids4.ms.all'] }],
  'apiresource.put': () => [], // its scopes can not be the management API's
};

/** What else a caller needs so that the operation reaches the stronger thing. */
const ALSO: Record<string, readonly string[]> = { 'apiresource.import': ['isms.client.put'] };

const TABLES = [
  'roles',
  'user_roles',
  'users',
  'clients',
  'client_secrets',
  'client_registrations',
  'initial_access_tokens',
  'api_resources',
  'api_resource_secrets',
  'api_scopes',
  'message_drivers',
  'revocations',
];

/** The fields that a change can name, each with one value that is allowed. */
const fieldsOf = ({ schemas: { body } }: AnyOperation): [string, unknown][] =>
  Object.entries((body as { properties?: Record<string, unknown> }).properties ?? {})
    .filter(([name]) => name !== 'id')
    .map(([name, schema]) => [
      name,
      name === 'password' ? PASSWORD : fc.sample(valid(schema), { seed: 1, numRuns: 1 })[0],
    ]);

const wordsOf = ({ id, access }: AnyOperation): string[] =>
  access.kind === 'open' ? [] : [spellings(access.area, access.verb)[0] ?? '', ...(ALSO[id] ?? [])];

for (const kind of STORES)
  describe(`what holds more than the caller, on ${kind}`, () => {
    let server: TestServer;
    let admin: Caller;
    let strong: Strong;

    before(async () => {
      server = await startServer(kind);
      admin = await administrator(server);
      const one = async (path: string): Promise<Data> =>
        ((await admin.ask('GET', path)).body['data'] as [Data])[0];
      const role = await one('/api/Role?q.name=administrator');
      const user = await one(`/api/User?q.roles=${role['id']}`);
      const client = await one(`/api/Client?q.clientId=${server.context.config.client.id}`);
      const api = await one('/api/ApiResource?q.name=isms');
      strong = {
        role: role['id'],
        user: user['id'],
        client: client['id'],
        clientId: client['clientId'],
        api: api['id'],
        published: await server.change((db) => publishIn(db, api['id'])),
        registrationToken: async () =>
          (await admin.done('POST', '/api/Client/RegistrationTokens', { scopes: ['isms.all'] }))['id'],
      };
    });
    after(() => server.stop());

    const rows = async (): Promise<Record<string, unknown>> => {
      const { knex } = server.context.store;
      const tables = await Promise.all(
        TABLES.map(async (table) => [table, (await knex(table)).map((row) => JSON.stringify(row)).sort()]),
      );
      return Object.fromEntries(tables) as Record<string, unknown>;
    };

    /** The answer's reason, of the whole call or of its only line. */
    const refusalOf = ({ status, body }: ApiAnswer): unknown =>
      body['result'] === 'refused' ? (body['problem'] as Data)['rule'] : status;

    /** Calls with a client and with a user who have these words and no others; nothing is written by any of the calls. */
    async function refused(operation: AnyOperation, examples: readonly Example[]): Promise<void> {
      const words = wordsOf(operation);
      const callers = [await clientToken(server, words), await userToken(server, ['isms.all'], words)];
      const before = await rows();
      for (const example of examples)
        for (const token of callers) {
          const answer = await perform(server, operation, example, { token });
          assert.equal(
            refusalOf(answer),
            operation.stream ? 'forbidden' : 403,
            `${JSON.stringify(example)} ${JSON.stringify(answer.body)}`,
          );
        }
      assert.deepEqual(await rows(), before);
    }

    const writing = OPERATIONS.filter(writes);

    it('has a call for every writing operation, but for those that say why they touch no authority [SEC-R1]', () => {
      const touching = writing.filter(({ authority }) => typeof authority === 'function');
      assert.deepEqual(touching.map(({ id }) => id).sort(), Object.keys(ABOUT_STRONGER).sort());
      const changes = touching.filter(
        ({ method, schemas }) =>
          method === 'PUT' && 'id' in ((schemas.body as { properties?: object }).properties ?? {}),
      );
      assert.deepEqual(changes.map(({ id }) => id).sort(), Object.keys(MAKES_STRONGER).sort());
    });

    for (const operation of writing.filter(({ id }) => id in ABOUT_STRONGER)) {
      it(`${operation.id} refuses to touch it, and changes nothing [SEC-R1]`, async () => {
        await refused(operation, [(await ABOUT_STRONGER[operation.id]?.(strong)) ?? {}]);
      });

      if (!(operation.id in MAKES_STRONGER)) continue;
      it(`${operation.id} refuses to make it of something that holds less [SEC-R1]`, async () => {
        const example = (await EXAMPLES[operation.id]?.(server, server.home.tenant, '')) ?? {};
        const { id } = example.body as { id: string };
        const changes = MAKES_STRONGER[operation.id]?.(strong);
        assert.ok(changes);
        await refused(
          operation,
          changes.map((change) => ({ body: { id, ...change } })),
        );
      });

      it(`${operation.id} refuses to touch it, whatever field it names [SEC-R1]`, async () => {
        const { body } = (await ABOUT_STRONGER[operation.id]?.(strong)) ?? {};
        const { id } = body as { id: string };
        await refused(
          operation,
          fieldsOf(operation).map(([name, value]) => ({ body: { id, [name]: value } })),
        );
      });
    }
  });
