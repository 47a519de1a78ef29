import assert from 'node:assert/strict';
import { outboxLink } from '../../src/dev-outbox.js';
import { GRANT_TYPES } from '../../src/clients/index.js';
import { needsBrowser, newVisitor } from '../support/browser.js';
import { STORES } from '../support/config.js';
import { PASSWORD, startServer, type TestServer } from '../support/server.js';
import { authorizePath, obtainCode, Visitor, type Page } from '../support/visitor.js';

const REDIRECT = 'https://app.example.com/callback';
const APP = { client_id: 'app', redirect_uri: REDIRECT };

async function prepare(server: TestServer): Promise<void> {
  await server.addClient('app', {
    grantTypes: [GRANT_TYPES.code, GRANT_TYPES.device],
    redirectUris: [REDIRECT],
    scopes: ['openid', 'profile'],
    tokenEndpointAuthMethod: 'none',
  });
  await server.addUser({ userName: 'alice', nickName: 'Alice of the tests' });
  await server.addUser({ userName: 'mallory', nickName: 'Mallory of the tests' });
}

/** Where the browser goes on after the sign-in page. */
const resumeOf = (page: Page): string => `/connect/authorize/${page.url.pathname.split('/')[2]}`;

const wentOn = ({ url, html }: Page): boolean => url.searchParams.has('code') || html.includes('/consent?');

for (const kind of STORES)
  describe(`a sign-in that begins in one browser, on ${kind}`, () => {
    let server: TestServer;
    before(async () => {
      server = await startServer(kind);
      await prepare(server);
    });
    after(() => server.stop());

    const enter = (visitor: Visitor, page: Page, login: string): Promise<Page> =>
      visitor.submit(page, '/sign-in', { login, password: PASSWORD });
    /** Sends a form of the page, and does not go on to where the answer leads. */
    async function post(
      visitor: Visitor,
      page: Page,
      fields: Record<string, string>,
      step = 'sign-in',
    ): Promise<void> {
      const csrf = /name="csrf" value="([^"]*)"/.exec(page.html)?.[1] ?? '';
      const { status } = await visitor.request(new URL(`${page.url.pathname}/${step}`, server.issuer), {
        form: { csrf, ...fields },
      });
      assert.equal(status, 303);
    }
    const isSignedIn = async (visitor: Visitor): Promise<boolean> =>
      / of the tests/.test((await visitor.go('/account')).html);

    it('does not open in another that was given its address', async () => {
      const page = await new Visitor(server.issuer).go(authorizePath(APP));
      const other = await new Visitor(server.issuer).go(page.url);
      assert.deepEqual([other.status, /This page has expired/.test(other.html)], [400, true]);
    });

    it('does not open in another that was given the cookies which it has for any path', async () => {
      const mallory = new Visitor(server.issuer);
      const page = await mallory.go(authorizePath(APP));
      const alice = new Visitor(server.issuer);
      alice.plant(mallory, (name) => !name.startsWith('gatehouse_sign_in_'));
      assert.equal((await alice.go(page.url)).status, 400);
    });

    it('does not sign that browser in where another, with all its cookies, has signed in [SEC-R18]', async () => {
      const mallory = new Visitor(server.issuer);
      const page = await mallory.go(authorizePath(APP));
      const alice = new Visitor(server.issuer);
      alice.plant(mallory);
      await post(alice, await alice.go(page.url), { login: 'alice', password: PASSWORD });
      const back = await mallory.go(resumeOf(page));
      assert.deepEqual([back.status, wentOn(back), await isSignedIn(mallory)], [400, false, false]);
      assert.ok(wentOn(await alice.go(resumeOf(page))));
    });

    it('does not sign that browser in with what it got by signing in itself before', async () => {
      const mallory = new Visitor(server.issuer);
      const page = await mallory.go(authorizePath(APP));
      const alice = new Visitor(server.issuer);
      alice.plant(mallory);
      await post(mallory, page, { login: 'mallory', password: PASSWORD });
      await post(alice, await alice.go(page.url), { login: 'alice', password: PASSWORD });
      const back = await mallory.go(resumeOf(page));
      assert.deepEqual([back.status, await isSignedIn(mallory)], [400, false]);
      assert.ok(wentOn(await alice.go(resumeOf(page))));
    });

    it('does not sign another in as the person who finished it here [SEC-R18]', async () => {
      const mallory = new Visitor(server.issuer);
      const page = await mallory.go(authorizePath(APP));
      await post(mallory, page, { login: 'mallory', password: PASSWORD });
      const alice = new Visitor(server.issuer);
      alice.plant(mallory, (name) => !name.startsWith('gatehouse_sign_in_'));
      assert.equal((await alice.go(resumeOf(page))).status, 400);
      assert.equal(await isSignedIn(alice), false);
    });

    it('does not let that browser use the consent that was given in another [SEC-R18]', async () => {
      const { visitor: mallory } = await obtainCode(server, {
        clientId: 'app',
        redirectUri: REDIRECT,
        user: 'mallory',
      });
      const page = await mallory.go(authorizePath({ ...APP, scope: 'openid profile' }));
      const other = new Visitor(server.issuer);
      other.plant(mallory);
      await post(other, page, {}, 'consent');
      assert.equal((await mallory.go(resumeOf(page))).status, 400);
    });

    it('is done in it, several side by side, in any order', async () => {
      const visitor = new Visitor(server.issuer);
      const pages: Page[] = [];
      for (let tab = 0; tab < 5; tab++) pages.push(await visitor.go(authorizePath(APP)));
      for (const page of pages.reverse()) assert.ok(wentOn(await enter(visitor, page, 'alice')));
    });

    it('is done in it though the form was sent twice, and the first answer never came', async () => {
      const visitor = new Visitor(server.issuer);
      const page = await visitor.go(authorizePath(APP));
      const before = new Visitor(server.issuer);
      before.plant(visitor);
      const form = { login: 'alice', password: PASSWORD };
      await Promise.all([post(before, page, form), post(visitor, page, form)]);
      assert.ok(wentOn(await visitor.go(resumeOf(page))));
    });

    it('leaves no more than twenty open, and none of its cookies when it is done', async () => {
      const visitor = new Visitor(server.issuer);
      const open = (): number =>
        visitor.cookies().filter((name) => name.startsWith('gatehouse_sign_in_')).length;
      for (let n = 0; n < 22; n++) await visitor.go(authorizePath(APP));
      assert.equal(open(), 20);
      const other = new Visitor(server.issuer);
      await obtainCode(server, { clientId: 'app', redirectUri: REDIRECT, visitor: other });
      assert.deepEqual(
        other.cookies().filter((name) => /sign_in|signed_in/.test(name)),
        [],
      );
    });
  });

describe('the cookies of a tenant', () => {
  /** Goes through all that sets one; answers the lines. */
  async function lines(issuer: string, port: string, server: TestServer): Promise<string[]> {
    const visitor = new Visitor(issuer, port);
    const redirect = { client_id: 'app', redirect_uri: REDIRECT };
    let page = await visitor.go(authorizePath({ ...redirect, scope: 'openid profile' }));
    page = await visitor.submit(page, '/sign-in', { login: 'alice', password: PASSWORD, remember: 'yes' });
    page = await visitor.submit(page, '/consent');
    assert.ok(page.url.searchParams.has('code'), page.html);
    await visitor.request(new URL('/demo/sign-in', issuer));
    await visitor.go('/device');
    await visitor.go('/account');
    await visitor.request(new URL(outboxLink(issuer, server.screen)));
    page = await visitor.go('/connect/endsession');
    await visitor.submit(page, '/endsession/confirm', { logout: 'yes' });
    return visitor.setCookies;
  }

  it('at https are bound to the host by their names, or to https where a path matters [SEC-R18]', async () => {
    const issuer = 'https://id.localhost';
    const server = await startServer('sqlite', { GATEHOUSE_ISSUER: issuer });
    await prepare(server);
    const set = await lines(issuer, String(server.port), server);
    const names = new Set(set.map((line) => line.split('=', 1)[0] ?? ''));
    assert.ok(names.size >= 12, [...names].join());
    for (const line of set) {
      assert.match(line, /^__(Host|Secure)-gatehouse/, line);
      assert.match(line, /; secure/i, line);
      assert.doesNotMatch(line, /; domain=/i, line);
      if (line.startsWith('__Host-')) assert.match(line, /; path=\/(;|$)/i, line);
      else assert.match(line, /; path=\/(interaction|connect\/authorize)\/[^;]+/i, line);
      assert.match(line, /; httponly/i, line);
      assert.match(line, /; samesite=(lax|strict)/i, line);
    }
    await server.stop();
  });

  it('at http have plain names, which browsers take there', async () => {
    const server = await startServer('sqlite');
    await prepare(server);
    const set = await lines(server.issuer, String(server.port), server);
    for (const line of set) assert.match(line, /^gatehouse/, line);
    await server.stop();
  });
});

describe('a sign-in in a real browser', () => {
  let server: TestServer;
  before(async () => {
    server = await startServer('sqlite');
    await prepare(server);
  });
  after(() => server.stop());

  it('is not taken over by cookies that were planted in it [SEC-R18]', async function () {
    needsBrowser(this);
    const [mallory, alice] = [await newVisitor(), await newVisitor()];
    const began = await mallory.newPage();
    await began.goto(server.issuer + authorizePath(APP));
    await alice.addCookies(await mallory.cookies());
    const page = await alice.newPage();
    await page.goto(began.url());
    await page.locator('#login').fill('alice');
    await page.locator('#password').fill(PASSWORD);
    // Mallory is faster than Alice's browser: the answer has not arrived when the other browser asks.
    const answers: number[] = [];
    await page.route('**/sign-in*', async (route) => {
      answers.push((await route.fetch({ maxRedirects: 0 })).status());
      await route.fulfill({ status: 200, body: 'not there yet' });
    });
    await page.locator('form button').first().click();
    await page.getByText('not there yet').waitFor();
    assert.deepEqual(answers, [303]);
    const uid = new URL(began.url()).pathname.split('/')[2];
    await began.goto(`${server.issuer}/connect/authorize/${uid}`);
    await began.getByRole('heading', { name: 'This page has expired' }).waitFor();
    await began.goto(`${server.issuer}/account`);
    await began.locator('#password').waitFor();
    await mallory.close();
    await alice.close();
  });

  it('survives a second click on its button', async function () {
    needsBrowser(this);
    const visitor = await newVisitor();
    const page = await visitor.newPage();
    await page.goto(server.issuer + authorizePath(APP));
    await page.locator('#login').fill('alice');
    await page.locator('#password').fill(PASSWORD);
    await page.locator('form button').first().dblclick();
    await page.locator('.scopes').waitFor();
    await visitor.close();
  });
});
