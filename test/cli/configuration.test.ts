import assert from 'node:assert/strict';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { loadConfig } from '../../src/config.js';
import { CONFIG_SCHEMA } from '../../src/config-schema.js';
import { ConfigError } from '../../src/kernel/errors.js';
import { temporaryFolder } from '../support/config.js';

interface Schema {
  type?: string;
  const?: string;
  enum?: readonly string[];
  pattern?: string;
  examples?: readonly string[];
  properties?: Record<string, Schema>;
  items?: Schema;
  oneOf?: readonly Schema[];
  discriminator?: { propertyName: string };
}

interface Place {
  path: string[];
  schema: Schema;
  /** What the object that holds the key must have beside it. */
  driver?: string | undefined;
}

/** Every key of the configuration, down to single values. */
const placesOf = (schema: Schema, path: string[] = [], driver?: string): Place[] => [
  ...(path.length > 0 ? [{ path, schema, driver }] : []),
  ...Object.entries(schema.properties ?? {}).flatMap(([key, inner]) =>
    placesOf(inner, [...path, key], driver),
  ),
  ...(schema.items ? placesOf(schema.items, [...path, '0'], driver) : []),
  ...(schema.oneOf ?? []).flatMap(({ properties = {} }) =>
    placesOf({ properties }, path, properties['driver']?.const).slice(1),
  ),
];

/** Values of another type, out of range, of none of the forms, and of none of the allowed. */
const wrongFor = ({ type, const: only, properties, oneOf }: Schema): unknown[] => {
  if (only !== undefined || oneOf) return ['nonsense'];
  if (properties) return ['nonsense', { nonsense: 1 }, JSON.parse('{"__proto__":{"x":1}}')];
  if (type === 'integer') return ['nonsense', -1, 1.5, 1e12];
  if (type === 'string') return [5, 'a\nb\u0000'.repeat(10)];
  return ['nonsense', [5]];
};

function problemWith({ path, driver }: Place, value: unknown): ConfigError | undefined {
  const folder = temporaryFolder();
  mkdirSync(join(folder, 'config'));
  const file = path.reduceRight<unknown>((inner, key, at) => {
    if (key === '0') return [inner];
    return at === 2 && driver !== undefined && key !== 'driver' ? { driver, [key]: inner } : { [key]: inner };
  }, value);
  writeFileSync(join(folder, 'config', 'default.json'), JSON.stringify(file));
  try {
    loadConfig({}, folder);
    return undefined;
  } catch (error) {
    assert.ok(error instanceof ConfigError, String(error));
    return error;
  }
}

describe('a wrong value of the configuration', () => {
  for (const place of placesOf(CONFIG_SCHEMA)) {
    const { path, schema, driver } = place;
    const { properties } = schema;
    it(`is said in one line that names the key and what is allowed: ${path.join('.')}${driver === undefined ? '' : ` (${driver})`}`, () => {
      let problems = 0;
      for (const value of wrongFor(schema)) {
        const problem = problemWith(place, value);
        assert.ok(problem ?? !properties, JSON.stringify(value));
        if (!problem) continue;
        problems += 1;
        const { message } = problem;
        assert.ok(
          message.startsWith(path.slice(0, 2).join('.')) || message.startsWith('GATEHOUSE_'),
          message,
        );
        assert.doesNotMatch(message, /\p{Cc}|must match|allowed values|oneOf|\\x|\^|\[[^\]]*\]\{|\/\^/u);
        // What stands in the same object may be found missing first.
        if (message.includes('is missing')) continue;
        if (schema.enum) for (const each of schema.enum) assert.ok(message.includes(each), message);
        if (schema.examples && value !== 5) assert.ok(message.includes(String(schema.examples[0])), message);
      }
      const anything = schema.type === 'string' && schema.pattern === undefined;
      assert.ok(problems >= (anything ? 1 : wrongFor(schema).length > 1 ? 1 : wrongFor(schema).length));
    });
  }

  for (const [env, problem] of [
    [{ LOG_LEVEL: 'INFO' }, /^LOG_LEVEL: must be one of trace, debug, info, warn, error, fatal, silent; /],
    [
      { GATEHOUSE_SMTP_URL: 'smtps://u:p%zz@h:465', GATEHOUSE_MAIL_FROM: 'a@example.com' },
      /^GATEHOUSE_SMTP_URL: must be smtps:\/\/user:password@host:port .*percent-encoded/,
    ],
    [
      { GATEHOUSE_SMTP_URL: 'smtps://h:465', GATEHOUSE_MAIL_FROM: 'nobody' },
      /^GATEHOUSE_MAIL_FROM: must have an address, such as /,
    ],
    [{ GATEHOUSE_MAIL_FROM: 'nobody' }, /^GATEHOUSE_MAIL_FROM: must have an address, such as /],
  ] as const)
    it(`is said with the name of the variable: ${Object.entries(env)[0]?.join('=')}`, () => {
      assert.throws(() => loadConfig(env, temporaryFolder()), { message: problem });
    });

  /** Accepted, they would work nowhere. */
  const USELESS: readonly [env: Record<string, string>, file: object, problem: RegExp][] = [
    ...['1.2.3.4/8/9', '1.2.3.4/08', 'fe80::1%eth0', 'fe80::1%eth0/64', '1.2.3.4/', '::1/129'].flatMap(
      (network): typeof USELESS => [
        [{ GATEHOUSE_TRUST_PROXY: network }, {}, /^GATEHOUSE_TRUST_PROXY: ".*" is not an address or a CIDR/],
        [
          { GATEHOUSE_OUTBOUND_ALLOW: network },
          {},
          /^GATEHOUSE_OUTBOUND_ALLOW: ".*" is not an address, a CIDR or a name/,
        ],
      ],
    ),
    ...['smtps://h:0', 'smtps://h%20x', 'smtps://h;x'].map((url): (typeof USELESS)[number] => [
      { GATEHOUSE_SMTP_URL: url, GATEHOUSE_MAIL_FROM: 'a@example.com' },
      {},
      /^GATEHOUSE_SMTP_URL: must be smtps:/,
    ]),
    ...['https://', 'https://a b', 'https://;x', 'https://a:0'].flatMap((url): typeof USELESS => [
      [
        {},
        { codes: { challenge: { url, secret: 'x' } } },
        /^codes\.challenge\.url .*: must be a web address/,
      ],
      [{}, { files: { s3: { bucket: 'abc', region: 'r', endpoint: url } } }, /^files\.s3\.endpoint .*: must/],
      [{}, { passwords: { breachCheckUrl: `${url}/` } }, /^passwords\.breachCheckUrl .*: must be a web/],
    ]),
    [
      {},
      { passwords: { breachCheckUrl: 'https://a.example.com/range' } },
      /^passwords\.breachCheckUrl .*\/"/,
    ],
    [
      {},
      { codes: { challenge: { url: 'https://a.example.com', secret: 'x', page: 'https://;x' } } },
      /^codes\.challenge\.page .*: must be a web address/,
    ],
    ...['Authorization', 'cookie', 'host', 'X-Forwarded-For', 'content-type', 'If-Match', 'dpop'].map(
      (header): (typeof USELESS)[number] => [
        {},
        { mtls: { header } },
        /^mtls\.header: ".*" has another use; set one of its own, such as client-cert$/,
      ],
    ),
    ...['https://a;b.com', "https://a'b.com", 'https://a,b.com', 'https://a:0'].map(
      (issuer): (typeof USELESS)[number] => [
        { GATEHOUSE_ISSUER: issuer },
        {},
        /^GATEHOUSE_ISSUER: must be an origin/,
      ],
    ),
  ];
  for (const [env, file, problem] of USELESS)
    it(`is refused, because it would work nowhere: ${JSON.stringify({ ...env, ...file })}`, () => {
      const folder = temporaryFolder();
      mkdirSync(join(folder, 'config'));
      writeFileSync(join(folder, 'config', 'default.json'), JSON.stringify(file));
      assert.throws(() => loadConfig(env, folder), { name: 'ConfigError', message: problem });
    });

  it('is not what proxies and services are given in earnest', () => {
    const folder = temporaryFolder();
    mkdirSync(join(folder, 'config'));
    const file = {
      codes: {
        challenge: { url: 'http://127.0.0.1:8080/verify?x=1', secret: 'x', page: 'https://例え.example/' },
      },
      files: { s3: { bucket: 'abc', region: 'r', endpoint: 'http://minio:9000' } },
      passwords: { breachCheckUrl: 'https://user:password@api.example.com/range/' },
      mtls: { header: 'X-Forwarded-Tls-Client-Cert' },
    };
    writeFileSync(join(folder, 'config', 'default.json'), JSON.stringify(file));
    const networks = '10.0.0.0/8,127.0.0.1,::1,fd00::/8,::ffff:10.0.0.0/104,0.0.0.0/0';
    const env = { GATEHOUSE_TRUST_PROXY: networks, GATEHOUSE_OUTBOUND_ALLOW: networks };
    assert.deepEqual(loadConfig(env, folder).trustProxy, networks.split(','));
  });

  it('changes nothing of other objects: "__proto__" is a key like any other', () => {
    const value: unknown = JSON.parse('{"__proto__":{"polluted":1}}');
    for (const path of [['limits'], ['__proto__', 'limits']])
      assert.match(
        problemWith({ path, schema: {} }, value)?.message ?? '',
        /__proto__ \(in .*\): is not a key/,
      );
    assert.equal(({} as { polluted?: number }).polluted, undefined);
  });

  it('is a country that there is not', () => {
    const countries = { path: ['codes', 'countries'], schema: {} };
    assert.match(
      problemWith(countries, ['CN', 'XX'])?.message ?? '',
      /^codes\.countries: "XX" is no country/,
    );
    assert.equal(problemWith(countries, ['CN', 'XK', 'AC']), undefined);
  });

  it('names the drivers that there are', () => {
    const wrong = problemWith({ path: ['messaging', 'sms', 'driver'], schema: {} }, 'carrier');
    assert.match(
      wrong?.message ?? '',
      /^messaging\.sms\.driver \(in .*\): must be one of webhook, aliyun, twilio, screen; correct it$/,
    );
  });

  it('is found in the sender of mail that a file names', () => {
    const mail = { driver: 'smtp', host: 'mail.example.com', port: 25, from: 'nobody' };
    assert.match(
      problemWith({ path: ['messaging', 'mail'], schema: {} }, mail)?.message ?? '',
      /^messaging\.mail\.from: must have an address, such as /,
    );
    for (const from of ['a@example.com', 'Example <a@example.com>', '"Ex, ample" <a@例え.jp>'])
      assert.equal(problemWith({ path: ['messaging', 'mail'], schema: {} }, { ...mail, from }), undefined);
  });
});
