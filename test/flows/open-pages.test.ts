import assert from 'node:assert/strict';
import { findClient, GRANT_TYPES, setClientEnabled } from '../../src/clients/index.js';
import { eraseUser, findUser, setPassword, setUserEnabled, type User } from '../../src/users/index.js';
import type { Row } from '../../src/store/index.js';
import { administrator, type Caller, type Data } from '../support/area.js';
import { STORES } from '../support/config.js';
import { often } from '../support/profile.js';
import { PASSWORD, startServer, type TestServer } from '../support/server.js';
import { authorizePath, obtainCode, redeemForm, Visitor, type Page } from '../support/visitor.js';

const REDIRECT = 'https://app.example.com/callback';
const ELSEWHERE = 'https://elsewhere.example.com/callback';
const RACES = often({ short: 6, long: 60 });

for (const kind of STORES)
  describe(`a page that is open while what it is about goes, on ${kind}`, () => {
    let server: TestServer;
    let admin: Caller;
    let made = 0;
    let clientId: string;
    let api: string;
    let user: User;

    before(async () => {
      server = await startServer(kind, {}, { limits: { enabled: false } });
      admin = await administrator(server);
    });
    beforeEach(async () => {
      const at = ++made;
      [clientId, api] = [`app-${at}`, `notes-${at}`];
      user = await server.addUser({ userName: `alice-${at}`, email: `alice-${at}@example.com` });
      await addApi();
      await addClient();
    });
    after(() => server.stop());

    const addApi = (displayName = 'Read notes'): Promise<Data> =>
      admin.done('POST', '/api/ApiResource', { name: api, scopes: [{ name: 'read', displayName }] });
    const scopes = (): string[] => ['openid', 'profile', 'offline_access', `${api}.read`];
    const addClient = (more: Data = {}): Promise<Data> =>
      admin.done('POST', '/api/Client', {
        clientId,
        clientName: 'App',
        grantTypes: [GRANT_TYPES.code, GRANT_TYPES.refresh, GRANT_TYPES.device],
        redirectUris: [REDIRECT],
        scopes: [...scopes(), 'email'],
        tokenEndpointAuthMethod: 'none',
        ...more,
      });
    const rowOf = async (table: string, where: Row): Promise<Row> =>
      (await server.context.store
        .knex(table)
        .where({ tenant_id: server.home.tenant.id, ...where })
        .first()) as Row;
    const deleteClient = async (): Promise<void> => {
      const { id } = await server.change((db) => findClient(db, clientId));
      await admin.done('DELETE', `/api/Client/${id}`);
    };
    const deleteApi = async (): Promise<void> => {
      const { id } = await rowOf('api_resources', { name: api });
      await admin.done('DELETE', `/api/ApiResource/${String(id)}?cascade=true`);
    };
    /** Another API of the name, or another scope of it, and the client may ask for it. */
    const addApiAgain = async (): Promise<void> => {
      await addApi('Erase everything');
      const { id } = await server.change((db) => findClient(db, clientId));
      await admin.done('PUT', '/api/Client', { id, scopes: scopes() });
    };
    const takeScopeAndGiveBack = async (): Promise<void> => {
      const { id } = await rowOf('api_resources', { name: api });
      await admin.done('PUT', '/api/ApiResource?cascade=true', { id, scopes: [{ name: 'write' }] });
      await admin.done('PUT', '/api/ApiResource', { id, scopes: [{ name: 'read' }, { name: 'write' }] });
      const client = await server.change((db) => findClient(db, clientId));
      await admin.done('PUT', '/api/Client', { id: client.id, scopes: scopes() });
    };

    const asked = (more: Record<string, string> = {}): string =>
      authorizePath({ client_id: clientId, redirect_uri: REDIRECT, scope: scopes().join(' '), ...more });
    const signInPage = async (): Promise<{ visitor: Visitor; page: Page }> => {
      const visitor = new Visitor(server.issuer);
      return { visitor, page: await visitor.go(asked({ prompt: 'consent' })) };
    };
    const signIn = (visitor: Visitor, page: Page): Promise<Page> =>
      visitor.submit(page, '/sign-in', { login: user.userName, password: PASSWORD });
    const consentPage = async (): Promise<{ visitor: Visitor; page: Page }> => {
      const { visitor, page } = await signInPage();
      const next = await signIn(visitor, page);
      assert.match(next.html, /\/consent\?/);
      return { visitor, page: next };
    };
    const isExpired = ({ status, html }: Page): boolean =>
      status === 400 && html.includes('<h1>This page has expired');
    /** How an authorization request ends for which no page may be shown. */
    const silently = async (visitor: Visitor, more: Record<string, string> = {}): Promise<string> => {
      const { searchParams } = (await visitor.go(asked({ prompt: 'none', ...more }))).url;
      return searchParams.get('error') ?? (searchParams.has('code') ? 'code' : 'neither');
    };
    const grants = async (): Promise<number> => {
      const rows = server.context.store.knex('oidc_artifacts');
      return (await rows.where({ model: 'Grant', account_id: user.userKey }).select('id')).length;
    };

    it('gives no consent for a client that was deleted, nor for the next of its id [SEC-R19]', async () => {
      const { visitor, page } = await consentPage();
      await deleteClient();
      assert.equal(isExpired(await visitor.submit(page, '/consent')), true);
      assert.equal(await grants(), 0);
      await addClient({ redirectUris: [ELSEWHERE] });
      assert.equal(await silently(visitor, { redirect_uri: ELSEWHERE }), 'consent_required');
    });

    it('gives no consent for a client that took the id meanwhile [SEC-R19]', async () => {
      const { visitor, page } = await consentPage();
      await deleteClient();
      await addClient({ redirectUris: [ELSEWHERE] });
      assert.equal(isExpired(await visitor.submit(page, '/consent')), true);
      assert.equal(await silently(visitor, { redirect_uri: ELSEWHERE }), 'consent_required');
    });

    it('signs nobody in at a client that took the id meanwhile [SEC-R19]', async () => {
      const { visitor, page } = await signInPage();
      await deleteClient();
      await addClient({ redirectUris: [ELSEWHERE], requireConsent: false });
      assert.equal(isExpired(await signIn(visitor, page)), true);
    });

    it('gives no consent that outlives the deletion of the client at the same time [SEC-R19]', async () => {
      const ends: string[] = [];
      for (let at = 0; at < RACES; at++) {
        const { visitor, page } = await consentPage();
        await Promise.all([visitor.submit(page, '/consent'), deleteClient()]);
        await addClient();
        ends.push(await silently(visitor));
      }
      assert.deepEqual(new Set(ends), new Set(['consent_required']));
    });

    it('gives no consent to the next API of a name that was deleted [SEC-R4]', async () => {
      const { visitor, page } = await consentPage();
      await deleteApi();
      await visitor.submit(page, '/consent');
      await addApiAgain();
      assert.equal(await silently(visitor), 'consent_required');
    });

    it('adds to what was allowed on another page meanwhile', async () => {
      const { visitor, page } = await signInPage();
      const more = await signIn(visitor, page);
      const less = await visitor.go(asked({ scope: 'openid email' }));
      await visitor.submit(more, '/consent');
      await visitor.submit(less, '/consent');
      assert.deepEqual(
        [await silently(visitor), await silently(visitor, { scope: 'openid email' }), await grants()],
        ['code', 'code', 1],
      );
    });

    const named = (): Record<string, string> => ({
      scope: 'openid profile',
      resource: `urn:resource:${api}`,
    });

    it('gives no code for the next API of a name, where resource names it alone [SEC-R19]', async () => {
      const { visitor, page } = await consentPage();
      await visitor.submit(page, '/consent');
      assert.equal(await silently(visitor, named()), 'code');
      await deleteApi();
      await addApiAgain();
      assert.equal(await silently(visitor, named()), 'consent_required');
      assert.equal(await silently(visitor, { scope: 'openid profile' }), 'code');
    });

    it('gives no consent to the next API of a name that only resource names [SEC-R4]', async () => {
      const visitor = new Visitor(server.issuer);
      const page = await signIn(visitor, await visitor.go(asked(named())));
      assert.match(page.html, /\/consent\?/);
      await deleteApi();
      await addApiAgain();
      assert.equal(isExpired(await visitor.submit(page, '/consent')), true);
      assert.equal(await silently(visitor, named()), 'consent_required');
    });

    it('goes on for an API that is disabled and enabled, where resource names it alone', async () => {
      const { visitor, page } = await consentPage();
      await visitor.submit(page, '/consent');
      const { id } = await rowOf('api_resources', { name: api });
      for (const enabled of [false, true]) await admin.done('PUT', '/api/ApiResource', { id, enabled });
      assert.equal(await silently(visitor, named()), 'code');
    });

    for (const [what, change] of Object.entries({
      'an API that took the name': async () => {
        await deleteApi();
        await addApiAgain();
      },
      'a scope that took the name': takeScopeAndGiveBack,
    }))
      it(`gives no consent to ${what} meanwhile, and another page does [SEC-R4]`, async () => {
        const { visitor, page } = await consentPage();
        await change();
        assert.equal(isExpired(await visitor.submit(page, '/consent')), true);
        assert.equal(await silently(visitor), 'consent_required');
        await obtainCode(server, { clientId, redirectUri: REDIRECT, scope: scopes().join(' '), visitor });
        assert.equal(await silently(visitor), 'code');
      });

    it('gives no consent that outlives the deletion of the API at the same time [SEC-R4]', async () => {
      const ends: string[] = [];
      for (let at = 0; at < RACES; at++) {
        const { visitor, page } = await consentPage();
        await Promise.all([visitor.submit(page, '/consent'), deleteApi()]);
        await addApiAgain();
        ends.push(await silently(visitor));
        await server.context.store.knex('oidc_artifacts').where({ model: 'Grant' }).delete();
      }
      assert.deepEqual(new Set(ends), new Set(['consent_required']));
    });

    /** Puts a person's grant back as it was written, as a request does that was under way when something went. */
    async function writtenMeanwhile(change: () => Promise<void>): Promise<void> {
      const { knex } = server.context.store;
      const row = await rowOf('oidc_artifacts', { model: 'Grant', account_id: user.userKey });
      await change();
      await knex('oidc_artifacts')
        .where({ id: row['id'] as string })
        .update({ payload: row['payload'] });
    }

    it('and a grant that is written meanwhile hold nothing of the next API, by a refresh token either [SEC-R4]', async () => {
      const of = { clientId, redirectUri: REDIRECT };
      const { visitor, page } = await consentPage();
      await visitor.submit(page, '/consent');
      const code = await obtainCode(server, { ...of, scope: scopes().join(' '), visitor });
      const { body } = await server.post('/connect/token', redeemForm(of, code));
      await writtenMeanwhile(deleteApi);
      await addApiAgain();
      assert.equal(await silently(visitor), 'consent_required');
      assert.equal(await silently(visitor, { scope: 'openid profile' }), 'code');
      const form = { grant_type: 'refresh_token', client_id: clientId };
      const again = await server.post('/connect/token', {
        ...form,
        refresh_token: String(body['refresh_token']),
      });
      assert.deepEqual(
        [...String(again.body['scope']).split(' ')].sort(),
        ['offline_access', 'openid', 'profile'],
        JSON.stringify(again.body),
      );
    });

    it('and a grant that is written meanwhile hold nothing of the next API after another consent [SEC-R4]', async () => {
      const other = `other-${made}`;
      await admin.done('POST', '/api/ApiResource', { name: other, scopes: [{ name: 'read' }] });
      const { visitor, page } = await consentPage();
      await visitor.submit(page, '/consent');
      await writtenMeanwhile(deleteApi);
      const client = await server.change((db) => findClient(db, clientId));
      const setScopes = (words: string[]): Promise<Data> =>
        admin.done('PUT', '/api/Client', { id: client.id, scopes: words });
      const more = ['openid', 'profile', `${other}.read`];
      // The other API has had a scope of this name before, so the grant has to be of a later generation.
      const { id } = await rowOf('api_resources', { name: other });
      await admin.done('DELETE', `/api/ApiResource/${String(id)}?cascade=true`);
      await admin.done('POST', '/api/ApiResource', { name: other, scopes: [{ name: 'read' }] });
      await setScopes(more);
      await server.context.store
        .knex('oidc_artifacts')
        .where({ model: 'Grant', account_id: user.userKey })
        .update({ generation: 1 });
      await obtainCode(server, { clientId, redirectUri: REDIRECT, scope: more.join(' '), visitor });
      assert.equal(await silently(visitor, { scope: more.join(' ') }), 'code');
      await addApi('Erase everything');
      await setScopes(scopes());
      assert.equal(await silently(visitor), 'consent_required');
    });

    it('writes nothing down of a person who was erased meanwhile', async () => {
      const { visitor, page } = await consentPage();
      await server.change(async (db) => {
        await eraseUser(db, await findUser(db, user.userName));
        await db.deleteAll('oidc_artifacts', { account_id: user.userKey });
      });
      assert.equal(isExpired(await visitor.submit(page, '/consent')), true);
      assert.equal(await grants(), 0);
    });

    it('signs nobody in whose password was changed while it was being checked [SEC-R34]', async () => {
      const { visitor, page } = await signInPage();
      const { people, passwords } = server.context;
      const { signIn: check } = people;
      const hash = await passwords.hash('another password of the tests');
      people.signIn = async (...given) => {
        const outcome = await check(...given);
        await server.change((db) => setPassword(db, user.userName, hash));
        return outcome;
      };
      try {
        await signIn(visitor, page);
      } finally {
        people.signIn = check;
      }
      assert.equal(await silently(visitor), 'login_required');
    });

    it('takes no device code of a client that was deleted, although another took the id', async () => {
      const { visitor, page } = await consentPage();
      await visitor.submit(page, '/consent');
      const { body } = await server.post('/connect/deviceauthorization', {
        client_id: clientId,
        scope: scopes().join(' '),
      });
      const input = await visitor.go('/device');
      const confirm = await visitor.submit(input, '/device', { user_code: String(body['user_code']) });
      await deleteClient();
      await addClient();
      const after = await visitor.submit(confirm, '/device', { confirm: 'yes' });
      assert.match(after.html, /name="user_code"/);
      const form = { grant_type: GRANT_TYPES.device, client_id: clientId };
      const answer = await server.post('/connect/token', {
        ...form,
        device_code: String(body['device_code']),
      });
      assert.equal(answer.body['error'], 'invalid_grant');
    });

    it('leads to no redirect URI that was taken from the client meanwhile', async () => {
      const { visitor, page } = await consentPage();
      const { id } = await server.change((db) => findClient(db, clientId));
      await admin.done('PUT', '/api/Client', { id, redirectUris: [ELSEWHERE] });
      const { url, status, html } = await visitor.submit(page, '/consent');
      assert.deepEqual([url.origin, status], [server.issuer, 400], url.href);
      assert.match(html, /invalid_redirect_uri/);
    });

    it('goes on where the client is disabled and enabled, and changed', async () => {
      const { visitor, page } = await signInPage();
      for (const enabled of [false, true])
        await server.change((db) => setClientEnabled(db, clientId, enabled));
      const consent = await signIn(visitor, page);
      const { id } = await server.change((db) => findClient(db, clientId));
      await admin.done('PUT', '/api/Client', { id, description: 'Changed' });
      const { url } = await visitor.submit(consent, '/consent');
      assert.ok(url.searchParams.has('code'), url.href);
      assert.equal(await silently(visitor), 'code');
    });

    it('goes on for a person who was disabled and enabled, from the sign-in on', async () => {
      const { visitor, page } = await signInPage();
      for (const enabled of [false, true])
        await server.change(async (db) => void (await setUserEnabled(db, user.userName, enabled)));
      assert.match((await signIn(visitor, page)).html, /\/consent\?/);
    });
  });
