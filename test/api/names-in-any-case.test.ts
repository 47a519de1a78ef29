import assert from 'node:assert/strict';
import { decodeJwt } from 'jose';
import { likeNames } from '../../src/api-resources/index.js';
import { administrator, caller, type Caller, type Data } from '../support/area.js';
import { STORES } from '../support/config.js';
import { userToken, type ApiAnswer } from '../support/management.js';
import { startServer, type TestServer } from '../support/server.js';

const WORDS = ['isms.apiresource.all', 'isms.role.all', 'isms.client.all', 'isms.user.all'];
const permissions = (...words: string[]): { claims: object[] } => ({
  claims: words.map((value) => ({ type: 'permission', value })),
});

for (const kind of STORES)
  describe(`names that only case tells apart, on ${kind}`, () => {
    let server: TestServer;
    let admin: Caller;
    let one: Caller;
    let two: Caller;
    let oneKey: string;
    let name: string;
    let made = 0;

    before(async () => {
      server = await startServer(kind);
      admin = await administrator(server);
      const tokens = [await developer(), await developer()] as const;
      [one, two] = [caller(server, tokens[0]), caller(server, tokens[1])];
      oneKey = String(decodeJwt(tokens[0]).sub);
    });
    beforeEach(() => {
      name = `n${++made}`;
    });
    after(() => server.stop());

    const developer = (): Promise<string> => userToken(server, WORDS, WORDS, undefined, ['developer']);
    const refused = ({ status, body }: ApiAnswer, what: string): void =>
      assert.deepEqual([status, body['data']], [403, { missing: 'owner', name: what }], JSON.stringify(body));
    const taken = ({ status, body }: ApiAnswer, codeName: string): void => {
      assert.deepEqual([status, body['codeName']], [409, codeName], JSON.stringify(body));
      assert.match(String(body['message']), /choose another|another tokenAudience/);
    };
    const api = (by: Caller, which: string, more: Data = {}): Promise<Data> =>
      by.done('POST', '/api/ApiResource', { name: which, ...more });
    const upper = (): string => name.toUpperCase();

    describe('of APIs', () => {
      it('are another’s API’s to a confined developer, by a call or an import [SEC-R4]', async () => {
        await api(admin, `${name}.a`);
        for (const near of [`${upper()}.a`, `${name}.A`, upper(), `${upper()}.a.b`, `${name}.A.b`])
          for (const answer of [
            await one.ask('POST', '/api/ApiResource', { name: near }),
            await one.ask('POST', '/api/ApiResource/Import', { microServiceName: near }),
          ])
            refused(answer, `${name}.a`);
        assert.equal((await one.ask('POST', '/api/ApiResource', { name: `${name}.a` })).status, 409);
        await api(one, `${upper()}.ab`);
      });

      it('give a developer none whose words somebody has in another case [SEC-R4]', async () => {
        await admin.done('POST', '/api/Role', { name, ...permissions(`${name}.cancel`) });
        refused(await one.ask('POST', '/api/ApiResource', { name: upper() }), upper());
        await admin.done('POST', '/api/Client', { template: 'machine', resources: [`${name}-b`] });
        refused(await one.ask('POST', '/api/ApiResource', { name: `${upper()}-b` }), `${upper()}-b`);
      });

      it('are one’s own next to one’s own', async () => {
        await api(one, name);
        await one.done('POST', '/api/Role', { name, ...permissions(`${name}.cancel`) });
        await api(one, upper());
        await api(one, `${upper()}.b`);
        await one.done('POST', '/api/Role', { name: `${name}-b`, ...permissions(`${upper()}.cancel`) });
      });

      it('are no administrator’s next to a developer’s, and next to an administrator’s as before [SEC-R4]', async () => {
        await api(one, name);
        for (const [path, body] of [
          ['/api/ApiResource', { name: upper(), tokenAudience: `${name}-aud` }],
          ['/api/ApiResource/Import', { microServiceName: upper() }],
        ] as const)
          taken(await admin.ask('POST', path, body), 'ApiResource_NameExists');
        await api(admin, upper(), { owner: oneKey });
        await api(admin, `${name}-b`);
        await api(admin, `${upper()}-b`);
      });

      it('let a developer of before give no permission of another’s API in another case [SEC-R4]', async () => {
        await api(admin, name);
        await server.addApi(upper(), [`${upper()}.read`], { owner: oneKey } as object);
        const word = `${upper()}.cancel`;
        refused(await one.ask('POST', '/api/Role', { name, ...permissions(word) }), word);
        const [like] = (await likeNames(server.context.store.knex)).filter(({ other }) => other === name);
        assert.deepEqual([like?.developers, like?.other], [upper(), name]);
      });

      it('of two owners are made once, where both come at once [SEC-R4]', async () => {
        for (let round = 0; round < 10; round += 1)
          for (const [by, expected] of [
            [two, [200, 403]],
            [admin, [200, 409]],
          ] as const) {
            const which = `${name}-${round}-${expected[1]}`;
            const answers = await Promise.all([
              one.ask('POST', '/api/ApiResource', { name: which }),
              by.ask('POST', '/api/ApiResource', { name: which.toUpperCase() }),
            ]);
            const statuses = answers.map(({ status }) => status).sort();
            assert.ok(
              JSON.stringify(statuses) === JSON.stringify(expected) ||
                (by === admin && JSON.stringify(statuses) === '[200,403]'),
              JSON.stringify(statuses),
            );
          }
      });
    });

    describe('of scopes', () => {
      it('are another’s API’s to a confined developer where that is below the own one [SEC-R4]', async () => {
        const { id } = await api(one, name);
        await api(admin, `${name}.pay`, { scopes: [{ name: 'refund' }] });
        for (const scope of ['pay.refund2', 'PAY.refund', 'pay.REFUND'])
          refused(await one.ask('PUT', '/api/ApiResource', { id, scopes: [{ name: scope }] }), `${name}.pay`);
        refused(
          await one.ask('POST', '/api/ApiResource/Import', {
            microServiceName: name,
            microServicePolicies: [{ controllerName: 'Pay' }],
          }),
          `${name}.pay`,
        );
        await one.done('PUT', '/api/ApiResource', { id, scopes: [{ name: 'payment' }, { name: 'Payment' }] });
      });

      it('are no administrator’s next to a developer’s [SEC-R4]', async () => {
        await api(one, `${name}.pay`, { scopes: [{ name: 'refund' }] });
        const scopes = [{ name: 'pay.Refund' }];
        taken(await admin.ask('POST', '/api/ApiResource', { name, scopes }), 'ApiResource_ScopeExists');
        const { id } = await api(admin, name);
        taken(await admin.ask('PUT', '/api/ApiResource', { id, scopes }), 'ApiResource_ScopeExists');
        await admin.done('PUT', '/api/ApiResource', { id, scopes: [{ name: 'pay.more' }] });
      });
    });

    describe('of audiences', () => {
      it('are another’s to a confined developer, on creation and on a change [SEC-R6]', async () => {
        await api(admin, `${name}-a`, { tokenAudience: name });
        await admin.done('POST', '/api/Client', { template: 'machine', clientId: `${name}-client` });
        const { id, tokenAudience } = await api(one, `${name}-b`);
        for (const audience of [upper(), `${upper()}-CLIENT`, 'Isms', 'GATEHOUSE-ACCOUNT']) {
          const body = { name: `${name}-c`, tokenAudience: audience };
          taken(await one.ask('POST', '/api/ApiResource', body), 'ApiResource_AudienceExists');
          const change = { id, tokenAudience: audience };
          taken(await one.ask('PUT', '/api/ApiResource', change), 'ApiResource_AudienceExists');
        }
        await one.done('PUT', '/api/ApiResource', { id, tokenAudience: tokenAudience.toUpperCase() });
      });

      it('are no administrator’s next to a developer’s, and next to an administrator’s as before [SEC-R6]', async () => {
        await api(one, `${name}-a`, { tokenAudience: name });
        taken(
          await admin.ask('POST', '/api/ApiResource', { name: `${name}-b`, tokenAudience: upper() }),
          'ApiResource_AudienceExists',
        );
        await api(admin, `${name}-c`, { tokenAudience: `${name}-d` });
        await api(admin, `${name}-e`, { tokenAudience: `${upper()}-D` });
      });
    });

    it('of clients are another’s to a confined developer, and a developer’s to an administrator [SEC-R4]', async () => {
      const post = (by: Caller, clientId: string): Promise<ApiAnswer> =>
        by.ask('POST', '/api/Client', { template: 'machine', clientId });
      await admin.done('POST', '/api/Client', { template: 'machine', clientId: name });
      await api(admin, `${name}-api`);
      taken(await post(one, upper()), 'Client_ClientIdExists');
      taken(await post(one, `${upper()}-API`), 'Client_ClientIdExists');
      assert.equal((await post(admin, upper())).status, 200);
      assert.equal((await post(one, `${name}-own`)).status, 200);
      assert.equal((await post(one, `${name}-OWN`)).status, 200);
      taken(await post(admin, `${upper()}-own`), 'Client_ClientIdExists');
    });

    it('of roles are no administrator’s next to a developer’s, also where both come at once [SEC-R4]', async () => {
      await api(one, name);
      const mine = permissions(`${name}.cancel`);
      await one.done('POST', '/api/Role', { name, ...mine });
      taken(await admin.ask('POST', '/api/Role', { name: upper() }), 'Role_NameExists');
      const { id } = await admin.done('POST', '/api/Role', { name: `${name}-b` });
      taken(await admin.ask('PUT', '/api/Role', { id, name: upper() }), 'Role_NameExists');
      await admin.done('PUT', '/api/Role', { id, name: `${upper()}-B` });
      for (let round = 0; round < 10; round += 1) {
        const answers = await Promise.all([
          one.ask('POST', '/api/Role', { name: `${name}-${round}`, ...mine }),
          admin.ask('POST', '/api/Role', { name: `${upper()}-${round}` }),
        ]);
        assert.deepEqual(answers.map(({ status }) => status).sort(), [200, 409]);
      }
    });
  });
