import assert from 'node:assert/strict';
import { loadConfig } from '../../src/config.js';
import { isOpened, isOutOfReach, isWithin, mayUsePlainHttp } from '../../src/kernel/private-networks.js';
import { gatewayReach, reachOfTenant } from '../../src/outbound-reach.js';
import { temporaryFolder } from '../support/config.js';

const configOf = (allow: string) => loadConfig({ GATEHOUSE_OUTBOUND_ALLOW: allow }, temporaryFolder());

const HOME = { name: 'Home', home: true, issuer: 'https://id.example.com' };
const ACME = { name: 'acme', home: false, issuer: 'https://id.acme.example' };
const LOCAL_ACME = { ...ACME, issuer: 'http://acme.localhost:3000' };

/** An entry, the host and the port of a URL, an address that the host has, and whether the entry opens it. */
const OPENED: readonly [entry: string, host: string, port: number, address: string, opened: boolean][] = [
  ['127.0.0.1', '127.0.0.1', 1, '127.0.0.1', true],
  ['127.0.0.1', 'app.example', 1, '127.0.0.1', true],
  ['127.0.0.1', 'localhost', 1, '127.0.0.1', true],
  ['127.0.0.1', '127.0.0.2', 1, '127.0.0.2', false],
  ['127.0.0.1', '::ffff:7f00:1', 1, '::ffff:7f00:1', true],
  ['::ffff:127.0.0.1', '127.0.0.1', 1, '127.0.0.1', true],
  ['127.0.0.1', '0.0.0.0', 1, '0.0.0.0', false],
  ['127.0.0.1', '::1', 1, '::1', false],
  ['127.0.0.1:9001', '127.0.0.1', 9001, '127.0.0.1', true],
  ['127.0.0.1:9001', '127.0.0.1', 9002, '127.0.0.1', false],
  ['127.0.0.1:9001', 'app.example', 9001, '127.0.0.1', true],
  ['127.0.0.1:9001', '::ffff:7f00:1', 9001, '::ffff:7f00:1', true],
  ['::1', '::1', 1, '::1', true],
  ['[::1]', '::1', 1, '::1', true],
  ['[::1]:9001', '::1', 9001, '::1', true],
  ['[::1]:9001', '::1', 80, '::1', false],
  ['10.1.0.0/16', '10.1.2.3', 443, '10.1.2.3', true],
  ['10.1.0.0/16', '10.2.2.3', 443, '10.2.2.3', false],
  ['10.1.0.0/16:8443', '10.1.2.3', 8443, '10.1.2.3', true],
  ['10.1.0.0/16:8443', '10.1.2.3', 443, '10.1.2.3', false],
  ['[fd00::/8]:8443', 'fd12::1', 8443, 'fd12::1', true],
  ['[fd00::/8]:8443', 'fd12::1', 443, 'fd12::1', false],
  ['backend.internal:8080', 'backend.internal', 8080, '10.0.0.1', true],
  ['backend.internal:8080', 'backend.internal', 8080, '127.0.0.1', true],
  ['backend.internal:8080', 'backend.internal', 8080, '::1', true],
  ['backend.internal:8080', 'backend.internal.', 8080, '10.0.0.1', true],
  ['Backend.Internal.:8080', 'BACKEND.internal', 8080, '10.0.0.1', true],
  ['backend.internal:8080', 'backend.internal', 8081, '10.0.0.1', false],
  ['backend.internal:8080', 'a.backend.internal', 8080, '10.0.0.1', false],
  ['backend.internal:8080', 'internal', 8080, '10.0.0.1', false],
  ['backend.internal:8080', '10.0.0.1', 8080, '10.0.0.1', false],
  ['backend.internal', 'backend.internal', 1, '10.0.0.1', true],
  ['bücher.internal', 'xn--bcher-kva.internal', 1, '10.0.0.1', true],
  ['localhost:9001', 'localhost', 9001, '127.0.0.1', true],
  ['localhost:9001', '127.0.0.1', 9001, '127.0.0.1', false],
  ['localhost:9001', 'a.localhost', 9001, '127.0.0.1', false],
];

describe('an entry of outbound.allow', () => {
  for (const [entry, host, port, address, opened] of OPENED)
    it(`${entry} opens ${opened ? '' : 'no '}${host} at port ${port}, found at ${address} [SEC-R27]`, () => {
      const reach = gatewayReach(configOf(entry), HOME);
      assert.equal(isWithin(reach, address, { host, port }), opened);
    });

  it('opens public addresses for plain http only by their name or address', () => {
    const to = { host: 'registry.example', port: 80 };
    assert.equal(isOpened([], '8.8.8.8', to), false);
    assert.equal(isWithin([], '8.8.8.8', to), true);
  });

  it('decides what is refused when it is written', () => {
    const refused = (entry: string, host: string, port: number): boolean =>
      isOutOfReach([entry], { host, port });
    assert.deepEqual(
      [
        refused('127.0.0.1:9001', 'localhost', 9001),
        refused('[::1]:9001', 'localhost', 9001),
        refused('localhost:9001', 'localhost', 9001),
        refused('127.0.0.1:9001', 'localhost', 9002),
        refused('127.0.0.1:9001', '0.0.0.0', 9001),
        refused('127.0.0.1:9001', 'app.internal', 80),
      ],
      [false, false, false, true, true, false],
    );
  });

  for (const wrong of [
    '@127.0.0.1',
    'acme@',
    ' @127.0.0.1',
    '127.0.0.1:0',
    '127.0.0.1:65536',
    '127.0.0.1:080',
    '127.0.0.1:',
    ':8080',
    '127.1',
    '2130706433',
    '0x7f.1',
    '0',
    '10.0.0.256',
    '10.0.0.0/33',
    '[127.0.0.1]:80',
    '[::1',
    '[::1]80',
    '::1]:80',
    '[fe80::1%eth0]:80',
    '[fd00::]/8:80',
    '*.internal',
    'a..b',
    '.internal',
    'backend.internal:8080/x',
    'http://backend.internal',
    'backend internal',
    'backend.internal:http',
    `${'a'.repeat(250)}.example`,
  ])
    it(`is wrong as ${JSON.stringify(wrong)}, and stops the start with the name of the key`, () => {
      const env = { GATEHOUSE_OUTBOUND_ALLOW: `10.0.0.0/8,${wrong}` };
      assert.throws(() => loadConfig(env, temporaryFolder()), {
        name: 'ConfigError',
        message: /^GATEHOUSE_OUTBOUND_ALLOW: ".*" is not an address, a CIDR or a name, .*; correct it$/,
      });
    });
});

describe('the reach of a tenant', () => {
  const config = configOf('10.0.0.0/8,acme@127.0.0.1:9001,a@b@db.internal,Home@[::1]:80');

  it('is what entries with its name open; entries without a tenant are for the home tenant [SEC-R27]', () => {
    assert.deepEqual(
      [HOME, ACME, { ...ACME, name: 'a@b' }, { ...ACME, name: 'Acme' }].map((tenant) =>
        reachOfTenant(config, tenant),
      ),
      [['10.0.0.0/8', '[::1]:80'], ['127.0.0.1:9001'], ['db.internal'], []],
    );
  });

  it('has this machine for clients of a tenant whose issuer is on it, and not for its gateway [SEC-R27]', () => {
    assert.deepEqual(reachOfTenant(config, LOCAL_ACME), ['127.0.0.1:9001', '127.0.0.0/8', '::1/128']);
    assert.deepEqual(gatewayReach(config, LOCAL_ACME), ['127.0.0.1:9001']);
  });
});

describe('plain http', () => {
  for (const [entry, url, allowed] of [
    ['127.0.0.1:4873', 'http://127.0.0.1:4873/', true],
    ['127.0.0.1:4873', 'http://localhost:4873/', true],
    ['127.0.0.1:4873', 'http://127.0.0.1:4874/', false],
    ['127.0.0.1:4873', 'http://a.localhost:4873/', false],
    ['[::1]:4873', 'http://[::1]:4873/', true],
    ['registry.internal:4873', 'http://registry.internal:4873/x', true],
    ['registry.internal', 'http://registry.internal/', true],
    ['registry.internal:443', 'http://registry.internal/', false],
    ['10.0.0.0/8', 'http://registry.internal/', false],
    ['10.0.0.0/8', 'http://8.8.8.8/', false],
    ['10.0.0.0/8', 'https://registry.example/', true],
    ['10.0.0.0/8', 'ftp://10.0.0.1/', false],
  ] as const)
    it(`${allowed ? 'may' : 'may not'} be used to ${url} with the entry ${entry} [SEC-R27]`, () => {
      assert.equal(mayUsePlainHttp([entry], new URL(url)), allowed);
    });

  it('may not be used where the operator has opened nothing [SEC-R27]', () => {
    assert.equal(mayUsePlainHttp([], new URL('http://registry.example/')), false);
  });
});
