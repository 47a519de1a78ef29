import assert from 'node:assert/strict';
import { questionableAudiences } from '../../src/api-resources/index.js';
import { ACCOUNT_CLIENT_ID, clientsWithAudiences } from '../../src/clients/index.js';
import { administrator, caller, type Caller } from '../support/area.js';
import { environment, STORES } from '../support/config.js';
import { userToken } from '../support/management.js';
import { cli } from '../support/process.js';
import { startServer, type TestServer } from '../support/server.js';

const TAKEN = [409, 'ApiResource_AudienceExists'];

let made = 0;
const newName = (): string => `api-${++made}`;

for (const kind of STORES)
  describe(`audiences of APIs, on ${kind}`, () => {
    let server: TestServer;
    let env: Record<string, string>;
    let admin: Caller;
    let developer: Caller;

    before(async () => {
      env = await environment(kind, {}, 'started');
      server = await startServer(kind, env);
      admin = await administrator(server);
      const words = ['isms.apiresource.all'];
      developer = caller(server, await userToken(server, words, words, undefined, ['developer']));
    });
    after(() => server.stop());

    const make = async (more: object = {}): Promise<string> =>
      (await admin.done('POST', '/api/ApiResource', { name: newName(), ...more }))['id'] as string;
    const problem = async (answer: ReturnType<Caller['ask']>): Promise<unknown[]> => {
      const { status, body } = await answer;
      return [status, body['codeName']];
    };

    it('are each of one API [SEC-R6]', async () => {
      await make({ tokenAudience: 'payments' });
      const another = { name: newName(), tokenAudience: 'payments' };
      assert.deepEqual(await problem(admin.ask('POST', '/api/ApiResource', another)), TAKEN);
      assert.deepEqual(await problem(admin.ask('POST', '/api/ApiResource', { name: 'payments' })), TAKEN);
      const id = await make();
      const change = { id, tokenAudience: 'payments' };
      assert.deepEqual(await problem(admin.ask('PUT', '/api/ApiResource', change)), TAKEN);
      const service = { microServiceName: 'payments' };
      assert.deepEqual(await problem(admin.ask('POST', '/api/ApiResource/Import', service)), TAKEN);
    });

    it('are of one API when two ask for one at once [SEC-R6]', async () => {
      for (let round = 0; round < 5; round++) {
        const tokenAudience = `shared-${round}`;
        const answers = await Promise.all(
          [newName(), newName()].map((name) =>
            admin.ask('POST', '/api/ApiResource', { name, tokenAudience }),
          ),
        );
        assert.deepEqual(answers.map(({ status }) => status).sort(), [200, 409]);
      }
    });

    it('are not the program’s: the management API’s, the issuer, a client’s id [SEC-R6]', async () => {
      await server.addClient('ledger', { grantTypes: ['client_credentials'] });
      const id = await make();
      const { issuer } = server;
      for (const tokenAudience of ['isms', issuer, `${issuer}/`, 'ledger', ACCOUNT_CLIENT_ID]) {
        const fresh = { name: newName(), tokenAudience };
        assert.deepEqual(await problem(admin.ask('POST', '/api/ApiResource', fresh)), TAKEN, tokenAudience);
        const change = { id, tokenAudience };
        assert.deepEqual(await problem(admin.ask('PUT', '/api/ApiResource', change)), TAKEN, tokenAudience);
      }
      const { status, body } = await admin.ask('POST', '/api/ApiResource', { name: 'ledger' });
      assert.equal(status, 409);
      assert.match(String(body['message']), /"ledger" is a client’s id; give the API another tokenAudience/);
      assert.deepEqual(
        await problem(admin.ask('POST', '/api/ApiResource', { name: newName(), audience: issuer })),
        TAKEN,
      );
      await admin.done('POST', '/api/ApiResource', { name: 'ledger', tokenAudience: 'urn:ledger' });
    });

    it('are no client’s id afterwards', async () => {
      await make({ tokenAudience: 'warehouse' });
      const { status, body } = await admin.ask('POST', '/api/Client', {
        template: 'machine',
        clientId: 'warehouse',
      });
      assert.equal(status, 409);
      assert.match(String(body['message']), /"warehouse" is the audience of the API/);
    });

    it('that are reserved are no client’s id, whoever makes the client and wherever [SEC-R6]', async () => {
      const words = ['isms.client.all'];
      const makers = [admin, caller(server, await userToken(server, words, words, undefined, ['developer']))];
      for (const clientId of ['mqtt', 'isms'])
        for (const maker of makers) {
          const { status, body } = await maker.ask('POST', '/api/Client', { template: 'machine', clientId });
          assert.deepEqual([status, body['codeName']], [409, 'Client_ClientIdExists'], clientId);
          assert.match(String(body['message']), /is the audience of .+; choose another client id/);
        }
      const { code, stderr } = await cli(['client', 'create', 'mqtt', '--grant', 'clientCredentials'], env);
      assert.equal(code, 4);
      assert.match(stderr, /"mqtt" is the audience of tokens that sign devices in; choose another client id/);
      const host = `audience-${kind}.example.com`;
      const tenant = { name: `Audience ${kind}`, hosts: [host], managementClient: 'mqtt' };
      assert.equal((await admin.ask('POST', '/api/Tenant', tenant)).status, 409);
      const command = ['tenant', 'create', 'Devices', '--host', host, '--management-client', 'mqtt'];
      assert.equal((await cli(command, env)).code, 4);
    });

    it('are no client’s id when both are made at once [SEC-R6]', async () => {
      for (let round = 0; round < 5; round++) {
        const word = `word-${round}`;
        const answers = await Promise.all([
          admin.ask('POST', '/api/Client', { template: 'machine', clientId: word }),
          admin.ask('POST', '/api/ApiResource', { name: newName(), tokenAudience: word }),
        ]);
        assert.deepEqual(answers.map(({ status }) => status).sort(), [200, 409]);
      }
    });

    it('are not the devices’ where a developer asks, and an administrator may have it once [SEC-R6]', async () => {
      const own = await developer.done('POST', '/api/ApiResource', { name: newName() });
      const asked: [string, string, object][] = [
        ['POST', '/api/ApiResource', { name: 'mqtt' }],
        ['POST', '/api/ApiResource', { name: newName(), tokenAudience: 'mqtt' }],
        ['PUT', '/api/ApiResource', { id: own['id'], tokenAudience: 'mqtt' }],
        ['POST', '/api/ApiResource/Import', { microServiceName: 'mqtt' }],
      ];
      for (const [method, path, body] of asked)
        assert.deepEqual(await problem(developer.ask(method, path, body)), [403, 'Forbidden']);
      await admin.done('POST', '/api/ApiResource', { name: 'mqtt' });
      const second = { name: newName(), tokenAudience: 'mqtt' };
      assert.deepEqual(await problem(admin.ask('POST', '/api/ApiResource', second)), TAKEN);
    });

    it('that are older than these rules are told to the operator, until somebody decides [SEC-R6]', async () => {
      const { knex } = server.context.store;
      const older = await server.addClient('older', { grantTypes: ['client_credentials'] });
      assert.ok(older);
      await server.change((db) =>
        db.from('clients').where({ client_id: 'older' }).update({ client_id: 'sensors' }),
      );
      assert.deepEqual(await clientsWithAudiences(knex, 'sensors'), [
        { tenant: server.home.tenant.name, clientId: 'sensors' },
      ]);
      assert.deepEqual(await clientsWithAudiences(knex, 'mqtt'), []);
      const { id: tenant, name } = server.home.tenant;
      const told = async (api: string): Promise<string[]> =>
        (await questionableAudiences(knex, 'mqtt'))
          .filter((each) => each.api === api)
          .map((each) => `${each.tenant} ${each.audience}: ${each.problem.split(/[,;]/)[0]}`);
      const [api, word] = [newName(), newName()];
      const id = (await admin.done('POST', '/api/ApiResource', { name: api, tokenAudience: word }))['id'];
      assert.deepEqual(await told(api), []);
      const before = { tenant_id: tenant, resource_id: id, audience: 'before' };
      await knex('replaced_audiences').insert(before);
      await server.addClient(`${word}-client`, { grantTypes: ['client_credentials'] });
      await knex('clients')
        .update({ client_id: word })
        .where({ client_id: `${word}-client` });
      assert.deepEqual(await told(api), [
        `${name} ${word}: it was "before"`,
        `${name} ${word}: it is a client’s id as well`,
      ]);
      await admin.done('PUT', '/api/ApiResource', { id, displayName: 'Undecided' });
      assert.equal((await told(api)).length, 2);
      await admin.done('PUT', '/api/ApiResource', { id, tokenAudience: `urn:${word}` });
      assert.deepEqual(await told(api), []);
    });

    it('stay what they are while something else is changed', async () => {
      const id = await make({ tokenAudience: 'kept' });
      const read = await admin.done('GET', `/api/ApiResource/${id}`);
      await admin.done('PUT', '/api/ApiResource', { ...read, displayName: 'Kept' });
      assert.equal((await admin.done('GET', `/api/ApiResource/${id}`))['tokenAudience'], 'kept');
    });
  });
