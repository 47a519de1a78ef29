import assert from 'node:assert/strict';
import { managementScopes, managementWordOf } from '../../src/api-resources/index.js';
import {
  clientSettings,
  deleteClient,
  findClient,
  GRANT_TYPES,
  updateClientSettings,
} from '../../src/clients/index.js';
import { endGrants, listGrants } from '../../src/oidc/index.js';
import { tenantDb, type Row } from '../../src/store/index.js';
import { up as markImplied } from '../../migrations/0030_implied_grants.js';
import { down as dropIndex, up as deleteOutlived } from '../../migrations/0038_grants_of_clients.js';
import { GENEROUS, STORES } from '../support/config.js';
import { call } from '../support/management.js';
import { codeIn } from '../support/mail.js';
import { PASSWORD, startServer, type Answer, type TestServer } from '../support/server.js';
import type { Visitor } from '../support/visitor.js';
import { authorizePath, obtainCode } from '../support/visitor.js';

const REDIRECT = 'https://app.example.com/callback';
const ACCESS_TOKEN = 'urn:ietf:params:oauth:token-type:access_token';
const SCOPE = 'openid offline_access orders.read';

for (const kind of STORES)
  describe(`consent, on ${kind}`, () => {
    let server: TestServer;
    let users = 0;
    const settings = {
      grantTypes: [
        GRANT_TYPES.code,
        GRANT_TYPES.refresh,
        GRANT_TYPES.password,
        GRANT_TYPES.mobileCode,
        GRANT_TYPES.tokenExchange,
      ],
      redirectUris: [REDIRECT],
      scopes: ['openid', 'offline_access', 'orders.read', 'orders.write'],
      resources: ['orders'],
    };
    const secrets = new Map<string, string>();
    let user: string;
    let userKey: string;
    let visitor: Visitor;

    before(async () => {
      server = await startServer(kind, {}, GENEROUS);
      await server.addApi('orders', ['orders.read', 'orders.write']);
      for (const id of ['app', 'service']) secrets.set(id, await server.addClient(id, settings));
      secrets.set('own', await server.addClient('own', { ...settings, requireConsent: false }));
      await server.addClient('portal', {
        grantTypes: [GRANT_TYPES.code],
        redirectUris: [REDIRECT],
        scopes: ['openid'],
        tokenEndpointAuthMethod: 'none',
      });
    });
    after(() => server.stop());

    it('says what each scope of the management API permits', async () => {
      await server.addClient('manager', {
        grantTypes: [GRANT_TYPES.code],
        redirectUris: [REDIRECT],
        scopes: managementScopes().map(({ name }) => name),
        tokenEndpointAuthMethod: 'none',
      });
      const scope =
        'isms.role.get isms.role.post isms.key.rotate isms.user.all isms.client.issuetoken isms.messaging.test';
      const page = await visitor.go(authorizePath({ client_id: 'manager', redirect_uri: REDIRECT, scope }));
      const lines = [...page.html.matchAll(/<li[^>]*><strong>([^<]*)<\/strong><span>([^<]*)<\/span>/g)];
      assert.deepEqual(
        lines.map(([, name, text]) => [name, text?.replaceAll(/&quot;|&#34;/g, '"')]),
        [
          ['isms.role.get', 'List roles'],
          ['isms.role.post', 'Create a role'],
          ['isms.key.rotate', 'Make new signing keys'],
          ['isms.user.all', 'Everything that the management API does with the area "user"'],
          [
            'isms.client.issuetoken',
            'Get a JWT for yourself, with no more than the token that you send; ' +
              'List the tokens that you have had issued and that have not expired; End a token that you have had issued',
          ],
          ['isms.messaging.test', 'Send a message at once'],
        ],
      );
    });

    const consentFor = async (scope: string, more: Record<string, string> = {}): Promise<string> =>
      (
        await visitor.go(authorizePath({ client_id: 'manager', redirect_uri: REDIRECT, scope, ...more }))
      ).html.replaceAll(/\s+/g, ' ');

    it('shows many scopes of the management API by area, closed, with how many they are', async () => {
      const names = managementScopes().map(({ name }) => name);
      const html = await consentFor(names.filter((name) => /^isms\.[^.]+\./.test(name)).join(' '));
      assert.match(html, /<details class="area emphasize"> <summary>Roles <em>6<\/em><\/summary>/);
      assert.doesNotMatch(html, /<details[^>]* open/);
    });

    it('says that the scope for everything holds the others', async () => {
      const html = await consentFor('isms.role.get isms.all');
      assert.match(
        html,
        /<li class="emphasize"><strong>isms\.all<\/strong><span>[^<]*including all its other scopes/,
      );
      assert.match(html, /<summary>Included in the scope for everything <em>1<\/em><\/summary>/);
    });

    it('shows scopes that no operation asks for in one place, by name', async () => {
      const html = await consentFor('isms.role.get isms.user.register isms.user.verifyphone');
      assert.match(html, /<summary>Not used in this version <em>2<\/em><\/summary>/);
      assert.doesNotMatch(html, /<strong>isms\.user\.register/);
    });

    it('gives what has most power the same emphasis', async () => {
      const powerful = 'isms.user.delete isms.messaging.putmail isms.messaging.delete isms.role.all';
      const html = await consentFor(`${powerful} isms.role.get`);
      const emphasized = [...html.matchAll(/<li class="emphasize"><strong>([^<]*)/g)].map(([, name]) => name);
      assert.deepEqual(emphasized.sort(), powerful.split(' ').sort());
    });

    it('says in Chinese what each scope of the management API permits', async () => {
      const used = managementScopes().filter(({ name }) => managementWordOf(name)?.used);
      const html = await consentFor(used.map(({ name }) => name).join(' '), { ui_locales: 'zh-CN' });
      const texts = [...html.matchAll(/<\/strong><span>([^<]*)<\/span>/g)].map(([, text]) => text ?? '');
      assert.equal(texts.length, used.length);
      assert.deepEqual(
        texts.filter((text) => !/\p{Script=Han}/u.test(text)),
        [],
      );
      assert.ok(texts.includes('查看角色列表'));
      assert.deepEqual(
        texts.filter((text) => text.includes('：')),
        [],
      );
    });

    it('has words for every scope of the management API', () => {
      const silent = managementScopes().filter(({ description }) => !description);
      assert.deepEqual(silent, []);
    });

    // Signed in at another application: what follows asks for no password.
    beforeEach(async () => {
      user = `user-${++users}`;
      ({ userKey } = await server.addUser({
        userName: user,
        email: `${user}@example.com`,
        emailVerified: true,
      }));
      ({ visitor } = await obtainCode(server, { clientId: 'portal', redirectUri: REDIRECT, user }));
    });

    const as = (clientId: string): Record<string, string> =>
      server.basic(clientId, secrets.get(clientId) ?? '');
    const token = async (clientId: string, form: Record<string, string>): Promise<Answer> => {
      const answer = await server.post('/connect/token', { scope: SCOPE, ...form }, as(clientId));
      assert.equal(answer.status, 200, JSON.stringify(answer.body));
      return answer;
    };
    const byPassword = (clientId: string, scope = SCOPE): Promise<Answer> =>
      token(clientId, { grant_type: GRANT_TYPES.password, username: user, password: PASSWORD, scope });
    const byCode = async (): Promise<Answer> => {
      const email = `${user}@example.com`;
      await call(server, { method: 'POST', path: '/api/User/EmailCode', json: { email, purpose: 'login' } });
      await server.outbox.deliver();
      const code = codeIn(server.screen.of(server.home.tenant.id).find(({ to }) => to === email)?.text);
      return token('app', { grant_type: GRANT_TYPES.mobileCode, email, code });
    };
    const exchanged = async (): Promise<Answer> => {
      const { body } = await byPassword('service');
      return token('app', {
        grant_type: GRANT_TYPES.tokenExchange,
        subject_token: String(body['access_token']),
        subject_token_type: ACCESS_TOKEN,
        scope: 'orders.read',
      });
    };
    /** Where the browser comes out when an application asks without a page. */
    const silently = async (clientId: string, scope: string): Promise<URL> =>
      (
        await visitor.go(
          authorizePath({ client_id: clientId, redirect_uri: REDIRECT, scope, prompt: 'none' }),
        )
      ).url;
    const grants = () => listGrants(tenantDb(server.context.store.knex, server.home.tenant.id), userKey);
    const active = async (value: unknown): Promise<unknown> =>
      (await server.post('/connect/introspect', { token: String(value) }, as('app'))).body['active'];

    for (const [name, direct, scope] of [
      ['a password', () => byPassword('app'), SCOPE],
      ['a code', byCode, SCOPE],
      ['an exchanged token', exchanged, 'orders.read'],
    ] as const)
      it(`is not given by ${name} at the token endpoint [SEC-R19]`, async () => {
        await direct();
        const url = await silently('app', scope);
        assert.equal(url.searchParams.get('error'), 'consent_required');
      });

    it('that was given on the page stays, whatever the token endpoint issues [SEC-R19]', async () => {
      await obtainCode(server, { clientId: 'app', redirectUri: REDIRECT, scope: SCOPE, visitor });
      await byPassword('app', 'openid orders.write');
      assert.ok((await silently('app', SCOPE)).searchParams.get('code'));
      assert.equal(
        (await silently('app', 'openid orders.write')).searchParams.get('error'),
        'consent_required',
      );
    });

    it('is asked for once a client needs it, though it got codes without before [SEC-R19]', async () => {
      await obtainCode(server, { clientId: 'own', redirectUri: REDIRECT, scope: SCOPE, visitor });
      assert.ok((await silently('own', SCOPE)).searchParams.get('code'));
      const change = (requireConsent: boolean): Promise<void> =>
        server.change((db) =>
          updateClientSettings(db, 'own', clientSettings({ ...settings, requireConsent })),
        );
      await change(true);
      assert.equal((await silently('own', SCOPE)).searchParams.get('error'), 'consent_required');
      await change(false);
      assert.ok((await silently('own', SCOPE)).searchParams.get('code'));
    });

    const ask = { clientId: 'reused', redirectUri: REDIRECT, scope: 'openid' };
    const addReused = (): Promise<string> =>
      server.addClient('reused', {
        grantTypes: [GRANT_TYPES.code],
        redirectUris: [REDIRECT],
        scopes: ['openid'],
        tokenEndpointAuthMethod: 'none',
      });
    const deleteReused = (): Promise<void> =>
      server.change(async (db) => deleteClient(db, await findClient(db, 'reused')));

    it('ends with the client, and counts for no other that takes its id [SEC-R5]', async () => {
      await addReused();
      await obtainCode(server, { ...ask, visitor });
      assert.ok((await silently('reused', 'openid')).searchParams.get('code'));
      await deleteReused();
      assert.equal((await grants()).filter(({ clientId }) => clientId === 'reused').length, 0);
      await addReused();
      assert.equal((await silently('reused', 'openid')).searchParams.get('error'), 'consent_required');
      await deleteReused();
    });

    it('that is being given while the client is deleted counts for no other either', async () => {
      await addReused();
      await obtainCode(server, { ...ask, visitor });
      const { knex } = server.context.store;
      const [written] = (await knex('oidc_artifacts').where({
        model: 'Grant',
        client_id: 'reused',
      })) as Row[];
      await deleteReused();
      await knex('oidc_artifacts').insert(written);
      await addReused();
      assert.equal((await silently('reused', 'openid')).searchParams.get('error'), 'consent_required');
      await deleteReused();
    });

    it('of a store of an earlier program that outlived its client is deleted', async () => {
      const { knex } = server.context.store;
      const left = (): Promise<Row[]> =>
        knex('oidc_artifacts').where({ model: 'Grant', client_id: 'reused' }).select('id') as Promise<Row[]>;
      await dropIndex(knex);
      await addReused();
      await obtainCode(server, { ...ask, visitor });
      await deleteOutlived(knex);
      assert.equal((await left()).length, 1);
      const tomorrow = Date.now() + 86_400_000;
      await knex('clients').where({ client_id: 'reused' }).update({ created_at: tomorrow });
      await dropIndex(knex);
      await deleteOutlived(knex);
      assert.equal((await left()).length, 0);
      await deleteReused();
    });

    it('and access without it are one line for an application, and end together [SEC-R19]', async () => {
      await obtainCode(server, { clientId: 'app', redirectUri: REDIRECT, scope: 'openid', visitor });
      const { body } = await byPassword('app');
      const listed = (await grants()).filter(({ clientId }) => clientId === 'app');
      assert.equal(listed.length, 1);
      assert.deepEqual([...(listed[0]?.scopes ?? [])].sort(), ['offline_access', 'openid', 'orders.read']);
      assert.equal(await active(body['access_token']), true);
      assert.equal(await server.change((db) => endGrants(db, userKey, 'app')), 1);
      assert.deepEqual(
        (await grants()).filter(({ clientId }) => clientId === 'app'),
        [],
      );
      assert.equal(await active(body['access_token']), false);
      const form = { grant_type: 'refresh_token', refresh_token: String(body['refresh_token']) };
      assert.equal((await server.post('/connect/token', form, as('app'))).status, 400);
    });

    it('is told from what was never asked in a store of an earlier program, by the audit', async () => {
      const { knex } = server.context.store;
      await obtainCode(server, { clientId: 'app', redirectUri: REDIRECT, scope: SCOPE, visitor });
      await byPassword('service');
      await knex('oidc_artifacts').where({ model: 'Grant' }).update({ uid: null });
      assert.ok((await silently('service', SCOPE)).searchParams.get('code'));
      await markImplied(knex);
      assert.ok((await silently('app', SCOPE)).searchParams.get('code'));
      assert.equal((await silently('service', SCOPE)).searchParams.get('error'), 'consent_required');
    });

    it('lets an application that got tokens directly take them up again in one grant', async () => {
      await byPassword('app');
      await byPassword('app');
      const rows = await server.context.store
        .knex('oidc_artifacts')
        .where({ model: 'Grant', account_id: userKey, client_id: 'app' });
      assert.equal(rows.length, 1);
    });
  });
