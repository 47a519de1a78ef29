import assert from 'node:assert/strict';
import { GRANT_TYPES } from '../../src/clients/index.js';
import { STORES } from '../support/config.js';
import { follow, newMail, startPeopleServer, type PeopleServer } from '../support/people.js';
import { PASSWORD, type TestServer } from '../support/server.js';
import { authorizePath, obtainCode, pkce, redeemForm, Visitor, type Page } from '../support/visitor.js';

const REDIRECT = 'https://app.example.com/callback';
const APP = { clientId: 'app', redirectUri: REDIRECT };

for (const kind of STORES)
  describe(`an ID token as a hint, on ${kind}`, () => {
    let people: PeopleServer;
    let server: TestServer;
    /** An ID token of alice. */
    let hint: string;
    const bob = newMail();

    before(async () => {
      people = await startPeopleServer(kind);
      ({ server } = people);
      await server.addClient('app', {
        grantTypes: [GRANT_TYPES.code, GRANT_TYPES.device],
        redirectUris: [REDIRECT],
        scopes: ['openid'],
        tokenEndpointAuthMethod: 'none',
      });
      await server.addUser({ userName: 'alice', nickName: 'Alice of the tests' });
      await server.addUser({ userName: 'bob', email: bob, emailVerified: true });
      const signedIn = await obtainCode(server, APP);
      const { body } = await server.post('/connect/token', redeemForm(APP, signedIn));
      hint = String(body['id_token']);
    });
    after(() => people.stop());

    const ask = (visitor: Visitor, more: Record<string, string> = {}): Promise<Page> =>
      visitor.go(authorizePath({ client_id: 'app', redirect_uri: REDIRECT, id_token_hint: hint, ...more }));
    const enter = (visitor: Visitor, page: Page, login: string): Promise<Page> =>
      visitor.submit(page, '/sign-in', { login, password: PASSWORD });
    const refused = ({ url }: Page): void => {
      assert.equal(url.origin + url.pathname, REDIRECT, url.href);
      assert.equal(url.searchParams.get('error'), 'login_required', url.href);
      assert.equal(url.searchParams.get('state'), 'state-of-the-test');
      assert.equal(url.searchParams.get('code'), null);
    };
    const signedInAs = async (user: string): Promise<Visitor> =>
      (await obtainCode(server, { ...APP, user })).visitor;
    const isAlice = async (visitor: Visitor): Promise<void> =>
      assert.match((await visitor.go('/account')).html, /Alice of the tests/);

    it('gives the application its code where the person whom it names signs in', async () => {
      const visitor = new Visitor(server.issuer);
      const page = await enter(visitor, await ask(visitor), 'alice');
      assert.ok(page.url.searchParams.get('code'), page.html);
    });

    describe('of one person is answered with login_required where another', () => {
      it('signs in with a password [SEC-R9]', async () => {
        const visitor = new Visitor(server.issuer);
        refused(await enter(visitor, await ask(visitor), 'bob'));
      });

      it('signs in with a code [SEC-R9]', async () => {
        const visitor = new Visitor(server.issuer);
        let page = await follow(visitor, await ask(visitor), '/code');
        page = await visitor.submit(page, '/code', { login: bob });
        await people.later();
        refused(await visitor.submit(page, '/code/sign-in', { code: await people.codeTo(bob) }));
      });

      it('registers [SEC-R9]', async () => {
        const visitor = new Visitor(server.issuer);
        const email = newMail();
        let page = await ask(visitor, { prompt: 'create' });
        page = await visitor.submit(page, '/register', { email });
        const code = await people.codeTo(email);
        await people.later();
        refused(
          await visitor.submit(page, '/register/finish', { email, email_code: code, password: PASSWORD }),
        );
      });

      it('is signed in already, and no page may be shown [SEC-R9]', async () => {
        refused(await ask(await signedInAs('bob'), { prompt: 'none' }));
      });

      it('is signed in already and signs in again', async () => {
        const visitor = await signedInAs('bob');
        refused(await enter(visitor, await ask(visitor), 'bob'));
      });

      it('signs in in place of the one whom it names, who stays signed in [SEC-R9]', async () => {
        const visitor = await signedInAs('alice');
        const page = await ask(visitor, { prompt: 'login' });
        refused(await enter(visitor, page, 'bob'));
        await isAlice(visitor);
      });

      it('signs in for a request that was pushed', async () => {
        const { body } = await server.post('/connect/par', {
          client_id: 'app',
          redirect_uri: REDIRECT,
          response_type: 'code',
          scope: 'openid',
          state: 'state-of-the-test',
          code_challenge: pkce().challenge,
          code_challenge_method: 'S256',
          id_token_hint: hint,
        });
        const visitor = new Visitor(server.issuer);
        const query = new URLSearchParams({ client_id: 'app', request_uri: String(body['request_uri']) });
        const page = await visitor.go(`/connect/authorize?${query.toString()}`);
        refused(await enter(visitor, page, 'bob'));
      });

      it('has signed in in another tab before the page of this one is answered', async () => {
        const visitor = new Visitor(server.issuer);
        const page = await ask(visitor);
        await obtainCode(server, { ...APP, user: 'bob', visitor });
        refused(await enter(visitor, page, 'bob'));
      });
    });

    it('lets the person whom it names sign in in place of another', async () => {
      const visitor = await signedInAs('bob');
      const page = await enter(visitor, await ask(visitor), 'alice');
      assert.ok(page.url.searchParams.get('code'), page.html);
      await isAlice(visitor);
    });

    it('ends a device’s request where another person confirms it [SEC-R9]', async () => {
      const { body } = await server.post('/connect/deviceauthorization', {
        client_id: 'app',
        scope: 'openid',
        id_token_hint: hint,
      });
      const visitor = await signedInAs('bob');
      let page = await visitor.go('/device');
      page = await visitor.submit(page, '/device', { user_code: String(body['user_code']) });
      page = await visitor.submit(page, '/device', { confirm: 'yes' });
      await enter(visitor, page, 'bob');
      const form = {
        client_id: 'app',
        grant_type: GRANT_TYPES.device,
        device_code: String(body['device_code']),
      };
      const answer = await server.post('/connect/token', form);
      assert.deepEqual([answer.status, answer.body['error']], [400, 'login_required']);
    });
  });
