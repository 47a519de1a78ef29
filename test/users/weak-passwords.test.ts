import assert from 'node:assert/strict';
import { ZxcvbnFactory } from '@zxcvbn-ts/core';
import { dictionary } from '@zxcvbn-ts/language-common';
import { openPasswords, WeakPassword } from '../../src/users/index.js';
import { weaknessOf } from '../../src/users/common-passwords.js';
import { start } from '../../src/main.js';
import { configFor, STORES } from '../support/config.js';
import { send } from '../support/http.js';
import { clientToken } from '../support/management.js';
import { newPhone, startPeopleServer, type PeopleServer } from '../support/people.js';
import { often } from '../support/profile.js';
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
    '1!2@3#4$',
    '!1@2#3$4',
    '4$3#2@1!',
    '12!@34#$',
    '1!1!2@2@',
    '1!2"3§4$',
    'qwer1!2@3#4$',
    '1!2@3#4$admin',
    'qazwsxedc',
    'zxcvbnm,./',
    'asdf1234asdf',
    '147258369',
    '14702580',
    '1470258369',
    '741085209630',
    'a;sldkfj',
    'aa11bb22',
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
    'wojiushiwo',
    'lisi1234',
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
  'is a product, a maker or a place, and what people add to it': [
    'Taobao123',
    'Alipay888',
    'Wechat2026',
    'Huawei12#$',
    'iphone15pro',
    'iPhone@2026',
    'linkedin2026',
    'Xiaomi14Ultra',
    'baidu.com.2026',
    'zhifubao123',
    'Tesla2026!',
    'guangzhou2026!',
    'shanghai@123',
  ],
  'is a word that services are opened with': [
    'login1234',
    'Root@12345',
    'guest1234',
    'guest-wifi-2026',
    'Router@123',
    'test-account1',
    'mysql-root-2026',
    'admin!@#123',
    'backup2026!',
  ],
  'is an English word or a greeting': [
    'umbrella2026',
    'Blanket99!',
    'HappyBirthday1!',
    'happy new year',
    'Good-Morning1',
    'MerryXmas2026',
  ],
  'is a greeting in Chinese': [
    '生日快乐2026',
    '恭喜发财2026',
    '万事如意8888',
    '心想事成万事如意',
    '哈哈哈哈哈哈哈哈',
    '爱你一万年爱你一万年',
    '欢迎光临2026',
    'shengrikuaile2026',
    'xinniankuaile888',
  ],
  'is a place, a product or a name in Chinese characters': [
    '中国北京2026',
    '天安门广场1949',
    '北京欢迎你2008',
    '我爱北京天安门2026',
    '支付宝123456',
    '华为手机2026',
    '张伟19900307',
    '王芳520520',
  ],
  'is two names with something between': [
    'alice-and-bob',
    'jack-loves-rose',
    'David&Sarah1',
    'Mary+John1990',
    'emma-and-lucas',
    'alicealice1',
    'bob.bob.bob.1',
  ],
  'is a number in the characters of banks or of another script': [
    '壹贰叁肆伍陆柒捌',
    '貳零貳陸零壹零壹',
    '零一二三四五六七八九',
    '一九九零年十二月二十五日',
    '١٢٣٤٥٦٧٨',
    '١٩٩٠٠٣٠٧',
    '१९९००३०७',
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
  'horse9battery',
  'summer-kayak-41',
  'Zebra!Kitchen7',
  '8,S;#p^#',
  '?~]`"<[@',
  'taobao sells my old piano',
  'alice sold bob a canoe',
  'xiaomaoaichiyu',
  'wojiademaoxihuanchiyu',
  '小猫钓鱼1998',
  '我家的猫喜欢吃鱼',
  '今天天气真的很好啊',
  '床前明月光疑是地上霜',
  '爷爷种的石榴树开花了',
  '月亮掉进咖啡杯里',
  '三只狐狸在屋顶上下棋',
  '北京的烤鸭比上海的好吃',
  '2026年我去北京看爷爷',
];

const NUMBERS_OF_PEOPLE = [
  '13800138000',
  '13912345678a',
  'wang13987654321',
  '139-8765-4321',
  '+86 139 8765 4321',
  '008613987654321',
  '+44 7700 900123',
  '110101199003077758',
  '11010519491231002X',
  'wf11010519491231002x',
  '110105491231002',
  '١٣٩٨٧٦٥٤٣٢١',
];
/** The last ones have a wrong check digit, a month that no year has, or begin as no mobile number does. */
const NUMBERS_OF_NOBODY = ['110101199003077759', '110105194913410021', '739204618305', '12074918365'];

const WORDS = dictionary['diceware-common'];
const times = (count: number, of: Pick, list: ArrayLike<string>): string[] =>
  Array.from({ length: count }, () => of(list));
const RANDOM_TEXTS = often({ short: 100, long: 300 });
const PRINTABLE = Array.from({ length: 94 }, (_, at) => String.fromCharCode(33 + at)).join('');

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
    it(`is refused where it ${what} [SEC-R29]`, async () => {
      for (const password of examples)
        await assert.rejects(passwords.hash(password), weakness('common'), password);
    });

  it('is refused where it is made of words of the product, the tenant or the person [SEC-R29]', async () => {
    for (const password of PERSONAL)
      await assert.rejects(passwords.hash(password, PERSON), weakness('personal'), password);
  });

  it('is refused where it is a telephone or identity number, or has little more [SEC-R29]', async () => {
    for (const password of NUMBERS_OF_PEOPLE)
      await assert.rejects(passwords.hash(password), weakness('personal'), password);
  });

  it('is no number that is not given to people [SEC-R29]', async () => {
    for (const password of NUMBERS_OF_NOBODY)
      assert.equal(await weaknessOf(password, []), undefined, password);
  });

  it('is none of several words or of random characters, though such a word is in it [SEC-R29]', async () => {
    for (const password of HONEST)
      assert.match(await passwords.hash(password, PERSON), /^\$argon2id\$/, password);
  });

  it('is none where only the end of the host of an address is in it', async () => {
    assert.equal(await weaknessOf('m0C=_{1S:){R', ['lina@mail.com']), undefined);
  });

  it('says what to do [SEC-R29]', async () => {
    const says = (message: RegExp) => (error: unknown) =>
      error instanceof WeakPassword && message.test(error.message);
    await assert.rejects(passwords.hash('x7 y9'), says(/use at least 8/));
    await assert.rejects(passwords.hash('monkeydragon'), says(/add another word or two/));
    await assert.rejects(passwords.hash('acme2026', PERSON), says(/add another word or two/));
  });

  for (const [kind, make] of Object.entries(RANDOM))
    it(`is none of random ${kind} [SEC-R29]`, async () => {
      const random = randomFrom(20261126);
      const of = (list: ArrayLike<string>): string => list[Math.floor(random() * list.length)] as string;
      const refused: string[] = [];
      for (let n = 0; n < RANDOM_TEXTS; n++) {
        const password = make(of);
        if ((await weaknessOf(password, PERSON)) !== undefined) refused.push(password);
      }
      assert.deepEqual(refused, []);
    });

  it('is fewer than one in 1,000 of random texts of 8 characters [SEC-R29]', async () => {
    const random = randomFrom(20261127);
    const of = (list: ArrayLike<string>): string => list[Math.floor(random() * list.length)] as string;
    const MANY = often({ short: 2000, long: 4000 });
    const refused: string[] = [];
    for (let n = 0; n < MANY; n++) {
      const password = times(8, of, PRINTABLE).join('');
      if ((await weaknessOf(password, PERSON)) !== undefined) refused.push(password);
    }
    assert.ok(refused.length < MANY / 1000, refused.join(' '));
  });

  describe('of 128 characters', () => {
    const parts: number[] = [];
    const watched = ZxcvbnFactory.prototype;
    const check = Object.getOwnPropertyDescriptor(watched, 'check')?.value as Check;
    before(() => {
      watched.check = function (this: InstanceType<typeof ZxcvbnFactory>, text, words) {
        parts.push(text.length);
        return check.call(this, text, words);
      };
    });
    after(() => {
      watched.check = check;
    });
    beforeEach(() => parts.splice(0));

    it('is looked at in parts of 32, so that a long one costs no more than its length', async () => {
      for (const unit of ['a', 'password', '4@', '1!|il', 'p@$$w0rd', '1990', 'é·', '密码', '13987654321'])
        await weaknessOf(unit.repeat(128).slice(0, 128), PERSON);
      assert.equal(Math.max(...parts), 32);
    });

    it('is looked at in 128 parts that have 1,024 characters together, whatever it holds [SEC-R29]', async () => {
      const random = randomFrom(20261127);
      const of = (list: ArrayLike<string>): string => list[Math.floor(random() * list.length)] as string;
      const pieces = [
        'a',
        'B',
        '1',
        '@',
        '$',
        '-',
        ' ',
        '密',
        '王',
        '一',
        '十',
        'п',
        'é',
        'wang',
        '1990',
        'p4ss',
        '!@#',
        'ﷺ',
      ];
      for (let n = 0; n < often({ short: 20, long: 60 }); n++) {
        parts.splice(0);
        const few = times(1 + Math.floor(random() * 6), of, pieces);
        const password = [...times(128, of, few).join('')].slice(0, 128).join('');
        await weaknessOf(password, PERSON);
        assert.ok(parts.length <= 128, `${password}: ${parts.length} parts`);
        const together = parts.reduce((sum, each) => sum + each, 0);
        assert.ok(together <= 1024, `${password}: ${together} characters`);
      }
    });
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

    it('is refused at every place that sets one, and a good one is taken there [SEC-R29]', async () => {
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
