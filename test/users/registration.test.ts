import assert from 'node:assert/strict';
import { outboxLink } from '../../src/dev-outbox.js';
import { GENEROUS, STORES } from '../support/config.js';
import { codeIn, startMailServer, type MailServer } from '../support/mail.js';
import { call, type ApiAnswer } from '../support/management.js';
import { startServer, type TestServer } from '../support/server.js';
import { Visitor } from '../support/visitor.js';

const GOOD = 'a good long password';

let made = 0;
const newPhone = (): string => `+86138${String(10_000_000 + ++made)}`;

for (const kind of STORES)
  describe(`registration over REST, on ${kind}`, () => {
    let server: TestServer;
    let mails: MailServer;
    before(async () => {
      mails = await startMailServer();
      const env = { GATEHOUSE_SMTP_URL: mails.url, GATEHOUSE_MAIL_FROM: 'Example <no-reply@example.com>' };
      server = await startServer(kind, env, GENEROUS);
    });
    after(async () => {
      await server.stop();
      await mails.close();
    });

    const post = (path: string, json: object, headers = {}): Promise<ApiAnswer> =>
      call(server, { method: 'POST', path: `/api/User/${path}`, json, headers });
    const users = async (): Promise<number> =>
      Number((await server.context.store.knex('users').count('* as n').first<{ n: number }>())?.n);

    async function smsCode(phoneNumber: string, more = {}): Promise<string> {
      const { status, body } = await post('SmsCode', { phoneNumber, ...more });
      assert.equal(status, 200, JSON.stringify(body));
      await server.outbox.deliver();
      const shown = server.screen.of(server.home.tenant.id).find(({ to }) => to === phoneNumber);
      return codeIn(shown?.text);
    }
    async function mailCode(email: string): Promise<string> {
      assert.equal((await post('EmailCode', { email })).status, 200);
      await server.outbox.deliver();
      return codeIn((await mails.mailTo(email)).text);
    }
    const wrongOf = (code: string): string => (code === '000000' ? '000001' : '000000');

    it('takes in who shows the code of the telephone, and the one of the e-mail address', async () => {
      const phoneNumber = newPhone();
      const email = `newcomer-${made}@example.com`;
      const phoneNumberVerifyCode = await smsCode(phoneNumber);
      const emailVerifyCode = await mailCode(email);
      const { status, data } = await post('Register', {
        countryCode: '86',
        phoneNumber: phoneNumber.slice(3),
        phoneNumberVerifyCode,
        email,
        emailVerifyCode,
        password: GOOD,
        nickName: 'Newcomer',
        birthday: '1990-05-01',
        imageUrl: ['https://files.example.com/a.png'],
      });
      assert.equal(status, 200);
      const row = await server.context.store.knex('users').where({ id: data['id'] }).first();
      assert.deepEqual(
        [row.phone_number, Boolean(row.phone_number_verified), row.email, Boolean(row.email_verified)],
        [phoneNumber, true, email, true],
      );
      assert.deepEqual([row.birthdate, row.avatar], ['1990-05-01', 'https://files.example.com/a.png']);
      const signedIn = await server.context.people.signIn(server.home.tenant.id, email, GOOD, '127.0.0.1');
      assert.ok('user' in signedIn);
    });

    it('takes a code with spaces and in full-width digits', async () => {
      const phoneNumber = newPhone();
      const code = await smsCode(phoneNumber);
      const wide = [...code].map((digit) => String.fromCharCode(digit.charCodeAt(0) + 0xfee0));
      const typed = `${wide.slice(0, 3).join('')} ${wide.slice(3).join('')} `;
      const { status } = await post('Register', {
        phoneNumber,
        phoneNumberVerifyCode: typed,
        password: GOOD,
      });
      assert.equal(status, 200);
    });

    it('refuses a wrong code with 100002, and burns the right one with the fifth [SEC-37]', async () => {
      const phoneNumber = newPhone();
      const code = await smsCode(phoneNumber);
      for (let n = 0; n < 5; n++) {
        const body = { phoneNumber, phoneNumberVerifyCode: wrongOf(code), password: GOOD };
        const answer = await post('Register', body);
        assert.deepEqual([answer.status, answer.body['code']], [422, 100002]);
      }
      const late = await post('Register', { phoneNumber, phoneNumberVerifyCode: code, password: GOOD });
      assert.deepEqual([late.status, late.body['code']], [422, 100002]);
    });

    it('lets no more than five guesses that come at once be compared [SEC-37]', async () => {
      const phoneNumber = newPhone();
      const code = await smsCode(phoneNumber);
      const guesses = Array.from({ length: 20 }, () =>
        post('Register', { phoneNumber, phoneNumberVerifyCode: wrongOf(code), password: GOOD }),
      );
      for (const { status } of await Promise.all(guesses)) assert.equal(status, 422);
      const compared = server.context.store.knex('verification_codes').max('tries as most');
      assert.equal(Number((await compared.first<{ most: number }>())?.most), 5);
    });

    it('does not lose a code on a registration that failed for another reason', async () => {
      const phoneNumber = newPhone();
      const phoneNumberVerifyCode = await smsCode(phoneNumber);
      const before = await users();
      for (const wrong of [
        { password: 'short' },
        { password: 'password1' },
        { password: 'x'.repeat(129) },
        { password: GOOD, refereeId: 'nobody' },
      ]) {
        const { status, body } = await post('Register', { phoneNumber, phoneNumberVerifyCode, ...wrong });
        assert.deepEqual([status, body['code']], [422, 422], JSON.stringify(wrong));
      }
      assert.equal(await users(), before);
      assert.equal(
        (await post('Register', { phoneNumber, phoneNumberVerifyCode, password: GOOD })).status,
        200,
      );
    });

    it('lets one of many at once in for a number; the others hear 100001', async () => {
      const phoneNumber = newPhone();
      const phoneNumberVerifyCode = await smsCode(phoneNumber);
      const body = { phoneNumber, phoneNumberVerifyCode, password: GOOD };
      const answers = await Promise.all(Array.from({ length: 5 }, () => post('Register', body)));
      const told = answers.map(({ body: { code } }) => code).sort();
      assert.deepEqual(told, [100001, 100001, 100001, 100001, 200]);
    });

    it('tells whoever has an account at an e-mail address so by mail, and gives no code', async () => {
      const email = `known-${++made}@example.com`;
      await server.addUser({ userName: `known-${made}`, email });
      const known = await post('EmailCode', { email, purpose: 'register' });
      const unknown = await post('EmailCode', {
        email: `unknown-${made}@example.com`,
        purpose: 'register',
      });
      assert.deepEqual(known.body, unknown.body);
      await server.outbox.deliver();
      const mail = await mails.mailTo(email);
      assert.equal(mail.subject, 'You have an account at Gatehouse already');
      assert.equal(codeIn(mail.text), 'no code');
    });

    it('sends nothing to an address without an account for a new password, and answers the same [SEC-35]', async () => {
      const email = `nobody-${++made}@example.com`;
      const { status, data } = await post('EmailCode', { email, purpose: 'reset' });
      assert.deepEqual([status, data], [200, { expiresIn: 1800, retryAfter: 1 }]);
      await server.outbox.deliver();
      assert.equal(await server.context.store.knex('outbox').where({ kind: 'code' }).first(), undefined);
      assert.ok(!mails.mails.some(({ to }) => [to ?? []].flat().some(({ text }) => text === email)));
    });

    it('resets a password with a code, signs out everywhere, and tells the owner [SEC-40]', async () => {
      const email = `forgetful-${++made}@example.com`;
      const { userKey } = await server.addUser({ userName: `forgetful-${made}`, email });
      const emailVerifyCode = await mailCode(email);
      const password = 'another good long password';
      assert.equal((await post('ResetPassword', { email, emailVerifyCode, password })).status, 200);
      const { knex } = server.context.store;
      assert.ok(await knex('revocations').where({ kind: 'user', id: userKey }).first());
      const signedIn = await server.context.people.signIn(
        server.home.tenant.id,
        email,
        password,
        '127.0.0.1',
      );
      assert.ok('user' in signedIn);
      await server.outbox.deliver();
      const notice = mails.mails.find(({ subject }) => subject === 'Your password at Gatehouse was changed');
      assert.ok(notice?.html);
      const again = await post('ResetPassword', { email, emailVerifyCode, password: GOOD });
      assert.deepEqual([again.status, again.body['code']], [422, 100004]);
    });

    it('binds a code to its purpose [SEC-37]', async () => {
      const email = `bound-${++made}@example.com`;
      await server.addUser({ userName: `bound-${made}`, email });
      assert.equal((await post('EmailCode', { email, purpose: 'login' })).status, 200);
      await server.outbox.deliver();
      const emailVerifyCode = codeIn((await mails.mailTo(email)).text);
      const { status, body } = await post('ResetPassword', { email, emailVerifyCode, password: GOOD });
      assert.deepEqual([status, body['code']], [422, 100004]);
    });

    it('keeps neither a code nor whom it went to in the clear [SEC-37]', async () => {
      const phoneNumber = newPhone();
      assert.equal((await post('SmsCode', { phoneNumber })).status, 200);
      const { knex } = server.context.store;
      const tables = JSON.stringify([
        await knex('outbox'),
        await knex('verification_codes'),
        await knex('audit').where({ event: 'user.verifyphone' }),
      ]);
      await server.outbox.deliver();
      const sent = server.screen.of(server.home.tenant.id).find(({ to }) => to === phoneNumber);
      assert.ok(!tables.includes(codeIn(sent?.text)));
      assert.ok(!tables.includes(phoneNumber.slice(3)));
    });

    it('refuses what is no number and no address, and sends nothing', async () => {
      for (const json of [
        { phoneNumber: '+999123456789' },
        { phoneNumber: '12' },
        { phoneNumber: '13800138000' },
        { countryCode: '0', phoneNumber: '13800138000' },
      ])
        assert.equal((await post('SmsCode', json)).status, 422, JSON.stringify(json));
      for (const email of ['nobody', `${'x'.repeat(390)}@example.com`, 'a b@example.com'])
        assert.equal((await post('EmailCode', { email })).status, 422, email);
    });

    it('speaks the language of who asks', async () => {
      const email = `chinese-${++made}@example.com`;
      await post('EmailCode', { email, purpose: 'register' }, { 'accept-language': 'zh-CN' });
      await server.outbox.deliver();
      assert.equal((await mails.mailTo(email)).subject, '您在 Gatehouse 的注册验证码');
    });
  });

describe('codes that are sent', () => {
  const startWith = (codes: object): Promise<TestServer> =>
    startServer('sqlite', {}, { codes, limits: GENEROUS.limits });
  const ask = (server: TestServer, phoneNumber: string): Promise<ApiAnswer> =>
    call(server, { method: 'POST', path: '/api/User/SmsCode', json: { phoneNumber } });
  const queued = async (server: TestServer): Promise<number> =>
    Number((await server.context.store.knex('outbox').count('* as n').first<{ n: number }>())?.n);

  it('are a minute apart: 100006, with when to come back [SEC-38]', async () => {
    const server = await startWith({});
    const phoneNumber = newPhone();
    assert.equal((await ask(server, phoneNumber)).status, 200);
    const { status, body, headers } = await ask(server, phoneNumber);
    assert.deepEqual([status, body['code']], [429, 100006]);
    assert.ok(Number(headers.get('retry-after')) > 30);
    // Half a minute passes.
    await server.context.store.knex('rate_counts').decrement('expires_at', 30_000);
    const later = Number((await ask(server, phoneNumber)).headers.get('retry-after'));
    assert.ok(later >= 1 && later <= 30, String(later));
    await server.stop();
  });

  it('that are too many from one network are refused with words that say so', async () => {
    const server = await startWith({ perAddress: 1 });
    await ask(server, newPhone());
    const { body } = await ask(server, newPhone());
    assert.equal(body['message'], 'no more codes are sent for your network today');
    await server.stop();
  });

  for (const [what, codes, phones] of [
    ['an address', { perAddress: 2 }, [newPhone(), newPhone(), newPhone()]],
    ['a tenant', { smsPerTenant: 2 }, [newPhone(), newPhone(), newPhone()]],
  ] as const)
    it(`have an end for ${what} each day: 100005, before a message is queued [SEC-38]`, async () => {
      const server = await startWith(codes);
      const answers = [];
      for (const phone of phones) answers.push(await ask(server, phone));
      assert.deepEqual(
        answers.map(({ body }) => body['code']),
        [200, 200, 100005],
      );
      await server.outbox.deliver();
      assert.equal(server.screen.of(server.home.tenant.id).length, 2);
      assert.equal(await queued(server), 0);
      await server.stop();
    });

  it('go only to the countries that the configuration names [SEC-38]', async () => {
    const server = await startWith({ countries: ['DE'] });
    const { status, body } = await ask(server, newPhone());
    assert.deepEqual(
      [status, body['data']],
      [
        422,
        [
          {
            field: 'phoneNumber',
            rule: 'invalid',
            message: 'no messages are sent to numbers of this country',
          },
        ],
      ],
    );
    assert.equal((await ask(server, '+4915112345678')).status, 200);
    await server.stop();
  });

  it('are on the outbox page of this machine, where nothing carries them, and never in production', async () => {
    const page = async (server: TestServer): Promise<[number, string]> => {
      const { status, html } = await new Visitor(server.issuer).go(outboxLink(server.issuer, server.screen));
      return [status, html];
    };
    const phoneNumber = newPhone();
    const server = await startWith({});
    assert.equal((await ask(server, phoneNumber)).status, 200);
    await server.outbox.deliver();
    const [status, text] = await page(server);
    assert.equal(status, 200);
    assert.ok(text.includes(phoneNumber));
    assert.match(text, /Gatehouse: \d{6} is your code to register/);
    await server.stop();
    const production = await startServer('sqlite', { NODE_ENV: 'production' });
    assert.equal((await page(production))[0], 404);
    await production.stop();
  });

  it('are refused with 503 where nothing could carry them', async () => {
    const server = await startServer('sqlite', {
      GATEHOUSE_ISSUER: 'https://id.example.com',
      GATEHOUSE_TRUST_PROXY: '127.0.0.1',
    });
    const { status, body } = await call(server, {
      method: 'POST',
      path: '/api/User/SmsCode',
      json: { phoneNumber: newPhone() },
      tenant: { hosts: [`localhost:${server.port}`] } as never,
      headers: { 'x-forwarded-host': 'id.example.com', 'x-forwarded-proto': 'https' },
    });
    assert.deepEqual([status, body['code']], [503, 503]);
    await server.stop();
  });
});
