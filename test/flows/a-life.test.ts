import assert from 'node:assert/strict';
import type { Page as BrowserPage } from 'playwright-core';
import { GRANT_TYPES } from '../../src/clients/index.js';
import { needsBrowser, newVisitor } from '../support/browser.js';
import { newMail, newPhone, startPeopleServer, type PeopleServer } from '../support/people.js';
import { REDIRECT } from '../support/tour.js';
import { obtainCode, redeemForm, Visitor } from '../support/visitor.js';

const FIRST = 'a good long password';
const SECOND = 'another good long password';

describe('an account, from its first day to its last, in a browser', () => {
  let place: PeopleServer;
  before(async () => {
    place = await startPeopleServer('sqlite');
    await place.server.addClient('app', {
      grantTypes: [GRANT_TYPES.code, GRANT_TYPES.refresh],
      redirectUris: [REDIRECT],
      scopes: ['openid', 'offline_access'],
      tokenEndpointAuthMethod: 'none',
    });
  });
  after(() => place.stop());

  /** The demo's tokens are on the page: whoever is there is signed in. */
  const signedIn = (page: BrowserPage): Promise<void> =>
    page.getByRole('heading', { name: 'ID token' }).waitFor();
  const press = (page: BrowserPage, name: string): Promise<void> =>
    page.getByRole('button', { name, exact: true }).click();
  const go = (page: BrowserPage, name: string): Promise<void> =>
    page.getByRole('link', { name, exact: true }).click();
  const signIn = async (page: BrowserPage, login: string, password: string): Promise<void> => {
    await page.getByLabel('User name, e-mail or phone number').fill(login);
    await page.getByLabel('Password').fill(password);
    await press(page, 'Sign in');
  };

  it('begins with two codes, signs in by password and by code, changes, recovers, and is deleted [SEC-46]', async function () {
    needsBrowser(this);
    const { server } = place;
    const [phone, email, nextEmail] = [newPhone(), newMail(), newMail()];
    const visitor = await newVisitor();
    const page = await visitor.newPage();

    // Registers with both codes, and is at the account.
    await page.goto(`${server.issuer}/register`);
    await page.getByLabel('Phone number').fill(phone);
    await page.getByLabel('E-mail address').fill(email);
    await press(page, 'Continue');
    await page.getByLabel(`Code sent to ${phone}`).fill(await place.codeTo(phone));
    await page.getByLabel(`Code sent to ${email}`).fill(await place.codeTo(email));
    await page.getByLabel('Your name (optional)').fill('Nova');
    await page.getByLabel('Password').fill(FIRST);
    await press(page, 'Create the account');
    await page.getByRole('heading', { name: 'Profile' }).waitFor();
    assert.equal(await page.getByLabel('Name').inputValue(), 'Nova');
    await visitor.clearCookies();

    // Signs in to the demo with the password.
    await page.goto(`${server.issuer}/demo/sign-in`);
    await signIn(page, email, FIRST);
    await press(page, 'Allow');
    await signedIn(page);
    await visitor.clearCookies();

    // And with a code that comes by mail.
    await place.later();
    await page.goto(`${server.issuer}/demo/sign-in`);
    await go(page, 'Sign in with a code');
    await page.getByLabel('E-mail address or phone number').fill(email);
    await press(page, 'Send the code');
    await page.getByLabel('Code').fill(await place.codeTo(email));
    await press(page, 'Sign in');
    await signedIn(page);

    // Changes the e-mail address; the old one hears of it.
    await page.goto(`${server.issuer}/account/security`);
    await go(page, 'Change e-mail address');
    await page.getByLabel('New e-mail address').fill(nextEmail);
    await press(page, 'Send the code');
    await page.getByLabel('Code').fill(await place.codeTo(nextEmail));
    await press(page, 'Confirm');
    await page.getByText('Your e-mail address was changed.').waitFor();
    assert.ok(await page.getByText(nextEmail).isVisible());
    await server.outbox.deliver();
    assert.match((await place.mails.mailTo(email)).subject ?? '', /was changed/);

    // An application elsewhere has offline access.
    const elsewhere = new Visitor(server.issuer);
    const got = await obtainCode(server, {
      clientId: 'app',
      redirectUri: REDIRECT,
      scope: 'openid offline_access',
      more: { prompt: 'consent' },
      user: nextEmail,
      password: FIRST,
      visitor: elsewhere,
    });
    const redeemed = await server.post(
      '/connect/token',
      redeemForm({ clientId: 'app', redirectUri: REDIRECT }, got),
    );
    const refreshToken = redeemed.body['refresh_token'] as string;

    // Forgets the password: a new one ends sessions and refresh tokens.
    const other = await newVisitor();
    const forgetful = await other.newPage();
    await place.later();
    await forgetful.goto(`${server.issuer}/demo/sign-in`);
    await go(forgetful, 'Forgot your password?');
    await forgetful.getByLabel('E-mail address or phone number').fill(phone);
    await press(forgetful, 'Send the code');
    await forgetful.getByLabel('Code').fill(await place.codeTo(phone));
    await forgetful.getByLabel('New password').fill(SECOND);
    await press(forgetful, 'Set the password');
    await forgetful.getByText('Your password is set').waitFor();
    await signIn(forgetful, phone, SECOND);
    await signedIn(forgetful);
    await page.goto(`${server.issuer}/account`);
    await page.getByRole('heading', { name: 'Sign in' }).waitFor();
    assert.match((await elsewhere.go('/account')).html, /current-password/);
    const renewed = await server.post('/connect/token', {
      grant_type: 'refresh_token',
      client_id: 'app',
      refresh_token: refreshToken,
    });
    assert.deepEqual([renewed.status, renewed.body['error']], [400, 'invalid_grant']);
    await other.close();

    // Removes an application, which has to ask again.
    await signIn(page, nextEmail, SECOND);
    await go(page, 'Applications');
    await press(page, 'Remove Gatehouse Demo');
    await page.getByText('Gatehouse Demo').waitFor({ state: 'detached' });
    await page.goto(`${server.issuer}/demo/sign-in`);
    await page.getByRole('button', { name: 'Allow', exact: true }).waitFor();

    // Takes the data along, and leaves.
    await page.goto(`${server.issuer}/account/data`);
    const download = page.waitForEvent('download');
    await press(page, 'Download my data');
    assert.equal((await download).suggestedFilename(), 'account.json');
    await page.getByLabel('Yes, delete it for good').check();
    await press(page, 'Delete my account');
    await page.getByRole('heading', { name: 'Your account is deleted' }).waitFor();
    await page.goto(`${server.issuer}/account`);
    await signIn(page, nextEmail, SECOND);
    await page.getByRole('alert').waitFor();
    await server.outbox.deliver();
    assert.match((await place.mails.mailTo(nextEmail)).subject ?? '', /is deleted/);
    await visitor.close();
  });
});
