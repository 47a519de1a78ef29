import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import type { Page } from 'playwright-core';
import { localTime } from '../../src/kernel/pages.js';
import { packageRoot } from '../../src/kernel/root.js';
import { needsBrowser, newVisitor } from '../support/browser.js';
import { oneOf } from '../support/profile.js';
import { PASSWORD, startServer, type TestServer } from '../support/server.js';
import { prepareTour, REDIRECT, tour, TOUR_LIMITS } from '../support/tour.js';
import { authorizePath, obtainCode, Visitor } from '../support/visitor.js';

const AXE = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');

interface Violation {
  id: string;
  impact: string;
  nodes: { html: string }[];
}

describe('the pages', () => {
  let server: TestServer;

  before(async () => {
    server = await startServer('sqlite');
    await prepareTour(server);
  });

  after(() => server.stop());

  const authorizeUrl = (more: Record<string, string> = {}): string =>
    server.issuer +
    authorizePath({
      client_id: 'app',
      redirect_uri: REDIRECT,
      scope: 'openid profile offline_access isms.user.get',
      ...more,
    });

  describe('have headers that', () => {
    it('let no other site frame them, run no script, and tell nobody where one came from [SEC-8]', async () => {
      const visitor = new Visitor(server.issuer);
      const pages = [
        await visitor.go(authorizeUrl()),
        await visitor.go('/device'),
        await visitor.go('/'),
        await visitor.go(authorizeUrl({ client_id: 'nobody' })),
      ];
      for (const { headers, html } of pages) {
        const policy = headers.get('content-security-policy') ?? '';
        assert.match(policy, /default-src 'none'/);
        assert.match(policy, /frame-ancestors 'none'/);
        assert.doesNotMatch(policy, /unsafe|script-src/);
        assert.equal(headers.get('x-frame-options'), 'DENY');
        assert.equal(headers.get('referrer-policy'), 'no-referrer');
        assert.equal(headers.get('x-content-type-options'), 'nosniff');
        assert.equal(headers.get('cache-control'), 'no-store');
        assert.doesNotMatch(html, /<script|style=|onclick/i);
      }
    });

    it('let a form end at the application, and nowhere else', async () => {
      const { headers } = await new Visitor(server.issuer).go(authorizeUrl());
      assert.match(
        headers.get('content-security-policy') ?? '',
        /form-action 'self' https:\/\/app\.example\.com;/,
      );
    });

    it('keep cookies from scripts and from other sites [SEC-42]', async () => {
      const response = await fetch(authorizeUrl(), { redirect: 'manual' });
      const cookies = response.headers.getSetCookie();
      assert.ok(cookies.length >= 2);
      for (const cookie of cookies) assert.match(cookie, /; httponly/i, cookie);
      for (const cookie of cookies) assert.match(cookie, /; samesite=lax/i, cookie);
    });
  });

  describe('refuse', () => {
    it('a form without its token', async () => {
      const visitor = new Visitor(server.issuer);
      const page = await visitor.go(authorizeUrl());
      const forged = await visitor.go(`${page.url.pathname}/sign-in`, {
        form: { login: 'alice', password: PASSWORD },
      });
      assert.equal(forged.status, 403);
      const other = await new Visitor(server.issuer).go(authorizeUrl());
      const csrf = /name="csrf" value="([^"]+)"/.exec(other.html)?.[1] as string;
      assert.equal(
        (
          await visitor.go(`${page.url.pathname}/sign-in`, {
            form: { csrf, login: 'alice', password: PASSWORD },
          })
        ).status,
        403,
      );
    });

    it('somebody else’s interaction', async () => {
      const page = await new Visitor(server.issuer).go(authorizeUrl());
      const stranger = await new Visitor(server.issuer).go(page.url);
      assert.equal(stranger.status, 400);
      assert.match(stranger.html, /This page has expired/);
    });

    it('what was typed, as text and never as markup', async () => {
      const visitor = new Visitor(server.issuer);
      const page = await visitor.go(authorizeUrl());
      const answer = await visitor.submit(page, '/sign-in', {
        login: '"><script>alert(1)</script>',
        password: 'x',
      });
      assert.equal(answer.status, 401);
      assert.match(answer.html, /That did not work/);
      assert.doesNotMatch(answer.html, /<script>/);
      assert.match(answer.html, /&lt;script&gt;/);
    });
  });

  describe('lead on', () => {
    it('from an expired sign-in back to the application', async () => {
      const visitor = new Visitor(server.issuer);
      const page = await visitor.go(authorizeUrl());
      await server.context.store.knex('oidc_artifacts').where({ model: 'Interaction' }).delete();
      const expired = await visitor.go(page.url);
      assert.equal(expired.status, 400);
      assert.match(
        expired.html,
        /<a class="button" href="https:\/\/app\.example\.com\/start"[^>]*>Start again at app<\/a>/,
      );
    });

    it('from an expired return as well, where only a cookie knows the application', async () => {
      const visitor = new Visitor(server.issuer);
      const page = await visitor.go(authorizeUrl());
      await server.context.store.knex('oidc_artifacts').where({ model: 'Interaction' }).delete();
      const uid = page.url.pathname.split('/')[2] as string;
      const expired = await visitor.go(`/connect/authorize/${uid}`);
      assert.match(expired.html, /Start again at app/);
    });

    it('from the error page to the application of this request alone', async () => {
      const visitor = new Visitor(server.issuer);
      await visitor.go(authorizeUrl());
      const { html } = await visitor.go(authorizeUrl({ client_id: 'nobody' }));
      assert.match(html, /client is invalid/);
      assert.doesNotMatch(html, /Back to/);
      assert.match(
        (await visitor.go(authorizeUrl({ redirect_uri: 'https://elsewhere.example.com/' }))).html,
        /Back to app/,
      );
    });

    it('from an address without a page, in the language of the browser; a program gets plain text', async () => {
      const get = async (headers: Record<string, string>) =>
        new Visitor(server.issuer).request(new URL('/nothing-here', server.issuer), { headers });
      const page = await get({ accept: 'text/html,*/*;q=0.8', 'accept-language': 'zh-CN' });
      assert.equal(page.status, 404);
      assert.match(page.text, /<html lang="zh-CN">[\s\S]*<h1>页面不存在<\/h1>/);
      const plain = await get({ accept: '*/*' });
      assert.equal(plain.status, 404);
      assert.equal(plain.text, 'Not Found');
    });

    it('after a wrong password, with the name kept', async () => {
      const visitor = new Visitor(server.issuer);
      const wrong = await visitor.submit(await visitor.go(authorizeUrl()), '/sign-in', {
        login: 'alice',
        password: 'no',
      });
      assert.match(wrong.html, /name="login"[^>]*value="alice"/);
      const right = await visitor.submit(wrong, '/sign-in', { login: 'alice', password: PASSWORD });
      assert.match(right.html, /Allow app\?/);
    });
  });

  it('change the session’s id at sign-in', async () => {
    const { visitor } = await obtainCode(server, { clientId: 'app', redirectUri: REDIRECT });
    const before = visitor.cookie('gatehouse');
    assert.ok(before);
    await obtainCode(server, { clientId: 'app', redirectUri: REDIRECT, visitor, more: { prompt: 'login' } });
    assert.notEqual(visitor.cookie('gatehouse'), before);
  });

  it('are in the language of ui_locales, then of the browser, then in English', async () => {
    const title = async (url: string, language: string): Promise<string | undefined> => {
      const visitor = new Visitor(server.issuer);
      let heard = await visitor.request(new URL(url), { headers: { 'accept-language': language } });
      while (heard.headers.has('location'))
        heard = await visitor.request(new URL(heard.headers.get('location') as string, server.issuer), {
          headers: { 'accept-language': language },
        });
      return /<html lang="([^"]+)">[\s\S]*<h1>([^<]+)<\/h1>/.exec(heard.text)?.slice(1).join(' ');
    };
    assert.equal(await title(authorizeUrl(), 'zh-CN,zh;q=0.9,en;q=0.5'), 'zh-CN 登录');
    assert.equal(await title(authorizeUrl(), 'zh-Hans'), 'zh-CN 登录');
    assert.equal(await title(authorizeUrl({ ui_locales: 'zh' }), 'en'), 'zh-CN 登录');
    assert.equal(await title(authorizeUrl({ ui_locales: 'fr en' }), 'zh-CN'), 'en Sign in');
    assert.equal(await title(authorizeUrl(), 'fr'), 'en Sign in');
  });

  it('ask for consent in one language throughout', async () => {
    const visitor = new Visitor(server.issuer);
    const request = {
      client_id: 'app',
      redirect_uri: REDIRECT,
      scope: 'openid offline_access',
      ui_locales: 'zh-CN',
      prompt: 'consent',
    };
    const page = await visitor.submit(await visitor.go(authorizePath(request)), '/sign-in', {
      login: 'alice',
      password: PASSWORD,
    });
    const text = page.html.replace(/<[^>]+>/g, ' ');
    for (const words of [
      '您已以 Alice 的身份登录',
      '您的身份',
      '关于您的信息',
      '在您未使用时访问',
      '180 天内有效',
    ])
      assert.ok(text.includes(words), words);
    assert.doesNotMatch(text, /About you/);
  });

  it('name an allowed scope of the management API in the words of the consent page', async () => {
    const scope = 'openid isms.user.get';
    const { visitor } = await obtainCode(server, {
      clientId: 'app',
      redirectUri: REDIRECT,
      scope,
      more: { prompt: 'consent' },
    });
    const { html } = await visitor.go('/account/applications');
    assert.match(html, /<span>[^<]*List users[^<]*<\/span>/);
    assert.doesNotMatch(html, /isms\.user\.get/);
  });

  it('show a time with its zone at the end', () => {
    const time = Date.UTC(2026, 10, 27, 4, 0, 34);
    assert.equal(localTime('zh-CN', time), '2026年11月27日 04:00:34 UTC');
    assert.match(localTime('en', time), /^Nov 27, 2026, 4:00:34\sAM UTC$/);
  });

  it('say the same things in both languages', () => {
    const keys = (locale: string): string[] =>
      Object.keys(
        JSON.parse(readFileSync(join(packageRoot, 'views', 'locales', `${locale}.json`), 'utf8')) as object,
      ).sort();
    assert.deepEqual(keys('zh-CN'), keys('en'));
  });

  it('have the tenant’s name, logo and colours', async () => {
    const properties = JSON.stringify({ logo: 'https://cdn.example.com/logo.png', color: '#ffcc00' });
    const tenant = await server.addTenant('Acme <Shop>', `acme.localhost:${server.port}`);
    await server.context.store
      .knex('tenants')
      .where({ id: tenant.id })
      .update({ properties, version: Date.now() + 1 });
    const visitor = new Visitor(tenant.issuer);
    const page = await visitor.go('/');
    assert.match(page.html, /Acme &lt;Shop&gt;/);
    assert.match(page.html, /<img src="https:\/\/cdn\.example\.com\/logo\.png"/);
    assert.match(
      page.headers.get('content-security-policy') ?? '',
      /img-src 'self' data: https:\/\/cdn\.example\.com;/,
    );
    assert.equal(
      (await visitor.go('/assets/look.css')).html,
      ':root { --accent: #ffcc00; --on-accent: #000000; }\n',
    );
  });

  describe('in a browser', () => {
    interface Look {
      width: number;
      colorScheme: 'light' | 'dark';
    }
    const LOOKS: readonly (readonly [locale: string, look: Look])[] = [
      ['en-US', { width: 360, colorScheme: 'light' }],
      ['en-US', { width: 1280, colorScheme: 'dark' }],
      ['zh-CN', { width: 1280, colorScheme: 'light' }],
      ['zh-CN', { width: 360, colorScheme: 'dark' }],
    ];
    const shown = ({ width, colorScheme }: Look): string => `${width} px ${colorScheme}`;

    async function problems(page: Page): Promise<string[]> {
      const found = await page.evaluate(async () => {
        const { axe } = globalThis as unknown as {
          axe: { run(o: object): Promise<{ violations: Violation[] }> };
        };
        return (
          await axe.run({
            resultTypes: ['violations'],
            runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa'],
          })
        ).violations;
      });
      return found.map(({ id, impact, nodes }) => `${impact} ${id}: ${nodes[0]?.html}`);
    }

    for (const locale of ['en-US', 'zh-CN']) {
      const looks = LOOKS.filter(([of]) => of === locale);
      it(`have nothing that axe-core finds, and fit the width (${locale}, ${looks
        .map(([, look]) => shown(look))
        .join(', ')})`, async function () {
        this.timeout(600_000); // each page is looked at twice
        needsBrowser(this);
        const visitor = await newVisitor({ locale });
        const page = await visitor.newPage();
        const seen: string[] = [];
        const own = await startServer('sqlite', {}, TOUR_LIMITS);
        await prepareTour(own);
        await tour(own, page, async (name) => {
          const searched = oneOf(LOOKS, seen.push(name)).filter((each) => looks.includes(each));
          if (searched.length > 0) await page.evaluate(AXE);
          for (const each of looks) {
            const [, look] = each;
            const { width, colorScheme } = look;
            await page.setViewportSize({ width, height: 800 });
            await page.emulateMedia({ colorScheme });
            if (searched.includes(each))
              assert.deepEqual(await problems(page), [], `${name}, ${shown(look)}`);
            const overflow = await page.evaluate<number>(
              'document.documentElement.scrollWidth - document.documentElement.clientWidth',
            );
            assert.equal(overflow, 0, `${name} is wider than ${width} px`);
          }
        });
        assert.equal(seen.length, 39);
        await visitor.close();
        await own.stop();
      });
    }

    it('work without JavaScript, by keyboard, with a password manager [SEC-33]', async function () {
      needsBrowser(this);
      const visitor = await newVisitor({ javaScriptEnabled: false });
      const page = await visitor.newPage();
      await page.goto(authorizeUrl());
      assert.equal(await page.locator('#login').getAttribute('autocomplete'), 'username');
      assert.equal(await page.locator('#password').getAttribute('autocomplete'), 'current-password');
      await page.keyboard.type('alice');
      await page.keyboard.press('Tab');
      await page.keyboard.type(PASSWORD);
      await page.keyboard.press('Enter');
      await page.locator('.decide').waitFor();
      assert.equal(await page.locator('h1').innerText(), 'Allow app?');
      await visitor.close();
    });

    it('keep the box that says what is wrong apart from the heading', async function () {
      needsBrowser(this);
      const visitor = await newVisitor();
      const page = await visitor.newPage();
      await page.goto(`${server.issuer}/demo/callback?code=x`);
      const [heading, box] = await Promise.all(
        ['h1', '.problem'].map((selector) => page.locator(selector).boundingBox()),
      );
      assert.ok(heading && box);
      assert.ok(box.y - (heading.y + heading.height) >= 12, `${heading.y + heading.height}, ${box.y}`);
      await visitor.close();
    });

    it('run the demo from sign-in to the tokens, and out again', async function () {
      needsBrowser(this);
      await server.addUser({ userName: 'bob' });
      const visitor = await newVisitor();
      const page = await visitor.newPage();
      await page.goto(`${server.issuer}/demo`);
      await page.getByRole('link', { name: 'Sign in' }).click();
      await page.locator('#login').fill('bob');
      await page.locator('#password').fill(PASSWORD);
      await page.keyboard.press('Enter');
      await page.getByRole('button', { name: 'Allow', exact: true }).click();
      await page.getByRole('heading', { name: 'ID token' }).waitFor();
      assert.match(
        await page.locator('pre').nth(1).innerText(),
        /"scope": "openid profile email role offline_access isms\.user\.get"/,
      );
      await page.evaluate(AXE);
      assert.deepEqual(await problems(page), []);
      await page.getByRole('link', { name: 'Sign out' }).click();
      await page.waitForURL(`${server.issuer}/demo`);
      await visitor.close();
    });
  });
});
