import type { Page } from 'playwright-core';
import { GRANT_TYPES } from '../../src/clients/index.js';
import { PASSWORD, type TestServer } from './server.js';
import { authorizePath } from './visitor.js';

export const REDIRECT = 'https://app.example.com/callback';

/** What the configuration of a tour's server has to say, so that it comes to a limit. */
export const TOUR_LIMITS = { limits: { windowSeconds: 3600, userCode: { address: 8 } } };

/** A user and an application, for a walk through every page. */
export async function prepareTour(server: TestServer): Promise<void> {
  await server.addUser({ userName: 'alice', nickName: 'Alice' });
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

/** Leads a browser, in any language, to every page in the state that a person meets it in. */
export async function tour(
  server: TestServer,
  page: Page,
  look: (name: string) => Promise<void>,
): Promise<void> {
  const signIn = async (password: string): Promise<void> => {
    await page.locator('#login').fill('alice');
    await page.locator('#password').fill(password);
    await page.locator('form button').first().click();
  };
  const app = { client_id: 'app', redirect_uri: REDIRECT };
  await page.goto(
    server.issuer + authorizePath({ ...app, scope: 'openid profile offline_access isms.user.get' }),
  );
  await look('sign-in');
  await signIn('wrong');
  await page.locator('[role=alert]').waitFor();
  await look('sign-in-refused');
  await signIn(PASSWORD);
  await page.locator('.scopes').waitFor();
  await look('consent');
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
  await page.goto(`${server.issuer}/connect/endsession`);
  await page.locator('form button').first().click();
  await page.locator('[role=status]').waitFor();
  await look('signing-out');
  for (let guess = 0; guess <= TOUR_LIMITS.limits.userCode.address; guess++)
    await server.post('/device', { user_code: 'BCDF-GHJK' });
  await page.goto(`${server.issuer}/device`);
  await page.locator('input[name=user_code]').fill('BCDF-GHJK');
  await page.locator('form button').first().click();
  await look('slow-down');
}
