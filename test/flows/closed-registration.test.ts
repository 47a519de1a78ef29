import assert from 'node:assert/strict';
import { GRANT_TYPES } from '../../src/clients/index.js';
import { administrator, type Caller } from '../support/area.js';
import { STORES } from '../support/config.js';
import { bodyOf, send } from '../support/http.js';
import { call, type ApiAnswer } from '../support/management.js';
import { follow, newMail, newPhone, startPeopleServer, type PeopleServer } from '../support/people.js';
import type { TestServer } from '../support/server.js';
import { REDIRECT } from '../support/tour.js';
import { authorizePath, Visitor, type Page } from '../support/visitor.js';

const GOOD = 'a good long password';

for (const kind of STORES)
  describe(`a tenant whose accounts are made by administrators, on ${kind}`, () => {
    let place: PeopleServer;
    let server: TestServer;
    let admin: Caller;
    before(async () => {
      place = await startPeopleServer(kind);
      ({ server } = place);
      admin = await administrator(server);
      await server.addClient('app', {
        grantTypes: [GRANT_TYPES.code],
        redirectUris: [REDIRECT],
        scopes: ['openid'],
        tokenEndpointAuthMethod: 'none',
        requireConsent: false,
      });
    });
    beforeEach(() => set('closed'));
    after(() => place.stop());

    const set = (registration: 'open' | 'closed') =>
      admin.done('PUT', '/api/Tenant', { id: server.home.tenant.id, registration });
    const begin = (more: Record<string, string> = {}, visitor = new Visitor(server.issuer)) =>
      visitor
        .go(authorizePath({ client_id: 'app', redirect_uri: REDIRECT, ...more }))
        .then((page) => ({ visitor, page }));
    const post = (path: string, json: object): Promise<ApiAnswer> =>
      call(server, { method: 'POST', path: `/api/User/${path}`, json });
    const accounts = async (): Promise<number> =>
      Number((await server.context.store.knex('users').count('* as n').first<{ n: number }>())?.n);
    const messagesTo = async (to: string): Promise<number> => {
      await server.outbox.deliver();
      return server.screen.of(server.home.tenant.id).filter((shown) => shown.to === to).length;
    };

    it('says so to administrators and to anybody', async () => {
      const path = `/api/Tenant/${server.home.tenant.id}`;
      assert.equal((await admin.done('GET', path))['registration'], 'closed');
      assert.equal((await call(server, { path: '/api/Tenant/Info' })).data['registration'], 'closed');
      await set('open');
      assert.equal((await call(server, { path: '/api/Tenant/Info' })).data['registration'], 'open');
    });

    it('does not offer registering on the sign-in page, and still a new password', async () => {
      const { page } = await begin();
      assert.doesNotMatch(page.html, /Create an account/);
      assert.match(page.html, /\/forgot/);
    });

    it('knows no prompt "create", and discovery does not name it', async () => {
      const discovery = await send(new URL('/.well-known/openid-configuration', server.issuer));
      assert.deepEqual(bodyOf(discovery)['prompt_values_supported'], ['none', 'login', 'consent']);
      const heard = await send(
        new URL(authorizePath({ client_id: 'app', redirect_uri: REDIRECT, prompt: 'create' }), server.issuer),
      );
      const back = new URL(heard.headers.get('location') ?? '');
      assert.deepEqual(
        [back.origin, back.searchParams.get('error')],
        [new URL(REDIRECT).origin, 'invalid_request'],
      );
    });

    it('leads from /register to signing in', async () => {
      const page = await new Visitor(server.issuer).go('/register');
      assert.match(page.html, /name="password"/);
      assert.doesNotMatch(page.html, /Create an account/);
    });

    it('takes nobody in whose page was open before', async () => {
      await set('open');
      const email = newMail();
      const { visitor, page } = await begin({ prompt: 'create' });
      const early = await begin();
      const form = await follow(early.visitor, early.page, '/register');
      const codes = await visitor.submit(page, '/register', { email });
      const code = await place.codeTo(email);
      const before = await accounts();
      await set('closed');
      const refused: Page[] = [
        await visitor.submit(codes, '/register/finish', { email_code: code, password: GOOD }),
        await early.visitor.submit(form, '/register', { email: newMail() }),
      ];
      for (const { status, html } of refused) {
        assert.equal(status, 403);
        assert.match(html, /Only administrators create accounts here/);
      }
      assert.equal(await accounts(), before);
    });

    it('refuses registering over REST, with a code that was sent before', async () => {
      await set('open');
      const phoneNumber = newPhone();
      assert.equal((await post('SmsCode', { phoneNumber, purpose: 'register' })).status, 200);
      const phoneNumberVerifyCode = await place.codeTo(phoneNumber);
      await set('closed');
      const answer = await post('Register', { phoneNumber, phoneNumberVerifyCode, password: GOOD });
      assert.deepEqual([answer.status, answer.body['codeName']], [403, 'Forbidden']);
    });

    it('sends no code to register with, and tells nobody by it who has an account', async () => {
      const phoneNumber = newPhone();
      const asked = await post('SmsCode', { phoneNumber, purpose: 'register' });
      assert.deepEqual([asked.status, asked.body['codeName']], [403, 'Forbidden']);
      const known = newPhone();
      await server.addUser({ userName: 'known', phoneNumber: known, phoneNumberVerified: true });
      const [toNobody, toSomebody] = [
        await post('SmsCode', { phoneNumber }),
        await post('SmsCode', { phoneNumber: known }),
      ];
      assert.deepEqual([toNobody.status, toNobody.data], [200, toSomebody.data]);
      assert.deepEqual([await messagesTo(phoneNumber), await messagesTo(known)], [0, 1]);
    });

    it('is open again when an administrator says so', async () => {
      await set('open');
      const { page, visitor } = await begin();
      assert.match((await follow(visitor, page, '/register')).html, /Phone number/);
    });
  });
