import assert from 'node:assert/strict';
import { basic } from '../support/http.js';
import { writes } from '../../src/api/index.js';
import { OPERATIONS } from '../../src/management.js';
import { environment, STORES } from '../support/config.js';
import type { Data } from '../support/area.js';
import { EXAMPLES } from '../support/examples.js';
import { clientToken, doneStatus, perform } from '../support/management.js';
import { kill, managementToken, serve } from '../support/process.js';
import { startServer, type TestServer } from '../support/server.js';

const WRITING = OPERATIONS.filter(writes);
/** Codes by the dozen, for one address. */
const GENEROUS = {
  codes: { perAddress: 1e6 },
  limits: { open: { tenant: 1e6, address: 1e6 } },
};

for (const kind of STORES)
  describe(`what the audit has of the management API, on ${kind}`, () => {
    let server: TestServer;
    let token: string;
    before(async () => {
      server = await startServer(kind, {}, GENEROUS);
      token = await clientToken(server, ['isms.all']);
    });
    after(() => server.stop());

    const rows = (): Promise<Data[]> => server.context.store.knex<Data>('audit').orderBy('id');

    for (const operation of WRITING)
      it(`${operation.id}: who did it, to what, from where, in which request; nothing of one that was refused [SEC-50]`, async () => {
        const example = (await EXAMPLES[operation.id]?.(server, server.home.tenant, token)) ?? {};
        const before = (await rows()).length;
        const open = operation.access.kind === 'open';
        if (!open) {
          assert.equal((await perform(server, operation, example)).status, 401);
          assert.equal((await rows()).length, before);
        }
        const { status, headers } = await perform(server, operation, example, { token });
        assert.equal(status, doneStatus(operation));
        const written = (await rows()).slice(before).filter(({ event }) => event === operation.id);
        assert.equal(written.length, 1);
        const [{ tenant_id, result, actor, client_id, target, address, request_id }] = written as [Data];
        assert.deepEqual(
          [tenant_id, result, actor, address, request_id],
          [server.home.tenant.id, 'success', client_id, '127.0.0.1', headers.get('x-request-id')],
        );
        if (open) assert.equal(client_id, null);
        else assert.match(client_id, /^caller-/);
        assert.ok(typeof target === 'string' && target !== '');
      });
  });

describe('the log of the management API', () => {
  it('has no secret that was sent or answered, at any level, and neither has the audit [SEC-50]', async () => {
    const env = await environment('sqlite', { LOG_LEVEL: 'trace' }, 'started');
    const issuer = `http://localhost:${env['PORT']}`;
    const server = await serve(env);
    const secrets = new Set<string>();
    const secret = (value: string): string => {
      secrets.add(value);
      return value;
    };
    const ask = async (path: string, body: object | string, authorization: string): Promise<Data> => {
      const text = typeof body === 'string' ? body : JSON.stringify(body);
      const type = typeof body === 'string' ? 'application/x-ndjson' : 'application/json';
      const answer = await fetch(issuer + path, {
        method: 'POST',
        headers: { authorization, 'content-type': type },
        body: text,
      });
      return (await answer.json()) as Data;
    };
    const token = await managementToken(issuer);
    const bearer = `Bearer ${secret(token)}`;
    const api = async (path: string, body: object | string): Promise<Data> =>
      (await ask(`/api/${path}`, body, bearer))['data'] as Data;

    const tenant = await api('Tenant', {
      name: 'Secretive',
      hosts: ['secretive.example.com'],
      properties: { 'X:ClientSecret': secret('unmistakable-tenant-secret') },
    });
    secret(tenant['managementClient'].secret);
    const client = await api('Client', { template: 'machine' });
    secret(client['newSecret'].secret);
    const brought = secret('unmistakable-secret-that-a-caller-brings-0123456789');
    assert.equal((await api(`Client/${client['id']}/Secretkey`, { plaintext: brought }))['secret'], brought);
    secret((await api('Client/IssueToken', {}))['accessToken']);
    const resource = await api('ApiResource', { name: 'secretive', secrets: [{}] });
    const [{ secret: ofApi }] = resource['newSecrets'];
    await ask(
      '/api/ApiResource/Import',
      { microServiceName: 'secretive' },
      basic('secretive', secret(ofApi)),
    );
    await api('User', { userName: 'secretive', password: secret('unmistakable password') });
    await api('User', {
      userName: 'refused',
      colour: 'red',
      password: secret('unmistakable refused password'),
    });
    await api(
      'User/Import',
      JSON.stringify({ passwordHash: secret(`$2b$10$${'unmistakable.'.repeat(4)}x`) }),
    );
    const opening = await api('Client/RegistrationTokens', {});
    const registered = await ask(
      '/connect/register',
      { redirect_uris: ['https://app.example.com/callback'] },
      `Bearer ${secret(opening['token'])}`,
    );
    secret(registered['client_secret']);
    secret(registered['registration_access_token']);
    await ask('/api/Role', {}, `Bearer ${secret('unmistakable-nonsense')}`);

    const { stdout, stderr } = await kill(server, 'SIGTERM');
    assert.equal(secrets.size, 14);
    const { openStore } = await import('../../src/store/index.js');
    const { loadConfig } = await import('../../src/config.js');
    const store = await openStore(loadConfig(env));
    const audit = JSON.stringify(await store.knex('audit'));
    await store.close();
    assert.match(stdout, /"msg":"request"/);
    assert.match(audit, /client\.registered/);
    for (const each of secrets)
      assert.ok(![stdout, stderr, audit].some((text) => text.includes(each)), `it tells ${each}`);
  });
});
