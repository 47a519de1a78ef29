/**
 * Words that passwords are made of and the list of leaked passwords has too few of, because it is English and from before 2016.
 * Put together by hand for this program, from what is public: the most frequent family and given names (China's Ministry of Public
 * Security 2020, the Social Security Administration of the United States), provinces and cities of China, the most used apps and
 * makers, user names that devices and programs come with. The library takes what stands first for what is tried first.
 */
const FAMILY_NAMES =
  'wang li zhang liu chen yang huang zhao wu zhou xu sun ma zhu hu guo he lin gao luo zheng liang xie song tang han feng ' +
  'deng cao peng zeng xiao tian dong pan yuan cai jiang yu du ye cheng wei su lu ding ren yao shen zhong cui tan fan liao ' +
  'shi jin jia xia fu fang zou xiong bai meng qin qiu hou yin xue yan lei long duan hao kong shao mao chang wan gu lai kang';

const GIVEN_NAMES =
  'wei fang na min jing li qiang lei jun yong jie juan tao ming chao xiu ping gang hua hui hong bin bo ting ying xin zi xuan mei dan ning ' +
  'peng kai jian guang xiang san si ling qing rui yi yun fei yue lan qi cong dan';

/** One character each. */
const [HAN_FAMILY_NAMES, HAN_GIVEN_NAMES] = [
  '王李张刘陈杨黄赵吴周徐孙马朱胡郭何林高罗',
  '伟芳娜敏静丽强磊军勇杰娟涛明超秀平刚华慧红斌波婷英鑫洋艳霞鹏',
];

const FIRST_NAMES =
  'james mary john robert patricia michael jennifer david linda william elizabeth richard barbara joseph susan thomas jessica charles ' +
  'sarah chris karen daniel lisa matthew nancy anthony betty mark sandra paul emily steven anna andrew kate george amy kevin laura brian ' +
  'jason julia eric rachel alex emma adam lucy peter alice bob tom jerry jack rose sam max leo ben tim jim joe nick tony mike kelly grace ' +
  'romeo juliet lily jane helen maria carlos jose juan ahmed ali fatima mohammed sofia lucas hugo marie pierre hans anton ivan olga yuki';

/** Between two names or words. */
const LINKS = 'and und y et i love loves the with';

const PINYIN =
  'woaini woai aini ainiyiwannian woaiwojia woshi wode wo ai ni ta nihao mima denglu yonghu guanli guanliyuan zhanghao zhongguo ' +
  'laopo laogong baobei baobao mama baba mingtian jintian qinaide xiexie jiayou xingfu kuaile shengri shengrikuaile xinnian ' +
  'xinniankuaile gongxi facai gongxifacai wanshi ruyi wanshiruyi pingan fuluoshou jixiang dajidali zaoshang zaoshanghao wanan zaijian ' +
  'huanying duibuqi meiguanxi meinv shuaige gongsi tianshi pengyou shijie haha hehe diannao shouji xuexi laoshi xuesheng tiantian ' +
  'aiqing yongyuan wangzhe wangzherongyao niubi caonima zhuzhu xiaoxiao gege jiejie meimei didi yisheng yishi dashabi buzhidao wangji ' +
  'ceshi moren wangluo jiating bangong caiwu kefu wojiushiwo zhimakaimen xiazhili tamade lisi zhangsan';

/** Provinces, large cities and sights, in pinyin. */
const PLACES =
  'beijing shanghai guangzhou shenzhen tianjin chongqing chengdu hangzhou wuhan nanjing xian suzhou qingdao dalian xiamen ningbo changsha ' +
  'zhengzhou shenyang harbin haerbin jinan kunming fuzhou hefei nanchang guiyang nanning taiyuan lanzhou haikou hongkong xianggang macau ' +
  'aomen taiwan taipei taibei guangdong zhejiang jiangsu shandong sichuan hunan hubei henan hebei fujian anhui jiangxi shanxi shaanxi ' +
  'yunnan guizhou guangxi hainan liaoning jilin heilongjiang gansu xinjiang xizang neimenggu qinghai ningxia dongguan foshan zhuhai wuxi ' +
  'wenzhou china tiananmen changcheng gugong xihu taishan changjiang huanghe asia london paris berlin tokyo newyork singapore';

/** The words that stand alone first. Words of one character are those that sentences are held together with. */
const HAN =
  '我 你 的 是 了 不 在 有 人 和 爱 好 ' +
  '密码是 我的密码 密码 口令 管理员 管理 用户 登录 登陆 账号 帐号 账户 我爱你 我爱 爱你 我是 我的 我们 你好 您好 我想你 想你 老婆 老公 宝贝 宝宝 妈妈 爸爸 爷爷 奶奶 ' +
  '哥哥 姐姐 弟弟 妹妹 儿子 女儿 家人 我家 加油 幸福 快乐 开心 平安 健康 公司 朋友 永远 爱情 喜欢 亲爱的 老师 同学 学生 学习 天使 世界 明天 今天 未来 ' +
  '测试 默认 系统 网络 服务器 数据库 财务 办公室 客服 一生 一世 一生一世 一万年 万年 年 月 日 生日 春节 新年 元旦 中秋 国庆 星期 ' +
  '生日快乐 新年快乐 春节快乐 节日快乐 恭喜发财 恭喜 发财 万事如意 万事 如意 心想事成 一帆风顺 一路平安 一路顺风 马到成功 大吉大利 身体健康 吉祥如意 吉祥 ' +
  '招财进宝 龙马精神 步步高升 年年有余 天天向上 好好学习 早上好 下午好 晚上好 晚安 早安 再见 谢谢 对不起 没关系 不知道 欢迎 欢迎光临 哈哈 阿弥陀佛 ' +
  '中国 中华 中国人 中华人民共和国 人民 共和国 祖国 共产党 北京 上海 广州 深圳 天津 重庆 成都 杭州 武汉 南京 西安 苏州 青岛 大连 厦门 宁波 长沙 郑州 沈阳 ' +
  '哈尔滨 济南 昆明 福州 合肥 南昌 贵阳 南宁 太原 兰州 海口 香港 澳门 台湾 台北 广东 浙江 江苏 山东 四川 湖南 湖北 河南 河北 福建 安徽 江西 山西 陕西 ' +
  '云南 贵州 广西 海南 辽宁 吉林 黑龙江 甘肃 新疆 西藏 内蒙古 青海 宁夏 天安门 广场 长城 故宫 西湖 泰山 长江 黄河 人民广场 ' +
  '微信 支付宝 淘宝 天猫 京东 拼多多 抖音 快手 微博 百度 腾讯 阿里巴巴 阿里 网易 美团 滴滴 华为 小米 苹果 手机 电脑 联想 比亚迪 茅台 中国移动 移动 联通 电信 ' +
  '银行 工商银行 建设银行 农业银行 招商银行 王者荣耀 王者 荣耀 原神 英雄联盟 火锅 奥运 老虎 熊猫 大熊猫';

const NUMBERS =
  '5201314 1314 520 521 wo520 520ni wo520ni ai1314 1314ni ni1314 7758521 7758 168 518 666 888 999 000 123 321 110 119 911 147 258 369 159 753 ' +
  '0147 0258 0369 1470 2580 3690 1470258369 741085209630 96325874 159263487 2718 27182818 31415926';

/** Programs, devices, makers, shops and games, and what their names end with. */
const BRANDS =
  'wechat weixin alipay zhifubao taobao tmall jingdong pinduoduo douyin tiktok kuaishou weibo baidu tencent alibaba aliyun netease bilibili ' +
  'xiaohongshu zhihu meituan eleme didi ctrip huawei xiaomi redmi oppo vivo oneplus honor lenovo haier midea hisense tplink tenda zte ' +
  'hikvision dahua byd geely nio xpeng moutai unionpay icbc qq google gmail youtube android chrome facebook instagram whatsapp telegram ' +
  'twitter linkedin snapchat pinterest reddit discord zoom slack skype spotify netflix disney amazon ebay paypal alexa aws azure github ' +
  'gitlab microsoft windows office outlook hotmail xbox teams onedrive apple iphone ipad macbook imac airpods icloud macos samsung galaxy ' +
  'sony playstation nintendo switch nokia motorola pixel dell asus acer intel nvidia cisco oracle ibm adobe cloudflare openai chatgpt ' +
  'deepseek claude tesla toyota honda bmw benz mercedes audi porsche ferrari volkswagen ford nike adidas gucci chanel starbucks ikea ' +
  'walmart costco visa mastercard bitcoin binance coinbase minecraft roblox fortnite pubg steam pokemon genshin valorant leagueoflegends ' +
  'pro plus ultra mini lite note app vip';

/** User names that programs and devices come with, and words for what a password opens. */
const SERVICES =
  'admin administrator root login logon signin signup user username guest test tester testing demo default password passwd pass wifi wlan ' +
  'internet router modem firewall server database mysql postgres redis mongodb oracle docker kubernetes jenkins nginx tomcat apache ubuntu ' +
  'debian centos linux vagrant ansible raspberry manager support service helpdesk system sysadmin superuser operator backup monitor deploy ' +
  'staging production security secure secret private account access portal website webmaster email mail company corp corporate welcome ' +
  'hello changeme change letmein temp temporary initial qwerty abc company employee staff finance student teacher school office home ' +
  'family network device camera printer gateway printer sales info contact master local localhost remote vpn cloud api token key com www http https ubnt mudar geslo dearbook';

/** As one writes them without spaces. */
const GREETINGS =
  'happynewyear happybirthday happy birthday newyear merrychristmas merryxmas christmas goodmorning goodnight goodluck goodbye ' +
  'helloworld thankyou welcomehome ilove iloveyou loveyou missyou';

/** Keys of digits with the shift key, which are too few for the library to be a walk, and keys that are taken in turns. */
const KEYS =
  '!@# !@#$ !@#$% !@#$%^ #@! $#@! @#$ #$% ~!@# a;sldkfj asldkfj aa11bb22 a1b2c3d4 q1w2e3r4 a1s2d3f4';

/** What says "password" and the like in other languages, and the names of months, whole and shortened. */
const ELSEWHERE =
  'contrasena contrasenia motdepasse passwort kennwort geheim senha parola haslo heslo wachtwoord salasana losenord ' +
  'adgangskode passord jelszo sifre parol клавиатура пароль привет любовь';

const MONTHS =
  'january february march april may june july august september october november december jan feb mar apr jun jul aug sep ' +
  'sept oct nov dec januar februar marz mai juni juli oktober dezember enero febrero marzo abril mayo junio julio agosto ' +
  'septiembre octubre noviembre diciembre janvier fevrier avril juin juillet aout septembre octobre decembre';

const wordsOf = (...lists: string[]): string[] => [...new Set(lists.join(' ').split(' '))];

/** The commonest whole names: of so many first ones of each list. */
const [FAMILIES, NAMES] = [20, 30];
const together = (families: string[], names: string[]): string[] =>
  families.slice(0, FAMILIES).flatMap((family) => names.slice(0, NAMES).map((given) => family + given));

const hanNames = (): string[] => together([...HAN_FAMILY_NAMES], [...HAN_GIVEN_NAMES]);

/** Made when called: it is needed once. */
export const ownLists = (): Record<string, string[]> => ({
  names: together(FAMILY_NAMES.split(' '), GIVEN_NAMES.split(' ')),
  chinese: wordsOf(NUMBERS, PINYIN, FAMILY_NAMES, GIVEN_NAMES, PLACES),
  words: wordsOf(SERVICES, KEYS, GREETINGS, ELSEWHERE, MONTHS),
  brands: wordsOf(BRANDS),
  people: wordsOf(FIRST_NAMES),
  links: wordsOf(LINKS),
});

/** Words and names in Chinese characters, which the library takes for short and thus for quickly found. */
export const ownHanWords = (): Set<string> => new Set([...wordsOf(HAN), ...hanNames()]);
