import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { ESLint } from 'eslint';
import { candidatesOf, listedIn } from '../../src/kernel/host-addresses.js';
import { addressWithin } from '../../src/kernel/checked-addresses.js';
import { checkOutbound, fetchWithin, post } from '../../src/kernel/outbound.js';
import { isPublic, isWithin } from '../../src/kernel/private-networks.js';
import { startNameServer, type NameServer } from '../support/name-server.js';
import { otherServers, PRIVATE_HOSTS } from '../support/other-servers.js';

const servers = otherServers();
const { answerer, counter, listenAt } = servers;

describe('what goes out', () => {
  after(() => servers.close());

  for (const address of [
    '0.0.0.0',
    '0.1.2.3',
    '10.0.0.1',
    '100.64.0.1',
    '127.0.0.1',
    '127.255.255.255',
    '169.254.169.254',
    '172.16.0.1',
    '172.31.255.255',
    '192.0.0.170',
    '192.0.2.1',
    '192.168.1.1',
    '198.18.0.1',
    '198.19.255.255',
    '198.51.100.1',
    '203.0.113.1',
    '224.0.0.1',
    '255.255.255.255',
    '::',
    '::1',
    '::127.0.0.1',
    '::ffff:127.0.0.1',
    '::ffff:a00:1',
    '64:ff9b::7f00:1',
    '64:ff9b:1::a00:1',
    '100::1',
    '2001::1',
    '2001:db8::1',
    '2002:7f00:1::',
    '3fff::1',
    'fc00::1',
    'fd12:3456::1',
    'fe80::1',
    'fe80::1%eth0',
    'fec0::1',
    'ff02::1',
    'localhost',
    '',
  ])
    it(`is not on the Internet at "${address}"`, () => assert.equal(isPublic(address), false));

  for (const address of [
    '1.1.1.1',
    '8.8.8.8',
    '100.63.255.255',
    '172.32.0.1',
    '::ffff:8.8.8.8',
    '2606:4700::1',
  ])
    it(`is on the Internet at ${address}`, () => assert.equal(isPublic(address), true));

  it('reaches the networks that the operator allows, and no others', () => {
    const allow = ['10.1.0.0/16', '192.168.7.7', 'fd00::/8'];
    const within = ['10.1.2.3', '10.2.2.3', '192.168.7.7', '192.168.7.8', 'fd12::1', 'fe80::1', '8.8.8.8'];
    assert.deepEqual(
      within.map((address) => isWithin(allow, address, { host: 'app.example', port: 443 })),
      [true, false, true, false, true, false, true],
    );
  });

  for (const spelling of [...PRIVATE_HOSTS, '１２７.０.０.１'])
    it(`makes no connection to ${spelling} [SEC-R27]`, async () => {
      const { port, connections } = await counter();
      const url = `http://${spelling}:${port}/`;
      await assert.rejects(fetchWithin([], url), /private network|ENOTFOUND|EAI_AGAIN/);
      await assert.rejects(
        post(url, { headers: {}, body: '', reach: [] }),
        /private network|ENOTFOUND|EAI_AGAIN/,
      );
      assert.equal(connections(), 0);
    });

  describe('to names', () => {
    /** What each name leads to, one answer to its two questions after the other. */
    const zone: Record<string, readonly (readonly string[])[]> = {
      'rebinding.example': [['127.0.0.2'], ['127.0.0.2'], ['127.0.0.1']],
      'both.example': [['127.0.0.1', '10.0.0.1', '127.0.0.2']],
      'quick.example': [['127.0.0.2']],
      'v6.example': [['::1']],
      'empty.example': [[]],
      'huge.example': [Array.from({ length: 2000 }, (_, n) => `127.9.${n >> 8}.${n & 255}`)],
    };
    let names: NameServer;
    let inside: { port: number; connections: () => number };
    let port: number;

    before(async () => {
      inside = await counter('127.0.0.1');
      port = await answerer((_request, response) => response.end('ok'), '127.0.0.2', inside.port);
    });
    beforeEach(async () => {
      const asked: Record<string, number> = {};
      names = await startNameServer((name) => {
        if (name.endsWith('.slow.example')) return 'silent';
        if (name === 'alias.example') return { alias: 'quick.example', addresses: ['127.0.0.2'] };
        const answers = zone[name];
        if (!answers) return undefined;
        const count = (asked[name] ??= 0);
        asked[name] = count + 1;
        return { addresses: answers[Math.min(count, answers.length - 1)] ?? [] };
      });
    });
    afterEach(() => names.close());

    const textAt = async (name: string, reach: readonly string[] = ['127.0.0.2']): Promise<string> =>
      (await fetchWithin(reach, `http://${name}:${port}/`)).text();

    it('connects to the address that was checked, whatever the name says a moment later [SEC-R27]', async () => {
      assert.equal(await textAt('rebinding.example'), 'ok');
      assert.deepEqual(names.asked.sort(), ['A rebinding.example', 'AAAA rebinding.example']);
      await assert.rejects(textAt('rebinding.example'), /private network/);
      assert.equal(inside.connections(), 0);
    });

    it('leaves out the private addresses of a name that has others [SEC-R27]', async () => {
      assert.equal(await textAt('both.example'), 'ok');
      assert.equal(await addressWithin({ host: 'both.example', port: 25 }, ['127.0.0.2']), '127.0.0.2');
      assert.equal(inside.connections(), 0);
    });

    it('waits for no other name, and for the servers of a name only a while [SEC-R22] [SEC-R27]', async () => {
      let ended = 0;
      const slow = Array.from({ length: 64 }, (_, n) =>
        textAt(`n${n}.slow.example`).catch((error: Error) => {
          ended += 1;
          return error.message;
        }),
      );
      await names.hasAsked(64);
      assert.equal(await textAt('quick.example'), 'ok');
      assert.equal(await addressWithin({ host: 'quick.example', port: 25 }, ['127.0.0.2']), '127.0.0.2');
      assert.equal(ended, 0);
      assert.equal((await Promise.all(slow))[0], 'the name servers of "n0.slow.example" do not answer');
    });

    it('follows a name that stands for another', async () => {
      assert.equal(await textAt('alias.example'), 'ok');
    });

    it('takes names that have IPv6 only', async () => {
      assert.equal(await addressWithin({ host: 'v6.example', port: 25 }, ['::1']), '::1');
    });

    it('says which name has no address, with the code of the resolver for the log', async () => {
      await assert.rejects(textAt('missing.example'), { code: 'ENOTFOUND' });
      await assert.rejects(textAt('missing.example'), /^Error: "missing\.example" has no address$/);
      await assert.rejects(textAt('empty.example'), /^Error: "empty\.example" has no address$/);
      await assert.rejects(
        addressWithin({ host: `${'a'.repeat(64)}.example`, port: 25 }, []),
        /cannot be found \(EBADNAME\)/,
      );
    });

    it('tries no more than 16 addresses of a name that has thousands [SEC-R27]', async () => {
      const { cause } = await textAt('huge.example', ['127.9.0.0/16']).then(
        () => assert.fail('nothing listens there'),
        (error: unknown) => ({ cause: error as AggregateError }),
      );
      assert.equal(cause.errors.length, 16);
    });

    it('takes names of the hosts file from there', async () => {
      assert.equal(await addressWithin({ host: 'LocalHost', port: 25 }, ['127.0.0.1']), '127.0.0.1');
      assert.deepEqual(names.asked, []);
    });

    it('asks DNS for local names where only the Internet is within reach, and else the system [SEC-R27]', async () => {
      await assert.rejects(
        addressWithin({ host: 'printer.gatehouse.local', port: 25 }, []),
        /has no address/,
      );
      assert.ok(names.asked.includes('A printer.gatehouse.local'));
      const before = names.asked.length;
      await assert.rejects(
        addressWithin({ host: 'printer.gatehouse.local', port: 25 }, ['10.0.0.0/8']),
        /getaddrinfo/,
      );
      assert.equal(names.asked.length, before);
    });

    it('asks the system as well where the operator wrote the name', async () => {
      await assert.rejects(addressWithin({ host: 'missing.example', port: 25 }, 'anywhere'), /getaddrinfo/);
      assert.ok(names.asked.includes('A missing.example'));
    });
  });

  it('reads a hosts file', () => {
    const hosts =
      '# 10.0.0.9 db\n127.0.0.1\tlocalhost  DB # db2\r\n::1 localhost\nnonsense db\n10.0.0.1 db.example';
    assert.deepEqual(
      ['localhost', 'db', 'db2', 'example'].map((name) => listedIn(hosts, name)),
      [['127.0.0.1', '::1'], ['127.0.0.1'], [], []],
    );
  });

  for (const [host, resolvConf, candidates] of [
    ['a.example', '', ['a.example']],
    [
      'a.example',
      'search x.example y.example.\n',
      ['a.example', 'a.example.x.example', 'a.example.y.example'],
    ],
    ['smtp.dev', 'search svc.cluster.local\noptions ndots:5', ['smtp.dev.svc.cluster.local', 'smtp.dev']],
    ['app', 'domain corp.example', ['app.corp.example', 'app']],
    ['a.example.', 'search x.example\noptions ndots:5', ['a.example']],
    ['a.example', '# search x.example\noptions rotate', ['a.example']],
  ] as const)
    it(`asks for ${candidates.join(', ')} where "${host}" is sought with "${resolvConf.replaceAll('\n', ' ')}"`, () => {
      assert.deepEqual(candidatesOf(resolvConf, host), candidates);
    });

  it('checks where a redirect leads like the first address [SEC-R27] [SEC-G8]', async () => {
    const inside = await counter('127.0.0.1');
    const port = await answerer(
      (request, response) =>
        response
          .writeHead(302, {
            location: request.url === '/near' ? '/there' : `http://127.0.0.1:${inside.port}/`,
          })
          .end(),
      '127.0.0.2',
    );
    for (const path of ['near', 'far'])
      await assert.rejects(fetchWithin(['127.0.0.2'], `http://127.0.0.2:${port}/${path}`), /private network/);
    assert.equal(inside.connections(), 0);
  });

  it('follows three redirects of a GET, none where that was said, and none of a POST', async () => {
    let asked = 0;
    const port = await answerer((_request, response) => {
      asked += 1;
      response.writeHead(307, { location: '/again' }).end();
    });
    const url = `http://127.0.0.1:${port}/`;
    await assert.rejects(fetchWithin('anywhere', url), /too many redirects/);
    assert.equal(asked, 4);
    await assert.rejects(fetchWithin('anywhere', url, { redirect: 'error' }), /is a redirect/);
    assert.equal((await fetchWithin('anywhere', url, { redirect: 'manual' })).status, 307);
    assert.equal((await fetchWithin('anywhere', url, { method: 'POST', body: 'x' })).status, 307);
    assert.equal(asked, 7);
  });

  it('sends what it was given, and answers what it got', async () => {
    const port = await answerer((request, response) => {
      let body = '';
      request.on('data', (chunk: Buffer) => (body += chunk.toString()));
      request.on('end', () =>
        response
          .writeHead(201, {
            'x-sent': `${request.method} ${request.headers['content-type']}`,
            'content-type': 'text/plain',
          })
          .end(body),
      );
    });
    const answer = await fetchWithin('anywhere', `http://127.0.0.1:${port}/`, {
      method: 'POST',
      body: new URLSearchParams({ a: 'b c' }),
    });
    assert.deepEqual(
      [answer.status, answer.headers.get('x-sent'), await answer.text()],
      [201, 'POST application/x-www-form-urlencoded;charset=UTF-8', 'a=b+c'],
    );
  });

  /** What a server may write in place of an answer, and then close or not. */
  const NO_ANSWERS: readonly (readonly [name: string, written: string, closes: boolean])[] = [
    [
      'another protocol',
      'HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\n',
      false,
    ],
    ['another protocol, and closes', 'HTTP/1.1 101 x\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\n', true],
    ['nothing, and closes', '', true],
    ['half a head, and closes', 'HTTP/1.1 200 OK\r\nContent-', true],
    ['half a body, and closes', 'HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf', true],
    ['half a chunk, and closes', 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nha', true],
    ['only that it goes on, and closes', 'HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 x\r\n\r\n', true],
    ['no HTTP', 'SSH-2.0-OpenSSH_9.2\r\n', false],
    ['a status of four digits', 'HTTP/1.1 2000 OK\r\n\r\n', false],
  ];
  for (const [name, written, closes] of NO_ANSWERS)
    it(`ends at a server that answers ${name} [SEC-R27]`, async () => {
      const server = createServer((socket) => {
        socket.on('error', () => undefined);
        socket.once('data', () => (closes ? socket.end(written) : socket.write(written)));
      });
      const address = `http://127.0.0.1:${await listenAt(server, '127.0.0.1')}`;
      await assert.rejects(post(address, { headers: {}, body: 'x', reach: 'anywhere' }), {
        name: 'NoAnswer',
      });
      await assert.rejects(fetchWithin('anywhere', address));
    });

  it('takes no answer that is larger than 256 KiB', async () => {
    const port = await answerer((_request, response) => response.end(Buffer.alloc(256 * 1024 + 1)));
    await assert.rejects(fetchWithin('anywhere', `http://127.0.0.1:${port}/`), /too large/);
  });

  it('is judged when it is written, as far as the address itself tells', () => {
    for (const address of [
      'https://127.0.0.1/x',
      'https://[::ffff:10.0.0.1]/',
      'http://0x7f.1/',
      'localhost',
      '::1',
      '10.0.0.1',
    ])
      assert.throws(() => checkOutbound('url', address, []), /in a private network/, address);
    for (const address of ['https://app.example.com/jwks', 'https://8.8.8.8/', 'mail.example.com', undefined])
      checkOutbound('url', address, []);
    checkOutbound('url', 'https://10.0.0.1/', ['10.0.0.0/8']);
    checkOutbound('url', 'https://10.0.0.1/', 'anywhere');
  });
});

describe('the ways out', () => {
  const lint = new ESLint({
    ruleFilter: ({ ruleId }) => ruleId === 'no-restricted-globals' || ruleId === 'no-restricted-syntax',
    overrideConfig: { languageOptions: { parserOptions: { projectService: false } } },
  });

  /** A file that connects has one of these words. `npm run check` reads the others too, which takes five times as long. */
  const MAY_CONNECT =
    /fetch|WebSocket|EventSource|['"](?:node:)?(?:https?|http2|net|tls|dgram|dns|undici|axios|got|node-fetch)\b/;

  it('are all through the guard [SEC-R27]', async () => {
    const files = readdirSync('src', { recursive: true, encoding: 'utf8' })
      .filter((name) => name.endsWith('.ts'))
      .map((name) => join('src', name))
      .filter((file) => MAY_CONNECT.test(readFileSync(file, 'utf8')));
    assert.ok(files.includes(join('src', 'kernel', 'outbound-pool.ts')));
    const found = (await lint.lintFiles(files)).flatMap(({ filePath, messages }) =>
      messages.map(({ message }) => `${filePath}: ${message}`),
    );
    assert.deepEqual(found, []);
  });

  for (const line of [
    `await fetch('https://a.example');`,
    `await globalThis.fetch('https://a.example');`,
    `import { request } from 'node:http';`,
    `import { get } from 'https';`,
    `import http from 'node:http';`,
    `import * as net from 'node:net';`,
    `import { connect } from 'node:tls';`,
    `await import('node:http2');`,
    `import { Agent } from 'undici';`,
    `import { type Dispatcher, Pool } from 'undici';`,
    `await import('undici');`,
    `import { lookup } from 'node:dns';`,
    `import { Resolver } from 'dns/promises';`,
    `await import('node:dns');`,
  ])
    it(`are found past it: ${line}`, async () => {
      assert.match(line, MAY_CONNECT);
      const [result] = await lint.lintText(line, { filePath: 'src/oidc/pool.ts' });
      assert.match(result?.messages.map(({ message }) => message).join() ?? '', /kernel\/outbound\.ts/);
    });

  for (const [filePath, line] of [
    ['src/gateway/plane/forward.ts', `import type { Dispatcher } from 'undici';`],
    ['src/kernel/outbound-pool.ts', `import { Pool } from 'undici';`],
  ] as const)
    it(`are not types, nor the pools behind the guard: ${line}`, async () => {
      const [result] = await lint.lintText(line, { filePath });
      assert.deepEqual(result?.messages, []);
    });
});
