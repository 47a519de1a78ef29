import assert from 'node:assert/strict';
import { spawn, type ChildProcess } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { outboxLink } from '../../src/dev-outbox.js';
import { temporaryFolder } from '../support/config.js';
import { send, type Heard } from '../support/http.js';
import { call } from '../support/management.js';
import { needsBrowser, newVisitor } from '../support/browser.js';
import { needsFiles } from '../support/needs.js';
import { freePort } from '../support/ports.js';
import { startServer, type TestServer } from '../support/server.js';
import { Visitor } from '../support/visitor.js';

const NGINX = '/usr/sbin/nginx';
const ADDRESS = 'rosa@example.com';

/** nginx in front of a server, with nothing but `proxy_pass`. */
async function startNginx(port: number, target: string): Promise<ChildProcess> {
  const folder = temporaryFolder();
  mkdirSync(join(folder, 'tmp'));
  const paths = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi']
    .map((name) => `${name}_temp_path ${join(folder, 'tmp', name)};`)
    .join('\n');
  const file = join(folder, 'nginx.conf');
  writeFileSync(
    file,
    `daemon off; pid ${join(folder, 'nginx.pid')}; error_log ${join(folder, 'error.log')};
     events {}
     http { access_log off; ${paths}
       server { listen 127.0.0.1:${port}; location / { proxy_pass ${target}; } } }`,
  );
  const nginx = spawn(NGINX, ['-c', file, '-p', folder], { stdio: 'ignore' });
  const answers = (): Promise<boolean> =>
    fetch(`http://127.0.0.1:${port}/livez`).then(
      ({ status }) => status === 200,
      () => false,
    );
  while (!(await answers())) if (nginx.exitCode !== null) throw new Error(`nginx ended: ${nginx.exitCode}`);
  return nginx;
}

/** Headers by which proxies, load balancers and networks say that they passed a request on. */
const FORWARDING = [
  'Forwarded',
  'Via',
  'X-Forwarded-For',
  'X-Forwarded-Host',
  'X-Forwarded-Proto',
  'X-Forwarded-Port',
  'X-Forwarded',
  'X-Real-IP',
  'X-Client-IP',
  'X-Cluster-Client-IP',
  'True-Client-IP',
  'CF-Connecting-IP',
  'CF-Ray',
  'Fastly-Client-IP',
  'Fly-Client-IP',
  'X-Original-Host',
  'X-Original-Forwarded-For',
  'X-Envoy-External-Address',
  'X-Amzn-Trace-Id',
  'X-Azure-ClientIP',
  'CDN-Loop',
  'Proxy-Client-IP',
  'WL-Proxy-Client-IP',
  'Remote-Addr',
  'X-Remote-IP',
  'X-Scheme',
  'X-URL-Scheme',
  'X-ProxyUser-Ip',
  'X-Originating-IP',
  'X-Varnish',
  'X-ARR-LOG-ID',
  'X-ARR-SSL',
  'X-AppEngine-User-IP',
  'X-Cloud-Trace-Context',
  'X-Request-ID',
  'X-B3-TraceId',
  'X-Nginx-Proxy',
  'X-Host',
  'X-Rewrite-URL',
  'Front-End-Https',
  'Ali-CDN-Real-IP',
  'CloudFront-Viewer-Address',
  'Akamai-Origin-Hop',
  'Proxy-Connection',
  'SSL-Client-Cert',
  'traceparent',
];

/** What Chromium, Firefox and Safari send where a person opens a page, clicks a link or loads it again. */
const OF_BROWSERS = {
  accept: 'text/html,application/xhtml+xml',
  'accept-encoding': 'identity',
  'accept-language': 'en-US,en;q=0.5',
  'alt-used': 'localhost',
  'cache-control': 'max-age=0',
  dnt: '1',
  'device-memory': '8',
  downlink: '10',
  dpr: '1',
  ect: '4g',
  pragma: 'no-cache',
  priority: 'u=0, i',
  purpose: 'prefetch',
  referer: 'http://elsewhere.example/',
  rtt: '50',
  'save-data': 'on',
  'sec-ch-prefers-color-scheme': 'dark',
  'sec-ch-ua': '"Chromium";v="140"',
  'sec-ch-ua-mobile': '?0',
  'sec-ch-ua-platform': '"Linux"',
  'sec-fetch-dest': 'document',
  'sec-fetch-mode': 'navigate',
  'sec-fetch-site': 'none',
  'sec-fetch-user': '?1',
  'sec-gpc': '1',
  'sec-purpose': 'prefetch;prerender',
  te: 'trailers',
  'upgrade-insecure-requests': '1',
  'user-agent': 'Mozilla/5.0',
  'viewport-width': '1280',
  'x-moz': 'prefetch',
  'x-purpose': 'preview',
  'x-requested-with': 'com.example.browser',
};

describe('the outbox page', () => {
  let server: TestServer;
  before(async () => {
    server = await startServer('sqlite');
    const json = { email: ADDRESS };
    await call(server, { method: 'POST', path: '/api/User/EmailCode', json });
    await server.outbox.deliver();
  });
  after(() => server.stop());

  const ask = (path: string, headers: Record<string, string> = {}): Promise<Heard> =>
    send(new URL(path, server.issuer), { headers });
  const link = (): string => outboxLink(server.issuer, server.screen);
  const opened = async (): Promise<Visitor> => {
    const visitor = new Visitor(server.issuer);
    await visitor.go(link());
    return visitor;
  };

  it('is shown to the browser that opened the link of the start, and keeps the key out of the address', async () => {
    const visitor = new Visitor(server.issuer);
    const page = await visitor.go(link());
    assert.deepEqual([page.status, page.url.href], [200, `${server.issuer}/dev/outbox`]);
    assert.ok(page.html.includes(ADDRESS));
    const [cookie = ''] = visitor.setCookies;
    assert.match(cookie, /^gatehouse_outbox=/);
    assert.match(cookie, /; samesite=lax/i);
    assert.match(cookie, /; httponly/i);
    assert.ok((await visitor.go('/dev/outbox')).html.includes(ADDRESS));
  });

  it('is shown at a tenant’s own host by the same link with that host in it, with the messages of that tenant', async () => {
    const { issuer } = await server.addTenant('Shop', `shop.localhost:${server.port}`);
    const visitor = new Visitor(issuer, String(server.port));
    const shut = await visitor.go('/dev/outbox');
    assert.deepEqual([shut.status, shut.html.includes('with this host in it')], [403, true]);
    const form = { email: 'shop@example.com' };
    await visitor.request(new URL('/api/User/EmailCode', issuer), {
      method: 'POST',
      body: JSON.stringify(form),
      headers: { 'content-type': 'application/json' },
    });
    await server.outbox.deliver();
    const { pathname, search } = new URL(link());
    const page = await visitor.go(pathname + search);
    assert.deepEqual([page.status, page.url.href], [200, `${issuer}/dev/outbox`]);
    assert.deepEqual([page.html.includes('shop@example.com'), page.html.includes(ADDRESS)], [true, false]);
  });

  it('opens by a click on another site, and keeps a date on one line of a telephone', async function () {
    needsBrowser(this);
    const visitor = await newVisitor({ viewport: { width: 360, height: 800 } });
    const page = await visitor.newPage();
    await page.route('http://elsewhere.example/', (route) =>
      route.fulfill({ contentType: 'text/html', body: `<a href="${link()}">Messages</a>` }),
    );
    await page.goto('http://elsewhere.example/');
    await page.getByRole('link').click();
    const time = page.locator('time').first();
    await time.waitFor();
    assert.equal(page.url(), `${server.issuer}/dev/outbox`);
    assert.equal(await time.evaluate((element) => element.getClientRects().length), 1);
    assert.match((await time.textContent()) ?? '', /^[A-Z][a-z]{2} \d{1,2}, \d{4}.* UTC$/);
    await visitor.close();
  });

  it('is shown to no other on the same machine, which hears what to open [SEC-R15]', async () => {
    for (const [path, cookie] of [
      ['/dev/outbox', ''],
      [`/dev/outbox?key=${'x'.repeat(43)}`, ''],
      ['/dev/outbox?key=', ''],
      ['/dev/outbox', 'gatehouse_outbox='],
      ['/dev/outbox', `gatehouse_outbox=${'x'.repeat(43)}`],
    ] as const) {
      const { status, text } = await ask(path, { cookie });
      assert.equal(status, 403, path + cookie);
      assert.match(text, /Open the link “Messages” that the server printed at start, with this host in it/);
      assert.ok(!text.includes(ADDRESS));
    }
  });

  it('is shown to nobody through nginx as it comes, with nothing but proxy_pass [SEC-R15]', async function () {
    needsFiles(this, [NGINX], 'nginx (apt-get install nginx)');
    const port = await freePort();
    const nginx = await startNginx(port, server.issuer);
    const { status, text } = await send(new URL('/dev/outbox', `http://127.0.0.1:${port}`), {
      headers: { host: 'id.example.com' },
    });
    nginx.kill();
    assert.deepEqual([status, text.includes(ADDRESS)], [403, false]);
  });

  it('makes links of addresses of its own server, and of no others [SEC-R15]', async () => {
    const { issuer, home, screen } = server;
    const text = [
      `Open ${issuer}/a?b=1&c=2. Then (${issuer}/d) <script>x</script>`,
      `https://elsewhere.example/e ${issuer}.elsewhere.example/f ${issuer.replace('://', '://u@')}/g`,
      `javascript:alert(1) ${issuer}/"><img>`,
    ].join('\n');
    screen.show({ channel: 'mail', tenantId: home.tenant.id, to: 'l@example.com', text, at: Date.now() });
    const { html } = await (await opened()).go('/dev/outbox');
    const message = /<pre class="message">([^]*?)<\/pre>/.exec(html)?.[1] ?? '';
    assert.deepEqual(
      [...message.matchAll(/<a href="([^"]*)">([^<]*)<\/a>/g)].map(([, href, words]) => [href, words]),
      [
        [`${issuer}/a?b=1&amp;c=2`, `${issuer}/a?b=1&amp;c=2`],
        [`${issuer}/d`, `${issuer}/d`],
        [`${issuer}/`, `${issuer}/`],
      ],
    );
    assert.doesNotMatch(message.replace(/<a href="[^"]*">|<\/a>/g, ''), /[<>"]/);
  });

  for (const header of FORWARDING)
    it(`is not there for a request with ${header}, the right cookie or link or not [SEC-R15]`, async () => {
      const visitor = await opened();
      const forwarded = { [header]: '203.0.113.7' };
      const page = await visitor.go('/dev/outbox', { headers: forwarded });
      assert.deepEqual([page.status, page.html.includes(ADDRESS)], [404, false]);
      const { pathname, search } = new URL(link());
      assert.equal((await ask(pathname + search, forwarded)).status, 404);
    });

  it('is shown with all headers that browsers send [SEC-R15]', async () => {
    const visitor = await opened();
    const page = await visitor.go('/dev/outbox', { headers: OF_BROWSERS });
    assert.deepEqual([page.status, page.html.includes(ADDRESS)], [200, true]);
  });

  it('has another key at each start, so that an old link opens nothing [SEC-R15]', async () => {
    const visitor = await opened();
    const before = link();
    await server.restart();
    assert.notEqual(link(), before);
    assert.equal((await visitor.go('/dev/outbox')).status, 403);
    assert.equal((await visitor.go(before)).status, 403);
  });

  it('is not there in production, nor for an issuer that is no machine of one’s own [SEC-R15]', async () => {
    for (const env of [{ NODE_ENV: 'production' }, { GATEHOUSE_ISSUER: 'https://id.example.com' }]) {
      const other = await startServer('sqlite', env);
      const visitor = new Visitor(other.issuer, String(other.port));
      assert.equal((await visitor.go(outboxLink(other.issuer, other.screen))).status, 404);
      await other.stop();
    }
  });
});
