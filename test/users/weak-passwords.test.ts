import assert from 'node:assert/strict';
import { dictionary } from '@zxcvbn-ts/language-common';
import { openPasswords, WeakPassword } from '../../src/users/index.js';
import { isCommon } from '../../src/users/common-passwords.js';
import { isOfContext } from '../../src/users/password-words.js';
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
  'goes on as it began': ['987654321', 'abcdefgh', '1122334455', 'aabbccdd', '23456789'],
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
  'kX9#mQ2vLp',
  '8f3kq92z',
];

const CHARACTERS = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789!@#$%&*-_+';

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
  '876543219',
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

  it('is none of 20,000 random texts and phrases', async () => {
    const random = randomFrom(20261126);
    const of = <T>(list: ArrayLike<T>): T => list[Math.floor(random() * list.length)] as T;
    const words = dictionary['diceware-common'];
    const text = (): string => Array.from({ length: 16 }, () => of(CHARACTERS)).join('');
    const phrase = (): string => Array.from({ length: 4 }, () => of(words)).join(of([' ', '-', '']));
    const refused: string[] = [];
    for (const make of [text, phrase])
      for (let n = 0; n < 10_000; n++) {
        const password = make();
        if ((await isCommon(password)) || isOfContext(password, PERSON)) refused.push(password);
      }
    assert.deepEqual(refused, []);
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
