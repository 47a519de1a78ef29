import assert from 'node:assert/strict';
import { createServer as createSecureServer } from 'node:https';
import { connect } from 'node:net';
import { createSecureContext } from 'node:tls';
import { Pool, type Dispatcher } from 'undici';
import { AddressRefused } from '../../src/kernel/checked-addresses.js';
import { connectorWithin, openOutboundPool } from '../../src/kernel/outbound-pool.js';
import type { Reach } from '../../src/kernel/private-networks.js';
import { newServerCertificate } from '../support/certificates.js';
import { startNameServer, type NameServer } from '../support/name-server.js';
import { otherServers, PRIVATE_HOSTS } from '../support/other-servers.js';
import { until } from '../support/raw.js';

const get = async (pool: Dispatcher, path = '/', headers: Record<string, string> = {}): Promise<string> =>
  (await pool.request({ path, method: 'GET', headers })).body.text();

describe('a pool of connections to another server', () => {
  const servers = otherServers();
  const { answerer, counter, listenAt } = servers;
  const pools: Pool[] = [];
  after(async () => {
    await Promise.all(pools.map((pool) => pool.destroy()));
    servers.close();
  });

  const open = (origin: string, reach: Reach, options = {}): Pool => {
    const pool = openOutboundPool(new URL(origin), reach, options);
    pools.push(pool);
    return pool;
  };

  describe('within the Internet', () => {
    let inside: { port: number; connections: () => number };
    before(async () => (inside = await counter()));

    for (const host of PRIVATE_HOSTS)
      for (const scheme of ['http', 'https']) {
        it(`is not opened to ${scheme}://${host} [SEC-R27]`, () => {
          assert.throws(
            () => openOutboundPool(new URL(`${scheme}://${host}:${inside.port}`), []),
            AddressRefused,
          );
        });

        it(`makes no connection to ${scheme}://${host}, whatever was opened [SEC-R27] [SEC-G8]`, async () => {
          const pool = new Pool(`${scheme}://${host}:${inside.port}`, {
            connect: connectorWithin(inside.port, []),
          });
          pools.push(pool);
          await assert.rejects(get(pool), AddressRefused);
          assert.equal(inside.connections(), 0);
        });
      }

    it('is of the web', () => {
      assert.throws(() => openOutboundPool(new URL('ftp://a.example'), []), TypeError);
    });
  });

  describe('to addresses that the operator opens', () => {
    let port: number;
    before(async () => (port = await answerer((request, response) => response.end(request.headers.host))));

    for (const [entry, host] of [
      ['127.0.0.1', '127.0.0.1'],
      ['127.0.0.1:PORT', '127.0.0.1'],
      ['127.0.0.1:PORT', '[::ffff:127.0.0.1]'],
      ['127.0.0.1:PORT', 'localhost'],
      ['localhost:PORT', 'localhost'],
    ] as const)
      it(`goes to ${host} where ${entry} is open`, async () => {
        const origin = new URL(`http://${host}:${port}`);
        assert.equal(await get(open(origin.href, [entry.replace('PORT', String(port))])), origin.host);
      });

    it('goes to no other port and no other spelling of this machine [SEC-R27]', async () => {
      const inside = await counter();
      for (const host of ['127.0.0.1', '[::1]', '0.0.0.0', 'localhost'])
        assert.throws(() => open(`http://${host}:${inside.port}`, [`127.0.0.1:${port}`]), AddressRefused);
      for (const host of ['[::1]', '0.0.0.0'])
        assert.throws(() => open(`http://${host}:${port}`, [`127.0.0.1:${port}`]), AddressRefused);
      assert.equal(inside.connections(), 0);
    });
  });

  describe('to names', () => {
    let names: NameServer;
    let port: number;
    let refused: { port: number; connections: () => number };
    const answers: Record<string, string[][]> = {};
    before(async () => {
      refused = await counter('127.0.0.1');
      port = await answerer(
        (request, response) => {
          if (request.url === '/last') response.setHeader('connection', 'close');
          response.end('ok');
        },
        '127.0.0.2',
        refused.port,
      );
    });
    beforeEach(async () => {
      names = await startNameServer((name, type) => {
        if (name === 'silent.example') return 'silent';
        const left = answers[name];
        const addresses = left?.[0] ?? [];
        if (type === 'AAAA') return { addresses: [] };
        if (left && left.length > 1) left.shift();
        return left && { addresses };
      });
    });
    afterEach(() => names.close());

    it('connects to the address that was checked, at each connection again [SEC-R27] [SEC-G8]', async () => {
      answers['rebinding.example'] = [['127.0.0.2'], ['127.0.0.1']];
      const pool = open(`http://rebinding.example:${port}`, ['127.0.0.2'], { connections: 1 });
      assert.equal(await get(pool), 'ok');
      assert.equal(await get(pool, '/last'), 'ok');
      assert.deepEqual(names.asked.sort(), ['A rebinding.example', 'AAAA rebinding.example']);
      await assert.rejects(get(pool), AddressRefused);
      assert.equal(refused.connections(), 0);
    });

    it('goes on where the name leads within reach again', async () => {
      answers['back.example'] = [['127.0.0.1'], ['127.0.0.2']];
      const pool = open(`http://back.example:${port}`, ['127.0.0.2']);
      await assert.rejects(get(pool), AddressRefused);
      assert.equal(await get(pool), 'ok');
    });

    it('leaves out the private addresses of a name that has others [SEC-R27]', async () => {
      answers['both.example'] = [['127.0.0.1', '10.0.0.1', '127.0.0.2']];
      assert.equal(await get(open(`http://both.example:${port}`, ['127.0.0.2'])), 'ok');
      assert.equal(refused.connections(), 0);
    });

    it('goes wherever a name leads that the operator opens, at its port only [SEC-R27]', async () => {
      answers['backend.example'] = [['127.0.0.2']];
      answers['other.example'] = [['127.0.0.2']];
      const reach = [`backend.example:${port}`];
      assert.equal(await get(open(`http://backend.example:${port}`, reach)), 'ok');
      assert.equal(await get(open(`http://BACKEND.example.:${port}`, reach)), 'ok');
      await assert.rejects(get(open(`http://other.example:${port}`, reach)), AddressRefused);
      await assert.rejects(get(open(`http://backend.example:${port + 1}`, reach)), AddressRefused);
    });

    it('goes to port 80 or 443 where the URL has none', async () => {
      answers['plain.example'] = [['127.0.0.3']];
      for (const [origin, entry, error] of [
        ['http://plain.example', '127.0.0.3:80', 'ECONNREFUSED'],
        ['https://plain.example', '127.0.0.3:443', 'ECONNREFUSED'],
        ['http://plain.example', '127.0.0.3:443', undefined],
        ['https://plain.example', '127.0.0.3:80', undefined],
      ] as const)
        await assert.rejects(
          get(open(origin, [entry])),
          error === undefined ? AddressRefused : { code: error },
        );
    });

    it('ends a connection that takes too long, its look-up too', async () => {
      const pool = open(`http://silent.example:${port}`, [], { connectTimeout: 50 });
      await assert.rejects(get(pool), { code: 'UND_ERR_CONNECT_TIMEOUT' });
    });

    it('has the server hear the name of the URL, whatever Host says, and checks its certificate [SEC-R27]', async () => {
      answers['secure.example'] = [['127.0.0.2']];
      const certificate = newServerCertificate('/CN=secure.example', 'DNS:secure.example');
      const heard: string[] = [];
      let requests = 0;
      const secure = createSecureServer(
        {
          ...certificate,
          SNICallback: (name, done) => {
            heard.push(name);
            done(null, createSecureContext(certificate));
          },
        },
        (_request, response) => {
          requests += 1;
          response.end();
        },
      );
      const pool = open(`https://secure.example:${await listenAt(secure, '127.0.0.2')}`, ['127.0.0.2']);
      await assert.rejects(get(pool, '/', { host: 'other.example' }), {
        code: 'DEPTH_ZERO_SELF_SIGNED_CERT',
      });
      assert.deepEqual([heard, requests], [['secure.example'], 0]);
    });
  });

  it('has no more connections than it may, and one request at a time on each', async () => {
    const waiting: (() => void)[] = [];
    let most = 0;
    const port = await answerer((request, response) => {
      if (request.url === '/first') return void response.end();
      waiting.push(() => response.end(request.url));
      most = Math.max(most, waiting.length);
    });
    const pool = open(`http://127.0.0.1:${port}`, ['127.0.0.1'], { connections: 2 });
    await get(pool, '/first'); // undici pipelines on connections that have answered once
    const answers = Promise.all(['/a', '/b', '/c'].map((path) => get(pool, path)));
    await until(() => waiting.length >= 2);
    waiting.shift()?.();
    await until(() => waiting.length >= 2);
    for (const done of waiting) done();
    assert.deepEqual(await answers, ['/a', '/b', '/c']);
    assert.equal(most, 2);
  });

  it('checks the connection of an upgrade like any other [SEC-R27]', async () => {
    const inside = await counter();
    const pool = new Pool(`http://127.0.0.1:${inside.port}`, { connect: connectorWithin(inside.port, []) });
    pools.push(pool);
    await assert.rejects(pool.upgrade({ path: '/', protocol: 'websocket' }), AddressRefused);
    assert.equal(inside.connections(), 0);
    await new Promise<void>((done) => connect(inside.port, '127.0.0.1').on('close', () => done()));
    assert.equal(inside.connections(), 1, 'it listens there');
  });
});
