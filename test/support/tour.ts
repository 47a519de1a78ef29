import type { Page } from 'playwright-core';
import { outboxLink } from '../../src/dev-outbox.js';
import { GRANT_TYPES } from '../../src/clients/index.js';
import { confirmationHash, endingCode, newConfirmationCode } from '../../src/gateway/subscribers/codes.js';
import { linkTo } from '../../src/gateway/subscribers/links.js';
import { putRequest, subscriptionsOf } from '../../src/gateway/subscribers/store.js';
import { tenantDb } from '../../src/store/index.js';
import { PASSWORD, type TestServer } from './server.js';
import { authorizePath } from './visitor.js';

export const REDIRECT = 'https://app.example.com/callback';

/** What the configuration of a tour's server has to say, so that it comes to a limit. */
export const TOUR_LIMITS = { limits: { windowSeconds: 3600, userCode: { address: 8 } } };

/** A user and an application, for a walk through every page. */
export async function prepareTour(server: TestServer): Promise<void> {
  await server.addUser({
    userName: 'alice',
    nickName: 'Alice',
    email: 'alice@example.com',
    emailVerified: true,
    phoneNumber: '+8613900139000',
  });
  await server.addUser({ userName: 'brenda', email: 'brenda@example.com' });
  await server.addClient('app', {
    grantTypes: [GRANT_TYPES.code, GRANT_TYPES.refresh, GRANT_TYPES.device],
    redirectUris: [REDIRECT],
    postLogoutRedirectUris: ['https://app.example.com/bye'],
    scopes: ['openid', 'profile', 'offline_access', 'isms.user.get'],
    tokenEndpointAuthMethod: 'none',
    clientUri: 'https://app.example.com/start',
    frontchannelLogoutUri: 'https://app.example.com/signed-out',
  });
}

/** Registering, signing in by a code, a forgotten password; begins at the sign-in page. */
async function tourOfCodes(
  server: TestServer,
  page: Page,
  look: (name: string) => Promise<void>,
): Promise<void> {
  const submit = (): Promise<void> => page.locator('form button').first().click();
  const follow = async (path: string): Promise<void> => {
    await page.locator(`a[href*="${path}"]`).click();
    await page.waitForURL(`**${path}?**`);
  };
  const signInPage = page.url();
  await follow('/register');
  await look('register');
  await page.locator('#phone').fill('+8613900139001');
  await page.locator('#email').fill('nova@example.com');
  await submit();
  await page.locator('#phone_code').waitFor();
  await look('register-finish');
  for (const field of ['#phone_code', '#email_code']) await page.locator(field).fill('12345');
  await page.locator('#password').fill('a good long password');
  await submit();
  await page.locator('[role=alert]').waitFor();
  await look('register-refused');
  await page.goto(signInPage);
  await follow('/code');
  await look('code-request');
  await page.locator('#login').fill('alice@example.com');
  await submit();
  await page.locator('#code').waitFor();
  await look('code-enter');
  await page.goto(signInPage);
  await follow('/forgot');
  await look('forgot');
  await page.locator('#login').fill('+8613900139000');
  await submit();
  await page.locator('#code').waitFor();
  await look('reset');
  await server.outbox.deliver();
  await page.goto(outboxLink(server.issuer, server.screen));
  await look('dev-outbox');
}

/** Every page of the account of who is signed in. */
async function tourOfAccount(
  server: TestServer,
  page: Page,
  look: (name: string) => Promise<void>,
): Promise<void> {
  for (const section of ['', '/security', '/devices', '/applications', '/data', '/password', '/email']) {
    await page.goto(`${server.issuer}/account${section}`);
    await look(`account${section.replace('/', '-') || '-profile'}`);
  }
  await page.locator('#to').fill('alice-2@example.com');
  await page.locator('form button').first().click();
  await page.locator('#code').waitFor();
  await look('account-email-code');
}

/** The pages that mails about an API lead to: each asks, does it, and says when a link does nothing. */
async function tourOfSubscriptions(
  server: TestServer,
  page: Page,
  look: (name: string) => Promise<void>,
): Promise<void> {
  const { vault } = server.context;
  const { id: tenantId } = server.home.tenant;
  const email = 'carla@example.com';
  const code = newConfirmationCode();
  const api = await server.addApi('orders', [], { displayName: 'Orders' });
  const request = { email, locale: 'en', expiresAt: Date.now() + 600_000 } as const;
  await server.change((db) => putRequest(db, api, request, confirmationHash(vault, code)));
  const press = async (): Promise<void> => {
    await page.locator('form button').click();
    await page.locator('[role=status]').waitFor();
  };
  const at = (path: string): Promise<unknown> => page.goto(server.issuer + path);
  await at(linkTo('AddSubscription', api, code));
  await look('subscribe');
  await press();
  await look('subscribe-done');
  await at(linkTo('AddSubscription', api, code));
  await look('subscribe-already');
  await at(linkTo('AddSubscription', api, 'x'));
  await look('subscribe-gone');
  const { id } = await subscriptionsOf(tenantDb(server.context.store.knex, tenantId), api).first<{
    id: string;
  }>('id');
  await at(linkTo('DelSubscription', api, endingCode(vault, tenantId, api, id)));
  await look('unsubscribe');
  await press();
  await look('unsubscribe-done');
  await at(linkTo('DelSubscription', api, 'x'));
  await look('unsubscribe-gone');
}

/** Leads a browser, in any language, to every page in the state that a person meets it in. */
export async function tour(
  server: TestServer,
  page: Page,
  lookAt: (name: string) => Promise<void>,
): Promise<void> {
  const look = async (name: string): Promise<void> => {
    await page.waitForLoadState(); // a click does not wait for the style sheets of the page it leads to
    await lookAt(name);
  };
  const signIn = async (password: string, login = 'alice'): Promise<void> => {
    await page.locator('#login').fill(login);
    await page.locator('#password').fill(password);
    await page.locator('form button').first().click();
  };
  const app = { client_id: 'app', redirect_uri: REDIRECT };
  await page.route('https://app.example.com/**', (route) => route.fulfill({ body: 'the application' }));
  await page.goto(
    server.issuer + authorizePath({ ...app, scope: 'openid profile offline_access isms.user.get' }),
  );
  await look('sign-in');
  await tourOfCodes(server, page, look);
  await page.goto(
    server.issuer + authorizePath({ ...app, scope: 'openid profile offline_access isms.user.get' }),
  );
  await signIn('wrong');
  await page.locator('[role=alert]').waitFor();
  await look('sign-in-refused');
  await signIn(PASSWORD);
  await page.locator('.decide').waitFor();
  await look('consent');
  await page.locator('form button').first().click();
  await page.waitForURL(`${REDIRECT}**`);
  await tourOfAccount(server, page, look);
  await page.goto(`${server.issuer}/connect/endsession`);
  await look('sign-out');
  await page.goto(`${server.issuer}/connect/endsession/success`);
  await look('signed-out');
  await page.goto(`${server.issuer}/device`);
  await look('device-input');
  const { body } = await server.post('/connect/deviceauthorization', { client_id: 'app', scope: 'openid' });
  await page.goto(String(body['verification_uri_complete']));
  await page.locator('form button').click();
  await page.locator('.shown-code').waitFor();
  await look('device-confirm');
  await page.locator('form button').first().click();
  if ((await page.locator('.scopes').count()) > 0) await page.locator('form button').first().click();
  await page.locator('[role=status]').waitFor();
  await look('device-done');
  await page.goto(server.issuer + authorizePath({ ...app, client_id: 'nobody' }));
  await look('error');
  await page.goto(`${server.issuer}/interaction/gone?app=app`);
  await look('expired');
  await page.goto(`${server.issuer}/`);
  await look('front');
  await page.goto(`${server.issuer}/demo`);
  await look('demo');
  await page.goto(`${server.issuer}/demo/sign-in`);
  if ((await page.locator('.scopes').count()) > 0) await page.locator('form button').first().click();
  await page.locator('pre').first().waitFor();
  await look('demo-tokens');
  await tourOfSubscriptions(server, page, look);
  await page.goto(`${server.issuer}/connect/endsession`);
  await page.locator('form button').first().click();
  await page.locator('[role=status]').waitFor();
  await look('signing-out');
  await page.waitForURL(`${server.issuer}/connect/endsession/success**`); // it goes on by itself
  await page.goto(`${server.issuer}/account/data`);
  await signIn(PASSWORD, 'brenda');
  await page.locator('input[name=sure]').check();
  await page.locator('button.danger').click();
  await page.locator('[role=status]').waitFor();
  await look('account-deleted');
  for (let guess = 0; guess <= TOUR_LIMITS.limits.userCode.address; guess++)
    await server.post('/device', { user_code: 'BCDF-GHJK' });
  await page.goto(`${server.issuer}/device`);
  await page.locator('input[name=user_code]').fill('BCDF-GHJK');
  await page.locator('form button').first().click();
  await page.locator('input[name=user_code]').waitFor({ state: 'detached' });
  await look('slow-down');
}
