import assert from 'node:assert/strict';
import { Agent, request } from 'node:http';
import { often, SEED } from '../support/profile.js';
import { startServer, type TestServer } from '../support/server.js';
import { randomFrom, type Random } from '../support/random.js';
import { protocolShots, type Shot } from '../support/shots.js';

const REQUESTS = often({ short: 500, long: 10_000 });
const LANES = 16;
const HANG_MS = 20_000;

const of = <T>(random: Random, list: readonly T[]): T => list[Math.floor(random() * list.length)] as T;

/** Values that have broken other servers. */
const junk = (random: Random): string =>
  of<() => string>(random, [
    () => '',
    () => '\u0000',
    () => 'a\u0000b',
    () => '%',
    () => '%00%ff%fe',
    () => '\ud800',
    () => '😀'.repeat(Math.ceil(random() * 50)),
    () => 'x'.repeat(Math.ceil(random() * 6000)),
    () => '__proto__',
    () => 'constructor',
    () => '[object Object]',
    () => '{"a":',
    () => "' OR 1=1 --",
    () => '../../etc/passwd',
    () => '\r\nSet-Cookie: a=b',
    () => '<script>alert(1)</script>',
    () => 'eyJhbGciOiJub25lIn0.eyJzdWIiOiJ4In0.',
    () => `${Buffer.from('{"alg":"ES256","kid":"__proto__"}').toString('base64url')}.e30.AAAA`,
    () => 'a.b.c',
    () => '....',
    () => 'urn:ietf:params:oauth:request_uri:nothing',
    () => 'http://169.254.169.254/',
    () => 'javascript:alert(1)',
    () => '9'.repeat(400),
    () => '-1',
    () => '1e999',
    () => 'NaN',
    () => ' '.repeat(100),
    () => Array.from({ length: 200 }, () => 'openid').join(' '),
    () => String(Math.floor(random() * 1e9)),
  ])();

const HEADERS = ['authorization', 'dpop', 'content-type', 'accept', 'accept-language', 'cookie', 'origin'];
const headerJunk = (random: Random): string =>
  of<() => string>(random, [
    () => 'Basic',
    () => 'Basic ====',
    () => `Basic ${Buffer.from('%:%').toString('base64')}`,
    () => `Basic ${Buffer.from('machine').toString('base64')}`,
    () => 'Bearer a.b.c',
    () => 'DPoP x',
    () => 'application/json',
    () => 'application/x-www-form-urlencoded; charset=utf-16',
    () => 'multipart/form-data; boundary=x',
    () => 'gatehouse=x; gatehouse.sig=y; gatehouse_interaction=z',
    () => 'null',
    () => 'x'.repeat(2000),
    () => 'zh-CN;q=99, *;q=-1, ;;;',
  ])();

function mutate(random: Random, shot: Shot): Shot {
  const next: Shot = {
    ...shot,
    query: [...shot.query],
    form: [...shot.form],
    headers: { ...shot.headers },
  };
  const side = random() < 0.5 ? next.query : next.form;
  const list = side.length > 0 ? side : next.form.length > 0 ? next.form : next.query;
  const at = Math.floor(random() * Math.max(1, list.length));
  const change = of(random, [
    'value',
    'drop',
    'twice',
    'add',
    'name',
    'header',
    'header',
    'method',
    'raw',
    'path',
  ]);
  if (change === 'value' && list[at]) list[at] = [list[at][0], junk(random)];
  else if (change === 'drop') list.splice(at, 1);
  else if (change === 'twice' && list[at])
    list.push([list[at][0], random() < 0.5 ? list[at][1] : junk(random)]);
  else if (change === 'add') list.push([junk(random).slice(0, 300), junk(random)]);
  else if (change === 'name' && list[at])
    list[at] = [`${list[at][0]}[${junk(random).slice(0, 20)}]`, list[at][1]];
  else if (change === 'header') next.headers[of(random, HEADERS)] = headerJunk(random);
  else if (change === 'method')
    next.method = of(random, ['GET', 'POST', 'PUT', 'DELETE', 'OPTIONS', 'HEAD', 'PATCH']);
  else if (change === 'raw') next.raw = Buffer.from(Array.from({ length: 200 }, () => random() * 256));
  else if (change === 'path')
    next.path += of(random, ['/', '//', '/%2e%2e', '/x', ';a=b', '%00', '/__proto__']);
  return next;
}

describe('the protocol’s endpoints, sent what nobody should send', function () {
  this.timeout(600_000);
  let server: TestServer;
  let shots: Map<string, Shot[]>;
  const agent = new Agent({ keepAlive: true, maxSockets: LANES });

  before(async () => {
    const many = { tenant: 1e9, client: 1e9, address: 1e9 };
    const { client: _client, ...few } = many;
    server = await startServer(
      'sqlite',
      {},
      {
        limits: { token: many, introspection: many, authorize: few, userCode: few, signIn: few },
      },
    );
    shots = await protocolShots(server);
    console.log(`      SEED=${SEED} repeats them`);
  });
  after(() => {
    agent.destroy();
    return server.stop();
  });

  /** A lone surrogate has no percent-encoding; its bytes are sent as Buffer writes them. */
  const percent = (text: string): string => encodeURIComponent(Buffer.from(text).toString());
  const encode = (fields: [string, string][]): string =>
    fields.map(([name, value]) => `${percent(name)}=${percent(value)}`).join('&');

  const fire = ({ method, path, query, headers, form, raw }: Shot): Promise<number> =>
    new Promise((resolve, reject) => {
      const body = method === 'HEAD' ? Buffer.alloc(0) : (raw ?? Buffer.from(encode(form)));
      const sent = request(
        {
          agent,
          host: '127.0.0.1',
          port: server.port,
          method,
          path: (path + (query.length > 0 ? `?${encode(query)}` : '')).slice(0, 12_000),
          headers: { host: new URL(server.issuer).host, ...headers, 'content-length': String(body.length) },
          timeout: HANG_MS,
        },
        (response) => {
          response.resume().on('end', () => resolve(response.statusCode ?? 0));
        },
      );
      sent.on('timeout', () => sent.destroy(new Error(`no answer in ${HANG_MS} ms`)));
      sent.on('error', reject);
      sent.end(body);
    });

  const rows = async (table: string): Promise<number> =>
    Number((await server.context.store.prepare(`SELECT COUNT(*) AS n FROM ${table}`).first())?.['n']);

  for (const endpoint of [
    '/connect/token',
    '/connect/authorize',
    '/connect/par',
    '/connect/userinfo',
    '/connect/introspect',
    '/connect/revocation',
    '/connect/endsession',
    '/connect/deviceauthorization',
    '/device',
    '/.well-known',
    '/interaction',
  ])
    it(`${endpoint} answers them without an error of its own [SEC-X7]`, async () => {
      const random = randomFrom(SEED);
      const before = await Promise.all(['oidc_artifacts', 'clients', 'users', 'tenants'].map(rows));
      let left = REQUESTS;
      let accepted = 0;
      const lane = async (): Promise<void> => {
        while (left-- > 0) {
          let shot = of(random, shots.get(endpoint) ?? []);
          for (let changes = Math.ceil(random() * 3); changes > 0; changes--) shot = mutate(random, shot);
          const status = await fire(shot).catch((error: unknown) => {
            throw new Error(`SEED=${SEED}: ${JSON.stringify(shot)}`, { cause: error });
          });
          assert.ok(status >= 200 && status < 500, `SEED=${SEED}: ${status} for ${JSON.stringify(shot)}`);
          if (status < 400) accepted += 1;
        }
      };
      await Promise.all(Array.from({ length: LANES }, lane));
      const after = await Promise.all(['oidc_artifacts', 'clients', 'users', 'tenants'].map(rows));
      // An accepted request may begin a session and an interaction, which expire; nothing else is made.
      const made = (after[0] ?? 0) - (before[0] ?? 0);
      assert.ok(made <= 2 * accepted, `${made} rows for ${accepted} accepted requests`);
      assert.deepEqual(after.slice(1), before.slice(1));
      assert.equal((await fetch(`${server.issuer}/readyz`)).status, 200);
    });
});
