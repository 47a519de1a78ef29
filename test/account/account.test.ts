import assert from 'node:assert/strict';
import { GRANT_TYPES } from '../../src/clients/index.js';
import { STORES } from '../support/config.js';
import { jpeg, jpegWith, png, segment } from '../support/files.js';
import { sendForBytes } from '../support/http.js';
import { asForm } from '../support/management.js';
import { newMail, newPhone, startPeopleServer, wrongOf, type PeopleServer } from '../support/people.js';
import { PASSWORD, type TestServer } from '../support/server.js';
import { obtainCode, redeemForm, Visitor, type Page } from '../support/visitor.js';

const APP = 'https://app.example.com/callback';
const BETTER = 'another good long password';

let made = 0;

for (const kind of STORES)
  describe(`the account pages, on ${kind}`, () => {
    let place: PeopleServer;
    let server: TestServer;
    before(async () => {
      place = await startPeopleServer(kind);
      ({ server } = place);
      await server.addClient('app', {
        grantTypes: [GRANT_TYPES.code, GRANT_TYPES.refresh],
        redirectUris: [APP],
        scopes: ['openid', 'profile', 'offline_access'],
        tokenEndpointAuthMethod: 'none',
      });
    });
    after(() => place.stop());

    interface Person {
      visitor: Visitor;
      page: Page;
      id: string;
      userKey: string;
      userName: string;
      email: string;
    }
    /** A new user, signed in at the account. */
    async function person(more: { phoneNumber?: string } = {}): Promise<Person> {
      const userName = `resident-${++made}`;
      const email = newMail();
      const { id, userKey } = await server.addUser({ userName, nickName: 'Rosa', email, ...more });
      const visitor = new Visitor(server.issuer);
      const page = await signIn(visitor, userName);
      return { visitor, page, id, userKey, userName, email };
    }
    async function signIn(visitor: Visitor, login: string, password = PASSWORD): Promise<Page> {
      const asked = await visitor.go('/account');
      return visitor.submit(asked, '/sign-in', { login, password });
    }
    /** Lets every session be as if nobody had signed in for ten minutes. */
    async function pass(): Promise<void> {
      const { knex } = server.context.store;
      const rows = (await knex('oidc_artifacts').where({ model: 'Session' })) as {
        id: string;
        payload: string;
      }[];
      for (const { id, payload } of rows) {
        const session = JSON.parse(payload) as { loginTs?: number };
        if (session.loginTs !== undefined) session.loginTs -= 600;
        await knex('oidc_artifacts')
          .where({ id })
          .update({ payload: JSON.stringify(session) });
      }
    }
    const row = (id: string): Promise<Record<string, unknown>> =>
      server.context.store.knex('users').where({ id }).first() as Promise<Record<string, unknown>>;
    const events = async (userKey: string): Promise<string[]> =>
      (await server.context.store.knex('audit').where({ actor: userKey }).orderBy('id')).map(
        ({ event }: { event: string }) => event,
      );
    /** Signs in at the application with offline access, and answers its refresh token. */
    async function useApplication(visitor: Visitor, user: string): Promise<string> {
      const got = await obtainCode(server, {
        clientId: 'app',
        redirectUri: APP,
        scope: 'openid profile offline_access',
        more: { prompt: 'consent' },
        user,
        visitor,
      });
      const { body } = await server.post(
        '/connect/token',
        redeemForm({ clientId: 'app', redirectUri: APP }, got),
      );
      return String(body['refresh_token']);
    }
    const renew = async (refreshToken: string): Promise<number> =>
      (
        await server.post('/connect/token', {
          grant_type: 'refresh_token',
          client_id: 'app',
          refresh_token: refreshToken,
        })
      ).status;

    it('ask for a sign-in first, and lead back to the page that was asked for', async () => {
      const { userName } = await person();
      const visitor = new Visitor(server.issuer);
      const asked = await visitor.go('/account/devices');
      assert.match(asked.html, /to continue to Your account/);
      const page = await visitor.submit(asked, '/sign-in', { login: userName, password: PASSWORD });
      assert.equal(page.url.pathname, '/account/devices');
    });

    it('lead nowhere else after signing in', async () => {
      for (const state of ['https://evil.example', '//evil.example', '/connect/endsession', '/account/../x'])
        assert.equal(
          (
            await new Visitor(server.issuer).request(
              new URL(`/account/callback?state=${encodeURIComponent(state)}&code=x`, server.issuer),
            )
          ).headers.get('location'),
          '/account',
        );
    });

    it('give a code that nobody can redeem', async () => {
      const { userName } = await person();
      const visitor = new Visitor(server.issuer);
      const asked = await visitor.go('/account');
      const { interactionCode } = await captureCode(visitor, asked, userName);
      const { status, body } = await server.post('/connect/token', {
        grant_type: 'authorization_code',
        client_id: 'gatehouse-account',
        code: interactionCode,
        code_verifier: 'x'.repeat(43),
        redirect_uri: `${server.issuer}/account/callback`,
      });
      assert.deepEqual([status, body['error']], [400, 'invalid_grant']);
    });
    async function captureCode(visitor: Visitor, asked: Page, login: string) {
      const csrf = /name="csrf" value="([^"]+)"/.exec(asked.html)?.[1] ?? '';
      let url = new URL(`${asked.url.pathname}/sign-in`, server.issuer);
      let heard = await visitor.request(url, {
        form: new URLSearchParams({ csrf, login, password: PASSWORD }),
      });
      while (!url.searchParams.has('code')) {
        url = new URL(heard.headers.get('location') as string, url);
        if (!url.searchParams.has('code')) heard = await visitor.request(url);
      }
      return { interactionCode: url.searchParams.get('code') as string };
    }

    it('refuse forms without the session’s token, and change nothing', async () => {
      const { visitor, id } = await person();
      const before = await row(id);
      for (const path of [
        'profile',
        'email',
        'email/confirm',
        'phone',
        'phone/confirm',
        'password',
        'devices',
        'applications',
        'data',
        'data/delete',
      ]) {
        const form = { csrf: 'x'.repeat(43), to: 'x@example.com', nick_name: 'x', sure: 'yes' };
        assert.equal((await visitor.go(`/account/${path}`, { form })).status, 403, path);
      }
      assert.deepEqual(await row(id), before);
    });

    describe('the profile', () => {
      it('is changed, and blank fields are cleared', async () => {
        const { visitor, page, id, userKey } = await person();
        const saved = await visitor.submit(page, '/account/profile', {
          nick_name: 'Rosa Luz',
          gender: '',
          birthdate: '1990-05-31',
          address: '1 Street\r\nTown',
          description: '',
        });
        assert.match(saved.html, /Saved\./);
        const { nick_name, birthdate, address, description } = await row(id);
        assert.deepEqual(
          [nick_name, birthdate, address, description],
          ['Rosa Luz', '1990-05-31', '1 Street\nTown', null],
        );
        assert.ok((await events(userKey)).includes('account.profile'));
      });

      it('says what is wrong, and keeps what was typed', async () => {
        const { visitor, page, id } = await person();
        const answer = await visitor.submit(page, '/account/profile', {
          nick_name: 'Kept',
          birthdate: 'yesterday',
        });
        assert.equal(answer.status, 422);
        assert.match(answer.html, /Give the date of birth as year, month and day/);
        assert.match(answer.html, /value="Kept"/);
        assert.equal((await row(id))['nick_name'], 'Rosa');
      });
    });

    describe('the picture', () => {
      const send = (visitor: Visitor, page: Page, value: Buffer, csrf?: string): Promise<Page> => {
        const own = /name="csrf" value="([^"]+)"/.exec(page.html)?.[1] ?? '';
        const { bytes, headers } = asForm({ csrf: csrf ?? own, value });
        return visitor.go('/account/avatar', { body: bytes, headers });
      };
      const shown = (page: Page): string => /<img src="([^"]+\/files\/[^"]+)"/.exec(page.html)?.[1] ?? '';

      it('is taken, shown and told to applications; another one replaces it', async () => {
        const { visitor, page, id } = await person();
        const first = await send(visitor, page, png());
        assert.deepEqual((await sendForBytes(new URL(shown(first)))).bytes, png());
        assert.equal((await row(id))['avatar'], shown(first));
        const second = await send(visitor, first, jpeg());
        assert.match(shown(second), /\.jpg$/);
        assert.equal((await sendForBytes(new URL(shown(first)))).status, 404);
        const none = await visitor.submit(second, '/account/avatar/remove');
        assert.equal(shown(none), '');
        assert.equal((await sendForBytes(new URL(shown(second)))).status, 404);
      });

      it('is kept without what its file tells of where it was taken', async () => {
        const { visitor, page } = await person();
        const taken = jpegWith(segment(0xe1, 'Exif\0\0 GPS'), segment(0xfe, 'at home'));
        const kept = await send(visitor, page, taken);
        assert.deepEqual((await sendForBytes(new URL(shown(kept)))).bytes, jpeg());
      });

      it('is refused where it is none, too large, or not sent by the page', async () => {
        const { visitor, page, id } = await person();
        const wrong = await send(visitor, page, Buffer.from('<svg></svg>'));
        assert.deepEqual([wrong.status, /That is not a JPEG or PNG picture/.test(wrong.html)], [415, true]);
        const large = await send(visitor, page, png(10 * 1024 * 1024));
        assert.deepEqual([large.status, /The picture is too large/.test(large.html)], [413, true]);
        assert.equal((await send(visitor, page, png(), 'x'.repeat(43))).status, 403);
        assert.equal((await row(id))['avatar'], null);
      });

      it('goes with the account', async () => {
        const { visitor, page } = await person();
        const url = new URL(shown(await send(visitor, page, png())));
        await visitor.submit(await visitor.go('/account/data'), '/account/data/delete', { sure: 'yes' });
        assert.equal((await sendForBytes(url)).status, 404);
      });
    });

    describe('a sensitive change', () => {
      it('asks for a fresh sign-in [SEC-41]', async () => {
        const { visitor, userName } = await person();
        await pass();
        for (const path of ['email', 'phone', 'password', 'data']) {
          const asked = await visitor.go(`/account/${path}`);
          assert.match(asked.html, /name="password"[^>]*current-password/, path);
        }
        const asked = await visitor.go('/account/email');
        const page = await visitor.submit(asked, '/sign-in', { login: userName, password: PASSWORD });
        assert.equal(page.url.pathname, '/account/email');
      });

      it('is not made by a form that was open for long [SEC-41]', async () => {
        const { visitor, id } = await person();
        const page = await visitor.go('/account/data');
        await pass();
        const asked = await visitor.submit(page, '/account/data/delete', { sure: 'yes' });
        assert.match(asked.html, /current-password/);
        assert.ok(await row(id));
      });
    });

    describe('the e-mail address', () => {
      it('is changed with a code to the new one, and the old one hears of it [SEC-41]', async () => {
        const { visitor, id, email } = await person();
        const next = newMail();
        const asked = await visitor.go('/account/email');
        const enter = await visitor.submit(asked, '/account/email', { to: next });
        const code = await place.codeTo(next);
        const wrong = await visitor.submit(enter, '/account/email/confirm', { code: wrongOf(code) });
        assert.equal(wrong.status, 422);
        assert.equal((await row(id))['email'], email);
        const done = await visitor.submit(wrong, '/account/email/confirm', { code });
        assert.match(done.html, /Your e-mail address was changed/);
        const after = await row(id);
        assert.deepEqual([after['email'], Boolean(after['email_verified'])], [next, true]);
        await server.outbox.deliver();
        assert.match((await place.mails.mailTo(email)).subject ?? '', /Your e-mail address .* was changed/);
      });

      it('is not changed with a code that another asked for [SEC-41]', async () => {
        const [thief, owner] = [await person(), await person()];
        const target = newMail();
        await owner.visitor.submit(await owner.visitor.go('/account/email'), '/account/email', {
          to: target,
        });
        const code = await place.codeTo(target);
        const page = await thief.visitor.go('/account/email');
        const csrf = /name="csrf" value="([^"]+)"/.exec(page.html)?.[1] ?? '';
        const answer = await thief.visitor.go('/account/email/confirm', { form: { csrf, to: target, code } });
        assert.equal(answer.status, 422);
        assert.equal((await row(thief.id))['email'], thief.email);
      });

      it('can not be one that somebody has, and its owner is told', async () => {
        const [one, other] = [await person(), await person()];
        const enter = await one.visitor.submit(await one.visitor.go('/account/email'), '/account/email', {
          to: other.email,
        });
        assert.match(enter.html, /A code is on its way/);
        await server.outbox.deliver();
        assert.match((await place.mails.mailTo(other.email)).subject ?? '', /You have an account/);
      });
    });

    it('change the telephone’s number with a code to the new one, and the old one hears of it [SEC-41]', async () => {
      const old = newPhone();
      const { visitor, id } = await person({ phoneNumber: old });
      const next = newPhone();
      const enter = await visitor.submit(await visitor.go('/account/phone'), '/account/phone', { to: next });
      const done = await visitor.submit(enter, '/account/phone/confirm', { code: await place.codeTo(next) });
      assert.match(done.html, /Your phone number was changed/);
      assert.equal((await row(id))['phone_number'], next);
      await server.outbox.deliver();
      const told = server.screen.of(server.home.tenant.id).find(({ to }) => to === old);
      assert.match(told?.text ?? '', /was changed to another/);
    });

    describe('the password', () => {
      it('is changed by who knows it, which ends every session [SEC-33]', async () => {
        const { visitor, userName, email } = await person();
        const elsewhere = new Visitor(server.issuer);
        await signIn(elsewhere, userName);
        const asked = await visitor.go('/account/password');
        const wrong = await visitor.submit(asked, '/account/password', {
          current: 'not the password',
          password: BETTER,
        });
        assert.match(wrong.html, /That is not your password/);
        const weak = await visitor.submit(wrong, '/account/password', {
          current: PASSWORD,
          password: userName,
        });
        assert.match(weak.html, /is easy to guess from your names/);
        const done = await visitor.submit(weak, '/account/password', { current: PASSWORD, password: BETTER });
        assert.match(done.html, /current-password/);
        assert.match((await elsewhere.go('/account')).html, /current-password/);
        assert.match((await signIn(visitor, userName, BETTER)).html, /Profile/);
        await server.outbox.deliver();
        assert.match((await place.mails.mailTo(email)).subject ?? '', /Your password .* was changed/);
      });

      it('can not be guessed here: wrong ones are counted as at sign-in [SEC-41]', async () => {
        const { visitor } = await person();
        let page = await visitor.go('/account/password');
        for (let guess = 0; guess < 5; guess++)
          page = await visitor.submit(page, '/account/password', {
            current: `guess ${guess}`,
            password: BETTER,
          });
        page = await visitor.submit(page, '/account/password', { current: PASSWORD, password: BETTER });
        assert.match(page.html, /That is not your password/);
      });
    });

    describe('the devices', () => {
      it('are listed with their browser, and one is signed out [SEC-43]', async () => {
        const { visitor, userName } = await person();
        const phone = new Visitor(server.issuer);
        const agent =
          'Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.5 Mobile/15E148 Safari/604.1';
        const request = phone.request.bind(phone);
        phone.request = (url, said = {}) =>
          request(url, { ...said, headers: { ...said.headers, 'user-agent': agent } });
        await signIn(phone, userName);
        const page = await visitor.go('/account/devices');
        assert.match(page.html, /Safari, iOS/);
        assert.match(page.html, /this one/);
        const other = /<strong>Safari, iOS<[\s\S]*?name="uid" value="([^"]+)"/.exec(page.html)?.[1] ?? '';
        await visitor.submit(page, '/account/devices', { uid: other });
        assert.match((await phone.go('/account')).html, /current-password/);
        assert.match((await visitor.go('/account')).html, /Profile/);
      });

      it('are signed out everywhere, applications with offline access as well [SEC-43]', async () => {
        const { visitor, userName } = await person();
        const refreshToken = await useApplication(visitor, userName);
        const elsewhere = new Visitor(server.issuer);
        await signIn(elsewhere, userName);
        const page = await visitor.go('/account/devices');
        const done = await visitor.submit(page, '/account/devices', { everywhere: 'yes' });
        assert.match(done.html, /Signed out/);
        assert.match((await elsewhere.go('/account')).html, /current-password/);
        assert.match((await visitor.go('/account')).html, /current-password/);
        assert.equal(await renew(refreshToken), 400);
      });

      it('of others can not be signed out', async () => {
        const [one, other] = [await person(), await person()];
        const own = await other.visitor.go('/account/devices');
        const uid = /name="uid" value="([^"]+)"/.exec(own.html)?.[1] ?? '';
        await one.visitor.submit(await one.visitor.go('/account/devices'), '/account/devices', { uid });
        assert.match((await other.visitor.go('/account')).html, /Profile/);
      });
    });

    it('show what applications may do, and remove one [SEC-46]', async () => {
      const { visitor, userName } = await person();
      const refreshToken = await useApplication(visitor, userName);
      const page = await visitor.go('/account/applications');
      assert.match(page.html, /<strong>app<\/strong>/);
      assert.match(page.html, /Access while you are away/);
      const after = await visitor.submit(page, '/account/applications', { client_id: 'app' });
      assert.match(after.html, /You have not allowed anything/);
      assert.equal(await renew(refreshToken), 400);
    });

    it('give all that is known of a person to that person', async () => {
      const { visitor, email, userName } = await person();
      await useApplication(visitor, userName);
      const page = await visitor.go('/account/data');
      const data = await visitor.submit(page, '/account/data');
      assert.match(data.headers.get('content-disposition') ?? '', /attachment/);
      const known = JSON.parse(data.html) as {
        user: { email: string };
        grants: { clientId: string }[];
        sessions: { clients: string[] }[];
        history: { event: string }[];
      };
      assert.equal(known.user.email, email);
      assert.deepEqual(
        known.grants.map(({ clientId }) => clientId),
        ['app'],
      );
      assert.deepEqual(known.sessions[0]?.clients, ['app']);
      assert.ok(known.history.some(({ event }) => event === 'sign_in.password'));
    });

    it('delete the account for good, when its owner is sure', async () => {
      const { visitor, id, userKey, userName, email } = await person();
      const refreshToken = await useApplication(visitor, userName);
      const page = await visitor.go('/account/data');
      const unsure = await visitor.submit(page, '/account/data/delete');
      assert.equal(unsure.status, 422);
      assert.ok(await row(id));
      const done = await visitor.submit(unsure, '/account/data/delete', { sure: 'yes' });
      assert.match(done.html, /Your account is deleted/);
      assert.equal(await row(id), undefined);
      const { knex } = server.context.store;
      assert.deepEqual(await knex('oidc_artifacts').where({ account_id: userKey }), []);
      assert.equal(await renew(refreshToken), 400);
      assert.match((await visitor.go('/account')).html, /current-password/);
      await server.outbox.deliver();
      assert.match((await place.mails.mailTo(email)).subject ?? '', /is deleted/);
    });

    it('have a name that no application can take', async () => {
      await assert.rejects(
        server.addClient('gatehouse-account', { grantTypes: [GRANT_TYPES.clientCredentials] }),
        /an application of the server itself/,
      );
    });
  });
