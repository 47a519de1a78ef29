/**
 * Words that Chinese passwords are made of and the list of leaked passwords has too few of. Put together by hand for this program:
 * the most frequent family names of China's census and syllables of given names, words of daily life, and numbers that are
 * read as words. The library takes what stands first for what is tried first.
 */
const FAMILY_NAMES =
  'wang li zhang liu chen yang huang zhao wu zhou xu sun ma zhu hu guo he lin gao luo zheng liang xie song tang han feng ' +
  'deng cao peng zeng xiao tian dong pan yuan cai jiang yu du ye cheng wei su lu ding ren yao shen zhong cui tan fan liao ' +
  'shi jin jia xia fu fang zou xiong bai meng qin qiu hou yin xue yan lei long duan hao kong shao mao chang wan gu lai kang';

const GIVEN_NAMES =
  'wei fang na min jing li qiang lei jun yong jie juan tao ming chao xiu ping gang hua hui hong bin bo ting ying xin zi xuan mei dan ning ' +
  'peng kai jian guang xiang san si ling qing rui yi yun fei yue lan qi cong dan';

const PINYIN =
  'woaini woai aini woaiwojia woshi wode wo ai ni ta nihao mima denglu yonghu guanli guanliyuan zhanghao zhongguo beijing ' +
  'shanghai guangzhou shenzhen laopo laogong baobei baobao mama baba mingtian jintian qinaide xiexie jiayou xingfu kuaile ' +
  'meinv shuaige gongsi tianshi pengyou shijie haha hehe diannao shouji xuexi laoshi xuesheng tiantian aiqing yongyuan ' +
  'wangzhe niubi caonima zhuzhu xiaoxiao gege jiejie meimei didi yisheng yishi dashabi buzhidao wangji ceshi moren';

const HAN =
  '密码 口令 管理员 管理 用户 登录 账号 帐号 我爱你 我爱 爱你 你好 中国 北京 上海 老婆 老公 宝贝 妈妈 爸爸 加油 幸福 快乐 公司 朋友 永远 ' +
  '测试 默认 一生一世 年 月 日 生日';

const NUMBERS =
  '5201314 1314 520 521 wo520 520ni wo520ni ai1314 1314ni ni1314 7758521 7758 168 518 666 888 999 000 123 321 110 119 911 147 258 369 159 753';

/** What says "password" and the like in other languages, and the names of months, whole and shortened. */
const ELSEWHERE =
  'contrasena contrasenia motdepasse passwort kennwort geheim senha parola haslo heslo wachtwoord salasana losenord ' +
  'adgangskode passord jelszo sifre parol клавиатура пароль привет любовь';

const MONTHS =
  'january february march april may june july august september october november december jan feb mar apr jun jul aug sep ' +
  'sept oct nov dec januar februar marz mai juni juli oktober dezember enero febrero marzo abril mayo junio julio agosto ' +
  'septiembre octubre noviembre diciembre janvier fevrier avril juin juillet aout septembre octobre decembre';

/** The commonest whole names: of so many first ones of each list. */
const [FAMILIES, NAMES] = [20, 30];
const wholeNames = (): string[] =>
  FAMILY_NAMES.split(' ')
    .slice(0, FAMILIES)
    .flatMap((family) =>
      GIVEN_NAMES.split(' ')
        .slice(0, NAMES)
        .map((given) => family + given),
    );

const wordsOf = (...lists: string[]): string[] => [...new Set(lists.join(' ').split(' '))];

/** Made when called: it is needed once. */
export const ownLists = (): Record<string, string[]> => ({
  names: wholeNames(),
  chinese: wordsOf(HAN, NUMBERS, PINYIN, FAMILY_NAMES, GIVEN_NAMES),
  words: wordsOf(ELSEWHERE, MONTHS),
});
