import assert from 'node:assert/strict';
import { decodeJwt } from 'jose';
import { GRANT_TYPES } from '../../src/clients/index.js';
import { call } from '../support/management.js';
import type { MailServer } from '../support/mail.js';
import { STORES } from '../support/config.js';
import {
  follow,
  newMail,
  newPhone,
  startPeopleServer,
  wrongOf,
  type PeopleServer,
} from '../support/people.js';
import type { Answer, TestServer } from '../support/server.js';
import { REDIRECT } from '../support/tour.js';
import { authorizePath, obtainCode, redeemForm, Visitor, type Page } from '../support/visitor.js';

const GOOD = 'a good long password';
const BETTER = 'another good long password';

for (const kind of STORES)
  describe(`the pages of registering, codes and recovery, on ${kind}`, () => {
    let place: PeopleServer;
    let server: TestServer;
    let mails: MailServer;
    before(async () => {
      place = await startPeopleServer(kind);
      ({ server, mails } = place);
      await server.addClient('app', {
        grantTypes: [GRANT_TYPES.code, GRANT_TYPES.refresh],
        redirectUris: [REDIRECT],
        scopes: ['openid', 'profile', 'offline_access'],
        tokenEndpointAuthMethod: 'none',
        requireConsent: false,
      });
    });
    after(() => place.stop());

    const begin = (more: Record<string, string> = {}, visitor = new Visitor(server.issuer)) =>
      visitor
        .go(authorizePath({ client_id: 'app', redirect_uri: REDIRECT, ...more }))
        .then((page) => ({ visitor, page }));
    const arrived = (page: Page): string => {
      assert.equal(page.url.origin, new URL(REDIRECT).origin, page.html.slice(0, 900));
      return page.url.searchParams.get('code') as string;
    };

    async function register({ phone = '', email = '' }): Promise<{ visitor: Visitor; page: Page }> {
      const { visitor, page } = await begin({ prompt: 'create' });
      const codes = await visitor.submit(page, '/register', { phone, email });
      const finished = await visitor.submit(codes, '/register/finish', {
        ...(phone && { phone_code: await place.codeTo(phone) }),
        ...(email && { email_code: await place.codeTo(email) }),
        nick_name: 'Nova',
        password: GOOD,
      });
      await place.later();
      return { visitor, page: finished };
    }

    describe('registering', () => {
      it('takes in who shows the codes of telephone and mail, and goes on to the application', async () => {
        const [phone, email] = [newPhone(), newMail()];
        const { page } = await register({ phone, email });
        assert.ok(arrived(page));
        const row = await server.context.store.knex('users').where({ phone_number: phone }).first();
        assert.deepEqual([row.email, Boolean(row.email_verified), row.nick_name], [email, true, 'Nova']);
      });

      it('works with an e-mail address alone', async () => {
        const email = newMail();
        arrived((await register({ email })).page);
        const { page, visitor } = await begin();
        arrived(await visitor.submit(page, '/sign-in', { login: email, password: GOOD }));
      });

      it('is reached from the sign-in page', async () => {
        const { page, visitor } = await begin();
        assert.match((await follow(visitor, page, '/register')).html, /Create an account/);
      });

      it('says what is wrong, keeps what was typed, and loses no code', async () => {
        const email = newMail();
        const { visitor, page } = await begin({ prompt: 'create' });
        const bad = await visitor.submit(page, '/register', { email: 'nobody at example' });
        assert.equal(bad.status, 422);
        assert.match(bad.html, /That is not an e-mail address/);
        assert.match(bad.html, /value="nobody at example"/);
        const codes = await visitor.submit(bad, '/register', { email });
        const code = await place.codeTo(email);
        const fields = { email_code: code, nick_name: 'Nova', password: '1234567' };
        const short = await visitor.submit(codes, '/register/finish', fields);
        assert.match(short.html, /Use at least 8 characters/);
        const common = await visitor.submit(short, '/register/finish', { ...fields, password: 'password1' });
        assert.match(common.html, /This password is easy to guess/);
        assert.match(common.html, /value="Nova"/);
        arrived(await visitor.submit(common, '/register/finish', { ...fields, password: GOOD }));
      });

      it('says in Chinese that the country code of a number is missing', async () => {
        const { visitor, page } = await begin({ prompt: 'create', ui_locales: 'zh-CN' });
        const wrong = await visitor.submit(page, '/register', { phone: '138 0013 8000' });
        assert.equal(wrong.status, 422);
        assert.match(wrong.html, /手机号缺少国家代码/);
      });

      it('does not tell that an address has an account: its owner hears of it by mail [SEC-35]', async () => {
        const email = newMail();
        await register({ email });
        const taken = await begin({ prompt: 'create' });
        const codes = await taken.visitor.submit(taken.page, '/register', { email });
        const fresh = await begin({ prompt: 'create' });
        const free = newMail();
        const others = await fresh.visitor.submit(fresh.page, '/register', { email: free });
        const plain = (page: Page, own: string): string =>
          page.html.replaceAll(own, '').replaceAll(/value="[^"]*"|interaction\/[^/?]*/g, '');
        assert.equal(plain(codes, email), plain(others, free));
        await server.outbox.deliver();
        const mail = await mails.mailTo(email);
        assert.match(mail.subject ?? '', /You have an account/);
        const guess = await taken.visitor.submit(codes, '/register/finish', {
          email_code: '123456',
          password: GOOD,
        });
        assert.match(guess.html, /That is not the code/);
      });
    });

    describe('signing in by code', () => {
      it('works with a code that was sent by SMS, and the ID token says so', async () => {
        const phone = newPhone();
        await register({ phone });
        const visitor = new Visitor(server.issuer);
        const challenge = 'E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM';
        const { page } = await begin({ code_challenge: challenge }, visitor);
        const asked = await follow(visitor, page, '/code');
        const enter = await visitor.submit(asked, '/code', { login: phone });
        assert.match(enter.html, /If there is an account at/);
        const code = arrived(
          await visitor.submit(enter, '/code/sign-in', { code: await place.codeTo(phone) }),
        );
        const verifier = 'dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk';
        const form = redeemForm({ clientId: 'app', redirectUri: REDIRECT }, { code, verifier });
        const { body } = await server.post('/connect/token', form);
        const { amr, acr } = decodeJwt(body['id_token'] as string);
        assert.deepEqual([amr, acr], [['otp'], 'urn:gatehouse:acr:code']);
      });

      it('looks the same to who has no account, who gets no code [SEC-35]', async () => {
        const email = newMail();
        const { visitor, page } = await begin();
        const enter = await visitor.submit(await follow(visitor, page, '/code'), '/code', { login: email });
        assert.equal(enter.status, 200);
        assert.match(enter.html, /If there is an account at/);
        await server.outbox.deliver();
        assert.equal(mails.mails.filter(({ to }) => JSON.stringify(to).includes(email)).length, 0);
        const guess = await visitor.submit(enter, '/code/sign-in', { code: '123456' });
        assert.equal(guess.status, 401);
        assert.match(guess.html, /That is not the code/);
      });

      it('burns a code at the fifth wrong guess', async () => {
        const email = newMail();
        await register({ email });
        const { visitor, page } = await begin();
        let enter = await visitor.submit(await follow(visitor, page, '/code'), '/code', { login: email });
        const code = await place.codeTo(email);
        for (let guess = 0; guess < 5; guess++)
          enter = await visitor.submit(enter, '/code/sign-in', { code: wrongOf(code) });
        assert.equal((await visitor.submit(enter, '/code/sign-in', { code })).status, 401);
      });

      it('lets nobody in who is disabled', async () => {
        const email = newMail();
        await register({ email });
        const { visitor, page } = await begin();
        const enter = await visitor.submit(await follow(visitor, page, '/code'), '/code', { login: email });
        const code = await place.codeTo(email);
        await server.context.store.knex('users').where({ email }).update({ enabled: false });
        assert.equal((await visitor.submit(enter, '/code/sign-in', { code })).status, 401);
      });
    });

    describe('a forgotten password', () => {
      it('is set anew with a code, which ends sessions and refresh tokens [SEC-40]', async () => {
        const email = newMail();
        const signedIn = await register({ email });
        const got = await obtainCode(server, {
          clientId: 'app',
          redirectUri: REDIRECT,
          scope: 'openid offline_access',
          more: { prompt: 'consent' },
          visitor: signedIn.visitor,
        });
        const form = redeemForm({ clientId: 'app', redirectUri: REDIRECT }, got);
        const { body } = await server.post('/connect/token', form);
        assert.ok(body['refresh_token'], JSON.stringify(body));

        const { visitor, page } = await begin();
        const forgot = await follow(visitor, page, '/forgot');
        const reset = await visitor.submit(forgot, '/forgot', { login: email });
        const code = await place.codeTo(email);
        const weak = await visitor.submit(reset, '/reset', { code, password: email });
        assert.match(weak.html, /is easy to guess from your names, numbers or addresses/);
        const done = await visitor.submit(weak, '/reset', { code, password: BETTER });
        assert.match(done.html, /Your password is set/);
        arrived(await visitor.submit(done, '/sign-in', { login: email, password: BETTER }));

        const renewed = await server.post('/connect/token', {
          grant_type: 'refresh_token',
          client_id: 'app',
          refresh_token: body['refresh_token'] as string,
        });
        assert.deepEqual([renewed.status, renewed.body['error']], [400, 'invalid_grant']);
        const old = await begin({}, signedIn.visitor);
        assert.match(old.page.html, /name="password"/);
        await server.outbox.deliver();
        assert.match((await mails.mailTo(email)).subject ?? '', /Your password .* was changed/);
      });

      it('looks the same for an address that nobody has [SEC-35]', async () => {
        const { visitor, page } = await begin();
        const reset = await visitor.submit(await follow(visitor, page, '/forgot'), '/forgot', {
          login: newMail(),
        });
        assert.match(reset.html, /If there is an account at/);
        const guess = await visitor.submit(reset, '/reset', { code: '123456', password: GOOD });
        assert.match(guess.html, /That is not the code/);
      });
    });

    describe('the grant for native applications', () => {
      const GRANT = 'urn:gatehouse:grant:mobile_code';
      before(() =>
        server.addClient('mobile', {
          applicationType: 'native',
          grantTypes: [GRANT_TYPES.mobileCode, GRANT_TYPES.refresh],
          scopes: ['openid', 'phone', 'offline_access'],
          tokenEndpointAuthMethod: 'none',
        }),
      );
      const grant = (form: Record<string, string>): Promise<Answer> =>
        server.post('/connect/token', { grant_type: GRANT, client_id: 'mobile', ...form });
      const codeTo = async (phoneNumber: string): Promise<string> => {
        await place.later();
        const json = { phoneNumber, purpose: 'login' };
        await call(server, { method: 'POST', path: '/api/User/SmsCode', json });
        return place.codeTo(phoneNumber);
      };

      it('gives tokens for a code that was sent to the telephone', async () => {
        const phone = newPhone();
        await register({ phone });
        const { status, body } = await grant({
          phone_number: phone,
          code: await codeTo(phone),
          scope: 'openid phone offline_access',
        });
        assert.equal(status, 200, JSON.stringify(body));
        assert.deepEqual(decodeJwt(body['id_token'] as string)['amr'], ['otp']);
        const userinfo = await fetch(new URL('/connect/userinfo', server.issuer), {
          headers: { authorization: `Bearer ${body['access_token'] as string}` },
        });
        assert.equal(((await userinfo.json()) as { phone_number: string }).phone_number, phone);
        const renewed = await server.post('/connect/token', {
          grant_type: 'refresh_token',
          client_id: 'mobile',
          refresh_token: body['refresh_token'] as string,
        });
        assert.equal(renewed.status, 200);
      });

      it('takes a code once, and only the right one', async () => {
        const phone = newPhone();
        await register({ phone });
        const code = await codeTo(phone);
        const wrong = await grant({ phone_number: phone, code: wrongOf(code) });
        assert.deepEqual([wrong.status, wrong.body['error']], [400, 'invalid_grant']);
        const both = await Promise.all([
          grant({ phone_number: phone, code }),
          grant({ phone_number: phone, code }),
        ]);
        assert.deepEqual(both.map(({ status }) => status).sort(), [200, 400]);
        assert.equal((await grant({ phone_number: phone, code })).status, 400);
      });

      it('takes no code that was sent for something else', async () => {
        const phone = newPhone();
        await register({ phone });
        const json = { phoneNumber: phone, purpose: 'reset' };
        await call(server, { method: 'POST', path: '/api/User/SmsCode', json });
        assert.equal((await grant({ phone_number: phone, code: await place.codeTo(phone) })).status, 400);
      });

      it('answers the same for a number that nobody has [SEC-35]', async () => {
        const known = newPhone();
        await register({ phone: known });
        const unknown = newPhone();
        await Promise.all([codeTo(known), codeTo(unknown)]);
        const answers = await Promise.all(
          [known, unknown].map((phone_number) => grant({ phone_number, code: '12345' })),
        );
        assert.deepEqual(answers[0]?.body, answers[1]?.body);
      });

      it('is refused to a client that was not given it', async () => {
        const { status, body } = await grant({ client_id: 'app', phone_number: newPhone(), code: '123456' });
        assert.deepEqual([status, body['error']], [400, 'unauthorized_client']);
      });

      it('says what a request lacks', async () => {
        for (const form of [
          { code: '123456' },
          { phone_number: newPhone() },
          { phone_number: '12', code: '1' },
        ])
          assert.equal((await grant(form as Record<string, string>)).body['error'], 'invalid_request');
      });
    });

    describe('what can not be', () => {
      const REFUSED: [what: string, form: Record<string, string>, words: RegExp][] = [
        [
          'an e-mail address of 400 characters',
          { email: `${'a'.repeat(388)}@example.com` },
          /not an e-mail address/,
        ],
        ['a number of an impossible country', { phone: '+999 1234567' }, /not a phone number/],
        ['a number that is none', { phone: 'my telephone' }, /not a phone number/],
        ['nothing', {}, /Give a phone number or an e-mail address/],
      ];
      for (const [what, form, words] of REFUSED)
        it(`is said of ${what}, and nothing is sent`, async () => {
          const before = await server.context.store.knex('outbox').count('* as n').first<{ n: number }>();
          const { visitor, page } = await begin({ prompt: 'create' });
          const answer = await visitor.submit(page, '/register', form);
          assert.equal(answer.status, 422);
          assert.match(answer.html, words);
          for (const typed of Object.values(form)) assert.ok(answer.html.includes(`value="${typed}"`));
          assert.deepEqual(await server.context.store.knex('outbox').count('* as n').first(), before);
        });

      it('is said of passwords of 7 and of 129 characters, and the code stays good', async () => {
        const email = newMail();
        const { visitor, page } = await begin({ prompt: 'create' });
        let form = await visitor.submit(page, '/register', { email });
        const code = await place.codeTo(email);
        form = await visitor.submit(form, '/register/finish', { email_code: code, password: '1234567' });
        assert.match(form.html, /Use at least 8 characters\./);
        form = await visitor.submit(form, '/register/finish', {
          email_code: code,
          password: 'x'.repeat(129),
        });
        assert.match(form.html, /Use at most 128 characters\./);
        const wide = [...code].map((digit) => String.fromCharCode(digit.charCodeAt(0) + 0xfee0)).join(' ');
        arrived(await visitor.submit(form, '/register/finish', { email_code: wide, password: GOOD }));
      });

      it('is said in Chinese of each password that is refused [SEC-R29]', async () => {
        const email = newMail();
        const { visitor, page } = await begin({ prompt: 'create', ui_locales: 'zh-CN' });
        let form = await visitor.submit(page, '/register', { email });
        const code = await place.codeTo(email);
        const said: Record<string, string> = {
          一二三四五六七: '密码至少需要 8 个字符。',
          ['x'.repeat(129)]: '密码最多 128 个字符。',
          生日快乐2026: '该密码容易被猜到，请再加入一两个互不相关的词语。',
          '13812345678':
            '该密码容易根据您的姓名、号码、邮箱或本服务的名称猜到，请再加入一两个与之无关、互不相关的词语。',
        };
        for (const [password, words] of Object.entries(said)) {
          form = await visitor.submit(form, '/register/finish', { email_code: code, password });
          assert.ok(form.html.includes(words), password);
        }
      });
    });

    it('refuse forms without their token', async () => {
      const { visitor, page } = await begin();
      const base = page.url.pathname;
      for (const step of [
        'sign-in',
        'code',
        'code/sign-in',
        'register',
        'register/finish',
        'forgot',
        'reset',
      ])
        assert.equal(
          (await visitor.go(`${base}/${step}`, { form: { login: 'x', to: 'x' } })).status,
          403,
          step,
        );
    });
  });
