import assert from 'node:assert/strict';
import type { ZxcvbnFactory } from '@zxcvbn-ts/core';
import { dictionary } from '@zxcvbn-ts/language-common';
import { openPasswords, WeakPassword } from '../../src/users/index.js';
import { weaknessOf } from '../../src/users/common-passwords.js';
import { start } from '../../src/main.js';
import { configFor, STORES } from '../support/config.js';
import { send } from '../support/http.js';
import { clientToken } from '../support/management.js';
import { newPhone, startPeopleServer, type PeopleServer } from '../support/people.js';
import { randomFrom } from '../support/random.js';

const QUICK = { memoryKiB: 19456, iterations: 2, parallelism: 1, concurrency: 2, queue: 8 };

/** Each in a group of those that are refused for the same reason. */
const COMMON: Record<string, string[]> = {
  'is listed, in any case and width, and with digits at its ends': [
    'password1',
    'PASSWORD1',
    'ｐａｓｓｗｏｒｄ１',
    'Password2026!',
    'letmein99!',
    '12345678a',
    'iloveyou520',
    'woaini1314',
  ],
  'is listed, with characters that stand for letters': [
    'Pa$$word1',
    'P@ssw0rd!',
    '$unshine1!',
    '1l0veu99',
    'Adm1n1str4tor',
    'w0aini520',
  ],
  'is listed, backwards or with separators in it': ['drowssap1', 'p-a-s-s-w-o-r-d', 'pass_word_123'],
  'repeats a listed word with something between': [
    'password-password',
    'password!Password',
    'P@ssw0rd-p@ssw0rd1',
    'dr4g0n.dragon',
  ],
  'repeats itself': [
    '00000000',
    '88888888',
    '123123123',
    'abcabcabc',
    '11112222',
    'passwordpassword',
    'aaaaaaab',
  ],
  'goes on as it began': ['987654321', 'abcdefgh', '1122334455', 'aabbccdd', '23456789', '876543219'],
  'is a walk on the keyboard': [
    'qwertyuiop',
    '1qaz2wsx',
    '1q2w3e4r5t',
    'qazwsxedc',
    'zxcvbnm,./',
    'asdf1234asdf',
    '147258369',
  ],
  'is a date': ['20000101', '1999-12-31', '31.12.1999', 'zx19991231', '2000010112', '12/31/99'],
  'is numbers that are read as words': ['5201314520', '13141314', '52013140'],
  'is two common words, or one and what people add to it': [
    'passwordadmin',
    'monkeydragon',
    'loveyouforever',
    'love1314',
  ],
  'is a walk on the keyboard of another layout': [
    'qwertzuiop',
    'qwertz123',
    'azertyuiop',
    'йцукенгш',
    'пароль123',
  ],
  'is a sequence in Chinese': ['一二三四五六七八', '2026年11月26日'],
  'is Chinese in Latin letters, with numbers': [
    'mima1234',
    'wangwei123',
    'zhangsan',
    'woaini521',
    'aini1314',
    'wang5201314',
    '5201314aini',
    'wo520ni1314',
    'guanliyuan',
    '密码123456',
  ],
  'is a name or a few letters, and a date': [
    'zhang19881212',
    'wangwei19900101',
    '19870312abc',
    'liu19900101',
  ],
  'is a date with the name of its month': ['26nov2026', 'Nov262026', 'November2026'],
  'repeats itself, and has one more': ['abcabcabc1', 'aaa111bbb'],
  'has accents, letters of other scripts or characters that nobody sees': [
    'passwörd',
    'contraseña',
    'p\u0430ssword1',
    'pass\u00adword1',
  ],
  'is such numbers with letters at an end': ['5201314a', 'a5201314', '5201314abc', 'woaini520'],
};

const HONEST = [
  'correct horse battery staple',
  'plain words in a row',
  'blue whale sings',
  'acme makes my coffee cold',
  'gatehouse keeps the rain outside',
  '我喜欢在雨天读书',
  'Zürich im Regen',
  'sunset over 2026 hills',
  'Tr0ub4dor&3',
  'my password is older than my dog',
  'p4ss the salt to 7 dragons!',
  'the administrator sleeps at gatehouse',
  'desert tree fewer',
  'we sew red dresses',
  'add red seeds',
  'pool loop look kill',
  '两只老虎两只老虎',
  'sunshine princess football dragon',
  'W@/32Qa8^^[M',
  'zy!X8;%iIO/p',
  'kX9#mQ2vLp',
  '8f3kq92z',
];

const WORDS = dictionary['diceware-common'];
const times = (count: number, of: Pick, list: ArrayLike<string>): string[] =>
  Array.from({ length: count }, () => of(list));
const RANDOM_TEXTS = 300;

type Pick = (list: ArrayLike<string>) => string;
type Check = ZxcvbnFactory['check'];

const CHARACTERS = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789!@#$%&*-_+';

/** Honest passwords of a kind, made with what picks one of a list. */
const RANDOM: Record<string, (of: Pick) => string> = {
  'texts of 12 characters': (of) => times(12, of, CHARACTERS).join(''),
  'texts of 12 letters and digits': (of) => times(12, of, CHARACTERS.slice(0, 62)).join(''),
  'numbers of 12 digits': (of) => times(12, of, '0123456789').join(''),
  'numbers of 16 digits': (of) => times(16, of, '0123456789').join(''),
  '12 hexadecimal digits': (of) => times(12, of, '0123456789abcdef').join(''),
  'phrases of four words': (of) => times(4, of, WORDS).join(of(' -')),
  'phrases of four words without anything between': (of) => times(4, of, WORDS).join(''),
  'phrases of three words': (of) => times(3, of, WORDS).join(' '),
};

const PERSON = ['Acme Corp', 'rosa.meier', 'Rosa', 'rosa@example.com', '+8613912345678', null];
const PERSONAL = [
  'gatehouse',
  'Gatehouse2026',
  'ＧＡＴＥＨＯＵＳＥ１',
  'gatehousegatehouse',
  'mygatehouse',
  'Acme-Corp-2026',
  'acme2026',
  'rosameier1987',
  'rosa@example.com',
  '13912345678',
  '+8613912345678a',
  'rosa.acme.99',
  'g@tehouse',
  'G4t3house2026!!!',
  'gate-house-2026',
  'g-a-t-e-h-o-u-s-e',
  'esuohetag',
  'asor.reiem1',
  'm3ier-r0sa-99',
  'Acm3C0rp!',
  '139-1234-5678',
  'GatehouseAdmin',
  'gatehouse-password',
  'RosaPassword',
  'adminGatehouse1',
  'iloverosa',
];

describe('a password that is tried first', () => {
  const passwords = openPasswords(QUICK);
  const weakness = (weak: string) => (error: unknown) =>
    error instanceof WeakPassword && error.weakness === weak;

  for (const [what, examples] of Object.entries(COMMON))
    it(`is refused where it ${what}`, async () => {
      for (const password of examples)
        await assert.rejects(passwords.hash(password), weakness('common'), password);
    });

  it('is refused where it is made of words of the product, the tenant or the person', async () => {
    for (const password of PERSONAL)
      await assert.rejects(passwords.hash(password, PERSON), weakness('personal'), password);
  });

  it('is none of several words or of random characters, though such a word is in it', async () => {
    for (const password of HONEST)
      assert.match(await passwords.hash(password, PERSON), /^\$argon2id\$/, password);
  });

  it('is none where only the end of the host of an address is in it', async () => {
    assert.equal(await weaknessOf('m0C=_{1S:){R', ['lina@mail.com']), undefined);
  });

  it('says what to do', async () => {
    const says = (message: RegExp) => (error: unknown) =>
      error instanceof WeakPassword && message.test(error.message);
    await assert.rejects(passwords.hash('x7 y9'), says(/use at least 8/));
    await assert.rejects(passwords.hash('monkeydragon'), says(/add another word or two/));
    await assert.rejects(passwords.hash('acme2026', PERSON), says(/add another word or two/));
  });

  for (const [kind, make] of Object.entries(RANDOM))
    it(`is none of random ${kind}`, async () => {
      const random = randomFrom(20261126);
      const of = (list: ArrayLike<string>): string => list[Math.floor(random() * list.length)] as string;
      const refused: string[] = [];
      for (let n = 0; n < RANDOM_TEXTS; n++) {
        const password = make(of);
        if ((await weaknessOf(password, PERSON)) !== undefined) refused.push(password);
      }
      assert.deepEqual(refused, []);
    });

  it('is looked at in parts of 32 characters, so that a long one costs no more than its length', async () => {
    const { ZxcvbnFactory } = await import('@zxcvbn-ts/core');
    const check = Object.getOwnPropertyDescriptor(ZxcvbnFactory.prototype, 'check')?.value as Check;
    let longest = 0;
    ZxcvbnFactory.prototype.check = function (this: InstanceType<typeof ZxcvbnFactory>, text, words) {
      longest = Math.max(longest, text.length);
      return check.call(this, text, words);
    };
    try {
      for (const unit of ['a', 'password', '4@', '1!|il', 'p@$$w0rd', '1990', 'é·'])
        await weaknessOf(unit.repeat(128).slice(0, 128), PERSON);
    } finally {
      ZxcvbnFactory.prototype.check = check;
    }
    assert.equal(longest, 32);
  });

  it('is refused for the first administrator by the name of its key, at the first start only', async () => {
    const weak = { GATEHOUSE_ADMIN_PASSWORD: 'Gatehouse2026' };
    await assert.rejects(start(await configFor('sqlite', weak)), /^ConfigError: GATEHOUSE_ADMIN_PASSWORD: /);
    const config = await configFor('sqlite');
    await (await start(config)).stop();
    await (await start({ ...config, admin: { ...config.admin, password: 'Gatehouse2026' } })).stop();
  });
});

for (const kind of STORES)
  describe(`a weak password, on ${kind}`, () => {
    let place: PeopleServer;
    let token: string;
    before(async () => {
      place = await startPeopleServer(kind);
      token = await clientToken(place.server, ['isms.user.post', 'isms.user.put']);
    });
    after(() => place.stop());

    const ask = async (method: string, path: string, json: object, more: Record<string, string> = {}) => {
      const heard = await send(new URL(path, place.server.issuer), {
        method,
        body: JSON.stringify(json),
        headers: { 'content-type': 'application/json', ...more },
      });
      return { status: heard.status, body: JSON.parse(heard.text) as { data: unknown; message: string } };
    };
    const bearer = (): Record<string, string> => ({ authorization: `Bearer ${token}` });
    /** The code that goes to a number. */
    async function codeFor(phoneNumber: string): Promise<string> {
      const { status, body } = await ask('POST', '/api/User/SmsCode', { phoneNumber });
      assert.equal(status, 200, JSON.stringify(body));
      const code = await place.codeTo(phoneNumber);
      await place.later();
      return code;
    }

    it('is refused at every place that sets one, and a good one is taken there', async () => {
      const phoneNumber = newPhone();
      const registering = {
        phoneNumber,
        phoneNumberVerifyCode: await codeFor(phoneNumber),
        nickName: 'Marguerite',
      };
      const weak = 'marguerite-2026';
      const registered = async (password: string) =>
        (await ask('POST', '/api/User/Register', { ...registering, password })).status;
      assert.deepEqual([await registered(weak), await registered('a good long password')], [422, 200]);

      const resetting = { phoneNumber, phoneNumberVerifyCode: await codeFor(phoneNumber) };
      const reset = async (password: string) =>
        (await ask('POST', '/api/User/ResetPassword', { ...resetting, password })).status;
      assert.deepEqual([await reset(weak), await reset('another good password')], [422, 200]);

      const made = (password: string) =>
        ask('POST', '/api/User', { userName: 'marguerite', password }, bearer());
      assert.equal((await made(weak)).status, 422);
      const { status, body } = await made('a third good password');
      assert.equal(status, 200);
      const { id } = body.data as { id: string };
      const changed = async (password: string) =>
        (await ask('PUT', '/api/User', { id, password }, bearer())).status;
      assert.deepEqual([await changed(weak), await changed('a fourth good password')], [422, 200]);
    });
  });
